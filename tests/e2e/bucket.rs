//! The output in a bucket, against a real S3 server: the same promises as on disk.

use std::collections::HashSet;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

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

#[test]
fn t29_killed_in_an_upload_the_next_run_aborts_it_and_ends_with_the_same_file() {
    for place in ["upload-begun:1", "upload-part:1", "upload-parts:1", "uploaded:1"] {
        // GIVEN a media file of several parts, and a run killed at that place
        let rig = Rig::small(7).in_bucket();
        let calls: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
        for id in &calls {
            rig.server.world().set_media_bytes(id, 500);
        }
        rig.configure("entities = [\"call_audio\"]");
        rig.sync();
        let day = rig.now() - chrono::TimeDelta::hours(3);
        let id = rig.server.world().add_call(gong_sim::NewCall::at(day));
        rig.server.world().set_media_bytes(&id, 20_000_000);
        rig.server.clock().advance(chrono::TimeDelta::days(1));
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        assert_eq!(rig.bucket().unfinished_uploads().is_empty(), place == "uploaded:1", "{place}");
        // WHEN it runs again
        let report = rig.sync();
        // THEN the file is whole, and nothing is left of the upload
        let month = day.format("%Y-%m");
        let bytes = std::fs::read(rig.data().join(format!("media/audio/month={month}/{id}.mp3"))).expect("a file");
        let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
        let wanted = rig.server.world().media_sha256(&id, gong_sim::MediaKind::Audio, rig.now());
        assert_eq!(Some(digest), wanted, "{place}");
        assert!(rig.bucket().unfinished_uploads().is_empty(), "{place}");
        assert_eq!(report["warnings"], serde_json::json!([]), "{place}");
        let left: u32 = rig.ledger().query_row("SELECT count(*) FROM upload", [], |row| row.get(0)).expect("a count");
        assert_eq!(left, 0, "{place}");
    }
}
