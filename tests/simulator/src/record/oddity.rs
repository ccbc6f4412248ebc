//! Data that breaks the rules, behind the world's switches (API reference, sections G.1 and G.5).

use serde_json::{Value, json};

use super::{REMOVE, Record};
use crate::random::stream;
use crate::world::{Call, World};

pub(super) fn apply(world: &World, call: &Call, record: &mut Record) {
    let mut rng = stream(world.spec.seed, "oddity", call.number);
    let draw = rng.u8(..20);
    if world.spec.oddities.unknown_fields && draw < 10 {
        unknown(record, draw);
    }
    if world.spec.oddities.wrong_types && draw >= 15 {
        wrong(record, draw);
    }
}

/// New keys at the top, in the plain record, in a participant, in content.
fn unknown(record: &mut Record, draw: u8) {
    let patch = match draw {
        0..3 => json!({"futureBlock": {"level": 1, "list": [1, {"deep": null}]}}),
        3..6 => json!({"metaData": {"callSource": "robot", "weights": [0.5, 1]}}),
        6..8 => json!({"content": {"sentiment": {"score": 0.75, "label": "positive"}}}),
        _ => return in_parties(record, |party| party["pronouns"] = json!(["they"])),
    };
    record.patch(&patch);
}

/// Known keys with another type than everywhere else.
fn wrong(record: &mut Record, draw: u8) {
    let patch = match draw {
        15 => json!({"metaData": {"duration": "1339"}}),
        16 => json!({"metaData": {"isPrivate": "false", "sdrDisposition": {"code": 7}}}),
        17 => json!({"content": {"brief": ["a", "list"], "callOutcome": "MEETING_BOOKED"}}),
        18 => json!({"content": REMOVE, "interaction": {"questions": []}}),
        _ => return in_parties(record, |party| party["methods"] = json!("Invitee")),
    };
    record.patch(&patch);
}

fn in_parties(record: &mut Record, change: impl Fn(&mut Value)) {
    let parsed = record.blocks.get("parties").and_then(|text| serde_json::from_str::<Vec<Value>>(text).ok());
    if let Some(mut parties) = parsed {
        parties.iter_mut().for_each(change);
        record.set("parties", &Value::Array(parties));
    }
}
