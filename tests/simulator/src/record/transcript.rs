//! Transcripts (API reference, section 7.2), written as text directly: they are most of the bytes that the simulator
//! serves.

use std::fmt::Write;

use chrono::{DateTime, Utc};
use fastrand::Rng;

use super::{merge_text, words};
use crate::random::{chance, pick, stream};
use crate::spec::Text;
use crate::world::{Call, World};

/// The transcript record of a call as it reads at `now`.
pub(crate) fn transcript(world: &World, call: &Call, now: DateTime<Utc>) -> String {
    let made = match call.recorded.as_ref().and_then(|record| record.blocks.get("transcript")) {
        Some(recorded) => recorded.clone(),
        None => monologues(world, call),
    };
    let changed = call.edits_until(now).filter_map(|edit| edit.patch.get("transcript"));
    let text = changed.fold(made, |text, change| merge_text(Some(&text), change));
    format!("{{\"callId\":\"{}\",\"transcript\":{text}}}", call.id)
}

fn monologues(world: &World, call: &Call) -> String {
    let mut rng = stream(world.spec.seed, "transcript", call.number);
    if chance(&mut rng, 0.5) {
        return "[]".to_owned();
    }
    let cast = super::cast(world, call);
    let speakers = cast.speakers();
    let share = f64::from(call.duration) / 5_400.0;
    let turns = match world.spec.text {
        Text::Sparse => 3,
        Text::Normal => 12 + (45.0 * share) as usize,
        Text::Full => 25 + (240.0 * share) as usize,
    };
    let mut out = String::with_capacity(turns * 320);
    let mut at = 1_460_u64;
    // Spread over the call, so that the last sentence ends before it does.
    let pause = (u64::from(call.duration) * 1_000 / (turns as u64 * 4)).max(40);
    out.push('[');
    for turn in 0..turns {
        out.push_str(if turn == 0 { "{\"speakerId\":" } else { ",{\"speakerId\":" });
        monologue(&mut rng, &mut out, &speakers, &mut at, pause);
    }
    out.push(']');
    out
}

fn monologue(rng: &mut Rng, out: &mut String, speakers: &[&str], at: &mut u64, pause: u64) {
    if speakers.is_empty() || chance(rng, 1.0) {
        out.push_str("null");
    } else {
        let _ = write!(out, "\"{}\"", pick(rng, speakers));
    }
    if chance(rng, 77.0) {
        out.push_str(",\"topic\":null,\"sentences\":[");
    } else {
        let _ = write!(out, ",\"topic\":\"{}\",\"sentences\":[", pick(rng, words::TOPICS));
    }
    for number in 0..rng.u64(1..5) {
        let sentence = pick(rng, words::SENTENCES);
        let end = *at + pause.min(20 * sentence.len() as u64);
        let comma = if number == 0 { "" } else { "," };
        let _ = write!(out, "{comma}{{\"start\":{at},\"end\":{end},\"text\":\"{sentence}\"}}");
        *at = end + rng.u64(0..pause / 4 + 1);
    }
    out.push_str("]}");
}
