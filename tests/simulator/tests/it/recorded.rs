//! A world of recorded answers. Skipped where they are not at hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use gong_sim::{Client, Server, ServerOptions, World};
use serde_json::json;
use serde_json::value::RawValue;

use crate::harness::everything;

pub fn folder() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/recorded");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("skipped: {} is not there", folder.display());
    None
}

type Object = BTreeMap<String, Box<RawValue>>;

/// The records of an answer, with the literal text of each block and of each leaf of the divided ones.
fn blocks(body: &str, key: &str) -> Vec<BTreeMap<String, String>> {
    let body: Object = serde_json::from_str(body).unwrap();
    let records: Vec<Object> = serde_json::from_str(body[key].get()).unwrap();
    let flat = |record: Object| {
        let mut all = BTreeMap::new();
        for (name, raw) in record {
            match serde_json::from_str::<Object>(raw.get()) {
                Ok(leaves) => {
                    all.extend(leaves.into_iter().map(|(leaf, raw)| (format!("{name}.{leaf}"), squeeze(raw.get()))))
                }
                Err(_) => drop(all.insert(name, squeeze(raw.get()))),
            }
        }
        all
    };
    records.into_iter().map(flat).collect()
}

/// JSON text without the blanks between its tokens.
fn squeeze(text: &str) -> String {
    let (mut inside, mut escaped) = (false, false);
    let keep = |c: &char| {
        let blank = !inside && c.is_whitespace();
        if *c == '"' && !escaped {
            inside = !inside;
        }
        escaped = *c == '\\' && !escaped;
        !blank
    };
    text.chars().filter(keep).collect()
}

#[test]
fn recorded_calls_and_transcripts_are_served_digit_for_digit() {
    let Some(folder) = folder() else { return };
    let server = Server::start(World::recorded(&folder).unwrap(), ServerOptions::unlimited());
    let mut client = Client::new(server.url());
    let mut selector = everything();
    selector["exposedFields"]["media"] = json!(false);
    selector["exposedFields"]["collaboration"] = json!({});
    let body = json!({"filter": {}, "contentSelector": selector});
    let served = client.post("/v2/calls/extensive", &body).unwrap().text();
    let recorded = std::fs::read_to_string(folder.join("calls_extensive.json")).unwrap();
    assert_eq!(blocks(&served, "calls"), blocks(&recorded, "calls"));
    assert_eq!(server.truth("calls").len(), 13);
    let served = client.post("/v2/calls/transcript", &json!({"filter": {}})).unwrap().text();
    let recorded = std::fs::read_to_string(folder.join("call_transcripts.json")).unwrap();
    assert_eq!(blocks(&served, "callTranscripts"), blocks(&recorded, "callTranscripts"));
    assert!(server.truth("users").len() > 5);
    assert_eq!(server.truth("workspaces").len(), 1);
}

#[test]
fn a_recorded_world_has_nights_too() {
    let Some(folder) = folder() else { return };
    let server = Server::start(World::recorded(&folder).unwrap(), ServerOptions::unlimited());
    let night = server.night();
    assert!(night["edited"].is_string() && night["deleted"].is_string() && night["private"].is_string());
    assert_eq!(server.truth("calls").len(), 13);
}
