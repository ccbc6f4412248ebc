//! State that travels: with `state.backup` an empty disk costs no row and no request, and two machines never run at once.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher};
use serde_json::Value;

use crate::support::Rig;
use crate::support::bucket::Bucket;
use crate::support::rig::{DAILY, Ended, FIVE, end};
use crate::support::tokens;
use crate::support::truth::assert_conserved;

const BACKUP: &str = "[state]\nbackup = \"s3://warehouse/state/\"\n";

/// An account whose output and state are in a bucket, with every window due every day.
fn rig(seed: u64) -> Rig {
    let rig = Rig::small(seed).in_bucket();
    rig.configure(&format!("{DAILY}\n[entities.coaching]\nevery = \"1h\"\n{BACKUP}"));
    rig
}

/// Where the bucket's server keeps what is in the backup.
fn backup(rig: &Rig) -> PathBuf {
    let root = rig.bucket().folder();
    root.ancestors().nth(2).expect("the bucket").join("state")
}

fn lose_the_disk(rig: &Rig) {
    fs::remove_dir_all(rig.path("state")).expect("a folder");
}

/// Another machine: another folder with the same configuration.
fn other(rig: &Rig, name: &str) -> PathBuf {
    let folder = rig.path(name);
    fs::create_dir_all(&folder).expect("a folder");
    fs::copy(rig.path("gong-elt.toml"), folder.join("gong-elt.toml")).expect("a copy");
    folder
}

fn there(rig: &Rig, folder: &Path, args: &[&str]) -> Command {
    let mut command = rig.command(args);
    command.current_dir(folder);
    command
}

fn report(ended: Ended) -> Value {
    ended.expect(0).json()
}

#[test]
fn a_machine_with_an_empty_disk_goes_on_where_another_ended() {
    // GIVEN two nights, and what is planned for the next
    let rig = rig(1);
    rig.sync();
    rig.server.night();
    rig.sync();
    let now = rig.now() + TimeDelta::days(1);
    let planned = |rig: &Rig| end(&mut rig.command_at(now, &["plan", "--format", "json"])).expect(0).json();
    let before = planned(&rig);
    // WHEN the disk is lost THEN the plan is the same, nothing is asked that was asked, and the next night is right
    lose_the_disk(&rig);
    assert_eq!(planned(&rig)["units"], before["units"]);
    lose_the_disk(&rig);
    let objects = rig.objects();
    assert_eq!(rig.sync()["requests"], 0);
    assert_eq!(rig.objects(), objects);
    lose_the_disk(&rig);
    rig.server.night();
    rig.sync();
    assert_conserved(&rig, "on an empty disk");
    // AND the copy holds neither answers nor tokens, and is a ledger as it is
    let copy = rusqlite::Connection::open(backup(&rig).join("gong-elt.db")).expect("a copy");
    let count = |table: &str| {
        copy.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0)).expect("a table")
    };
    assert_eq!((count("staged"), count("token")), (0, 0));
    assert!(count("unit") > 20 && count("run") == 4);
}

#[test]
fn killed_after_its_last_copy_a_run_is_finished_on_another_disk() {
    for place in ["object:4", "committed:9", "before-manifest:1"] {
        // GIVEN a run that was killed there, and a lost disk
        let rig = rig(2);
        rig.sync();
        rig.server.night();
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        lose_the_disk(&rig);
        // WHEN another machine goes on, after the dead one's lease
        let folder = other(&rig, "other");
        end_the_lease(&rig);
        report(end(&mut there(&rig, &folder, &["sync", "--format", "json"])));
        // THEN the rows are right, and the ledger and the output agree
        assert_conserved(&rig, place);
        let verified = end(&mut there(&rig, &folder, &["verify", "--deep", "--format", "json"])).expect(0).json();
        assert_eq!(verified["findings"], serde_json::json!([]), "{place}");
    }
}

/// Time passes for the holder of the lease.
fn end_the_lease(rig: &Rig) {
    let path = backup(rig).join("lease.json");
    let mut lease: Value = serde_json::from_slice(&fs::read(&path).expect("a lease")).expect("JSON");
    lease["expires_at"] = "2026-01-01T00:00:00Z".into();
    fs::write(&path, lease.to_string()).expect("a writable file");
}

#[test]
fn of_two_machines_one_runs_and_the_other_is_told_whom_to_wait_for() {
    // GIVEN a machine under way, and another one
    let rig = rig(3);
    rig.sync();
    rig.server.night();
    let folder = other(&rig, "other");
    rig.server.faults().once(Matcher::path("/v2/calls"), Fault::Hold { name: "first".to_owned() });
    let mut first = rig.command(&["sync"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary");
    assert!(rig.server.faults().wait_held("first", Duration::from_secs(60)), "the first run asks for calls");
    // WHEN the other one starts THEN it ends at once with the holder's name, and asks for nothing
    let refused = end(&mut there(&rig, &folder, &["sync"])).expect(4).stderr;
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let wanted = format!("another machine works on this ledger: process {} on {} (sync, run ", first.id(), host.trim());
    assert!(refused.contains(&wanted), "{refused}");
    // WHEN the first is killed THEN its lease still holds, until it runs out
    first.kill().expect("a child");
    first.wait().expect("an end");
    rig.server.faults().release("first");
    end(&mut there(&rig, &folder, &["sync"])).expect(4);
    end_the_lease(&rig);
    report(end(&mut there(&rig, &folder, &["sync", "--format", "json"])));
    assert_conserved(&rig, "taken over");
    // AND the first machine, whose ledger is behind now, goes on from the other's
    rig.server.night();
    rig.sync();
    assert_conserved(&rig, "back on the first machine");
    // AND gave its lease back: the other need not wait
    report(end(&mut there(&rig, &folder, &["sync", "--format", "json"])));
}

#[test]
fn a_killed_machine_takes_its_own_lease_back_at_once() {
    // GIVEN a run that was killed on this machine
    let rig = rig(4);
    rig.configure(&format!("{FIVE}\n{BACKUP}"));
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "committed:2"));
    assert_eq!(killed.code, -1);
    // WHEN it runs again THEN it need not wait
    rig.sync();
    assert_conserved(&rig, "after a kill");
}

#[test]
fn on_a_store_without_preconditions_the_lease_is_refused_and_the_rest_works() {
    // GIVEN a store that accepts if-match and ignores it
    let rig = Rig::small(5).with_bucket(Bucket::careless());
    rig.configure(&format!("{FIVE}\n{BACKUP}"));
    // WHEN it is checked and synced THEN both say so
    let said = rig.run(&["check"]).expect(0).stdout;
    let line = said.lines().find(|line| line.starts_with("lease")).expect("a line");
    assert!(line.contains("there is no lease: see that one machine at a time runs"), "{line}");
    let warnings = rig.sync()["warnings"].to_string();
    assert!(warnings.contains("accepts if-match and ignores it, so there is no lease"), "{warnings}");
    // AND an empty disk goes on all the same
    lose_the_disk(&rig);
    assert_eq!(rig.sync()["requests"], 0);
    assert!(!backup(&rig).join("lease.json").exists());
}

#[test]
fn a_folder_is_a_place_for_copies_too_and_only_its_owner_may_read_them() {
    // GIVEN a backup in a folder
    let rig = Rig::small(6);
    rig.configure(&format!("{FIVE}\n[state]\nbackup = \"copies\"\n"));
    rig.sync();
    for name in ["gong-elt.db", "lease.json"] {
        let mode = rig.path("copies").join(name).metadata().expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    // WHEN the state is lost THEN nothing is asked again
    lose_the_disk(&rig);
    assert_eq!(rig.sync()["requests"], 0);
}

#[test]
fn a_refresh_token_travels_beside_the_copy_and_never_in_it() {
    // GIVEN OAuth with a refresh token that works once
    let rig = tokens::rig(1);
    let text = fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    rig.write("gong-elt.toml", &format!("{text}\n{DAILY}\n[state]\nbackup = \"copies\"\n"));
    rig.sync();
    tokens::assert_refreshed(&rig, 1);
    // WHEN the disk is lost THEN the newest token is used, not the configured one, which is spent
    lose_the_disk(&rig);
    rig.server.night();
    rig.sync();
    tokens::assert_refreshed(&rig, 2);
    assert_conserved(&rig, "signed in on an empty disk");
    // AND the copy has no trace of it
    let copy = fs::read(rig.path("copies/gong-elt.db")).expect("a copy");
    for secret in tokens::SECRETS {
        assert!(!copy.windows(secret.len()).any(|window| window == secret.as_bytes()), "{secret}");
    }
    let kept = fs::read_dir(rig.path("copies")).expect("a folder").flatten();
    let kept = kept.filter(|entry| entry.file_name().to_string_lossy().starts_with("token-"));
    let modes: Vec<u32> = kept.map(|entry| entry.metadata().expect("a file").permissions().mode() & 0o777).collect();
    assert_eq!(modes, [0o600]);
}
