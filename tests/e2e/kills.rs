//! Killed at each named place: the same rows, and no more paid again than the third promise allows.

use std::collections::HashSet;

use chrono::TimeDelta;
use gong_sim::{Entry, Rates, ServerOptions, World, WorldSpec};

use crate::chaos::PLACES;
use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::rig::{FIVE, START, end};
use crate::support::truth::assert_conserved;

/// An account whose runs have at most four requests in flight.
fn rig() -> Rig {
    let rig = Rig::new(World::generate(WorldSpec::small(3)), ServerOptions::unlimited().page_size(10));
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_in_flight = 4";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    rig
}

/// Pages of listings of several pages that were answered well and asked again.
pub fn pages_paid_twice(rig: &Rig) -> usize {
    let listing = |entry: &Entry| {
        let query: Vec<_> = entry.query.iter().filter(|(name, _)| name != "cursor").collect();
        let mut body = entry.body.clone();
        body.as_object_mut().map(|object| object.remove("cursor"));
        format!("{} {query:?} {body}", entry.path)
    };
    let entries = rig.server.journal().entries();
    let several: HashSet<String> = entries.iter().filter(|e| e.page > 0).map(listing).collect();
    let mut seen = HashSet::new();
    let good = entries.iter().filter(|e| e.status == Some(200) && several.contains(&listing(e)));
    good.filter(|e| !seen.insert((listing(e), e.page))).count()
}

#[test]
fn t29_killed_at_each_place_a_run_ends_with_the_same_rows_and_pays_again_only_what_was_in_flight() {
    for place in PLACES {
        for nth in [1, 7] {
            // GIVEN a run that is killed at the place
            let rig = rig();
            let place = format!("{place}:{nth}");
            let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", &place));
            let once = place.contains("manifest") && nth > 1;
            assert_eq!(killed.code, if once { 0 } else { -1 }, "{place}: {}", killed.stderr);
            assert_whole(&rig, &place);
            // WHEN it runs again
            rig.sync();
            // THEN the rows are those of an undisturbed run
            assert_whole(&rig, &place);
            assert_conserved(&rig, &place);
            crate::resume::assert_no_orphan(&rig, &place);
            // AND of longer listings no more was paid twice than what was in flight, and as much that had come and was not staged
            let again = pages_paid_twice(&rig);
            assert!(again <= 8, "{place}: {again} pages");
        }
    }
}

#[test]
fn t38_killed_near_its_end_a_backfill_asks_no_more_than_what_was_in_flight_again() {
    // GIVEN an undisturbed run's number of answers
    let undisturbed = rig();
    undisturbed.sync();
    let requests = undisturbed.server.journal().len();
    // WHEN another is killed after nine tenths of them
    let rig = rig();
    let place = format!("answered:{}", requests * 9 / 10);
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", &place));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    rig.sync();
    // THEN the two runs together asked for little more
    let both = rig.server.journal().len();
    assert!(both <= requests + 4, "{both} requests instead of {requests}");
    assert_conserved(&rig, &place);
}

#[test]
fn a_kill_and_an_instant_restart_never_exceed_the_rate() {
    const RATE: usize = 20;
    // GIVEN a vendor with a limit
    let rates = Rates { per_second: Some(RATE as u32), per_day: None };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions { rates, ..ServerOptions::default() });
    let limits = format!("[limits]\nrequests_per_second = {RATE}\nrequests_per_day = 1000000");
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    // WHEN runs die one after the other, as soon as they have sent or are about to send something
    for place in ["asking:12", "answered:9", "asking:1", "asking:15", "staged:2", "answered:1", "asking:3"] {
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
    }
    rig.sync();
    // THEN no second saw more than the rate, and nothing was refused
    let journal = rig.server.journal();
    assert!(journal.max_in_any_second() <= RATE, "{}", journal.max_in_any_second());
    assert_eq!(journal.entries().iter().filter(|e| e.status == Some(429)).count(), 0);
    assert_conserved(&rig, "after seven kills");
}

#[test]
fn what_was_staged_for_a_unit_that_is_not_read_any_more_does_not_stay() {
    // GIVEN a run killed with staged answers, and a start date that has moved beyond them
    let rig = rig();
    end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "before-object:4"));
    let staged = |rig: &Rig| -> u32 {
        rig.ledger().query_row("SELECT count(*) FROM staged", [], |row| row.get(0)).expect("a count")
    };
    assert!(staged(&rig) > 0);
    // WHEN runs go on for two days
    for _ in 0..2 {
        rig.sync();
        rig.server.clock().advance(TimeDelta::days(1));
    }
    // THEN nothing staged is left
    assert_eq!(staged(&rig), 0);
}

#[test]
fn what_a_killed_run_wrote_does_not_stay_when_gong_says_what_it_said_before() {
    // GIVEN a window that was read again with another title, and killed between its object and its commit
    let rig = rig();
    rig.configure(&format!("{}\n{FIVE}", daily()));
    rig.sync();
    let call = rig.server.truth("calls").into_iter().next().expect("a call");
    let (id, title) = (call["id"].as_str().expect("an id"), call["title"].as_str().expect("a title"));
    let edit = |title: &str| {
        rig.server.world().edit_call(id, rig.now(), serde_json::json!({ "metaData": { "title": title } }));
    };
    let (from, to) = window_of(call["started"].as_str().expect("an instant"));
    edit("Another title");
    let again = ["backfill", "--force", "--entities", "calls", "--from", &from, "--to", &to];
    let killed = end(rig.command(&again).env("GONG_ELT_FAILPOINT", "object:1"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    // WHEN the title is the old one again, and what is staged too old
    rig.server.clock().advance(TimeDelta::hours(25));
    edit(title);
    rig.sync();
    // THEN so is the object
    assert_whole(&rig, "the old title");
    assert_conserved(&rig, "the old title");
}

#[test]
fn what_a_killed_run_wrote_of_a_window_goes_when_nothing_is_left_of_it() {
    // GIVEN the calls of a day, written and not committed
    let rig = Rig::sized(4, 40, 12);
    rig.configure(&format!("{}\nwindow = \"day\"\nentities = [\"calls\"]", daily()));
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "object:3"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    let ledger = rig.ledger();
    let open = "SELECT object FROM open_unit WHERE entity = 'calls'";
    let open: Vec<String> = ledger
        .prepare(open)
        .and_then(|mut query| query.query_map([], |row| row.get(0))?.collect())
        .expect("the ledger's tables");
    let path = open.into_iter().find(|path| rig.data().join(path).exists()).expect("an object without its row");
    // WHEN its calls are deleted, and what is staged too old
    let day = path.rsplit('/').next().expect("a name")[..10].to_owned();
    rig.server.clock().advance(TimeDelta::hours(25));
    for call in rig.server.truth("calls") {
        let (id, started) = (call["id"].as_str().expect("an id"), call["started"].as_str().expect("an instant"));
        // The day that a call is listed in may be the one before its start (API reference, 2.4).
        if window_of(started).0 == day || window_of(started).0 == window_of(&format!("{day}T00:00:00Z")).1 {
            rig.server.world().delete_call(id, rig.now());
        }
    }
    rig.sync();
    // THEN the object has gone
    assert!(!rig.data().join(&path).exists(), "{path}");
    assert_whole(&rig, "nothing left");
    assert_conserved(&rig, "nothing left");
}

/// Every window is read again every day.
fn daily() -> String {
    let ages: Vec<String> = (1..=40).map(|day| format!("\"{day}d\"")).collect();
    format!("reread = [{}]", ages.join(", "))
}

/// The UTC day of an instant, and the next.
fn window_of(started: &str) -> (String, String) {
    let at: chrono::DateTime<chrono::Utc> = started.parse().expect("an instant");
    let day = at.date_naive();
    (day.to_string(), day.succ_opt().expect("a day").to_string())
}
