//! A change of period that is cut off between its switch and the removal of the old objects, and goes on where no answer of it is.

use std::process::Stdio;

use chrono::TimeDelta;

use crate::periods::{account, advised, assert_no_overlap, by_weeks, configure_with, units};
use crate::resume::assert_no_orphan;
use crate::signals::{DEAD, ended_soon, wait_for_late};
use crate::support::bucket;

const TABLE: &str = "stats_interaction";

#[test]
fn old_objects_of_a_change_of_period_are_not_taken_over_on_another_disk() {
    // GIVEN a table by months in a bucket, a copy of the ledger beside it, and settings that say weeks
    let rig = account().in_bucket();
    let backup = format!("[state]\nbackup = \"s3://{}/state/\"\n", bucket::BUCKET);
    configure_with(&rig, &[TABLE], "month", &backup);
    rig.sync();
    let months = units(&rig, TABLE);
    rig.server.clock().advance(TimeDelta::days(1));
    configure_with(&rig, &[TABLE], "week", &backup);
    let args = advised(&rig.run(&["sync"]).expect(2));
    // AND a change that is ended by a signal while the output removes nothing
    rig.bucket().fault("DELETE", ".parquet", DEAD, u32::MAX);
    rig.bucket().fault("POST", "delete", DEAD, u32::MAX);
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let run = rig.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    wait_for_late(&rig, ".parquet");
    ended_soon(run);
    rig.bucket().calm();
    let still = rig.objects().iter().filter(|(path, _)| path.starts_with(TABLE)).count();
    assert_eq!((still, units(&rig, TABLE).len()), (months.len(), 0), "the old objects are there, and not current");
    // WHEN the disk is lost, and with it what was fetched
    std::fs::remove_dir_all(rig.path("state")).expect("a folder");
    rig.sync();
    // THEN the table is that of an account that was read by weeks from the first day
    assert_no_overlap(&rig, TABLE, "on an empty disk");
    assert_no_orphan(&rig, "on an empty disk");
    assert_eq!(units(&rig, TABLE), units(&by_weeks(&[TABLE], rig.now()), TABLE));
    rig.run(&["verify", "--deep"]).expect(0);
    assert_eq!(rig.sync()["requests"], 0);
}
