//! Content analysis and the AI summary (API reference, section 3.5). The summary comes later than the rest, and some
//! calls never get any content.

use fastrand::Rng;
use serde_json::{Value, json};

use super::cast::Cast;
use super::words;
use crate::random::{chance, hash, pick, stream};
use crate::spec::Text;
use crate::world::{Call, World};

type Block = (&'static str, Value);

/// The content blocks that exist; `analysed` says whether the AI summary is there yet.
pub(super) fn content(world: &World, call: &Call, cast: &Cast, analysed: bool) -> Vec<Block> {
    if call.analysed_at.is_none() {
        return Vec::new();
    }
    let mut rng = stream(world.spec.seed, "content", call.number);
    let mut blocks = vec![
        ("content.topics", topics(&mut rng, call)),
        ("content.trackers", trackers(&mut rng, world.spec.text, call, cast)),
    ];
    if chance(&mut rng, 70.0) {
        blocks.push(("content.structure", structure(&mut rng, call)));
    }
    if analysed {
        blocks.extend(summary(&mut rng, world, call));
    }
    blocks
}

fn topics(rng: &mut Rng, call: &Call) -> Value {
    let share = call.duration / words::TOPICS.len() as u32;
    let entry = |name: &&str| {
        let duration = if chance(rng, 40.0) { 0 } else { rng.u32(..=share) };
        json!({"name": name, "duration": duration})
    };
    words::TOPICS.iter().map(entry).collect()
}

fn structure(rng: &mut Rng, call: &Call) -> Value {
    let count = rng.usize(1..=words::STRUCTURE.len());
    let share = call.duration / count as u32;
    words::STRUCTURE[..count].iter().map(|name| json!({"name": name, "duration": share})).collect()
}

fn trackers(rng: &mut Rng, text: Text, call: &Call, cast: &Cast) -> Value {
    let speakers = cast.speakers();
    let mut list = Vec::new();
    for name in words::TRACKERS {
        if !chance(rng, if text == Text::Sparse { 15.0 } else { 35.0 }) {
            continue;
        }
        let id = (hash(name) >> 1 | 1 << 60).to_string();
        let count = rng.usize(0..4);
        let smart = chance(rng, 30.0);
        let occurrences = occurrences(rng, call, &speakers, count);
        // A keyword tracker may show each phrase apart; then its own list is empty.
        let by_phrase = !smart && chance(rng, 70.0);
        let phrase = json!({"count": count, "occurrences": occurrences, "phrase": pick(rng, words::PHRASES)});
        let phrases = if smart || count == 0 { json!([]) } else { json!([phrase]) };
        let own = if by_phrase { json!([]) } else { occurrences };
        let kind = if smart { "SMART" } else { "KEYWORD" };
        list.push(
            json!({"id": id, "name": name, "count": count, "type": kind, "occurrences": own, "phrases": phrases}),
        );
    }
    Value::Array(list)
}

fn occurrences(rng: &mut Rng, call: &Call, speakers: &[&str], count: usize) -> Value {
    let occurrence = |_| {
        let speaker = if speakers.is_empty() { Value::Null } else { json!(pick(rng, speakers)) };
        json!({"startTime": f64::from(rng.u32(..call.duration.max(1) * 100)) / 100.0, "speakerId": speaker})
    };
    (0..count).map(occurrence).collect()
}

fn summary(rng: &mut Rng, world: &World, call: &Call) -> Vec<Block> {
    let mut blocks = Vec::new();
    if chance(rng, 95.0) {
        blocks.push(("content.brief", json!(brief(rng, world.spec.text))));
    }
    blocks.push(("content.outline", outline(rng, world.spec.text, call)));
    if chance(rng, 85.0) {
        let start = noisy(rng, call.duration);
        let item = json!({"text": "Dana sends a proposal by Friday.", "startTimes": [start]});
        let other = json!({"text": pick(rng, words::SENTENCES).replace('\\', ""), "startTimes": []});
        blocks.push(("content.highlights", json!([{"title": "Next steps", "items": [item, other]}])));
    }
    if chance(rng, 40.0) {
        let (id, category, name) = pick(rng, words::OUTCOMES);
        blocks.push(("content.callOutcome", json!({"id": id, "category": category, "name": name})));
    }
    let points = (0..rng.usize(0..5)).map(|_| json!({"text": pick(rng, words::KEY_POINTS)})).collect();
    blocks.push(("content.keyPoints", points));
    blocks
}

fn brief(rng: &mut Rng, text: Text) -> String {
    let sentences = if text == Text::Sparse { 1 } else { 4 };
    let chosen = (0..sentences).map(|_| *pick(rng, words::KEY_POINTS));
    chosen.collect::<Vec<_>>().join(" ")
}

fn outline(rng: &mut Rng, text: Text, call: &Call) -> Value {
    let sections = if text == Text::Sparse { 1 } else { rng.usize(2..6) };
    let section = |n: usize| {
        let items = (0..rng.usize(1..4)).map(|_| {
            let text = pick(rng, words::KEY_POINTS);
            json!({"text": text, "startTime": noisy(rng, call.duration)})
        });
        let items: Value = items.collect();
        let duration = if chance(rng, 10.0) { json!(0.0) } else { json!(noisy(rng, call.duration)) };
        let name = words::STRUCTURE[n % words::STRUCTURE.len()];
        json!({"section": name, "startTime": noisy(rng, call.duration), "duration": duration, "items": items})
    };
    (0..sections).map(section).collect()
}

/// Seconds with the noise of a 32-bit float, as recorded: `155.2100067138672`.
fn noisy(rng: &mut Rng, duration: u32) -> f64 {
    f64::from(rng.f32() * duration as f32)
}
