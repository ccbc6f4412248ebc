//! Ids on which the vendor fails: a few in one batch cost a bounded number of requests, and their window lands.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use gong_sim::{Entry, Fault, Matcher, ServerOptions, World, WorldSpec};

use crate::support::Rig;
use crate::support::journal::calls_of;
use crate::support::look::{ask, bare, call_at, go_to, nights};
use crate::support::rig::{DAILY, FIVE, START};
use crate::support::truth::assert_conserved;

const DETAILS: &str = "/v2/calls/extensive";
/// A day with more public calls than go into one batch.
const DAY: &str = "2026-05-19";
const BATCH: usize = 100;

/// An account of one busy day, and the first batch of its ids.
fn busy() -> (Rig, Vec<String>) {
    let spec = WorldSpec { calls: 500, days: 3, future_days: 0, ..WorldSpec::small(3) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 3";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\nwindow = \"day\"\n{FIVE}\n{DAILY}"));
    let mut ids = calls_of(&rig, DAY);
    assert!(ids.len() > BATCH, "{} calls", ids.len());
    ids.truncate(BATCH);
    (rig, ids)
}

/// The vendor fails on whatever asks for one of these, with that status.
fn poison(rig: &Rig, bad: &[(&String, u16)]) {
    for (id, status) in bad {
        let fault = Fault::PoisonId { id: (*id).clone(), status: *status };
        rig.server.faults().always(Matcher::path(DETAILS).containing(id), fault);
    }
}

/// Requests for details of ids of this batch.
fn asked(rig: &Rig, batch: &[String], after: u64) -> Vec<Entry> {
    let ids: BTreeSet<&str> = batch.iter().map(String::as_str).collect();
    let of_batch = |entry: &Entry| {
        let asked = entry.body.pointer("/filter/callIds").and_then(|ids| ids.as_array().cloned()).unwrap_or_default();
        asked.iter().any(|id| id.as_str().is_some_and(|id| ids.contains(id)))
    };
    let entries = rig.server.journal().entries().into_iter();
    entries.filter(|e| e.sequence > after && e.path == DETAILS && of_batch(e)).collect()
}

fn missing(rig: &Rig) -> BTreeSet<String> {
    let ledger = rig.ledger();
    let mut query = ledger.prepare("SELECT id FROM missing WHERE entity = 'calls_extensive'").expect("a table");
    let rows = query.query_map([], |row| row.get(0)).expect("a query");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn bad_ids_in_both_halves_of_a_batch_cost_a_few_halvings() {
    // GIVEN two calls in different halves of a batch that the vendor takes for malformed
    let (rig, ids) = busy();
    poison(&rig, &[(&ids[10], 400), (&ids[90], 400)]);
    // WHEN it runs
    rig.sync();
    // THEN it took the batch, 2 halves, 4 quarters, and then two parts for each halving of the two bad ones: five and four of them
    assert_eq!(asked(&rig, &ids, 0).len(), 1 + 2 + 4 + 2 * 5 + 2 * 4);
    // AND the window landed without the two
    assert_eq!(missing(&rig), BTreeSet::from([ids[10].clone(), ids[90].clone()]));
    // AND they come when the vendor has mended them
    rig.server.faults().clear();
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    assert_eq!(missing(&rig), BTreeSet::new());
    assert_conserved(&rig, "when the ids are well again");
}

#[test]
fn three_kinds_of_bad_ids_in_one_batch_are_found_at_a_bounded_cost_and_asked_alone_from_then_on() {
    // GIVEN one that is not numeric and one too large, as the vendor judges them, and one that it fails on to the end of the attempts
    let (rig, ids) = busy();
    let bad = [(&ids[10], 400), (&ids[40], 400), (&ids[90], 500)];
    poison(&rig, &bad);
    // WHEN it runs
    let report = rig.sync();
    // THEN parts of several ids on which the vendor fails are tried twice, not four times, and the one alone to the end
    let halves = 1 + 2;
    let quarters = 1 + 1 + 1 + 2;
    let (first, second, third) = (2 * 5, 2 * 4, 4 + 3 * 2 + 4);
    assert_eq!(asked(&rig, &ids, 0).len(), 1 + halves + quarters + first + second + third);
    // AND each is told of once, and only these are missing
    let all: BTreeSet<String> = bad.iter().map(|(id, _)| (*id).clone()).collect();
    assert_eq!(missing(&rig), all);
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(3), "{}", report["warnings"]);
    assert_eq!(report["entities"]["calls_extensive"]["units"]["failed"], 0);
    // WHEN the window is read again
    let before = rig.server.journal().len() as u64;
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    // THEN the known bad ones spoil no batch: each is asked alone, and the endpoint beside it
    let again = asked(&rig, &ids, before);
    let spoiled = again.iter().filter(|e| e.fault.is_some());
    let alone =
        spoiled.filter(|e| e.body.pointer("/filter/callIds").and_then(|ids| ids.as_array()).map(Vec::len) == Some(1));
    assert_eq!(alone.count(), 1 + 1 + 4);
    assert_eq!(again.iter().filter(|e| e.fault.is_some()).count(), 6);
    assert_eq!(missing(&rig), all);
}

#[test]
fn a_fault_that_is_no_ids_ends_soon_and_blames_none() {
    for (fault, attempts) in [
        (Fault::Status { status: 400, text: "contentSelector: not accepted".to_owned() }, 1 + 2 + 4),
        (Fault::ServerError, 4 + 2 * 2 + 4 * 2),
    ] {
        // GIVEN an endpoint that fails whatever it is asked
        let (rig, ids) = busy();
        rig.server.faults().always(Matcher::path(DETAILS), fault);
        // WHEN it runs
        let report = rig.sync_to(1);
        // THEN the batch, its halves and its quarters were asked, and then no more
        assert_eq!(asked(&rig, &ids, 0).len(), attempts);
        assert_eq!(missing(&rig), BTreeSet::new());
        assert!(report["entities"]["calls_extensive"]["units"]["failed"].as_u64() > Some(0));
        // AND nothing is lost by it
        rig.server.faults().clear();
        rig.sync();
        assert_conserved(&rig, "when the endpoint is well again");
    }
}

#[test]
fn a_batch_of_bad_ids_only_is_told_from_a_fault_of_the_endpoint() {
    // GIVEN a day of few calls, all of which the vendor refuses
    let rig = Rig::small(1);
    rig.configure(&format!("{FIVE}\n{DAILY}"));
    let day = (1..20).map(|day| format!("2026-05-{day:02}")).find(|day| (2..5).contains(&calls_of(&rig, day).len()));
    let ids = calls_of(&rig, &day.expect("a day with a few calls"));
    poison(&rig, &ids.iter().map(|id| (id, 400)).collect::<Vec<_>>());
    // WHEN the endpoint answers something else THEN they are missing and the window is read
    rig.sync();
    assert_eq!(missing(&rig), ids.into_iter().collect());
}

#[test]
fn an_id_on_which_gong_fails_at_the_last_reading_is_asked_once_more() {
    // GIVEN a settled window, one of whose calls Gong fails on when it is read for the first time
    let rig = Rig::sized(5, 300, 40);
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 1";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    let old = calls_of(&rig, "2026-04-2").into_iter().next().expect("a call of April");
    poison(&rig, &[(&old, 500)]);
    rig.sync();
    assert_eq!(missing(&rig), BTreeSet::from([old.clone()]));
    // WHEN the hour was a bad one THEN the next run has it
    let nights = |rig: &Rig| {
        let before = rig.server.journal().len();
        rig.server.clock().advance(TimeDelta::days(1));
        rig.sync();
        let entries = rig.server.journal().entries().split_off(before);
        entries.iter().filter(|e| e.path == DETAILS && e.body.to_string().contains(&old)).count()
    };
    let twin = Rig::sized(5, 300, 40);
    twin.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    poison(&twin, &[(&old, 500)]);
    twin.sync();
    twin.server.faults().clear();
    assert!(nights(&twin) > 0);
    assert_eq!((missing(&twin), nights(&twin)), (BTreeSet::new(), 0));
    // AND if it goes on failing it is asked once more and then known
    assert!(nights(&rig) > 0);
    assert_eq!((missing(&rig), nights(&rig)), (BTreeSet::from([old.clone()]), 0));
}

#[test]
fn a_file_on_whose_call_gong_fails_at_the_last_reading_is_asked_for_once_more() {
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 1";
    for passes in [true, false] {
        // GIVEN a settled day, on one of whose calls Gong fails when its files are asked for for the first time
        let rig = bare();
        let files = "window = \"day\"\nentities = [\"call_audio\"]";
        rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{files}"));
        go_to(&rig, "2026-06-01T12:00:00Z");
        let ids: Vec<String> = (0..4).map(|n| call_at(&rig, &format!("2026-05-02T1{n}:00:00Z"))).collect();
        go_to(&rig, "2026-06-01T15:00:00Z");
        poison(&rig, &[(&ids[2], 500)]);
        rig.sync();
        let there = || ask(&rig, "call_audio", "SELECT count(*) FILTER (status = 'present') FROM TABLE");
        let missing = || {
            let query = "SELECT group_concat(id || since) FROM missing WHERE entity = 'call_audio'";
            rig.ledger().query_row(query, [], |row| row.get::<_, Option<String>>(0)).expect("a table")
        };
        let since = missing();
        assert_eq!((there().as_str(), since.is_some()), ("[(3,)]", true));
        // WHEN the fault passes, or stays
        if passes {
            rig.server.faults().clear();
        }
        let asked = || {
            let before = rig.server.journal().len();
            nights(&rig, 1);
            let entries = rig.server.journal().entries().split_off(before);
            entries.iter().filter(|e| e.path == DETAILS && e.body.to_string().contains(&ids[2])).count()
        };
        // THEN the next run has the file, or knows that it cannot be had, and the one after asks no more
        assert!(asked() > 0);
        let expected = if passes { ("[(4,)]", None) } else { ("[(3,)]", since) };
        assert_eq!((there().as_str(), missing()), expected);
        assert_eq!(asked(), 0);
    }
}
