//! The simulated account's truth against the files, by another program: DuckDB in Python.

use std::collections::HashSet;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::rig::Rig;

/// Entities whose truth is the simulator's list of records.
const LISTS: [&str; 10] = [
    "users",
    "workspaces",
    "calls",
    "calls_extensive",
    "call_transcripts",
    "settings_scorecards",
    "settings_trackers",
    "library_folders",
    "library_folder_content",
    "stats_activity_scorecards",
];

/// Fails the test unless the files hold the account as it is now: every leaf of every record, once, and nothing else.
#[track_caller]
pub fn assert_conserved(rig: &Rig, context: &str) {
    let folder = rig.path("truth");
    std::fs::create_dir_all(&folder).expect("the folder is writable");
    let now = rig.now();
    let world = rig.server.world();
    let calls = world.truth("calls", now);
    let private: HashSet<String> = calls.iter().filter(|c| c["isPrivate"] == true).map(id).collect();
    let visible: HashSet<String> = calls.iter().map(id).collect();
    for entity in LISTS.into_iter().filter(|entity| rig.data().join(entity).exists()) {
        // As literal text: a JSON library would round the largest ids.
        let wanted = |text: &String| {
            let record: Value = serde_json::from_str(text).expect("the simulator makes JSON");
            match entity {
                "calls" | "calls_extensive" | "call_transcripts" | "stats_activity_scorecards" => {
                    !private.contains(&id(&record))
                }
                "library_folder_content" => visible.contains(&id(&record)) && !private.contains(&id(&record)),
                _ => true,
            }
        };
        let records: Vec<String> = world.truth_text(entity, now).into_iter().filter(wanted).collect();
        write(&folder, entity, &records);
    }
    for (entity, records) in super::periods::truth(&world, rig.start(), now) {
        if rig.data().join(entity).exists() {
            write(&folder, entity, &records.iter().map(Value::to_string).collect::<Vec<_>>());
        }
    }
    drop(world);
    let output = python().arg(script()).arg(rig.data()).arg(&folder).output().expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{context}:\n{said}\n{}", String::from_utf8_lossy(&output.stderr));
}

fn write(folder: &std::path::Path, entity: &str, records: &[String]) {
    std::fs::write(folder.join(format!("{entity}.json")), format!("[{}]", records.join(",\n")))
        .expect("the folder is writable");
}

/// A record's id, wherever its entity keeps it.
fn id(record: &Value) -> String {
    let places = [&record["callId"], &record["id"], &record["metaData"]["id"]];
    let found = places.into_iter().find(|v| !v.is_null()).expect("every record has an id");
    found.as_str().map_or_else(|| found.to_string(), str::to_owned)
}

/// The Python that has DuckDB; `make test` makes it.
pub fn python() -> Command {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/.venv/bin/python");
    let path = std::env::var_os("GONG_ELT_PYTHON").map_or_else(|| PathBuf::from(default), PathBuf::from);
    assert!(path.exists(), "{} is missing: run `make venv`", path.display());
    Command::new(path)
}

fn script() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e/compare.py"))
}
