//! Objects that the ledger does not know: taken over if their window is free, removed if they would double it, left if not ours.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::TimeDelta;

use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::look::{bare, call_at, objects_of};
use crate::support::rig::{FIVE, end};
use crate::support::truth::assert_conserved;

/// Puts a copy of the state folder aside, or back.
fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a writable folder");
    for entry in fs::read_dir(from).expect("a folder").flatten().filter(|entry| entry.path().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a writable folder");
    }
}

fn state(rig: &Rig) -> (PathBuf, PathBuf) {
    (rig.path("state"), rig.path("older"))
}

#[test]
fn objects_newer_than_a_restored_ledger_are_taken_over_and_neither_doubled_nor_orphaned() {
    for rig in [Rig::small(3), Rig::small(3).in_bucket()] {
        // GIVEN a run that dies before its manifest, and a ledger put back as it was before that run
        rig.configure(FIVE);
        rig.sync();
        let (now, older) = state(&rig);
        copy(&now, &older);
        rig.server.clock().advance(TimeDelta::days(40));
        rig.configure(&format!("{FIVE}\nwindow = \"day\""));
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "before-manifest:1"));
        assert_eq!(killed.code, -1, "{}", killed.stderr);
        copy(&older, &now);
        // WHEN the next run would cut the same time otherwise
        rig.configure(&format!("{FIVE}\nwindow = \"month\""));
        let before = rig.objects();
        let report = rig.sync();
        // THEN it takes over what lies there, and no day is in two files
        let warnings = report["warnings"].to_string();
        assert!(warnings.contains("/month=2026-06/2026-06-"), "{warnings}");
        assert!(warnings.contains("the ledger did not know it, and it was taken over by its footer"), "{warnings}");
        assert!(before.iter().all(|(path, _)| rig.objects().iter().any(|(other, _)| other == path)));
        assert_conserved(&rig, "with a restored ledger");
        if rig.bucket.is_none() {
            assert_whole(&rig, "with a restored ledger");
        }
        assert_eq!(
            rig.run(&["verify", "--deep", "--format", "json"]).expect(0).json()["findings"],
            serde_json::json!([])
        );
    }
}

#[test]
fn a_ledger_older_than_the_manifest_is_refused_and_the_advice_leads_back() {
    // GIVEN a ledger put back from before the last run
    let rig = Rig::small(4);
    rig.configure(FIVE);
    rig.sync();
    let (now, older) = state(&rig);
    copy(&now, &older);
    rig.server.night();
    rig.sync();
    copy(&older, &now);
    // WHEN it runs THEN it is refused, with what to do, and nothing is changed
    let before = rig.objects();
    let refused = rig.run(&["sync"]).expect(2).stderr;
    assert!(refused.contains("it is an older copy") && refused.contains("state rebuild"), "{refused}");
    assert_eq!(rig.objects(), before);
    // AND the advice leads back
    fs::remove_dir_all(&now).expect("a folder");
    rig.run(&["state", "rebuild"]).expect(0);
    rig.sync();
    assert_conserved(&rig, "after the rebuild");
    assert_whole(&rig, "after the rebuild");
}

#[test]
fn an_object_of_ours_in_a_covered_window_is_removed_and_a_foreign_file_is_left() {
    // GIVEN April as one window, put aside, forgotten by the ledger and read again day by day; and a file of somebody else
    let rig = bare();
    call_at(&rig, "2026-04-10T10:00:00Z");
    call_at(&rig, "2026-04-20T10:00:00Z");
    rig.sync();
    let april = "calls/month=2026-04/2026-04-01_2026-05-01.parquet";
    let aside = rig.path("aside.parquet");
    fs::rename(rig.data().join(april), &aside).expect("an object of April");
    let forget = "DELETE FROM unit WHERE from_day = '2026-04-01' AND entity LIKE 'call%'";
    rig.ledger().execute(forget, []).expect("units");
    for table in ["calls_extensive", "call_transcripts"] {
        fs::remove_file(rig.data().join(april.replace("calls/", &format!("{table}/")))).expect("an object of April");
    }
    rig.configure(&format!("{FIVE}\nwindow = \"day\""));
    rig.server.clock().advance(TimeDelta::hours(1));
    rig.sync();
    assert!(objects_of(&rig, "calls").iter().any(|(path, _)| path.ends_with("2026-04-10_2026-04-11.parquet")));
    fs::rename(&aside, rig.data().join(april)).expect("the folder is there");
    let foreign = "calls/month=2026-04/notes.parquet";
    fs::write(rig.data().join(foreign), b"PAR1 not ours PAR1").expect("a writable folder");
    // WHEN a day of April is read again
    let force = ["backfill", "--from", "2026-04-10", "--to", "2026-04-11", "--force", "--format", "json"];
    let report = rig.run(&force).expect(0).json();
    // THEN the object that would double its rows is removed, the other stays, and both are reported
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains(&format!("{april} was removed: the ledger did not know it")), "{warnings}");
    assert!(warnings.contains(&format!("{foreign} is not this ledger's: it was left")), "{warnings}");
    assert!(!rig.data().join(april).exists() && rig.data().join(foreign).exists());
    assert_eq!(report["objects"]["removed"], 1);
    // AND neither does the repair of `verify` touch what is not ours
    rig.run(&["verify", "--repair"]).expect(1);
    assert!(rig.data().join(foreign).exists());
    fs::remove_file(rig.data().join(foreign)).expect("a file");
    assert_conserved(&rig, "after it was removed");
}

#[test]
fn an_object_that_is_lost_or_not_as_it_was_written_is_noticed_where_a_run_writes() {
    // GIVEN two objects of this month, one lost and one overwritten by an older state of itself
    let rig = bare();
    let id = call_at(&rig, "2026-05-18T10:00:00Z");
    call_at(&rig, "2026-05-17T10:00:00Z");
    rig.sync();
    let place = |day: u32| rig.data().join(format!("calls/month=2026-05/2026-05-{day}_2026-05-{}.parquet", day + 1));
    let older = fs::read(place(18)).expect("an object");
    let now = rig.now();
    rig.server.world().edit_call(&id, now, serde_json::json!({"metaData": {"title": "Another one"}}));
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    fs::write(place(18), older).expect("a writable file");
    fs::remove_file(place(17)).expect("a file");
    // WHEN the next run writes into that month
    rig.server.clock().advance(TimeDelta::hours(1));
    let report = rig.sync();
    // THEN both are read again
    assert!(report["warnings"].to_string().contains("is not there as it was written"), "{report}");
    assert_conserved(&rig, "after the loss");
}

#[test]
fn loaders_are_told_of_an_object_that_is_lost_and_whose_calls_are_gone() {
    // GIVEN an object that a loader has, and that is lost together with its only call
    let rig = bare();
    let id = call_at(&rig, "2026-05-17T10:00:00Z");
    rig.sync();
    let path = "calls/month=2026-05/2026-05-17_2026-05-18.parquet";
    let loaded = rig.manifest()["sequence"].as_i64().expect("a number");
    assert!(rig.manifest()["objects"].as_array().expect("objects").iter().any(|object| object["path"] == path));
    let now = rig.now();
    rig.server.world().delete_call(&id, now);
    fs::remove_file(rig.data().join(path)).expect("a file");
    // WHEN the next run notices it
    call_at(&rig, "2026-05-19T10:00:00Z");
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    // THEN the manifest says that it is gone, above what the loader has
    let manifest = rig.manifest();
    let removed = manifest["removed"].as_array().expect("removed");
    let told = removed.iter().find(|removed| removed["path"] == path).unwrap_or_else(|| panic!("{manifest}"));
    assert!(told["sequence"].as_i64() > Some(loaded), "{told} after {loaded}");
    assert_conserved(&rig, "after the loss");
}
