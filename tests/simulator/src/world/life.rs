//! What happens to the calls of a generated world in the course of time: corrections, privacy, deletion, late comments
//! and CRM work (API reference, sections 19 and 20).

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

use super::World;
use crate::random::{chance, id, stream};
use crate::record::{cast, context};
use crate::stamp;

/// Gives every call its events.
pub(super) fn live(world: &mut World) {
    for number in 0..world.calls.len() {
        let mut rng = stream(world.spec.seed, "life", number as u64);
        privacy(&mut rng, world, number);
        for (at, patch) in edits(&mut rng, world, number) {
            super::timed::push(&mut world.calls[number].edits, super::Edit { at, patch });
        }
        if chance(&mut rng, 1.0) {
            world.calls[number].deleted_at = Some(later(&mut rng, world.calls[number].listed_at, 60));
        }
    }
}

/// Four in a hundred are private from the start, one turns private later, some of these back again.
fn privacy(rng: &mut Rng, world: &mut World, number: usize) {
    let call = &mut world.calls[number];
    if chance(rng, 4.0) {
        call.privacy.push((DateTime::UNIX_EPOCH, true));
    } else if chance(rng, 1.0) {
        let at = later(rng, call.listed_at, 30);
        call.privacy.push((at, true));
        if chance(rng, 30.0) {
            call.privacy.push((later(rng, at, 10), false));
        }
    }
}

fn edits(rng: &mut Rng, world: &World, number: usize) -> Vec<(DateTime<Utc>, Value)> {
    let call = &world.calls[number];
    let mut edits = Vec::new();
    let happens =
        |rng: &mut Rng, percent: f64, days: i64| chance(rng, percent).then(|| later(rng, call.listed_at, days));
    if let Some(at) = happens(rng, 2.0, 30) {
        edits.push((at, json!({"metaData": {"title": format!("Corrected title {number} ✎")}})));
    }
    if let Some(at) = happens(rng, 1.0, 10).filter(|at| call.analysed(*at)) {
        edits.push((at, json!({"content": {"brief": "The summary was generated again."}})));
    }
    if let Some(at) = happens(rng, 3.0, 45) {
        edits.push((at, json!({"context": context(world, call, &cast(world, call), 1)})));
    }
    if let Some(at) = happens(rng, 1.5, 20) {
        edits.push((at, json!({"collaboration": {"publicComments": [comment(rng, world, at)]}})));
    }
    if let Some(at) = happens(rng, 0.5, 5) {
        edits.push((at, json!({"metaData": {"purpose": "Renewal", "sdrDisposition": "Corrected"}})));
    }
    edits
}

fn comment(rng: &mut Rng, world: &World, at: DateTime<Utc>) -> Value {
    let author = &world.users[rng.usize(..world.users.len())];
    json!({
        "id": id(rng),
        "audioStartTime": 26.0,
        "audioEndTime": 31.5,
        "commenterUserId": author.row.id,
        "comment": "Late thought: ask for the contract end.",
        "posted": stamp::seconds(at, world.spec.zone),
        "inReplyTo": null,
        "duringCall": false,
    })
}

/// Some time after an instant, rather sooner than later.
fn later(rng: &mut Rng, from: DateTime<Utc>, days: i64) -> DateTime<Utc> {
    let share = rng.f64() * rng.f64();
    from + TimeDelta::seconds(60 + (share * days as f64 * 86_400.0) as i64)
}
