//! Rows against the vendor's total: a difference is explained, or the unit is read once more, and then it is a known gap.

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher, NewCall, ServerOptions, World, WorldSpec};

use crate::support::Rig;
use crate::support::journal::{calls_of, listing_of};
use crate::support::look::{bare, call_at, instant, nights, status};
use crate::support::rig::FIVE;
use crate::support::truth::assert_conserved;

#[test]
fn t10_a_listing_cut_by_nothing_found_is_read_again_by_the_next_run() {
    // GIVEN a listing of pages of three that ends with "nothing found" where a page was announced, though all is there
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions::unlimited().page_size(3));
    rig.configure(FIVE);
    let full_day = "2026-05-14";
    assert!(calls_of(&rig, full_day).len() > 6);
    let page = Matcher::path("/v2/calls").containing(&listing_of(full_day)).page(2);
    rig.server.faults().once(page, Fault::NothingFound);
    // WHEN it is read THEN the run says so, and status and plan say that and why it is read again
    let report = rig.sync();
    let warning = report["warnings"][0].as_str().expect("a text");
    assert!(warning.starts_with("calls 2026-05-14_2026-05-15: Gong counts "), "{warning}");
    assert!(warning.ends_with(" records and gave 6: the next run reads it again"), "{warning}");
    let short = report["entities"]["calls"]["unexplained"].as_u64().expect("a count");
    let calls = status(&rig, "calls");
    assert!(short > 0 && calls["unexplained"] == short, "{calls}");
    let why = "Gong counted more records than it gave";
    assert!(calls["due"].as_array().expect("a list").iter().any(|d| d["from"] == full_day && d["reason"] == why));
    assert!(rig.run(&["plan"]).expect(0).stdout.contains(&format!("1 {why}")));
    assert!(rig.run(&["status"]).expect(0).stdout.contains(&format!("calls: due 2026-05-14 to 2026-05-15: {why}")));
    // AND an hour later it is read, though no age has passed
    rig.server.clock().advance(TimeDelta::hours(1));
    let report = rig.sync();
    assert_eq!(report["entities"]["calls"]["unexplained"], 0);
    assert_conserved(&rig, "read once more");
    assert_eq!(status(&rig, "calls")["unexplained"], 0);
}

#[test]
fn a_total_that_stays_ahead_in_a_settled_window_is_read_once_more_and_then_known() {
    // GIVEN a settled day with a call that Gong counts and does not give
    let rig = bare();
    call_at(&rig, "2026-05-02T10:00:00Z");
    call_at(&rig, "2026-05-18T10:00:00Z");
    let stuck = rig
        .server
        .world()
        .add_call(NewCall::at(instant("2026-05-02T11:00:00Z")).visible_at(instant("2026-07-10T00:00:00Z")));
    let readings = |rig: &Rig| {
        let entries = rig.server.journal().requests_for("/v2/calls");
        entries.iter().filter(|e| format!("{:?}", e.query).contains("(\"fromDateTime\", \"2026-05-02")).count()
    };
    // WHEN runs go on night after night
    let report = rig.sync();
    let warning = report["warnings"][0].as_str().expect("a text");
    assert!(warning.contains("Gong counts 2 records and gave 1: the next run reads it again"), "{warning}");
    let reports = nights(&rig, 5);
    // THEN it was read twice, and is a known gap, that no later run speaks of
    assert_eq!(readings(&rig), 2);
    let warning = reports[0]["warnings"][0].as_str().expect("a text");
    assert!(warning.contains("kept as a known gap"), "{warning}");
    assert!(reports[1..].iter().all(|report| report["warnings"] == serde_json::json!([])));
    assert_eq!(status(&rig, "calls")["unexplained"], 1);
    assert!(rig.run(&["status"]).expect(0).stdout.contains("calls: 1 records that Gong counted never came"));
    // AND an unsettled day whose calls are still processed is no gap at all
    assert_eq!(status(&rig, "calls")["due"].as_array().expect("a list").len(), 0);
    // AND when the call comes after all, the re-listing of settled windows brings it
    rig.server.clock().set(instant("2026-07-11T00:00:00Z"));
    rig.sync();
    assert!(calls_of(&rig, "2026-05-02").contains(&stuck));
    assert_conserved(&rig, "when it came");
    assert_eq!(status(&rig, "calls")["unexplained"], 0);
}

#[test]
fn a_call_that_is_still_processed_explains_the_total_of_an_unsettled_day() {
    let rig = bare();
    call_at(&rig, "2026-05-19T10:00:00Z");
    let late = NewCall::at(instant("2026-05-19T11:00:00Z")).visible_at(instant("2026-05-21T00:00:00Z"));
    rig.server.world().add_call(late);
    let report = rig.sync();
    assert_eq!(report["entities"]["calls"]["vendor_total"], 2);
    assert_eq!((&report["entities"]["calls"]["unexplained"], &report["warnings"]), (&0.into(), &serde_json::json!([])));
    assert_eq!(status(&rig, "calls")["due"], serde_json::json!([]));
}
