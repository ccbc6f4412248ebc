//! Only a missing cursor ends a listing; a dead one starts it again; one that goes in circles ends its unit.

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher, NewCall, ServerOptions, World, WorldSpec};
use serde_json::json;

use crate::support::Rig;
use crate::support::journal::{calls_of, listing_of, paid_twice};
use crate::support::rig::{DAILY, FIVE};
use crate::support::truth::assert_conserved;

const CALLS: &str = "/v2/calls";

/// A day with so many calls that it has at least four pages.
const FULL_DAY: &str = "2026-05-14";

/// Records of a page.
const PAGE: usize = 3;

/// A small account whose listings have many pages.
fn paged() -> Rig {
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions::unlimited().page_size(PAGE));
    rig.configure(FIVE);
    assert!(calls_of(&rig, FULL_DAY).len() > 3 * PAGE);
    rig
}

/// The listing of the full day, from its page `page` on.
fn full_day(page: u64) -> Matcher {
    Matcher::path(CALLS).containing(&listing_of(FULL_DAY)).page(page)
}

/// Requests for the listing of the full day.
fn listings(rig: &Rig) -> Vec<u64> {
    let entries = rig.server.journal().requests_for(CALLS);
    let of_day = entries.iter().filter(|e| format!("{:?}", e.query).contains(&listing_of(FULL_DAY)));
    of_day.map(|e| e.page).collect()
}

#[test]
fn t09_every_page_of_every_listing_is_read() {
    // GIVEN listings and batches of many pages WHEN they are read
    let rig = paged();
    rig.sync();
    // THEN nothing is missing, no page was asked twice, and no input changed on the way
    assert_conserved(&rig, "many pages");
    assert_eq!(paid_twice(&rig.server), Vec::<String>::new());
    assert_eq!(rig.server.journal().violations(), Vec::<String>::new());
}

#[test]
fn t07_an_empty_page_with_a_cursor_is_not_the_end() {
    // GIVEN empty pages at the start, in the middle and one after another
    let rig = paged();
    rig.server.faults().script(full_day(1), Fault::EmptyPage, 1);
    rig.server.faults().script(full_day(2), Fault::EmptyPage, 1);
    rig.server.faults().once(Matcher::path(CALLS).containing(&listing_of("2026-05-13")).page(0), Fault::EmptyPage);
    rig.server.faults().once(Matcher::path("/v2/calls/transcript").page(1), Fault::EmptyPage);
    // WHEN it is read THEN nothing is missing
    rig.sync();
    assert_eq!(rig.server.faults().pending(), 0);
    assert_conserved(&rig, "pages without records");
}

#[test]
fn t08_a_page_of_private_calls_is_not_the_end() {
    // GIVEN private calls that fill more than a page in the middle of a listing
    let rig = paged();
    let (ids, now) = (calls_of(&rig, FULL_DAY), rig.now());
    for id in &ids[2..2 + 2 * PAGE] {
        rig.server.world().set_private(id, true, now - TimeDelta::hours(1));
    }
    // WHEN it is read
    let report = rig.sync();
    // THEN the calls behind them are there, and they are counted and left out
    assert!(report["entities"]["calls"]["rows"]["private"].as_u64() >= Some(2 * PAGE as u64));
    assert_conserved(&rig, "a page of private calls");
}

#[test]
fn t23_a_cursor_that_comes_twice_ends_its_unit_with_an_error() {
    // GIVEN a vendor that gives the cursor it was sent
    let rig = paged();
    rig.server.faults().always(full_day(1), Fault::CursorRepeated);
    // WHEN it is read
    let report = rig.sync_to(1);
    // THEN the listing is given up at once, and the others are read
    assert_eq!(listings(&rig), [0, 1]);
    let expected = "calls 2026-05-14_2026-05-15: a cursor came twice: the listing would never end \
        (please report this; the next run starts the listing again)";
    assert_eq!(report["warnings"], json!([expected]));
    let units = &report["entities"]["calls"]["units"];
    assert_eq!((&units["failed"], &units["committed"]), (&json!(1), &json!(20)));
    // AND the next run reads it from the start
    rig.server.faults().clear();
    rig.sync();
    assert_eq!(listings(&rig)[..3], [0, 1, 0]);
    assert_conserved(&rig, "when cursors go on again");
}

#[test]
fn a_page_with_a_broken_envelope_never_ends_a_listing() {
    for (records, told) in [
        (json!({ "cursor": 12 }), "the answer's cursor is a number and no text"),
        (json!(null), "the answer's \"records\" is null and no object"),
    ] {
        // GIVEN a vendor whose second page of a day names its cursor in a way that cannot be read
        let rig = paged();
        let page = json!({ "requestId": "r", "records": records, "calls": [] });
        rig.server.faults().always(full_day(1), Fault::Body { bytes: page.to_string().into_bytes() });
        rig.configure(&format!("{FIVE}\n[limits]\nrequests_per_second = 2000\nmax_retries = 1"));
        // WHEN it is read
        let report = rig.sync_to(1);
        // THEN it was asked again, and its window fails with the reason, and is not cut short
        assert_eq!(listings(&rig), [0, 1, 1]);
        let warning = report["warnings"][0].as_str().expect("a text");
        assert!(warning.contains(&format!("HTTP 200: {told}, after 2 attempts")), "{warning}");
        assert_eq!(report["entities"]["calls"]["units"]["failed"], 1);
        // AND the next run reads the rest
        rig.server.faults().clear();
        rig.sync();
        assert_conserved(&rig, "when envelopes are whole again");
    }
}

#[test]
fn t24_no_number_of_pages_or_rows_is_too_many() {
    // GIVEN one day with more calls than a window is meant to hold, in more than a thousand pages
    let day = TimeDelta::days(3);
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions::unlimited().page_size(5));
    let at = rig.now() - day;
    for n in 0..5_200 {
        rig.server.world().add_call(NewCall::at(at + TimeDelta::seconds(n)));
    }
    rig.configure("entities = [\"calls\"]");
    // WHEN it is synced THEN all are there
    let report = rig.sync();
    assert_eq!(report["warnings"], json!([]));
    assert!(rig.server.journal().requests_for(CALLS).iter().any(|e| e.page > 1000));
    assert_conserved(&rig, "a thousand pages");
    // AND listed directly they are as many
    let listed = rig.run(&["list", "calls"]).expect(0).stdout.lines().count();
    assert_eq!(listed, rig.server.truth("calls").len());
}

#[test]
fn t24_a_listing_of_endless_empty_pages_ends_with_a_message() {
    // GIVEN a vendor that gives an empty page and another cursor for ever
    let rig = Rig::small(1);
    rig.configure("entities = [\"users\"]");
    rig.server.faults().always(Matcher::path("/v2/users"), Fault::EmptyPage);
    // WHEN it is synced THEN it is given up, and the message says why
    let report = rig.sync_to(1);
    let expected = "users snapshot: a thousand pages without a record came in a row: the listing would never end \
        (please report this; the next run starts the listing again)";
    assert_eq!(report["warnings"], json!([expected]));
    assert_eq!(rig.server.journal().count("/v2/users"), 1001);
}

#[test]
fn t37_a_dead_cursor_starts_its_listing_again() {
    for (what, page, fault) in [("expired", 2, Fault::CursorExpired), ("broken", 1, Fault::CursorBroken)] {
        // GIVEN a cursor that the vendor refuses in the middle of a listing
        let rig = paged();
        rig.server.faults().once(full_day(page), fault);
        // WHEN it is read
        let report = rig.sync();
        // THEN the listing is read again from its first page, once, without a word
        assert_eq!(listings(&rig)[..4], [0, 1, 2, 0], "{what}");
        assert_eq!((&report["retries"], &report["warnings"]), (&json!(0), &json!([])));
        assert_conserved(&rig, what);
    }
}

#[test]
fn t37_a_cursor_that_dies_again_and_again_fails_its_window() {
    // GIVEN cursors that are dead as soon as they are used
    let rig = paged();
    rig.server.faults().always(full_day(1), Fault::CursorExpired);
    // WHEN it is read
    let report = rig.sync_to(1);
    // THEN it is tried four times, and the message says why it ended
    assert_eq!(listings(&rig), [0, 1, 0, 1, 0, 1, 0, 1]);
    let warning = report["warnings"][0].as_str().expect("a text");
    let expected = "calls 2026-05-14_2026-05-15: the cursor was refused each time the listing was started again: HTTP 400: cursor has expired";
    assert!(warning.starts_with(expected), "{warning}");
}

#[test]
fn t37_a_cursor_staged_hours_ago_is_not_used() {
    // GIVEN a run that stopped in the middle of a listing
    let rig = paged();
    rig.configure("entities = [\"calls\"]");
    rig.run(&["sync", "--max-requests", "12"]).expect(0);
    let cursors = "SELECT count(*) FROM staged WHERE cursor IS NOT NULL AND part = 'list'";
    let staged: u32 = rig.ledger().query_row(cursors, [], |row| row.get(0)).expect("a count");
    assert!(staged > 0, "a listing is under way");
    // WHEN it goes on two hours later, by the vendor's clock and by ours
    rig.server.clock().advance(TimeDelta::hours(2));
    rig.ledger().execute("UPDATE staged SET expires = expires - 7200000000", []).expect("staged pages");
    rig.server.journal().clear();
    rig.sync();
    // THEN no dead cursor was sent
    let refused = rig.server.journal().entries().iter().filter(|e| e.status == Some(400)).count();
    assert_eq!(refused, 0);
    // AND all is there
    rig.configure(FIVE);
    rig.sync();
    assert_conserved(&rig, "after two hours");
}

#[test]
fn t10_nothing_found_on_page_two_is_the_end_of_a_listing() {
    // GIVEN a listing whose remaining records vanish between two pages
    let rig = paged();
    rig.configure(&format!("{FIVE}\n{DAILY}"));
    rig.server.faults().once(full_day(2), Fault::NothingFound);
    // WHEN it is read
    rig.sync();
    // THEN the pages before count
    let query = "SELECT rows + private FROM unit WHERE entity = 'calls' AND from_day = ?1";
    let rows: usize = rig.ledger().query_row(query, [FULL_DAY], |row| row.get(0)).expect("a unit");
    assert_eq!((listings(&rig), rows), (vec![0, 1, 2], 2 * PAGE));
    // AND the next reading has them all
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    assert_conserved(&rig, "a day later");
}

#[test]
fn t10_another_404_on_page_two_is_not_the_end() {
    // GIVEN a listing whose third page is answered with a 404 that does not mean "nothing found"
    let rig = paged();
    rig.server.faults().once(full_day(2), Fault::Status { status: 404, text: "Not found".to_owned() });
    // WHEN it is read
    let report = rig.sync_to(1);
    // THEN its window fails, and is not cut short
    let warning = report["warnings"][0].as_str().expect("a text");
    assert!(
        warning.starts_with("GET /v2/calls for calls 2026-05-14_2026-05-15: HTTP 404: Not found (requestId "),
        "{warning}"
    );
    assert!(warning.contains("this 404 is not Gong's \"nothing found\""), "{warning}");
    assert_eq!(report["entities"]["calls"]["units"]["failed"], 1);
    // AND the next run goes on from the cursor
    rig.sync();
    assert_eq!(listings(&rig)[..4], [0, 1, 2, 2]);
    assert_conserved(&rig, "when the page is answered");
}
