//! The participants' block (API reference, section 3.4), with its mixture of absent, null and empty.

use fastrand::Rng;
use serde_json::{Map, Value, json};

use super::cast::{Cast, Person};
use super::context::{crm_id, field};
use crate::random::{chance, stream};
use crate::world::{Call, World};

pub(super) fn parties(world: &World, call: &Call, cast: &Cast) -> Value {
    let mut rng = stream(world.spec.seed, "parties", call.number);
    cast.people.iter().map(|person| party(&mut rng, world, person)).collect()
}

fn party(rng: &mut Rng, world: &World, person: &Person) -> Value {
    let mut party = Map::new();
    let mut put = |key: &str, value: Option<Value>| {
        if let Some(value) = value {
            party.insert(key.to_owned(), value);
        }
    };
    let unknown = person.affiliation == "Unknown";
    put("id", Some(json!(person.party)));
    put("emailAddress", known(rng, person.email.as_ref(), 0.6));
    put("name", known(rng, person.name.as_ref(), 0.6));
    put("title", person.title.as_ref().map(|title| json!(title)));
    let user = person.user.and_then(|number| world.users.get(number));
    put("userId", user.map(|user| json!(user.row.id)));
    put("speakerId", Some(json!(person.speaker)));
    put("context", context(rng, person));
    put("affiliation", Some(json!(person.affiliation)));
    let phone = unknown || chance(rng, 60.0);
    put("phoneNumber", phone.then(|| json!(format!("+1{}", rng.u64(2_000_000_000..9_999_999_999)))));
    let methods = match rng.u8(..10) {
        _ if unknown => json!(["Attendee"]),
        0 => json!(["Invitee"]),
        1 => json!(["Attendee"]),
        _ => json!(["Invitee", "Attendee"]),
    };
    put("methods", Some(methods));
    Value::Object(party)
}

/// A known value; absent if unknown, and rarely null either way.
fn known(rng: &mut Rng, value: Option<&String>, null_percent: f64) -> Option<Value> {
    if chance(rng, null_percent) { Some(Value::Null) } else { value.map(|text| json!(text)) }
}

/// CRM links of a person: absent, empty, with and without fields.
fn context(rng: &mut Rng, person: &Person) -> Option<Value> {
    let kind = match person.affiliation {
        "Internal" => "User",
        _ if chance(rng, 70.0) => "Contact",
        _ => "Lead",
    };
    match rng.u8(..10) {
        0..5 => None,
        5..7 => Some(json!([])),
        n => {
            let mut object = json!({"objectType": kind, "objectId": crm_id(rng, "003")});
            if n > 7 {
                object["fields"] = json!([
                    field("Title", json!(person.title)),
                    field("Score__c", json!(f64::from(rng.u32(0..400)) / 4.0)),
                    field("MobilePhone", Value::Null),
                ]);
            }
            Some(json!([{"system": "Salesforce", "objects": [object]}]))
        }
    }
}
