//! The vendor's recorded answers: every leaf of real JSON is in the files, and nothing in them surprises the schemas.

use std::path::PathBuf;
use std::process::Command;

use gong_sim::{ServerOptions, World};
use serde_json::Value;

use crate::support::Rig;
use crate::support::truth::{assert_conserved, python};

#[test]
fn real_answers_land_leaf_by_leaf_without_drift() {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/recorded"));
    if !folder.exists() {
        println!("skipped: {} is absent", folder.display());
        return;
    }
    // GIVEN a world of the recorded answers
    let world = World::recorded(&folder).expect("the recorded answers can be read");
    let rig = Rig::new(world, ServerOptions::unlimited());
    // WHEN it is synced
    let report = rig.sync();
    // THEN all of it is there
    assert_conserved(&rig, "recorded answers");
    for (name, entity) in report["entities"].as_object().expect("entities") {
        assert_eq!(entity["drift"], 0, "{name}: {report}");
    }
    assert_eq!(report["entities"]["calls_extensive"]["rows"]["written"], 13);
    let query = "SELECT len(transcript), list_sum(list_transform(transcript, m -> len(m.sentences))) FROM";
    let counts = duckdb(&rig, query, "call_transcripts");
    assert_eq!(counts, "[[305, 834]]");
}

/// The rows of a query over an entity's files, as JSON text.
fn duckdb(rig: &Rig, query: &str, entity: &str) -> String {
    let files = format!("read_parquet('{}/{entity}/**/*.parquet')", rig.data().display());
    let script =
        "import duckdb, json, sys; print(json.dumps([list(map(int, r)) for r in duckdb.sql(sys.argv[1]).fetchall()]))";
    let mut python: Command = python();
    let output = python.args(["-c", script, &format!("{query} {files}")]).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_warehouse_query_over_all_files_gives_the_account_s_truth() {
    // GIVEN an account on disk
    let rig = Rig::sized(11, 200, 10);
    rig.sync();
    let visible = |record: &&Value| record["metaData"]["isPrivate"] != true;
    let details = rig.server.truth("calls_extensive");
    let talk: f64 = details
        .iter()
        .filter(visible)
        .flat_map(|d| d["interaction"]["speakers"].as_array().cloned().unwrap_or_default())
        .filter_map(|s| s["talkTime"].as_f64())
        .sum();
    // WHEN talk time by speaker is added up with a glob over all files
    let query = "SELECT round(sum(s.talk_time)) FROM (SELECT unnest(interaction.speakers) AS s FROM";
    let files = format!("read_parquet('{}/calls_extensive/**/*.parquet'))", rig.data().display());
    let script = "import duckdb, sys; print(int(duckdb.sql(sys.argv[1]).fetchone()[0]))";
    let output = python().args(["-c", script, &format!("{query} {files}")]).output().expect("python starts");
    // THEN it is the account's
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    assert_eq!(said, format!("{:.0}", talk.round()), "{}", String::from_utf8_lossy(&output.stderr));
    // AND the sentences of a call come in order
    let transcripts = rig.server.truth("call_transcripts");
    let sentences: usize = transcripts
        .iter()
        .filter(|t| is_public(&rig, t))
        .flat_map(|t| t["transcript"].as_array().cloned().unwrap_or_default())
        .map(|m| m["sentences"].as_array().map_or(0, Vec::len))
        .sum();
    let query =
        "WITH m AS (SELECT call_id, unnest(transcript) AS m FROM read_parquet('{}/call_transcripts/**/*.parquet')),
        s AS (SELECT call_id, unnest(m.sentences) AS s FROM m) SELECT count(s.text) FROM s WHERE s.\"end\" >= s.start";
    let query = query.replace("{}", &rig.data().display().to_string());
    let output = python().args(["-c", script, &query]).output().expect("python starts");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        sentences.to_string(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn is_public(rig: &Rig, transcript: &Value) -> bool {
    rig.server.truth("calls").iter().any(|call| call["id"] == transcript["callId"] && call["isPrivate"] != true)
}
