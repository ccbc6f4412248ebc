//! Interaction metrics (API reference, section 3.6): speakers are people of the company only, values mix int and float.

use fastrand::Rng;
use serde_json::{Value, json};

use super::cast::Cast;
use crate::random::{chance, stream};
use crate::world::{Call, World};

pub(super) fn interaction(world: &World, call: &Call, cast: &Cast) -> Vec<(&'static str, Value)> {
    let mut rng = stream(world.spec.seed, "interaction", call.number);
    let mut blocks = vec![
        ("interaction.speakers", speakers(&mut rng, world, call, cast)),
        ("interaction.interactionStats", stats(&mut rng)),
        ("interaction.questions", json!({"companyCount": rng.u32(..30), "nonCompanyCount": rng.u32(..20)})),
    ];
    if call.video {
        blocks.push(("interaction.video", video(&mut rng, call)));
    }
    blocks
}

fn speakers(rng: &mut Rng, world: &World, call: &Call, cast: &Cast) -> Value {
    let own = cast.people.iter().filter(|person| person.speaker.is_some());
    let entry = |person: &super::cast::Person| {
        let user = world.users.get(person.user?)?;
        let talk = f64::from(rng.u32(..call.duration.max(1) * 5)) / 10.0;
        Some(json!({"id": person.party, "userId": user.row.id, "talkTime": talk}))
    };
    own.filter_map(entry).collect()
}

fn stats(rng: &mut Rng) -> Value {
    let mut list = vec![json!({"name": "Talk Ratio", "value": f64::from(rng.u32(..100)) / 100.0})];
    for (name, whole) in [("Longest Monologue", true), ("Longest Customer Story", true), ("Interactivity", false)] {
        let value = if whole { json!(rng.u32(..400)) } else { json!(f64::from(rng.u32(..200)) / 10.0) };
        list.push(json!({"name": name, "value": value}));
    }
    if chance(rng, 90.0) {
        list.push(json!({"name": "Patience", "value": f64::from(rng.u32(..300)) / 100.0}));
    }
    Value::Array(list)
}

fn video(rng: &mut Rng, call: &Call) -> Value {
    let names = ["Browser", "Presentation", "WebcamPrimaryUser", "WebcamNonCompany", "Webcam"];
    let shown = names.into_iter().filter_map(|name| {
        let duration = f64::from(rng.u32(..call.duration.max(1) * 4)) / 4.0;
        chance(rng, 50.0).then(|| json!({"name": name, "duration": duration}))
    });
    shown.collect()
}
