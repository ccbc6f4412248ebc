//! What passes is tried again, what stays costs its unit only, and nothing is lost either way.

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::{Fault, Matcher, RetryAfter, Server};

use crate::support::Rig;
use crate::support::journal::{calls_of, listing_of, paid_twice};
use crate::support::rig::{FIVE, START};
use crate::support::truth::assert_conserved;

const CALLS: &str = "/v2/calls";
const DETAILS: &str = "/v2/calls/extensive";
const TRANSCRIPTS: &str = "/v2/calls/transcript";

/// An account that is read with `limits`.
fn rig(limits: &str) -> Rig {
    let rig = Rig::small(1);
    let limits = format!("[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\n{limits}");
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    rig
}

fn throttled(retry_after: RetryAfter) -> Fault {
    Fault::TooManyRequests { retry_after }
}

/// When requests arrived after the one that had the fault.
fn after_fault(server: &Server) -> Vec<Duration> {
    let entries = server.journal().entries();
    let fault = entries.iter().find(|e| e.fault.is_some()).expect("the fault was used");
    // Until it is answered, nobody can know.
    let fault = fault.answered.expect("it was answered");
    entries.iter().filter_map(|e| e.arrived.checked_duration_since(fault)).filter(|after| !after.is_zero()).collect()
}

#[test]
fn a_429_silences_every_task_until_retry_after_has_passed() {
    // GIVEN a vendor that once asks for a second of silence, and a run with several requests in flight
    let rig = rig("max_in_flight = 4");
    rig.server.faults().once(Matcher::path(DETAILS), throttled(RetryAfter::Seconds(1)));
    // WHEN it runs
    let report = rig.sync();
    // THEN nothing but what was in flight arrives within that second
    let arrived = after_fault(&rig.server);
    let early = arrived.iter().filter(|after| **after < Duration::from_secs(1)).count();
    assert!(early <= 3 && arrived.len() > 10, "{early} of {} too early: {arrived:?}", arrived.len());
    // AND the request is repeated, and nothing is missing
    assert_eq!(report["retries"], 1);
    assert_conserved(&rig, "after a second of silence");
}

#[test]
fn a_429_that_does_not_say_how_long_is_waited_out_all_the_same() {
    // GIVEN a vendor that says no time, or none that can be read
    let rig = rig("");
    rig.server.faults().once(Matcher::path(CALLS), throttled(RetryAfter::Missing));
    rig.server.faults().once(Matcher::path(DETAILS), throttled(RetryAfter::Text("soon".to_owned())));
    // WHEN it is read THEN both requests are repeated
    assert_eq!(rig.sync()["retries"], 2);
    assert_conserved(&rig, "after 429 without a time");
}

#[test]
fn a_retry_after_of_nothing_is_waited_out_as_if_it_were_not_there() {
    // GIVEN a vendor that is throttled and says, four times over, that nothing needs to be waited for
    let rig = rig("");
    rig.configure("entities = [\"users\"]\n[limits]\nrequests_per_second = 2000");
    rig.server.faults().script(Matcher::path("/v2/users"), throttled(RetryAfter::Seconds(0)), 4);
    // WHEN it is read
    rig.sync();
    // THEN each pause is longer than the one before, as without a time
    let entries = rig.server.journal().requests_for("/v2/users");
    let pauses: Vec<_> = entries.windows(2).map(|two| two[1].arrived - two[0].arrived).collect();
    let least = [250, 500, 1000, 2000].map(Duration::from_millis);
    assert!(pauses.len() == 4 && pauses.iter().zip(least).all(|(pause, least)| *pause >= least), "{pauses:?}");
}

#[test]
fn t34_a_long_retry_after_ends_the_run_and_outlives_it() {
    let hours = 7 * 3600;
    for retry_after in [RetryAfter::Seconds(hours), RetryAfter::Date(hours)] {
        // GIVEN a vendor that closes for seven hours in the middle of a run
        let rig = rig("");
        rig.server.faults().once(Matcher::path(DETAILS).nth(4), throttled(retry_after.clone()));
        let (begun, now) = (Instant::now(), Utc::now());
        // WHEN it runs
        let report = rig.sync_to(75);
        // THEN it ends within seconds and says when to go on
        assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
        let resume: DateTime<Utc> = report["resume_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
        let wait = resume - now;
        assert!(wait > TimeDelta::hours(7) - TimeDelta::seconds(2) && wait < TimeDelta::seconds(25_230), "{wait}");
        // AND the next run ends likewise, without a request
        let requests = rig.server.journal().len();
        let again = rig.sync_to(75);
        assert_eq!((&again["requests"], &again["resume_at"]), (&0.into(), &report["resume_at"]));
        assert_eq!(rig.server.journal().len(), requests);
        // AND when the time has come, nothing is paid for twice
        rig.ledger().execute("UPDATE gate SET closed_until = 0", []).expect("a gate");
        rig.sync();
        assert_eq!(paid_twice(&rig.server), Vec::<String>::new(), "{retry_after:?}");
        assert_conserved(&rig, "after seven hours");
    }
}

#[test]
fn a_429_that_stays_ends_the_run_with_the_time_to_resume() {
    for retry_after in [RetryAfter::Seconds(1), RetryAfter::Missing] {
        // GIVEN a vendor that refuses all details for a second at a time, and a patience of two
        let rig = rig("max_wait = \"2s\"");
        rig.server.faults().always(Matcher::path(DETAILS), throttled(retry_after.clone()));
        let begun = Instant::now();
        // WHEN it runs THEN it ends soon, as for a quota, and says when to go on
        let report = rig.sync_to(75);
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        let resume: DateTime<Utc> = report["resume_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
        let wait = resume - Utc::now();
        assert!(wait > TimeDelta::seconds(45) && wait <= TimeDelta::seconds(60), "{wait}");
        assert_eq!(report["entities"]["calls_extensive"]["units"]["failed"], 0);
        // AND when it is served again, nothing is paid for twice
        rig.server.faults().clear();
        rig.ledger().execute("UPDATE gate SET closed_until = 0", []).expect("a gate");
        rig.sync();
        assert_eq!(paid_twice(&rig.server), Vec::<String>::new(), "{retry_after:?}");
        assert_conserved(&rig, "after a 429 that stayed");
    }
}

#[test]
fn a_429_that_stays_ends_a_direct_verb_with_the_time_to_resume() {
    // GIVEN a vendor that refuses all users, for a second at a time
    let rig = rig("max_wait = \"2s\"");
    rig.server.faults().always(Matcher::path("/v2/users"), throttled(RetryAfter::Seconds(1)));
    // WHEN they are listed THEN it is a matter of quota, and both are said: what was refused, and when to come back
    let said = rig.run(&["list", "users"]).expect(75).stderr;
    assert!(
        said.contains("out of quota; resume_at ") && said.contains("GET /v2/users for list users: HTTP 429: "),
        "{said}"
    );
}

#[test]
fn t05_what_may_pass_is_tried_again_and_counted() {
    // GIVEN a vendor that fails once in every way, each on another day that has calls
    let rig = rig("");
    let faults = [
        (CALLS, "06", Fault::ServerError),
        (CALLS, "07", Fault::BadGateway),
        (CALLS, "08", Fault::ResetInBody { after: 300 }),
        (CALLS, "11", Fault::NoRecords),
        (DETAILS, "06", Fault::Unavailable),
        (DETAILS, "07", Fault::CutBody { percent: 60 }),
        (DETAILS, "08", Fault::LoseAnswer),
        (TRANSCRIPTS, "06", Fault::ResetBeforeAnswer),
        (TRANSCRIPTS, "07", Fault::CutBody { percent: 99 }),
        (TRANSCRIPTS, "08", Fault::NoRecords),
    ];
    for (path, day, fault) in &faults {
        let day = format!("2026-05-{day}");
        let part_of_request = if *path == CALLS { listing_of(&day) } else { calls_of(&rig, &day).remove(0) };
        rig.server.faults().once(Matcher::path(path).containing(&part_of_request), fault.clone());
    }
    // WHEN it runs
    let report = rig.sync();
    // THEN each was tried again, and the count says so
    assert_eq!(rig.server.faults().pending(), 0);
    assert_eq!(report["retries"], faults.len());
    assert_eq!(report["requests"], rig.server.journal().len());
    assert_eq!(report["warnings"], serde_json::json!([]));
    assert_conserved(&rig, "after ten faults");
}

#[test]
fn failures_by_chance_change_nothing() {
    for seed in [1, 2] {
        // GIVEN a vendor that fails on every eighth request or so, each time in another way
        let rig = rig("");
        let faults = [
            ("/v2/*", Fault::BadGateway),
            ("/v2/*", Fault::ResetBeforeAnswer),
            (DETAILS, Fault::CutBody { percent: 70 }),
            (DETAILS, Fault::NoRecords),
        ];
        for (nth, (path, fault)) in (0..).zip(faults) {
            rig.server.faults().seeded(10 * seed + nth, Matcher::path(path), fault, 6.0);
        }
        // WHEN it is read THEN nothing is missing or there twice
        assert!(rig.sync()["retries"].as_u64() > Some(0));
        assert_conserved(&rig, &format!("seed {seed}"));
    }
}

#[test]
fn a_right_answer_under_a_wrong_label_is_taken() {
    // GIVEN answers that call themselves HTML
    let rig = rig("");
    rig.server.faults().script(Matcher::path("/v2/*"), Fault::WrongContentType, 10);
    // WHEN it runs THEN their content counts
    assert_eq!(rig.sync()["retries"], 0);
    assert_conserved(&rig, "labelled as HTML");
}

#[test]
fn t22_a_fault_that_stays_costs_its_window_only() {
    // GIVEN a vendor that fails on one day
    let rig = rig("max_retries = 1");
    rig.server.faults().always(Matcher::path(CALLS).containing(&listing_of("2026-05-12")), Fault::BadGateway);
    // WHEN it runs
    let report = rig.sync_to(1);
    // THEN that window fails, with its story, and its children are left
    let warnings = report["warnings"].as_array().expect("a list");
    let expected = "GET /v2/calls for calls 2026-05-12_2026-05-13: HTTP 502: an answer that is not in Gong's form (88 bytes), \
        after 2 attempts (nothing read so far is lost; the next run goes on from there)";
    assert_eq!(warnings, &[expected]);
    let units = |name: &str| report["entities"][name]["units"].clone();
    assert_eq!(units("calls"), serde_json::json!({ "planned": 21, "committed": 20, "failed": 1, "left": 0 }));
    assert_eq!(
        units("call_transcripts"),
        serde_json::json!({ "planned": 21, "committed": 20, "failed": 0, "left": 1 })
    );
    // AND the hole stays visible: the frontier does not pass it
    let status = rig.run(&["status", "--format", "json"]).expect(0).json();
    let calls = &status["entities"]["calls"];
    assert_eq!(calls["gaps"], serde_json::json!([{ "from": "2026-05-12", "to": "2026-05-13" }]));
    assert_eq!(calls["frontier"], "2026-05-12T00:00:00Z");
    // AND the next run fills it, and asks for nothing else
    rig.server.faults().clear();
    rig.server.journal().clear();
    rig.sync();
    assert_eq!(rig.server.journal().len(), 3);
    assert_conserved(&rig, "when the fault has gone");
}

#[test]
fn a_body_that_never_ends_whole_fails_its_window_and_never_shortens_it() {
    // GIVEN details of one window that always come cut off
    let rig = rig("max_retries = 1");
    rig.server.faults().always(Matcher::path(DETAILS), Fault::CutBody { percent: 90 });
    // WHEN it runs
    let report = rig.sync_to(1);
    // THEN no details are on disk, and none are reported
    let details = &report["entities"]["calls_extensive"];
    assert_eq!((&details["rows"]["written"], &details["units"]["committed"]), (&0.into(), &empty_windows(&rig).into()));
    assert!(rig.objects().iter().all(|(path, _)| !path.starts_with("calls_extensive/")));
    // AND the next run gets them
    rig.server.faults().clear();
    rig.sync();
    assert_conserved(&rig, "when bodies come whole again");
}

/// Windows without calls, which have no details to ask for.
fn empty_windows(rig: &Rig) -> u32 {
    let query = "SELECT count(*) FROM unit WHERE entity = 'calls' AND rows = 0";
    rig.ledger().query_row(query, [], |row| row.get(0)).expect("a count")
}
