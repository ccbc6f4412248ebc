//! Files of calls that move to another window: one file, in the month of its window, whichever window is read first.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher, MediaKind, NewCall};
use serde_json::json;

use crate::support::Rig;
use crate::support::journal::listing_of;
use crate::support::look::{ask, bare, call_at, go_to, instant, nights};
use crate::support::rig::DAILY;

/// An account without calls, whose files are read by day.
fn rig(more: &str) -> Rig {
    let rig = bare();
    rig.configure(&format!("{more}window = \"day\"\nentities = [\"call_audio\"]"));
    go_to(&rig, "2026-06-01T12:00:00Z");
    rig
}

/// Gives a call another start, as one that is planned anew.
fn move_to(rig: &Rig, id: &str, at: &str) {
    rig.server.world().hide(id);
    rig.server.world().add_call(NewCall { id: Some(id.to_owned()), ..NewCall::at(instant(at)) });
}

/// Month and call of each file in the output.
fn on_disk(rig: &Rig) -> Vec<(String, String)> {
    let objects =
        rig.objects().into_iter().filter_map(|(path, _)| Some(path.strip_prefix("media/audio/month=")?.to_owned()));
    objects
        .filter_map(|path| path.split_once('/').map(|(a, b)| (a.to_owned(), b.trim_end_matches(".mp3").to_owned())))
        .collect()
}

/// The window that a file belongs to, as the ledger says.
fn window(rig: &Rig, id: &str) -> Option<String> {
    rig.ledger().query_row("SELECT from_day FROM media WHERE call_id = ?1", [id], |row| row.get(0)).ok()
}

fn wait_for_window(rig: &Rig, id: &str, day: &str) {
    let begun = Instant::now();
    while window(rig, id).as_deref() != Some(day) {
        assert!(begun.elapsed() < Duration::from_secs(60), "the file is not noted");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The call has one file, in this window, and the table and `verify` say the same.
fn assert_one_file(rig: &Rig, id: &str, day: &str) {
    let month = &day[..7];
    let here: Vec<String> = on_disk(rig).into_iter().filter(|(_, of)| of == id).map(|(month, _)| month).collect();
    assert_eq!(here, [month], "{day}");
    assert_eq!(window(rig, id).as_deref(), Some(day));
    let digest = rig.server.world().media_sha256(id, MediaKind::Audio, rig.now()).expect("a file");
    let rows =
        format!("SELECT split_part(_object, '/', 3)[1:10], status, path, sha256 FROM TABLE WHERE call_id = '{id}'");
    let path = format!("media/audio/month={month}/{id}.mp3");
    assert_eq!(ask(rig, "call_audio", &rows), format!("[('{day}', 'present', '{path}', '{digest}')]"));
    let verified = rig.run(&["verify", "--deep", "--format", "json"]).expect(0).json();
    assert_eq!(verified["findings"], serde_json::json!([]));
}

#[test]
fn a_file_goes_with_its_call_to_another_month_and_leaves_nothing_behind() {
    for (to, day) in [("2026-06-01T15:00:00Z", "2026-06-01"), ("2026-05-31T15:00:00Z", "2026-05-31")] {
        // GIVEN a settled call with its file
        let rig = rig("");
        let id = call_at(&rig, "2026-05-02T10:00:00Z");
        call_at(&rig, "2026-05-02T12:00:00Z");
        rig.sync();
        assert_one_file(&rig, &id, "2026-05-02");
        // WHEN it moves: its new window is read, and then its old one
        move_to(&rig, &id, to);
        nights(&rig, 1);
        // THEN there is one file
        assert_one_file(&rig, &id, day);
        assert_eq!(on_disk(&rig).len(), 2);
        // AND if the call turns private there is none
        rig.server.world().set_private(&id, true, rig.now());
        nights(&rig, 3);
        assert!(on_disk(&rig).iter().all(|(_, of)| *of != id), "{:?}", on_disk(&rig));
        assert_eq!(window(&rig, &id), None);
    }
}

#[test]
fn a_run_that_is_killed_before_it_removes_a_file_leaves_that_to_the_next() {
    // GIVEN a file whose call moved to another month
    let rig = rig("");
    let id = call_at(&rig, "2026-05-02T10:00:00Z");
    rig.sync();
    move_to(&rig, &id, "2026-06-01T15:00:00Z");
    rig.server.clock().advance(TimeDelta::days(1));
    // WHEN the run that sees it is killed while it removes the old file
    let killed = crate::support::rig::end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "discarded:1"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    // THEN the next one ends with one file
    rig.sync();
    assert_one_file(&rig, &id, "2026-06-01");
}

#[test]
fn the_file_of_a_call_that_turned_private_goes_wherever_the_run_is_killed() {
    for place in ["object", "clearing", "committed"] {
        // GIVEN a settled day with two files, and one of its calls private by now
        let rig = rig("");
        let id = call_at(&rig, "2026-05-02T10:00:00Z");
        call_at(&rig, "2026-05-02T12:00:00Z");
        rig.sync();
        rig.server.world().set_private(&id, true, rig.now());
        rig.server.clock().advance(TimeDelta::days(31));
        // WHEN runs are killed at this place of each unit, until the day has one row
        let rows = "SELECT rows FROM unit WHERE entity = 'call_audio' AND from_day = '2026-05-02'";
        let mut kills = 0;
        while rig.ledger().query_row(rows, [], |row| row.get::<_, i64>(0)) != Ok(1) {
            kills += 1;
            assert!(kills < 200, "{place}: the day is not read");
            let point = if place == "committed" { "committed:1".to_owned() } else { format!("{place}:{kills}") };
            let killed = crate::support::rig::end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", point));
            assert!(killed.code == -1 || place != "committed", "{place}: {}", killed.stderr);
        }
        nights(&rig, 1);
        // THEN its file is gone, from the ledger too
        assert!(on_disk(&rig).iter().all(|(_, of)| *of != id), "{place}: {:?}", on_disk(&rig));
        assert_eq!((window(&rig, &id), on_disk(&rig).len()), (None, 1), "{place}");
    }
}

#[test]
fn a_window_that_lost_a_call_leaves_the_file_that_another_one_fetches_at_the_same_time() {
    for (to, day) in [("2026-05-30T15:00:00Z", "2026-05-30"), ("2026-06-01T15:00:00Z", "2026-06-01")] {
        // GIVEN a call that moved, and a new one in the window that it left
        let rig = rig(&format!("{DAILY}\n"));
        let id = call_at(&rig, "2026-05-28T10:00:00Z");
        rig.sync();
        move_to(&rig, &id, to);
        let new = call_at(&rig, "2026-05-28T12:00:00Z");
        rig.server.clock().advance(TimeDelta::days(1));
        let hold = |id: &str| {
            let path = Matcher::path(&format!("media:/calls/{id}/audio.mp3"));
            rig.server.faults().once(path, Fault::Hold { name: id.to_owned() });
        };
        hold(&id);
        hold(&new);
        // WHEN the old window looks up its files, then the new one has fetched its own, and then the old one goes on
        let mut sync = rig.spawn(&["sync"]);
        for id in [&new, &id] {
            assert!(rig.server.faults().wait_held(id, Duration::from_secs(60)), "{id} is asked for");
        }
        rig.server.faults().release(&id);
        wait_for_window(&rig, &id, day);
        rig.server.faults().release(&new);
        assert!(sync.wait().expect("a child").success());
        // THEN its file is there, once
        assert_one_file(&rig, &id, day);
        assert_eq!(window(&rig, &new).as_deref(), Some("2026-05-28"));
        assert_eq!(on_disk(&rig).len(), 2);
    }
}

#[test]
fn a_window_whose_file_another_one_took_fetches_it_again_if_the_call_is_its_own() {
    // GIVEN a call that one answer shows in another month, though it has not moved, and a new one in its window
    let rig = rig(&format!("{DAILY}\n"));
    let id = call_at(&rig, "2026-05-28T10:00:00Z");
    let there = call_at(&rig, "2026-06-01T10:00:00Z");
    rig.sync();
    let new = call_at(&rig, "2026-05-28T12:00:00Z");
    rig.server.clock().advance(TimeDelta::days(1));
    let wanted = |call: &serde_json::Value| call["id"] == id.as_str() || call["id"] == there.as_str();
    let calls: Vec<_> = rig.server.truth("calls").into_iter().filter(wanted).collect();
    let records = json!({ "totalRecords": 2, "currentPageSize": 2, "currentPageNumber": 0 });
    let body = json!({ "requestId": "x", "records": records, "calls": calls }).to_string().into_bytes();
    let listing = |day: &str| Matcher::path("/v2/calls").containing(&listing_of(day));
    let file = |id: &str| Matcher::path(&format!("media:/calls/{id}/audio.mp3"));
    let hold = |at: Matcher, name: &str| rig.server.faults().once(at, Fault::Hold { name: name.to_owned() });
    rig.server.faults().once(listing("2026-06-01"), Fault::Body { bytes: body });
    hold(listing("2026-05-28"), "listing");
    hold(file(&id), "file");
    hold(file(&new), "new");
    let held =
        |name: &str| assert!(rig.server.faults().wait_held(name, Duration::from_secs(60)), "{name} is asked for");
    // WHEN the other window fetches its file after its own one was listed, and before it is written
    let mut sync = rig.spawn(&["sync"]);
    held("listing");
    held("file");
    rig.server.faults().release("listing");
    held("new");
    rig.server.faults().release("file");
    wait_for_window(&rig, &id, "2026-06-01");
    rig.server.faults().release("new");
    assert!(sync.wait().expect("a child").success());
    // THEN the one row that tells of the file tells where it is
    let rows = format!("SELECT path FROM TABLE WHERE call_id = '{id}'");
    assert_eq!(ask(&rig, "call_audio", &rows), format!("[('media/audio/month=2026-06/{id}.mp3',)]"));
    assert!(on_disk(&rig).contains(&("2026-06".to_owned(), id.clone())));
    // AND the next run has it again
    rig.sync();
    assert_one_file(&rig, &id, "2026-05-28");
}

#[test]
fn a_current_file_that_an_older_copy_of_the_ledger_gives_up_stays() {
    // GIVEN a file whose call moved within its month, and a copy of the ledger from when the old window had given it up and the new one had
    // not noted it yet
    let rig = rig(&format!("{DAILY}\n"));
    let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    rig.write("gong-elt.toml", &format!("{text}\n[state]\nbackup = \"copies\"\n"));
    let id = call_at(&rig, "2026-05-28T10:00:00Z");
    call_at(&rig, "2026-05-28T12:00:00Z");
    go_to(&rig, "2026-06-01T15:00:00Z");
    rig.sync();
    let (copy, old) = (rig.path("copies/gong-elt.db"), rig.path("old.db"));
    std::fs::copy(&copy, &old).expect("a copy");
    move_to(&rig, &id, "2026-05-30T15:00:00Z");
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    assert_one_file(&rig, &id, "2026-05-30");
    let between = rusqlite::Connection::open(&old).expect("a ledger");
    between.execute("DELETE FROM media WHERE call_id = ?1", [&id]).expect("a row");
    let path = format!("media/audio/month=2026-05/{id}.mp3");
    between.execute("INSERT INTO discarded VALUES (?1)", [&path]).expect("a row");
    drop(between);
    std::fs::copy(&old, &copy).expect("a copy");
    // WHEN the disk is lost, and a run goes on from that copy
    std::fs::remove_dir_all(rig.path("state")).expect("a folder");
    rig.sync();
    // THEN the file is there
    assert_one_file(&rig, &id, "2026-05-30");
}
