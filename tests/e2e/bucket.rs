//! The output in a bucket, against a real S3 server: the same promises as on disk.

use std::collections::HashSet;
use std::time::Duration;

use crate::support::Rig;
use crate::support::bucket::Fault;
use crate::support::rig::end;
use crate::support::truth::assert_conserved;

/// Each age a day, so that every window is read again after the night.
fn eager(rig: &Rig) {
    let ages: Vec<String> = (1..=20).map(|day| format!("\"{day}d\"")).collect();
    rig.configure(&format!("reread = [{}]\n[entities.coaching]\nevery = \"1h\"", ages.join(", ")));
}

#[test]
fn the_files_in_a_bucket_equal_the_account_after_a_sync_and_after_a_night() {
    for seed in [1, 2] {
        let rig = Rig::small(seed).in_bucket();
        eager(&rig);
        rig.sync();
        assert_conserved(&rig, &format!("seed {seed}, first sync"));
        rig.server.night();
        rig.sync();
        assert_conserved(&rig, &format!("seed {seed}, after a night"));
    }
}

#[test]
fn a_bad_way_to_the_bucket_costs_no_row() {
    let slow = Fault::Slow(Duration::from_millis(40));
    let faults = [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Reset,
        Fault::LoseAnswer,
        Fault::FalseAlarm,
        Fault::CutBody,
        slow,
    ];
    let mut met = HashSet::new();
    for seed in [3, 4] {
        // GIVEN a server that fails every seventh request in some way
        let rig = Rig::small(seed).in_bucket();
        eager(&rig);
        rig.bucket().faults_by_chance(seed, 15, &faults);
        // WHEN it is synced, and again after a night
        rig.sync();
        assert_conserved(&rig, &format!("seed {seed}, first sync"));
        rig.server.night();
        rig.sync();
        // THEN the files equal the account
        assert_conserved(&rig, &format!("seed {seed}, after a night"));
        assert!(rig.bucket().unfinished_uploads().is_empty());
        met.extend(rig.bucket().seen().into_iter().filter_map(|seen| seen.fault));
    }
    assert_eq!(met.len(), faults.len(), "not every kind of fault was met: {met:?}");
}

#[test]
fn t30_killed_anywhere_with_answers_lost_a_bucket_ends_with_the_same_rows() {
    for place in ["before-object:2", "object:5", "committed:7", "before-manifest:1"] {
        // GIVEN a server that does its work and loses every eighth answer, and a run killed at that place
        let rig = Rig::small(4).in_bucket();
        rig.bucket().faults_by_chance(7, 12, &[Fault::LoseAnswer, Fault::FalseAlarm]);
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        // WHEN three weeks pass and the window size changes
        rig.server.clock().advance(chrono::TimeDelta::days(21));
        rig.configure("window = \"month\"");
        rig.sync();
        // THEN rows are there once
        assert_conserved(&rig, place);
    }
}
