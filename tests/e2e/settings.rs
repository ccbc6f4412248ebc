//! Settings that shape what is asked and what is landed.

use serde_json::json;

use crate::support::Rig;

/// One value that DuckDB reads.
fn read(rig: &Rig, query: &str) -> String {
    let query = query.replace("DATA", &rig.data().display().to_string());
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchone()[0])";
    let output = crate::support::truth::python().args(["-c", script, &query]).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn by_default_everything_but_media_links_is_asked_for_with_both_timings_of_the_crm_context() {
    // GIVEN details asked as they are by default
    let rig = Rig::small(3);
    rig.configure("entities = [\"calls_extensive\"]");
    rig.sync();
    // THEN every part that Gong knows is wanted, and links are not
    let asked = rig.server.journal().requests_for("/v2/calls/extensive");
    let selector = asked.first().expect("a request").body["contentSelector"].clone();
    assert_eq!((&selector["context"], &selector["contextTiming"]), (&json!("Extended"), &json!(["Now", "TimeOfCall"])));
    let fields = &selector["exposedFields"];
    assert!(fields["media"].is_null() || fields["media"] == false, "{fields}");
    let all = |part: &serde_json::Value, names: &[&str]| names.iter().all(|name| part[*name] == true);
    assert!(all(fields, &["parties"]), "{fields}");
    let content = [
        "structure",
        "topics",
        "trackers",
        "trackerOccurrences",
        "brief",
        "outline",
        "highlights",
        "callOutcome",
        "keyPoints",
    ];
    assert!(all(&fields["content"], &content), "{fields}");
    assert!(all(&fields["interaction"], &["speakers", "video", "personInteractionStats", "questions"]), "{fields}");
    assert!(all(&fields["collaboration"], &["publicComments"]), "{fields}");
    // AND all of it lands
    let filled = "SELECT count(parties) > 50 AND count(content.topics) > 0 AND count(interaction.speakers) > 0 AND \
                  count(context) > 0 FROM read_parquet('DATA/calls_extensive/**/*.parquet')";
    assert_eq!(read(&rig, filled), "True");
}

#[test]
fn a_narrowed_selector_is_what_is_asked_and_landed() {
    // GIVEN calls_extensive asked for participants alone
    let rig = Rig::small(3);
    let narrow = "content_selector = { exposedFields = { parties = true } }";
    rig.configure(&format!("entities = [\"calls_extensive\"]\n[entities.calls_extensive]\n{narrow}"));
    rig.sync();
    // THEN nothing else is asked for or landed
    let asked = rig.server.journal().requests_for("/v2/calls/extensive");
    assert!(!asked.is_empty());
    for request in &asked {
        assert_eq!(request.body["contentSelector"], json!({"exposedFields": {"parties": true}}));
    }
    let filled = "SELECT count(parties) || ' ' || count(content) || ' ' || count(interaction) \
                  FROM read_parquet('DATA/calls_extensive/**/*.parquet')";
    let narrowed = read(&rig, filled);
    let (parties, rest) = narrowed.split_once(' ').expect("three counts");
    assert!(parties.parse::<u32>().expect("a count") > 50 && rest == "0 0", "{narrowed}");
}

#[test]
fn private_calls_are_kept_with_their_flag_if_that_is_asked_for() {
    // GIVEN an account with private calls
    let rig = Rig::small(3);
    let private = rig.server.truth("calls").iter().filter(|call| call["isPrivate"] == true).count();
    assert!(private > 0);
    // WHEN it is synced as it is by default THEN none of them is there
    rig.sync();
    let flagged = "SELECT count(*) FILTER (WHERE is_private) FROM read_parquet('DATA/calls/**/*.parquet')";
    assert_eq!(read(&rig, flagged), "0");
    // WHEN they are wanted THEN all are there, and the flag tells them apart
    let rig = Rig::small(3);
    rig.configure("include_private = true");
    rig.sync();
    assert_eq!(read(&rig, flagged), private.to_string());
    let all = |table: &str| read(&rig, &format!("SELECT count(*) FROM read_parquet('DATA/{table}/**/*.parquet')"));
    assert_eq!(all("calls"), rig.server.truth("calls").len().to_string());
    let details =
        "SELECT count(*) FILTER (WHERE meta_data.is_private) FROM read_parquet('DATA/calls_extensive/**/*.parquet')";
    assert_ne!(read(&rig, details), "0");
    assert_eq!(all("stats_activity_scorecards"), rig.server.truth("stats_activity_scorecards").len().to_string());
}
