//! `list`: every entity equals the account, record by record and digit by digit; pages, limits, cursors.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use chrono::{Days, NaiveDate, NaiveTime};
use gong_sim::{Oddities, ServerOptions, World, WorldSpec};
use serde_json::Value;

use super::{lines, parsed, sorted, text, truth, without_media};
use crate::support::Rig;

/// An account with all that is odd: ids beyond 64 bits, numbers for ids, unknown fields, wrong types.
fn odd() -> Rig {
    let spec = WorldSpec { oddities: Oddities::all(), ..WorldSpec::small(11) };
    Rig::new(World::generate(spec), ServerOptions::unlimited().page_size(40))
}

#[test]
fn every_plain_list_equals_the_account() {
    let rig = odd();
    for entity in ["users", "workspaces", "settings_scorecards", "settings_trackers", "stats_activity_scorecards"] {
        // WHEN it is listed whole THEN each record is the vendor's own text
        let listed = lines(&rig, &["list", entity]);
        assert!(!listed.is_empty(), "{entity}");
        assert_eq!(sorted(listed), sorted(truth(&rig, entity)), "{entity}");
    }
    // AND calls come in the vendor's order
    assert_eq!(lines(&rig, &["list", "calls"]), truth(&rig, "calls"));
    assert_eq!(lines(&rig, &["list", "call_transcripts"]), truth(&rig, "call_transcripts"));
    let extensive = without_media(truth(&rig, "calls_extensive"));
    assert_eq!(lines(&rig, &["list", "calls_extensive"]), extensive);
    assert!(
        extensive.iter().any(|call| call.contains("35657219295037524478") || call.len() > 1000),
        "odd ids are there"
    );
    assert_eq!(rig.server.journal().violations(), Vec::<String>::new());
}

#[test]
fn statistics_of_a_range_equal_the_account() {
    let rig = odd();
    let today = rig.now().with_timezone(&chrono_tz::America::Los_Angeles).date_naive();
    let days = (today - Days::new(9), today);
    let (from, to) = (days.0.to_string(), days.1.to_string());
    type Made = fn(&World, (NaiveDate, NaiveDate), chrono::DateTime<chrono::Utc>) -> Vec<Value>;
    let entities: [(&str, Made); 3] = [
        ("stats_activity_aggregate", World::truth_aggregate),
        ("stats_activity_day_by_day", World::truth_day_by_day),
        ("stats_interaction", World::truth_interaction),
    ];
    for (entity, made) in entities {
        let expected: Vec<String> = made(&rig.server.world(), days, rig.now()).iter().map(Value::to_string).collect();
        let listed = lines(&rig, &["list", entity, "--from-date", &from, "--to-date", &to]);
        assert!(!listed.is_empty(), "{entity}");
        assert_eq!(sorted(listed), sorted(expected), "{entity}");
    }
}

#[test]
fn folders_their_content_and_coaching_equal_the_account() {
    let rig = odd();
    // Folders of each workspace.
    let workspaces: Vec<String> = truth(&rig, "workspaces").iter().map(|w| text(&parsed(w), "id").to_owned()).collect();
    let folders: Vec<String> =
        workspaces.iter().flat_map(|id| lines(&rig, &["list", "library_folders", "--workspace-id", id])).collect();
    assert_eq!(sorted(folders.clone()), sorted(truth(&rig, "library_folders")));
    // Content of each folder.
    let mut content = Vec::new();
    for folder in &folders {
        let id = text(&parsed(folder), "id").to_owned();
        for line in lines(&rig, &["list", "library_folder_content", "--folder-id", &id]) {
            let mut record = parsed(&line);
            record["folderId"] = id.clone().into();
            content.push(record.to_string());
        }
    }
    assert!(!content.is_empty());
    assert_eq!(sorted(content), sorted(truth(&rig, "library_folder_content")));
    // Coaching of each manager, from a date and until an instant.
    let users: Vec<Value> = truth(&rig, "users").iter().map(|user| parsed(user)).collect();
    let managers: BTreeSet<&str> =
        users.iter().map(|user| text(user, "managerId")).filter(|id| !id.is_empty()).collect();
    let from = NaiveDate::from_ymd_opt(2026, 5, 1).expect("a date");
    let begin = from.and_time(NaiveTime::MIN).and_utc();
    let (from, to) = (from.to_string(), rig.now().to_rfc3339());
    let mut found = 0;
    for workspace in &workspaces {
        for manager in &managers {
            let now = rig.now();
            let expected = rig.server.world().truth_coaching(workspace, manager, begin, now, now);
            let expected: Vec<String> = expected.iter().map(Value::to_string).collect();
            let args = [
                "list",
                "coaching",
                "--workspace-id",
                workspace,
                "--manager-id",
                manager,
                "--from",
                &from,
                "--to",
                &to,
            ];
            assert_eq!(lines(&rig, &args), expected);
            found += expected.len();
        }
    }
    assert!(found > 0);
}

#[test]
fn pages_limits_and_cursors() {
    // GIVEN an account of three pages of calls
    let rig = Rig::sized(2, 263, 14);
    let all = truth(&rig, "calls");
    assert!(all.len() > 200);
    // WHEN all are listed THEN all pages are walked
    assert_eq!(lines(&rig, &["list", "calls"]), all);
    assert_eq!(rig.server.journal().len(), 3);
    // AND a limit asks for no more pages than it takes
    for (limit, requests) in [(1, 1), (100, 1), (101, 2), (9999, 3)] {
        rig.server.journal().clear();
        let listed = lines(&rig, &["list", "calls", "--limit", &limit.to_string()]);
        assert_eq!(listed, all[..limit.min(all.len())]);
        assert_eq!(rig.server.journal().len(), requests, "--limit {limit}");
    }
    // AND page by page, each says the cursor of the next one as its last word
    let (mut cursor, mut paged, mut pages) = (String::new(), Vec::new(), 0);
    loop {
        let ended = rig.run(&["list", "calls", "--cursor", &cursor]).expect(0);
        paged.extend(ended.stdout.lines().map(str::to_owned));
        pages += 1;
        let said: Vec<&str> = ended.stderr.lines().collect();
        match said[..] {
            [] => break,
            [next] => cursor = next.to_owned(),
            _ => panic!("{said:?}"),
        }
    }
    assert_eq!((paged, pages), (all, 3));
    // AND on a POST endpoint the cursor goes where the vendor reads it
    let first = rig.run(&["list", "call_transcripts", "--cursor", ""]).expect(0);
    let second = rig.run(&["list", "call_transcripts", "--cursor", first.stderr.trim()]).expect(0);
    assert_ne!(first.stdout, second.stdout);
    assert_eq!(rig.server.journal().violations(), Vec::<String>::new());
}

#[test]
fn a_list_without_records_prints_nothing_and_is_no_failure() {
    let rig = Rig::small(1);
    for args in [
        ["list", "calls", "--from-date-time", "2031-01-01"],
        ["list", "calls_extensive", "--from-date-time", "2031-01-01"],
        ["list", "call_transcripts", "--call-ids", "1"],
        ["list", "users", "--user-ids", "1"],
        ["list", "stats_activity_scorecards", "--review-from-date", "2031-01-01"],
    ] {
        assert_eq!(lines(&rig, &args), Vec::<String>::new(), "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_the_listing_in_peace() {
    let rig = Rig::sized(2, 263, 14);
    let mut command = rig.command(&["list", "calls"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut first = String::new();
    BufReader::with_capacity(64, child.stdout.take().expect("a pipe")).read_line(&mut first).expect("a line");
    let ended = child.wait_with_output().expect("the end");
    assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    assert_eq!(first.trim_end(), truth(&rig, "calls")[0]);
}
