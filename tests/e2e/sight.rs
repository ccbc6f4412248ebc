//! A credential that has lost its rights is answered exactly like an empty range: nothing empty is believed until a call is seen.

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher};
use serde_json::json;

use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::look::{bare, call_at, go_to, objects_of, rows, status};
use crate::support::rig::{DAILY, FIVE, end};
use crate::support::truth::assert_conserved;

const TABLES: [&str; 3] = ["calls", "calls_extensive", "call_transcripts"];

/// From now on the key sees no call.
fn blind(rig: &Rig) {
    for path in ["/v2/calls", "/v2/calls/extensive", "/v2/calls/transcript"] {
        rig.server.faults().always(Matcher::path(path), Fault::NothingFound);
    }
}

#[test]
fn t12_a_key_that_loses_its_rights_removes_nothing_and_moves_no_watermark() {
    // Days of forty calls, and days of one.
    for (seed, calls, days) in [(1, 600, 14), (2, 14, 14)] {
        // GIVEN an account that was read, and a key that then sees no call any more
        let rig = Rig::sized(seed, calls, days);
        rig.configure(&format!("{FIVE}\n{DAILY}"));
        rig.sync();
        let before: Vec<_> = TABLES.iter().flat_map(|table| objects_of(&rig, table)).collect();
        let reached = |rig: &Rig| (status(rig, "calls")["watermark"].clone(), status(rig, "calls")["frontier"].clone());
        let held = reached(&rig);
        rig.server.clock().advance(TimeDelta::days(1));
        blind(&rig);
        for night in 0..2 {
            // WHEN its windows are read again, night after night
            let report = rig.sync_to(1);
            // THEN nothing of it is believed, and one message says so and what to do
            let warnings = report["warnings"].as_array().expect("a list");
            let text = warnings[0].as_str().expect("a text");
            assert!(warnings.len() == 1 && text.starts_with("Gong shows no call any more"), "{warnings:?}");
            assert!(text.contains("`gong-elt backfill --from 2026-05-0"), "{text}");
            assert!(text.ends_with("--force --accept-shrink`"), "{text}");
            assert_eq!(TABLES.iter().flat_map(|table| objects_of(&rig, table)).collect::<Vec<_>>(), before);
            assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [0, 0, 0]);
            // AND the windows are marked, and no new one counts as read
            let calls = status(&rig, "calls");
            assert!(calls["suspect"].as_u64() > Some(3), "{calls}");
            assert_eq!(reached(&rig), held, "night {night}");
            assert_whole(&rig, "while the key is blind");
            rig.server.clock().advance(TimeDelta::days(1));
        }
        // AND when the rights are back, all is well
        rig.server.faults().clear();
        rig.sync();
        assert_conserved(&rig, "when the rights are back");
        assert_eq!(status(&rig, "calls")["suspect"], 0);
    }
}

#[test]
fn t12_the_only_call_of_a_sparse_account_can_be_deleted() {
    // GIVEN an account with a single call, which is deleted
    let rig = bare();
    let id = call_at(&rig, "2026-05-18T10:00:00Z");
    rig.sync();
    rig.server.world().delete_call(&id, rig.now());
    // WHEN its window is read again
    rig.server.clock().advance(TimeDelta::days(1));
    let report = rig.sync();
    // THEN it is gone
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [1, 1, 1]);
    assert_eq!(report["objects"]["removed"], 3);
    assert_conserved(&rig, "after the deletion");
}

#[test]
fn t12_emptied_windows_are_believed_if_another_window_still_shows_a_call() {
    // GIVEN a settled window with a call, and two recent ones whose calls are deleted
    let rig = bare();
    call_at(&rig, "2026-04-10T10:00:00Z");
    let recent = ["2026-05-17T10:00:00Z", "2026-05-18T10:00:00Z"].map(|at| call_at(&rig, at));
    rig.sync();
    for id in recent {
        rig.server.world().delete_call(&id, rig.now());
    }
    rig.server.clock().advance(TimeDelta::days(1));
    rig.server.journal().clear();
    // WHEN the run sees no call in the windows that are due
    let report = rig.sync();
    // THEN it asks one known window, and believes
    let april = |e: &&gong_sim::Entry| format!("{:?}", e.query).contains("2026-04-");
    assert_eq!(rig.server.journal().entries().iter().filter(april).count(), 1);
    assert_eq!(rows(&report, "calls", "gone"), 2);
    assert_conserved(&rig, "after the deletions");
}

#[test]
fn t12_what_a_blind_run_left_when_it_was_killed_is_asked_again() {
    // GIVEN a run that is killed with an empty answer in its ledger, because its key was blind
    let rig = bare();
    rig.configure(&format!("entities = [\"calls\"]\n{DAILY}"));
    for day in 12..19 {
        call_at(&rig, &format!("2026-05-{day}T10:00:00Z"));
    }
    rig.sync();
    rig.server.clock().advance(TimeDelta::days(1));
    blind(&rig);
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "staged:6"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    let staged = "SELECT count(*) FROM staged";
    let staged: u32 = rig.ledger().query_row(staged, [], |row| row.get(0)).expect("a count");
    assert!(staged >= 5, "{staged}");
    // WHEN the rights are back and the next run goes on
    rig.server.faults().clear();
    let report = rig.sync();
    // THEN nothing is lost for a moment
    assert_eq!((rows(&report, "calls", "gone"), &report["objects"]["replaced"]), (0, &json!(0)));
    assert_conserved(&rig, "after the kill");
}

#[test]
fn t12_a_deletion_of_everything_is_accepted_by_force_only() {
    // GIVEN an account whose calls are really all deleted
    let rig = bare();
    let ids = [16, 17, 18].map(|day| call_at(&rig, &format!("2026-05-{day}T10:00:00Z")));
    rig.sync();
    for id in ids {
        rig.server.world().delete_call(&id, rig.now());
    }
    go_to(&rig, "2026-05-21T09:00:00Z");
    let report = rig.sync_to(1);
    let text = report["warnings"][0].as_str().expect("a text").to_owned();
    // WHEN the command of the message is run
    let command = text.split('`').nth(1).expect("a command");
    let mut args: Vec<&str> = command.split(' ').skip(1).collect();
    args.extend(["--format", "json"]);
    let report = rig.run(&args).expect(0).json();
    // THEN they are gone
    assert_eq!(rows(&report, "calls", "gone"), 3, "{report}");
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    assert_conserved(&rig, "after it was accepted");
}
