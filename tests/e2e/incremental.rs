//! Run after run: only what is due is asked, only what changed is written, and windows never overlap.

use chrono::{Days, NaiveDate, TimeDelta};
use gong_sim::NewCall;
use serde_json::Value;

use crate::support::Rig;
use crate::support::rig::{FIVE, START};
use crate::support::truth::assert_conserved;

/// Fails unless an entity's windows tile the time from the start to the day in progress.
fn assert_tiled(rig: &Rig, entity: &str) {
    let manifest = rig.manifest();
    let day = |v: &Value| v.as_str().and_then(|text| text.parse::<NaiveDate>().ok()).expect("a day");
    let coverage = manifest["coverage"].as_array().expect("coverage").iter().filter(|c| c["entity"] == entity);
    let mut windows: Vec<(NaiveDate, NaiveDate)> = coverage.map(|c| (day(&c["from"]), day(&c["to"]))).collect();
    windows.sort();
    let mut at: NaiveDate = START.parse().expect("a day");
    for (from, to) in windows {
        assert_eq!(from, at, "{entity}: a gap or an overlap");
        at = to;
    }
    assert_eq!(at, rig.now().date_naive() + Days::new(1), "{entity}");
}

#[test]
fn a_second_sync_at_the_same_now_asks_nothing_and_writes_nothing() {
    let rig = Rig::small(1);
    rig.sync();
    let (objects, requests) = (rig.objects(), rig.server.journal().len());
    let report = rig.sync();
    assert_eq!(rig.objects(), objects);
    assert_eq!(rig.server.journal().len(), requests);
    assert_eq!(report["objects"], serde_json::json!({ "added": 0, "replaced": 0, "removed": 0 }));
}

#[test]
fn an_hour_later_only_the_day_in_progress_is_read_again() {
    let rig = Rig::small(1);
    rig.sync();
    rig.server.clock().advance(TimeDelta::hours(1));
    rig.server.journal().clear();
    rig.sync();
    let today = rig.now().date_naive().to_string();
    for entry in rig.server.journal().requests_for("/v2/calls") {
        assert!(
            entry.query.iter().any(|(name, from)| name == "fromDateTime" && from.starts_with(&today)),
            "{:?}",
            entry.query
        );
    }
    assert_eq!(rig.server.journal().count("/v2/users"), 0, "the snapshot is not yet 20 hours old");
    assert_conserved(&rig, "an hour later");
}

#[test]
fn re_reading_what_did_not_change_rewrites_no_object() {
    // GIVEN an account in which little happens any more
    let rig = Rig::small(1);
    rig.server.clock().advance(TimeDelta::days(20));
    rig.sync();
    let objects = rig.objects();
    // WHEN windows pass further ages
    rig.server.clock().advance(TimeDelta::days(30));
    let report = rig.sync();
    // THEN only objects with a changed row are written
    let sum = |what: &str| -> u64 {
        let entities = report["entities"].as_object().expect("entities").values();
        entities.map(|e| e["rows"][what].as_u64().expect("a count")).sum()
    };
    let written = report["objects"]["replaced"].as_u64().expect("a count")
        + report["objects"]["removed"].as_u64().expect("a count");
    assert!(written <= sum("new") + sum("changed") + sum("gone"), "{report}");
    let kept = objects.iter().filter(|object| rig.objects().contains(object)).count() as u64;
    assert_eq!(kept, objects.len() as u64 - written, "{report}");
    assert!(report["entities"]["calls"]["units"]["committed"].as_u64().expect("a count") > 2 * written, "{report}");
}

#[test]
fn three_weeks_later_the_right_windows_are_read_without_gap_or_overlap() {
    let rig = Rig::small(6);
    rig.sync();
    for entity in ["calls", "calls_extensive", "call_transcripts"] {
        assert_tiled(&rig, entity);
    }
    rig.server.clock().advance(TimeDelta::days(21));
    rig.configure("window = \"month\"");
    rig.sync();
    for entity in ["calls", "calls_extensive", "call_transcripts"] {
        assert_tiled(&rig, entity);
    }
    assert_conserved(&rig, "three weeks later");
}

#[test]
fn an_earlier_now_never_replaces_a_later_reading() {
    let rig = Rig::small(6);
    rig.sync();
    let objects = rig.objects();
    let earlier = rig.now() - TimeDelta::days(2);
    crate::support::rig::end(&mut rig.command_at(earlier, &["sync"])).expect(0);
    assert_eq!(rig.objects(), objects);
}

#[test]
fn a_backfill_reads_what_is_not_covered_and_force_reads_it_again() {
    let rig = Rig::small(8);
    rig.configure_whole("[sync]\nstart_date = \"2026-05-18\"\nentities = [\"calls_extensive\", \"call_transcripts\"]");
    rig.sync();
    let args = ["backfill", "--from", "2026-05-01", "--to", "2026-05-20", "--format", "json"];
    let report = rig.run(&args).expect(0).json();
    assert_eq!(report["command"], "backfill");
    assert_conserved(&rig, "after the backfill");
    rig.server.journal().clear();
    rig.run(&args).expect(0);
    assert!(rig.server.journal().is_empty(), "everything is covered");
    let forced = rig
        .run(&["backfill", "--from", "2026-05-10", "--to", "2026-05-11", "--force", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(forced["entities"]["calls"]["units"]["committed"], 1);
}

#[test]
fn a_child_alone_brings_its_parent_and_a_later_child_costs_only_itself() {
    let rig = Rig::small(8);
    rig.configure("entities = [\"call_transcripts\"]");
    rig.sync();
    let folders: Vec<bool> =
        ["calls", "call_transcripts", "calls_extensive", "users"].map(|e| rig.data().join(e).exists()).to_vec();
    assert_eq!(folders, [true, true, false, false]);
    rig.server.journal().clear();
    rig.configure("");
    rig.sync();
    assert_eq!(rig.server.journal().count("/v2/calls"), 0, "the ledger knows the ids");
    assert_conserved(&rig, "with the details");
}

#[test]
fn too_full_a_window_is_cut_into_smaller_cells() {
    let rig = Rig::sized(3, 11_000, 20);
    let far = rig.now() + TimeDelta::days(80);
    rig.configure("entities = [\"calls\"]");
    let report = crate::support::rig::end(&mut rig.command_at(far, &["sync", "--format", "json"])).expect(0).json();
    let cells: Vec<String> = rig.objects().into_iter().map(|(path, _)| path).collect();
    assert!(
        cells.iter().any(|path| path.contains("2026-05-01_2026-05-11") || path.contains("2026-05-11_2026-05-21")),
        "{cells:?}"
    );
    assert!(!cells.iter().any(|path| path.contains("2026-05-01_2026-06-01")), "{cells:?}");
    assert_eq!(report["entities"]["calls"]["units"]["left"], 0);
}

#[test]
fn a_reading_at_an_earlier_now_changes_nothing_even_if_forced() {
    let rig = Rig::small(6);
    rig.sync();
    let objects = rig.objects();
    let args = ["backfill", "--from", "2026-05-08", "--to", "2026-05-19", "--force", "--entities", "calls"];
    crate::support::rig::end(&mut rig.command_at(rig.now() - TimeDelta::days(8), &args)).expect(0);
    assert_eq!(rig.objects(), objects);
}

#[test]
fn a_call_that_turns_private_leaves_every_table_in_the_run_that_sees_it() {
    // GIVEN an account on disk, and a call that turns private
    let rig = Rig::small(5);
    rig.sync();
    let now = rig.now();
    let day = "2026-05-19";
    let calls = rig.server.truth("calls");
    let call =
        calls.iter().find(|c| c["isPrivate"] == false && c["scheduled"].as_str().is_some_and(|s| s.starts_with(day)));
    let id = call.expect("a call of that day")["id"].as_str().expect("an id").to_owned();
    rig.server.world().set_private(&id, true, now + TimeDelta::minutes(1));
    rig.server.clock().advance(TimeDelta::days(1));
    // WHEN only the listing is asked for
    rig.run(&["sync", "--entities", "calls"]).expect(0);
    // THEN it is gone from its children too
    let held = |entity: &str| {
        let query = format!(
            "SELECT count(*) FROM read_parquet('{}/{entity}/**/*.parquet') WHERE call_id = '{id}'",
            rig.data().display()
        );
        let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchone()[0])";
        let output = crate::support::truth::python().args(["-c", script, &query]).output().expect("python starts");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!((held("calls_extensive"), held("call_transcripts")), ("0".to_owned(), "0".to_owned()));
}

#[test]
fn a_call_that_moved_to_another_day_stands_in_one_window_after_the_run_that_sees_it() {
    // GIVEN an account that was read, with a call that is planned anew for another day
    let rig = Rig::small(1);
    rig.configure(FIVE);
    rig.sync();
    let now = rig.now();
    let call = rig.server.truth("calls").into_iter().find(|call| call["isPrivate"] == false).expect("a call");
    let id = call["id"].as_str().expect("an id").to_owned();
    rig.server.world().delete_call(&id, now);
    let later = now - TimeDelta::hours(2);
    rig.server
        .world()
        .add_call(NewCall { id: Some(id.clone()), ..NewCall::at(later) }.visible_at(now + TimeDelta::hours(1)));
    // WHEN one run sees it in its new window
    rig.server.clock().advance(TimeDelta::hours(2));
    rig.sync();
    // THEN its old one has been read again, too
    let places = "SELECT count(*) FROM call WHERE id = ?1";
    assert_eq!(rig.ledger().query_row(places, [&id], |row| row.get::<_, u32>(0)), Ok(1));
    assert_conserved(&rig, "after a move");
    // AND nothing is left to do
    assert_eq!(rig.sync()["requests"], 0);
}
