//! Killed anywhere, a run goes on: nothing lost or doubled, and nothing that was received is paid for again.

use std::collections::HashSet;

use chrono::{Duration, TimeDelta};
use gong_sim::{Latency, Server, ServerOptions, World, WorldSpec};
use serde_json::Value;

use crate::support::Rig;
use crate::support::rig::end;
use crate::support::truth::assert_conserved;

/// What a request asks for, but for its credentials: the same text is the same page.
fn asked(server: &Server, after: u64) -> Vec<String> {
    let entries = server.journal().entries();
    entries.iter().filter(|e| e.sequence > after).map(asked_for).collect()
}

fn asked_for(entry: &gong_sim::Entry) -> String {
    format!("{} {:?} {}", entry.path, entry.query, entry.body)
}

/// Batches of ids, and listings with their page, that the ledger holds as staged. An empty one that was staged before the first call
/// was seen may be asked again: the credentials may see more today.
fn staged(rig: &Rig) -> (HashSet<String>, Vec<(String, u32)>) {
    let ledger = rusqlite::Connection::open(rig.path("state/gong-elt.db")).expect("a ledger");
    let mut query = ledger
        .prepare(
            "SELECT entity, ids, from_day, page FROM staged JOIN open_unit ON unit_id = id
             WHERE entity LIKE 'call%' AND (records > 0 OR sighted)",
        )
        .expect("the ledger's tables");
    let (mut batches, mut pages) = (HashSet::new(), Vec::new());
    let mut rows = query.query([]).expect("a query");
    while let Some(row) = rows.next().expect("a row") {
        let entity: String = row.get(0).expect("text");
        match row.get::<_, Option<String>>(1).expect("text") {
            Some(ids) => drop(batches.insert(format!("{entity} {ids}"))),
            None => pages.push((row.get(2).expect("text"), row.get(3).expect("a number"))),
        }
    }
    (batches, pages)
}

fn batch_of(entry: &gong_sim::Entry) -> Option<String> {
    let entity = if entry.path.ends_with("extensive") { "calls_extensive" } else { "call_transcripts" };
    entry.body.pointer("/filter/callIds").map(|ids| format!("{entity} {ids}"))
}

#[test]
fn killed_at_ten_moments_a_sync_ends_with_the_same_rows_and_pays_no_staged_page_again() {
    assert_survives_ten_kills(&large());
}

#[test]
fn killed_at_ten_moments_a_sync_into_a_bucket_ends_with_the_same_rows_and_pays_no_staged_page_again() {
    assert_survives_ten_kills(&large().in_bucket());
}

fn large() -> Rig {
    let spec = WorldSpec { calls: 2000, days: 45, users: 20, ..WorldSpec::small(5) };
    let latency = Latency { fixed: std::time::Duration::from_millis(5), ..Latency::default() };
    Rig::new(World::generate(spec), ServerOptions { latency, ..ServerOptions::unlimited() })
}

fn assert_survives_ten_kills(rig: &Rig) {
    rig.configure("window = \"day\"");
    let mut sequence = 0;
    for kill in 1..=10_u64 {
        // GIVEN a run that is killed after some more requests: the moment is an event, not a time
        let (batches, pages) = if kill > 1 { staged(rig) } else { Default::default() };
        let mut child = rig.spawn(&["sync"]);
        let wanted = sequence + 7 + kill * 3;
        while (rig.server.journal().len() as u64) < wanted && child.try_wait().expect("a child").is_none() {
            std::thread::yield_now();
        }
        child.kill().expect("SIGKILL");
        child.wait().expect("the end");
        assert_nothing_staged_was_asked_again(rig, sequence, &batches, &pages);
        sequence = rig.server.journal().len() as u64;
    }
    let (batches, pages) = staged(rig);
    // WHEN it runs to its end
    rig.sync();
    // THEN nothing that was staged was asked again, and the files equal the account
    assert_nothing_staged_was_asked_again(rig, sequence, &batches, &pages);
    assert_conserved(rig, "after ten kills");
    assert!(rig.server.journal().violations().is_empty());
}

fn assert_nothing_staged_was_asked_again(rig: &Rig, after: u64, batches: &HashSet<String>, pages: &[(String, u32)]) {
    for entry in rig.server.journal().entries().iter().filter(|e| e.sequence > after) {
        if let Some(batch) = batch_of(entry) {
            assert!(!batches.contains(&batch), "asked again: {batch:.80}");
        } else if entry.path == "/v2/calls" {
            let from = entry.query.iter().find(|(name, _)| name == "fromDateTime").map_or("", |(_, value)| value);
            let again = pages.iter().any(|(day, page)| from.starts_with(day) && u64::from(*page) == entry.page);
            assert!(!again, "asked again: {from}, page {}", entry.page);
        }
    }
}

#[test]
fn a_run_killed_after_a_page_goes_on_from_its_cursor() {
    // GIVEN one window of several pages, killed after some were staged
    let spec = WorldSpec { calls: 900, days: 20, ..WorldSpec::small(3) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    let far = rig.now() + Duration::days(12);
    rig.configure("window = \"month\"\nreread = [\"1h\"]\nentities = [\"calls\"]");
    let killed = end(rig.command_at(far, &["sync"]).env("GONG_ELT_FAILPOINT", "staged:6"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    // An empty listing before the first call was seen is asked again: the credentials may see more today.
    let full = |entry: &&gong_sim::Entry| entry.rows > 0;
    let before: HashSet<String> = rig.server.journal().entries().iter().filter(full).map(asked_for).collect();
    let sequence = rig.server.journal().len() as u64;
    assert!(before.len() >= 2, "{before:?}");
    // WHEN it runs again
    end(&mut rig.command_at(far, &["sync"])).expect(0);
    // THEN only requests that were in flight are repeated
    let again = asked(&rig.server, sequence).into_iter().filter(|request| before.contains(request)).count();
    assert!(again <= 1, "{again} of {} were asked again", before.len());
}

#[test]
fn an_empty_day_is_asked_again_only_if_no_call_had_been_seen_before_it() {
    for seen in [false, true] {
        // GIVEN a run that is killed with an empty day staged, before or after its first call
        let (rig, empty) = killed_with_an_empty_day(seen);
        let sequence = rig.server.journal().len() as u64;
        // WHEN it runs again
        rig.sync();
        // THEN the day is asked again, or not, and the files equal the account
        let entries = rig.server.journal().entries();
        let begins = |name: &str, entry: &gong_sim::Entry| {
            entry.query.iter().find(|(key, _)| key == name).map(|(_, value)| value[..10].to_owned())
        };
        let again = entries.iter().filter(|e| e.sequence > sequence && e.path == "/v2/calls").any(|entry| {
            let (from, to) = (begins("fromDateTime", entry), begins("toDateTime", entry));
            from.as_ref() == Some(&empty) || (from.is_some_and(|from| from < empty) && to.is_some_and(|to| to > empty))
        });
        assert_eq!(again, !seen, "{empty}");
        assert_conserved(&rig, "after the kill");
    }
}

/// A killed run whose ledger holds an empty listing of a day, and that day.
fn killed_with_an_empty_day(seen: bool) -> (Rig, String) {
    let query = "SELECT from_day FROM staged JOIN open_unit ON unit_id = id
         WHERE entity = 'calls' AND records = 0 AND sighted = ?1";
    for after in 1..60 {
        let rig = Rig::sized(4, 60, 30);
        rig.configure("window = \"day\"\nentities = [\"calls\"]");
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", format!("staged:{after}")));
        assert_eq!(killed.code, -1, "{}", killed.stderr);
        let ledger = rusqlite::Connection::open(rig.path("state/gong-elt.db")).expect("a ledger");
        if let Ok(day) = ledger.query_row(query, [seen], |row| row.get(0)) {
            return (rig, day);
        }
    }
    panic!("no run left an empty day staged");
}

#[test]
fn answers_staged_two_weeks_ago_are_not_used() {
    // GIVEN a run killed with everything of some windows staged, and then two weeks in which titles change
    let rig = Rig::small(9);
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "before-object:4"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    let ids: Vec<String> =
        rig.server.truth("calls").iter().filter_map(|c| c["id"].as_str().map(str::to_owned)).collect();
    let at = rig.now() + TimeDelta::days(1);
    for id in &ids {
        rig.server.world().edit_call(id, at, serde_json::json!({ "metaData": { "title": "Changed meanwhile" } }));
    }
    rig.server.clock().advance(TimeDelta::days(15));
    // WHEN it runs again
    rig.sync();
    // THEN the files hold the new titles
    assert_conserved(&rig, "after two weeks");
}

#[test]
fn killed_between_write_and_commit_then_three_weeks_and_another_window_size_leave_no_row_twice() {
    for place in ["object:1", "object:5", "object:12", "committed:7", "before-manifest:1"] {
        // GIVEN a run killed at that place
        let rig = Rig::small(4);
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        // WHEN three weeks pass and the window size changes
        rig.server.clock().advance(TimeDelta::days(21));
        rig.configure("window = \"month\"");
        rig.sync();
        // THEN rows are there once, and every object is the manifest's
        assert_conserved(&rig, place);
        assert_no_orphan(&rig, place);
    }
}

/// Every object on disk is in the manifest, and the other way round.
#[track_caller]
pub fn assert_no_orphan(rig: &Rig, context: &str) {
    let on_disk: HashSet<String> = rig.objects().into_iter().map(|(path, _)| path).collect();
    let manifest = rig.manifest();
    let listed = manifest["objects"].as_array().expect("objects").iter();
    let listed: HashSet<String> = listed.filter_map(|o| o["path"].as_str().map(str::to_owned)).collect();
    assert_eq!(on_disk, listed, "{context}");
    // A fresh probe may be that of a check beside the run, and is left for a minute.
    let temporary = std::fs::read_dir(rig.data().join("_gong_elt/tmp")).into_iter().flatten().flatten();
    let temporary = temporary.filter(|entry| !entry.file_name().to_string_lossy().starts_with("probe")).count();
    assert_eq!(temporary, 0, "{context}: temporary files are left");
}

#[test]
fn the_manifest_of_a_killed_run_is_made_up_for_first() {
    // GIVEN a run killed before its manifest
    let rig = Rig::small(2);
    end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "before-manifest:1"));
    assert!(!rig.data().join("_gong_elt/manifest.json").exists());
    // WHEN the next run has nothing to read
    let report = rig.sync();
    // THEN the manifest names every object
    assert_eq!(report["requests"], Value::from(0));
    assert_no_orphan(&rig, "after the next run");
}

#[test]
fn a_resumed_run_is_as_far_as_an_undisturbed_one() {
    // GIVEN a run killed in the afternoon with today's window begun
    let rig = Rig::small(6);
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "before-object:3"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    // WHEN it runs again in the evening
    rig.server.clock().advance(TimeDelta::hours(9));
    rig.sync();
    // THEN the calls between are there too
    assert_conserved(&rig, "in the evening");
}
