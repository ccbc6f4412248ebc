//! Data and answers that mean harm, or are only broken: no file outside the output, no lost neighbour, no crash.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::{Fault, Matcher, NewCall, RetryAfter};
use serde_json::json;

use crate::support::Rig;
use crate::support::rig::Ended;
use crate::support::truth::{assert_conserved, python};

/// An account whose users are `records`, as literal JSON, read once.
fn users(records: &[u8]) -> (Rig, Ended) {
    let rig = Rig::small(1);
    rig.configure("entities = [\"users\"]\n[limits]\nmax_retries = 1\nrequests_per_second = 2000");
    let bytes = [b"{\"requestId\":\"1\",\"users\":[".as_slice(), records, b"]}"].concat();
    rig.server.faults().always(Matcher::path("/v2/users"), Fault::Body { bytes });
    let ended = rig.run(&["sync", "--format", "json"]);
    (rig, ended)
}

/// What a query over the users' file gives, as Python shows it.
fn ask(rig: &Rig, query: &str) -> String {
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchall())";
    let query = query.replace("USERS", &format!("read_parquet('{}/users/**/*.parquet')", rig.data().display()));
    let output = python().args(["-c", script, &query]).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn control_characters_in_names_are_kept_and_never_reach_a_message() {
    let (rig, ended) =
        users(b"{\"id\":\"1\",\"firstName\":\"A\\u0000B\\nC\\u001b[31m\",\"lastName\":\"'; DROP TABLE x; --\"}");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(
        ask(&rig, "SELECT first_name, last_name FROM USERS"),
        "[('A\\x00B\\nC\\x1b[31m', \"'; DROP TABLE x; --\")]"
    );
    assert!(!ended.stderr.contains('\u{1b}') && !ended.stderr.contains('\0'), "{}", ended.stderr);
}

/// Text that means harm wherever it is put.
const ODD: &str = "A\0B\nC\r\u{1b}[31m\u{202e}'; DROP TABLE x; --../../\"\\";

#[test]
fn hostile_text_and_dates_land_in_every_table_and_reach_no_message() {
    // GIVEN hostile text in every text that people write, in every table, and absurd dates of calls
    let rig = Rig::small(1);
    rig.configure("");
    let (at, long) = (rig.now() - TimeDelta::days(60), "x".repeat(10 << 20));
    let ids = |entity: &str, key: &str| -> Vec<String> {
        rig.server.truth(entity).iter().filter_map(|r| r[key].as_str().map(str::to_owned)).collect()
    };
    let starts = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "1969-12-31T23:59:59.999999Z"];
    for (n, id) in ids("calls", "id").iter().enumerate() {
        let started = starts.get(n).map_or(json!({ "title": ODD }), |at| json!({ "title": ODD, "started": at }));
        let text = if n == 3 { long.as_str() } else { ODD };
        let sentence = json!({ "start": 0, "end": 9_223_372_036_854_775_807_i64, "text": text });
        let transcript = json!([{ "speakerId": ODD, "topic": ODD, "sentences": [sentence, null] }]);
        let patch = json!({ "metaData": started, "content": { "brief": ODD }, "transcript": transcript });
        rig.server.world().edit_call(id, at, patch);
    }
    for (entity, key, texts) in [
        ("users", "id", &["firstName", "lastName", "title", "emailAddress"][..]),
        ("workspaces", "id", &["name", "description"]),
        ("settings_scorecards", "scorecardId", &["scorecardName"]),
        ("settings_trackers", "trackerId", &["trackerName", "affiliation"]),
        ("library_folders", "id", &["name", "createdBy"]),
        ("stats_activity_scorecards", "answeredScorecardId", &["scorecardName"]),
    ] {
        let patch: serde_json::Map<_, _> = texts.iter().map(|name| ((*name).to_owned(), json!(ODD))).collect();
        let ids = ids(entity, key);
        assert!(!ids.is_empty(), "{entity}");
        for id in ids {
            rig.server.world().row(entity, &id).edit(at, json!(patch));
        }
    }
    // WHEN all is read, at the highest verbosity
    let ended = rig.run(&["sync", "-vv"]);
    // THEN every value is there as it came
    assert_eq!(ended.code, 0, "{:.3000}", ended.stderr);
    assert_conserved(&rig, "hostile text everywhere");
    // AND no message holds a control character
    let odd = ended.stderr.chars().find(|c| c.is_control() && *c != '\n');
    assert_eq!(odd, None, "{:.3000}", ended.stderr);
}

#[test]
fn what_the_vendor_says_of_an_error_is_told_in_one_clean_line() {
    let rig = Rig::small(1);
    rig.configure("entities = [\"users\"]");
    let text = format!("{ODD}{}", "y".repeat(100_000));
    rig.server.faults().always(Matcher::path("/v2/users"), Fault::Status { status: 400, text });
    let ended = rig.run(&["sync"]).expect(1);
    let line = ended.stdout.lines().find(|line| line.contains("HTTP 400")).expect("the refusal");
    assert!(line.contains("A B C") && line.chars().count() < 700, "{line}");
    let all = ended.stdout + &ended.stderr;
    assert!(!all.contains(|c: char| c.is_control() && c != '\n'), "{all}");
}

#[test]
fn a_retry_after_of_nonsense_is_no_silence_for_ever() {
    for text in ["99999999999999999999", "1e308", "inf", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        // GIVEN a vendor that once asks for silence beyond all measure
        let rig = Rig::small(1);
        rig.configure("entities = [\"users\"]");
        let fault = Fault::TooManyRequests { retry_after: RetryAfter::Text(text.to_owned()) };
        rig.server.faults().once(Matcher::path("/v2/users"), fault);
        // WHEN it runs THEN it goes on in a week
        let report = rig.sync_to(75);
        let resume: DateTime<Utc> = report["resume_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
        assert!((6..=7).contains(&(resume - Utc::now()).num_days()), "{text}: {resume}");
    }
    for text in ["", "NaN", "-5", "soon"] {
        let rig = Rig::small(1);
        rig.configure("entities = [\"users\"]");
        let fault = Fault::TooManyRequests { retry_after: RetryAfter::Text(text.to_owned()) };
        rig.server.faults().once(Matcher::path("/v2/users"), fault);
        rig.sync();
        assert_conserved(&rig, text);
    }
}

#[test]
fn absurd_dates_are_kept() {
    let (rig, ended) = users(
        b"{\"id\":\"1\",\"created\":\"0001-01-01T00:00:00Z\"},{\"id\":\"2\",\"created\":\"9999-12-31T23:59:59Z\"},
          {\"id\":\"3\",\"created\":\"2026-02-30T00:00:00Z\"},{\"id\":\"4\",\"created\":\"+999999-01-01T00:00:00Z\"}",
    );
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let years = ask(&rig, "SELECT id, year(created), _extra IS NULL FROM USERS ORDER BY id");
    // What is no instant is kept as text beside.
    assert_eq!(years, "[('1', 1, True), ('2', 9999, True), ('3', None, False), ('4', None, False)]");
}

#[test]
fn a_string_of_ten_megabytes_is_kept() {
    let long = format!("{{\"id\":\"1\",\"firstName\":\"{}\"}}", "x".repeat(10 << 20));
    let (rig, ended) = users(long.as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ask(&rig, "SELECT length(first_name) FROM USERS"), format!("[({},)]", 10 << 20));
}

#[test]
fn json_nested_ten_thousand_deep_costs_nobody_his_row() {
    let deep = format!("{{\"id\":\"1\",\"odd\":{}{}}},{{\"id\":\"2\"}}", "[".repeat(10_000), "]".repeat(10_000));
    let (rig, ended) = users(deep.as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ask(&rig, "SELECT count(*), count(_extra) FROM USERS"), "[(2, 1)]");
}

#[test]
fn a_key_given_twice_is_no_reason_to_stop() {
    let (rig, ended) = users(b"{\"id\":\"1\",\"firstName\":\"first\",\"firstName\":\"second\"},{\"id\":\"2\"}");
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ask(&rig, "SELECT id, first_name FROM USERS ORDER BY id"), "[('1', 'first'), ('2', None)]");
}

#[test]
fn text_that_is_not_utf8_is_retried_and_never_guessed() {
    let (rig, ended) = users(b"{\"id\":\"1\",\"firstName\":\"\xff\xfe\"}");
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stdout.contains("the answer is not UTF-8, after 2 attempts"), "{}", ended.stdout);
    assert!(rig.objects().is_empty());
}

#[test]
fn one_bad_record_is_set_aside_and_the_rest_lands() {
    // GIVEN a listing with two records that are none
    let (rig, ended) = users(b"{\"id\":\"1\"},\"no object\",{\"firstName\":\"nobody\"},{\"id\":\"2\"}");
    // THEN the run ends well, the others are there, and the report counts them
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ask(&rig, "SELECT id FROM USERS ORDER BY id"), "[('1',), ('2',)]");
    assert_eq!(ended.json()["entities"]["users"]["quarantined"], 2);
    let files = || -> Vec<std::path::PathBuf> {
        let folder = rig.data().join("_gong_elt/quarantine/users");
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("a file").path()).collect()
    };
    // AND the two are set aside with their reasons, for the owner alone
    let first = files();
    let text = std::fs::read_to_string(&first[0]).expect("a file");
    assert!(text.contains("is not an object") && text.contains("has no key") && text.contains("nobody"), "{text}");
    assert_eq!(first[0].metadata().expect("a file").permissions().mode() & 0o777, 0o600);
    // AND reading them every day does not make more files
    for _ in 0..3 {
        rig.server.clock().advance(TimeDelta::days(1));
        rig.sync();
    }
    assert_eq!(files(), first);
    // AND once none of them is bad any more, what was set aside is gone
    rig.server.faults().clear();
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    assert_eq!(files(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn records_whose_id_is_blank_are_set_aside_each_of_them() {
    // GIVEN users whose ids are texts in which nothing is written
    let (rig, ended) =
        users(b"{\"id\":\"\",\"firstName\":\"Ann\"},{\"id\":\"\",\"firstName\":\"Bob\"},{\"id\":\" \"},{\"id\":\"1\"}");
    // THEN none of them passes for another one: all are kept beside the table, and counted
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(ask(&rig, "SELECT id FROM USERS"), "[('1',)]");
    assert_eq!(ended.json()["entities"]["users"]["quarantined"], 3);
    let text = std::fs::read_to_string(rig.data().join("_gong_elt/quarantine/users/snapshot.jsonl")).expect("a file");
    assert!(text.contains("Ann") && text.contains("Bob") && text.contains("has no key"), "{text}");
}

#[test]
fn ids_that_are_paths_never_leave_the_output() {
    // GIVEN calls whose ids are paths, with media
    let rig = Rig::small(1);
    let ids = [
        "../../../../escape",
        "../../../../../escape",
        "/tmp/gong-elt-escape",
        "..",
        "a/../../b",
        "C:\\x",
        "%2e%2e%2fescape",
    ];
    for id in ids {
        let at = rig.now() - TimeDelta::days(2);
        rig.server.world().add_call(NewCall { id: Some(id.to_owned()), ..NewCall::at(at) });
        rig.server.world().set_media_bytes(id, 1000);
    }
    rig.configure("entities = [\"users\", \"workspaces\", \"calls\", \"call_audio\"]");
    // WHEN it runs
    let ended = rig.run(&["sync"]);
    // THEN nothing lies outside output and state
    assert!([0, 1].contains(&ended.code), "{}", ended.stderr);
    let mut found: Vec<String> = std::fs::read_dir(rig.path(""))
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    found.sort();
    assert_eq!(found, ["data", "gong-elt.toml", "state"]);
    let above = rig.path("").parent().expect("a folder").join("escape");
    assert!(!above.exists() && !std::path::Path::new("/tmp/gong-elt-escape").exists());
    // AND rows keep the ids as they are
    assert_conserved(&rig, "with ids that are paths");
}

#[test]
fn a_redirect_to_a_file_or_an_inner_address_is_refused_at_once() {
    for to in ["file:///etc/passwd", "http://169.254.169.254/latest/meta-data/", "//inner/x", "gopher://x"] {
        let rig = Rig::small(1);
        rig.server.faults().always(Matcher::any(), Fault::Redirect { to: to.to_owned(), status: 302 });
        let ended = rig.run(&["sync"]);
        assert!([1, 2, 3].contains(&ended.code), "{to}: {} {}", ended.code, ended.stderr);
        // Two snapshots may be under way at once; neither is asked again.
        assert!(rig.server.journal().len() <= 2, "{to}: {}", ended.stderr);
        assert!(!ended.stderr.contains("/etc/passwd") && rig.objects().is_empty(), "{to}: {}", ended.stderr);
    }
}

#[test]
fn an_answer_of_half_a_gigabyte_is_refused_before_it_is_taken() {
    // GIVEN a vendor that announces 500 MB
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500000000\r\n\r\n{\"users\":[");
        }
    });
    let rig = Rig::small(1);
    rig.configure("entities = [\"users\"]");
    crate::support::refusal::replaced(&rig, rig.server.url(), &url);
    // WHEN it is asked
    let ended = rig.run(&["sync", "--format", "json"]);
    // THEN the run says so, after one attempt
    assert_eq!(ended.code, 1, "{}", ended.stderr);
    assert!(ended.stdout.contains("the answer is larger than 256 MiB, after 1 attempt"), "{}", ended.stdout);
    assert!(rig.objects().is_empty());
}
