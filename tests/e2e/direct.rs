//! The direct verbs: records and files straight from the vendor to stdout or a file.

mod download;
mod filters;
mod get;
mod lists;
mod refused;
mod shared;

use gong_sim::Entry;
use serde_json::Value;

use crate::support::Rig;

/// The lines that a command prints; it must end well and say nothing else.
#[track_caller]
fn lines(rig: &Rig, args: &[&str]) -> Vec<String> {
    let ended = rig.run(args).expect(0);
    assert_eq!(ended.stderr, "", "{args:?}");
    ended.stdout.lines().map(str::to_owned).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// The account's records of an entity now, as text with the literal digits.
fn truth(rig: &Rig, entity: &str) -> Vec<String> {
    let now = rig.now();
    rig.server.world().truth_text(entity, now)
}

/// The same of `calls_extensive` as the default selector gives it: everything but media.
fn without_media(records: Vec<String>) -> Vec<String> {
    let bare = |text: String| {
        let (before, _) = text.rsplit_once(",\"media\":{").expect("a media block at the end");
        format!("{before}}}")
    };
    records.into_iter().map(bare).collect()
}

/// The last request.
fn last(rig: &Rig) -> Entry {
    rig.server.journal().entries().pop().expect("a request")
}

fn text<'a>(record: &'a Value, name: &str) -> &'a str {
    record[name].as_str().unwrap_or_default()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}
