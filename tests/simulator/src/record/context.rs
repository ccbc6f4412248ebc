//! CRM context of a call (API reference, section 3.3): several accounts, values of every type, opportunities once per
//! timing, accounts without one.

use fastrand::Rng;
use serde_json::{Value, json};

use super::cast::Cast;
use super::words;
use crate::random::{chance, pick, stream};
use crate::world::{Call, World};

/// The context in its `phase`: what is shown with timing `Now` moves on when somebody works in the CRM.
pub(crate) fn context(world: &World, call: &Call, cast: &Cast, phase: u32) -> Value {
    let mut rng = stream(world.spec.seed, "context", call.number);
    if cast.internal || cast.unknown || chance(&mut rng, 10.0) {
        return json!([]);
    }
    let mut objects = Vec::new();
    for number in 0..=rng.usize(..3).saturating_sub(1) {
        objects.push(account(&mut rng, cast.company, number));
    }
    if chance(&mut rng, 75.0) {
        objects.extend(opportunity(&mut rng, phase));
    }
    let system = *pick(&mut rng, &["Salesforce", "Salesforce", "HubSpot", "MicrosoftDynamic", "Generic"]);
    let mut systems = vec![json!({"system": system, "objects": objects})];
    if chance(&mut rng, 4.0) {
        // A link to something that Gong does not read: no id, no fields.
        systems.push(json!({"system": "Generic", "objects": [{"objectType": "Account", "objectId": null}]}));
    }
    Value::Array(systems)
}

fn account(rng: &mut Rng, company: &str, number: usize) -> Value {
    let name = if number == 0 { company.to_owned() } else { format!("{company} Holding {number}") };
    let mut fields = vec![
        field("Name", json!(name)),
        field("Website", json!(format!("https://{number}.example"))),
        field("Industry", json!(pick(rng, words::INDUSTRIES))),
        field("Number_of_Employees__c", json!(f64::from(rng.u32(10..5_000)))),
        field("Region__c", Value::Null),
        field("Health__c", json!(f64::from(rng.u32(0..1_000)) / 8.0)),
    ];
    if chance(rng, 30.0) {
        fields.push(field("Products__c", json!(["Core", "Insights", "Ünïcode"])));
        fields.push(field("Seats_by_Year__c", json!([12, 40.5, 160])));
    }
    json!({"objectType": "Account", "objectId": crm_id(rng, "001"), "fields": fields})
}

fn opportunity(rng: &mut Rng, phase: u32) -> [Value; 2] {
    const STAGES: &[&str] = &["Discovery", "Demo", "Negotiation", "Closed Won"];
    let id = crm_id(rng, "006");
    let stage = rng.usize(..2);
    let amount = f64::from(rng.u32(1..200)) * 500.0;
    let close = f64::from(rng.u32(1_753_000_000..1_790_000_000));
    let source = if chance(rng, 50.0) { json!("Web") } else { Value::Null };
    let fields = |stage: usize, amount: f64| {
        json!([
            field("Name", json!(format!("Deal {}", &id[10..]))),
            field("StageName", json!(STAGES[stage % STAGES.len()])),
            field("Amount", json!(amount)),
            field("Probability", json!(10.0 + 20.0 * stage as f64)),
            field("CloseDate", json!(close)),
            field("LeadSource", source.clone()),
            field("Type", json!("New Business")),
        ])
    };
    let now = fields(stage + 1 + phase as usize, amount + 250.0 * f64::from(phase));
    [
        json!({"objectType": "Opportunity", "objectId": id, "fields": now, "timing": "Now"}),
        json!({"objectType": "Opportunity", "objectId": id, "fields": fields(stage, amount), "timing": "TimeOfCall"}),
    ]
}

pub(super) fn field(name: &str, value: Value) -> Value {
    json!({"name": name, "value": value})
}

/// A CRM id of 18 characters, its type in the first three.
pub(super) fn crm_id(rng: &mut Rng, kind: &str) -> String {
    let rest: String = (0..12).map(|_| rng.alphanumeric()).collect();
    format!("{kind}{rest}AAC")
}
