//! What appears late lands: calls, details and transcripts, whatever days the job runs (T-01, T-02, T-15).

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::NewCall;
use serde_json::Value;

use crate::support::Rig;
use crate::support::look::{bare, call_at, go_to, instant, rows, status};
use crate::support::truth::assert_conserved;

const TABLES: [&str; 3] = ["calls", "calls_extensive", "call_transcripts"];

/// What of a call comes late.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Call,
    Details,
    Transcript,
}

/// The day of the calls, which the account's own now is far from.
const DAY: &str = "2026-06-01";

/// An account with call B (10:01), and calls A (10:00), of each of which something appears late after its end.
fn account(whats: &[What], delays: &[i64]) -> Rig {
    let rig = bare();
    let at = instant(&format!("{DAY}T10:00:00Z"));
    let ended = at + TimeDelta::minutes(30);
    call_at(&rig, &format!("{DAY}T10:01:00Z"));
    for (what, hours) in whats.iter().flat_map(|what| delays.iter().map(move |hours| (*what, *hours))) {
        let mut world = rig.server.world();
        let late = ended + TimeDelta::hours(hours);
        let id = world.add_call(match what {
            What::Call => NewCall::at(at).visible_at(late),
            _ => NewCall::at(at),
        });
        match what {
            What::Call => {}
            What::Details => world.delay_details(&id, late),
            What::Transcript => world.delay_transcript(&id, Some(late)),
        }
    }
    rig
}

/// The instants of the runs: the first two hours after the day's end, then as the schedule says, until the day has settled.
fn runs(schedule: &str) -> Vec<DateTime<Utc>> {
    let first = instant("2026-06-02T02:00:00Z");
    let days: Vec<i64> = match schedule {
        "every night" => (0..=16).collect(),
        "every third night" => (0..=18).step_by(3).collect(),
        _ => vec![0, 21],
    };
    days.into_iter().map(|day| first + TimeDelta::days(day)).collect()
}

/// Runs the schedule. THEN everything has landed, and one more run finds nothing new.
fn assert_all_lands(schedule: &str) {
    let whats = [What::Call, What::Details, What::Transcript];
    let rig = account(&whats, &[1, 26, 6 * 24, 13 * 24]);
    let mut reports: Vec<Value> = Vec::new();
    for at in runs(schedule) {
        rig.server.clock().set(at);
        reports.push(rig.sync());
    }
    assert_conserved(&rig, schedule);
    let total = |entity: &str, what: &str| reports.iter().map(|report| rows(report, entity, what)).sum::<u64>();
    // Each row came new once, and nothing of it changed or went.
    assert_eq!(TABLES.map(|table| total(table, "new")), [13, 13, 13], "{schedule}");
    assert_eq!(TABLES.map(|table| total(table, "changed") + total(table, "gone")), [0, 0, 0], "{schedule}");
    assert_eq!(TABLES.map(|table| status(&rig, table)["missing"].clone()), [0, 0, 0], "{schedule}");
    // T-02: nothing happens, so nothing is written.
    let objects = rig.objects();
    rig.server.clock().advance(TimeDelta::days(1));
    let report = rig.sync();
    for table in TABLES {
        assert_eq!(["new", "changed", "gone", "written"].map(|what| rows(&report, table, what)), [0; 4], "{schedule}");
    }
    assert_eq!(rig.objects(), objects, "{schedule}");
}

#[test]
fn t01_t02_what_is_1_h_26_h_6_d_and_13_d_late_lands_with_runs_every_night() {
    assert_all_lands("every night");
}

#[test]
fn t01_t02_what_is_1_h_26_h_6_d_and_13_d_late_lands_with_runs_every_third_night() {
    assert_all_lands("every third night");
}

#[test]
fn t01_t02_what_is_1_h_26_h_6_d_and_13_d_late_lands_after_a_pause_of_three_weeks() {
    assert_all_lands("a pause of three weeks");
}

#[test]
fn t01_each_thing_lands_with_the_first_reading_after_it_appeared() {
    // GIVEN calls, details and transcripts that are 1 h, 26 h, 6 d and 13 d late, and runs every night at 02:00
    let rig = account(&[What::Call, What::Details, What::Transcript], &[1, 26, 6 * 24, 13 * 24]);
    for (night, at) in runs("every night").into_iter().enumerate() {
        rig.server.clock().set(at);
        let report = rig.sync();
        // THEN they come at the ages of 1, 7 and 14 days; a late call brings its details and transcript with it
        let expected = match night {
            0 => [10, 7, 7],
            1 | 7 | 14 => [1, 2, 2],
            _ => [0, 0, 0],
        };
        assert_eq!(TABLES.map(|table| rows(&report, table, "new")), expected, "night {night}");
    }
}

#[test]
fn t02_two_runs_of_one_night_read_nothing_twice() {
    let rig = account(&[What::Call], &[26]);
    go_to(&rig, "2026-06-02T02:00:00Z");
    rig.sync();
    let (objects, requests) = (rig.objects(), rig.server.journal().len());
    rig.sync();
    assert_eq!((rig.objects(), rig.server.journal().len()), (objects, requests));
}

#[test]
fn t15_details_appear_with_the_third_reading_or_never() {
    // GIVEN three calls: the details of one appear two nights later, those of another never, and a third has never a transcript
    let rig = bare();
    let late = call_at(&rig, &format!("{DAY}T10:00:00Z"));
    let never = call_at(&rig, &format!("{DAY}T11:00:00Z"));
    let silent = call_at(&rig, &format!("{DAY}T12:00:00Z"));
    let far = instant("2027-01-01T00:00:00Z");
    rig.server.world().delay_details(&late, instant("2026-06-04T00:00:00Z"));
    rig.server.world().delay_details(&never, far);
    rig.server.world().delay_transcript(&silent, None);
    let missing = |rig: &Rig| {
        let ledger = rig.ledger();
        let mut query = ledger.prepare("SELECT entity, id, reason FROM missing ORDER BY 1, 2").expect("a table");
        let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).expect("a query");
        rows.map(|row| row.expect("a row")).collect::<Vec<(String, String, String)>>()
    };
    let of = |entity: &str, id: &str, reason: &str| (entity.to_owned(), id.to_owned(), reason.to_owned());
    // WHEN it is read THEN the ledger knows what is missing and since when, and the calls themselves have landed
    go_to(&rig, "2026-06-02T02:00:00Z");
    rig.sync();
    let yet = "not given by Gong (yet)";
    let mut expected = vec![
        of("call_transcripts", &silent, yet),
        of("calls_extensive", &late, yet),
        of("calls_extensive", &never, yet),
    ];
    expected.sort();
    assert_eq!(missing(&rig), expected);
    let details = status(&rig, "calls_extensive");
    assert_eq!((&details["missing"], &details["without"]), (&2.into(), &0.into()));
    assert_eq!(details["missing_since"], "2026-06-02T02:00:00Z");
    // AND after the third reading one of them is there, and the first date of the other stays
    for day in [3, 4] {
        go_to(&rig, &format!("2026-06-0{day}T02:00:00Z"));
        rig.sync();
    }
    let details = status(&rig, "calls_extensive");
    assert_eq!((&details["missing"], &details["missing_since"]), (&1.into(), &"2026-06-02T02:00:00Z".into()));
    // AND after the last age the rest is recorded as without details and without a transcript, where people see it
    for at in ["2026-06-09T02:00:00Z", "2026-06-16T02:00:00Z"] {
        go_to(&rig, at);
        rig.sync();
    }
    let never_given = "not given by Gong by the last age";
    assert_eq!(
        missing(&rig),
        [of("call_transcripts", &silent, never_given), of("calls_extensive", &never, never_given)]
    );
    assert_eq!(["calls_extensive", "call_transcripts"].map(|table| status(&rig, table)["without"].clone()), [1, 1]);
    let text = rig.run(&["status"]).expect(0).stdout;
    let line = "call_transcripts: 1 missing, the oldest since 2026-06-02T02:00:00Z; 1 of them for good, by their age";
    assert!(text.contains(line), "{text}");
    assert_conserved(&rig, "without what never came");
    // AND should the details come after all, a forced reading brings them
    rig.server.world().delay_details(&never, rig.now());
    rig.server.clock().advance(TimeDelta::hours(1));
    rig.run(&["backfill", "--from", DAY, "--to", "2026-06-02", "--force"]).expect(0);
    assert_eq!(missing(&rig), [of("call_transcripts", &silent, never_given)]);
    assert_conserved(&rig, "forced");
}
