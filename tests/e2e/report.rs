//! What a run says: the report's shape and its copy beside the data, and log lines that hold no secret.

use std::collections::BTreeSet;

use gong_sim::{Fault, Matcher};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::rig::{FIVE, START};

fn rig() -> Rig {
    let rig = Rig::small(1);
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 1";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    rig
}

/// The keys of an object, sorted, as one text.
fn keys(value: &Value) -> String {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys.join(" ")
}

#[test]
fn the_report_has_the_contracts_shape_and_lies_beside_the_data() {
    // GIVEN a first run WHEN it reports
    let rig = rig();
    let report = rig.sync();
    // THEN the keys are the contract's, and two that were added
    let expected =
        "as_of command entities exit_code objects requests resume_at retries run_id seconds version warnings";
    assert_eq!(keys(&report), expected);
    let calls = &report["entities"]["calls"];
    assert_eq!(keys(calls), "bytes drift missing quarantined requests rows unexplained units vendor_total");
    assert_eq!(keys(&calls["units"]), "committed failed left planned");
    assert_eq!(keys(&calls["rows"]), "changed gone new private written");
    assert_eq!(keys(&report["objects"]), "added removed replaced");
    // AND the facts are right
    let facts = ["version", "command", "as_of", "exit_code", "resume_at", "retries"].map(|key| report[key].clone());
    assert_eq!(facts, [json!(1), json!("sync"), json!("2026-05-20T09:00:00Z"), json!(0), json!(null), json!(0)]);
    assert_eq!(report["objects"], json!({ "added": rig.objects().len(), "replaced": 0, "removed": 0 }));
    let listed = rig.server.truth("calls").len() as u64;
    assert_eq!(calls["rows"]["new"].as_u64().zip(calls["rows"]["private"].as_u64()).map(|(a, b)| a + b), Some(listed));
    // AND the same is stored under its run id
    let stored = rig.data().join(format!("_gong_elt/runs/{}.json", report["run_id"].as_str().expect("an id")));
    let stored: Value = serde_json::from_str(&std::fs::read_to_string(stored).expect("a file")).expect("JSON");
    assert_eq!(stored, report);
}

#[test]
fn a_quiet_run_says_nothing_on_stderr() {
    let ended = rig().run(&["sync", "--quiet", "--format", "json"]).expect(0);
    assert_eq!((ended.stderr.as_str(), &ended.json()["exit_code"]), ("", &json!(0)));
}

#[test]
fn json_logs_are_one_object_a_line() {
    // GIVEN a run with a warning and an attempt that is repeated
    let rig = rig();
    rig.server.faults().once(Matcher::path("/v2/users"), Fault::ServerError);
    // WHEN it logs as JSON, in every detail
    let ended = rig.run(&["sync", "--log-format", "json", "-vv"]).expect(0);
    // THEN each line is an object with time, level and message
    let lines: Vec<Value> = ended.stderr.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(lines.len() > 60, "{}", lines.len());
    // AND one of them for each attempt, the good ones included
    let attempts: Vec<&Value> =
        lines.iter().map(|line| &line["fields"]).filter(|line| line["ms"].is_number()).collect();
    assert_eq!(attempts.len(), rig.server.journal().len());
    let told = |status: u64, attempt: u64| {
        let users = attempts.iter().filter(|line| line["path"] == "/v2/users" && line["method"] == "GET");
        let text = format!("users snapshot: HTTP {status}");
        users
            .filter(|line| line["message"] == text.as_str() && line["status"] == status && line["attempt"] == attempt)
            .count()
    };
    assert_eq!((told(500, 1), told(200, 2)), (1, 1));
    assert!(
        lines
            .iter()
            .all(|l| l["timestamp"].is_string() && l["level"].is_string() && l["fields"]["message"].is_string())
    );
}

#[test]
fn no_log_line_holds_a_secret_a_cursor_or_customer_data() {
    // GIVEN a run with small pages and every kind of failure
    let world = gong_sim::World::generate(gong_sim::WorldSpec {
        oddities: gong_sim::Oddities::all(),
        ..gong_sim::WorldSpec::small(1)
    });
    let rig = Rig::new(world, gong_sim::ServerOptions::unlimited().page_size(3));
    rig.configure_whole(&format!(
        "[limits]\nrequests_per_second = 2000\nmax_retries = 1\n[sync]\nstart_date = \"{START}\"\n{FIVE}"
    ));
    let faults = [
        Fault::ServerError,
        Fault::ResetBeforeAnswer,
        Fault::ResetInBody { after: 300 },
        Fault::CutBody { percent: 50 },
        Fault::CursorExpired,
        Fault::CursorBroken,
        Fault::Status { status: 400, text: "Bad request".to_owned() },
    ];
    for (nth, fault) in (1..).zip(faults) {
        for path in ["/v2/calls", "/v2/calls/extensive", "/v2/calls/transcript"] {
            rig.server.faults().script(Matcher::path(path).nth(4 * nth), fault.clone(), 2);
        }
    }
    // WHEN it says all it can
    let ended = rig.run(&["sync", "-vvv"]).expect(1);
    let said = format!("{}{}", ended.stdout, ended.stderr);
    assert!(ended.stderr.lines().count() > 60 && said.contains("trying again"), "{said}");
    // THEN there is no credential, no cursor and nothing of a person or a conversation
    let mut hidden =
        vec!["sim-key".to_owned(), "sim-secret".to_owned(), "Basic ".to_owned(), "eyJ".to_owned(), "@".to_owned()];
    hidden.extend(texts(&rig, "users", &["emailAddress", "firstName", "lastName", "phoneNumber"]));
    hidden.extend(texts(&rig, "calls", &["title", "meetingUrl"]));
    for text in hidden {
        assert!(!said.contains(&text), "{text} is in\n{said}");
    }
}

/// The longer texts of some fields of all records.
fn texts(rig: &Rig, entity: &str, fields: &[&str]) -> Vec<String> {
    let records = rig.server.truth(entity);
    let all = records.iter().flat_map(|r| fields.iter().filter_map(|f| r[*f].as_str().map(str::to_owned)));
    all.filter(|text| text.len() > 5).collect()
}

/// The keys of all objects in a value; below `entities` the names of tables are none.
fn all_keys(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                found.insert(key.clone());
                match (key.as_str(), inner.as_object()) {
                    ("entities", Some(tables)) => tables.values().for_each(|table| all_keys(table, found)),
                    _ => all_keys(inner, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| all_keys(item, found)),
        _ => {}
    }
}

#[test]
fn each_key_of_each_result_is_documented() {
    // GIVEN an output with an object that the ledger does not know, and one that is lost
    let rig = rig();
    rig.sync();
    let copied = rig.data().join("users/users.parquet");
    std::fs::copy(&copied, rig.data().join("users/copy.parquet")).expect("a copy");
    let text = include_str!("../../docs/json.md");
    let commands: [(&[&str], i32); 7] = [
        (&["status", "--max-age", "26h"], 0),
        (&["plan"], 0),
        (&["check"], 0),
        (&["backfill", "--cancel"], 0),
        (&["verify"], 1),
        (&["verify", "--source"], 1),
        (&["state", "rebuild"], 0),
    ];
    for (args, code) in commands {
        if args[0] == "state" {
            std::fs::remove_dir_all(rig.path("state")).expect("a folder");
        }
        // WHEN a command gives its result as JSON
        let result = rig.run(&[args, &["--format", "json"]].concat()).expect(code).json();
        // THEN its section of the document names each key
        let named = |title: &str| title.split('`').skip(1).step_by(2).any(|name| args.join(" ").starts_with(name));
        let sections = text.split("\n## ").filter(|section| named(section.lines().next().unwrap_or_default()));
        let section: String = sections.collect();
        let words: Vec<&str> = section.split('`').skip(1).step_by(2).collect();
        let documented = |key: &str| {
            let names = |word: &&str| word.split('.').any(|part| part == key) || word.contains(&format!("\"{key}\""));
            key == "version" || words.iter().any(names)
        };
        let mut found = BTreeSet::new();
        all_keys(&result, &mut found);
        found.retain(|key| !documented(key));
        assert_eq!(found, BTreeSet::new(), "{args:?}");
    }
}
