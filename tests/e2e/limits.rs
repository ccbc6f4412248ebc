//! Polite: never above the rate, never above the day's budget, and nothing paid for twice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, TimeDelta, Utc};
use gong_sim::{Rates, ServerOptions, World, WorldSpec};

use crate::support::Rig;
use crate::support::journal::{paid_twice, paid_twice_of};
use crate::support::rig::{FIVE, START, end};
use crate::support::truth::assert_conserved;

/// Requests a second in these tests, so that they are quick.
const RATE: usize = 20;

/// An account that answers 429 above the rate, and a program that is told of it.
fn rated() -> Rig {
    let rates = Rates { per_second: Some(20), per_day: None };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions { rates, ..ServerOptions::default() });
    limited(&rig, "requests_per_second = 20\nrequests_per_day = 1000000");
    rig
}

fn limited(rig: &Rig, limits: &str) {
    rig.configure_whole(&format!("[limits]\n{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
}

#[track_caller]
fn assert_polite(rig: &Rig) {
    let journal = rig.server.journal();
    let refused = journal.entries().iter().filter(|e| e.status == Some(429)).count();
    assert_eq!((refused, journal.violations()), (0, Vec::new()));
    assert!(journal.max_in_any_second() <= RATE, "{} requests in a second", journal.max_in_any_second());
}

#[test]
fn the_rate_is_used_and_never_exceeded() {
    // GIVEN a vendor with a limit, and a run under the same limit
    let rig = rated();
    let report = rig.sync();
    // THEN none is refused
    assert_polite(&rig);
    // AND the rate is used, not only kept
    let (requests, seconds) =
        (report["requests"].as_f64().expect("a number"), report["seconds"].as_f64().expect("a number"));
    assert!(requests / seconds > RATE as f64 / 2.0, "{requests} requests in {seconds} s");
    assert_eq!(rig.server.journal().len() as f64, requests);
    assert_conserved(&rig, "under the limit");
}

#[test]
fn two_processes_keep_the_rate_together() {
    // GIVEN a ledger, and a run under way
    let rig = rated();
    end(&mut rig.bare(&["status"])).expect(0);
    let mut sync = rig.spawn(&["sync"]);
    // WHEN other processes ask beside it until it is over
    while sync.try_wait().expect("a child").is_none() {
        rig.run(&["check"]).expect(0);
    }
    // THEN none is refused
    assert!(sync.wait().expect("a child").success());
    assert!(rig.server.journal().count("/v2/users") > 1, "there was a check");
    assert_polite(&rig);
}

#[test]
fn t33_a_run_stops_at_max_requests_and_the_next_goes_on() {
    // GIVEN runs of ten requests each
    let rig = Rig::small(1);
    rig.configure(FIVE);
    let mut runs = 0;
    loop {
        // WHEN the next run starts
        let before = rig.server.journal().len();
        let ended = rig.run(&["sync", "--max-requests", "10", "--format", "json"]).expect(0);
        // THEN it ends well, with ten requests at most
        let requests = rig.server.journal().len() - before;
        assert!(requests <= 10, "{requests}");
        assert_eq!(ended.json()["requests"], requests);
        let why = ended.json()["warnings"].to_string();
        runs += 1;
        if !why.contains("stopped at --max-requests after 10 requests, ") {
            break;
        }
        assert_eq!(requests, 10, "{why}");
    }
    // AND nothing was asked twice on the way
    assert!(runs > 3, "{runs}");
    assert_eq!(paid_twice(&rig.server), Vec::<String>::new());
    assert_conserved(&rig, "in steps of ten requests");
}

#[test]
fn t33_a_forced_backfill_that_was_stopped_says_what_goes_on() {
    // GIVEN two weeks that are to be read again, and too few requests for them
    let rig = Rig::small(1);
    rig.configure(FIVE);
    rig.sync();
    rig.server.clock().advance(TimeDelta::minutes(1));
    let force = ["backfill", "--from", "2026-05-01", "--to", "2026-05-15", "--force"];
    // WHEN it stops THEN it says that the same command goes on
    let said = rig.run(&[&force[..], &["--max-requests", "6"]].concat()).expect(0).stdout;
    assert!(said.contains(" units are left; the same command goes on"), "{said}");
    // AND so it is: a sync reads no more of it than what was begun, and the same command the rest, each window once
    rig.sync();
    rig.run(&force).expect(0);
    rig.server.journal().clear();
    rig.sync();
    assert_eq!(rig.server.journal().len(), 0);
    assert_eq!(rig.ledger().query_row("SELECT count(*) FROM backfill", [], |row| row.get::<_, u32>(0)), Ok(0));
    assert_conserved(&rig, "after the rest");
}

#[test]
fn t33_a_day_budget_ends_the_run_until_midnight() {
    // GIVEN a budget that is too small for the first sync
    let rig = Rig::small(1);
    limited(&rig, "requests_per_second = 2000\nrequests_per_day = 30\nreserve = 5");
    // WHEN it is used up
    let midnights = [midnight(), midnight()];
    let report = rig.sync_to(75);
    // THEN the run says that it goes on with the next day
    let resume: DateTime<Utc> = report["resume_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
    assert!(midnights.contains(&resume) || resume == midnight(), "{resume}");
    // AND the count is the vendor's
    let status = rig.run(&["status", "--format", "json"]).expect(0).json();
    let (limits, until) = (
        serde_json::json!({ "used": 25, "limit": 30, "reserve": 5, "reserve_binds_sync": true }),
        &report["resume_at"],
    );
    let mut quota = limits;
    quota["resets_at"] = until.clone();
    assert_eq!(status["quota"], quota);
    assert_eq!((rig.server.journal().len(), rig.server.requests_today()), (25, 25));
    // AND a run right after asks nothing, however often
    assert_eq!(rig.sync_to(75)["requests"], 0);
    assert_eq!(rig.server.journal().len(), 25);
    // AND with more budget it goes on, without paying twice
    limited(&rig, "requests_per_second = 2000\nrequests_per_day = 3000");
    rig.sync();
    assert_eq!(paid_twice(&rig.server), Vec::<String>::new());
    assert_conserved(&rig, "over two budgets");
}

#[test]
fn t33_the_rest_of_a_backfill_leaves_the_reserve_and_what_a_sync_needs() {
    // GIVEN a backfill of April that was begun, and a sync that goes on with it after the middle of May
    let rig = Rig::sized(1, 600, 60);
    let limits = |more: &str| {
        rig.configure_whole(&format!(
            "[limits]\nrequests_per_second = 2000\n{more}\n[sync]\nstart_date = \"2026-05-15\"\nwindow = \"day\"\n\
             continue_backfills = true\n{FIVE}"
        ));
    };
    limits("requests_per_day = 1000");
    rig.run(&["backfill", "--from", "2026-04-01", "--to", "2026-05-15", "--max-requests", "3"]).expect(0);
    // WHEN the day has 280 requests, of which a tenth and 200 are left to others and to the next sync
    limits("requests_per_day = 280");
    let report = rig.sync_to(75);
    // THEN what is fresh was read, and of the backfill what fits
    let used = rig.server.journal().len();
    assert_eq!(used, 280 - 28 - 200, "{report}");
    assert_eq!(report["entities"]["calls"]["units"]["failed"], 0);
    assert!(report["entities"]["calls"]["units"]["left"].as_u64().is_some_and(|left| left > 0), "{report}");
    // AND it may not go on by itself either, but a sync without it may
    let range = ["backfill", "--from", "2026-04-01", "--to", "2026-05-15"];
    rig.run(&range).expect(75);
    assert_eq!(rig.server.journal().len(), used);
    rig.run(&["sync", "--entities", "settings_trackers,users"]).expect(75);
    assert_eq!(rig.server.journal().requests_for("/v2/settings/trackers").len(), 1);
    // AND with more of the day it comes to its end, without paying twice
    limits("requests_per_day = 3000");
    rig.sync();
    assert_eq!(paid_twice(&rig.server), Vec::<String>::new());
    assert_eq!(rig.ledger().query_row("SELECT count(*) FROM backfill", [], |row| row.get::<_, u32>(0)), Ok(0));
}

#[test]
fn a_backfill_that_no_day_has_room_for_is_refused_and_not_put_off() {
    // GIVEN a day of which the next sync's share takes all
    let rig = Rig::small(1);
    limited(&rig, "requests_per_second = 2000\nrequests_per_day = 200\nreserve = 0");
    let range = ["--from", "2026-05-01", "--to", "2026-05-15"];
    let refused = |hint: &str| {
        for command in [&["backfill"][..], &["backfill", "--force"], &["plan", "backfill"]] {
            let ended = rig.run(&[command, &range].concat()).expect(2);
            // THEN file, key and rule are named, and what helps
            let rule = "gong-elt.toml: limits.requests_per_day: 200 requests a day leave none to a backfill: it leaves \
                        limits.reserve (0) to others, and to the next sync 2";
            assert!(ended.stderr.contains(rule) && ended.stderr.contains(hint), "{command:?}: {}", ended.stderr);
            assert_eq!(ended.stdout, "");
        }
    };
    // WHEN one is asked for or planned THEN that is said before anything is asked
    refused("hint: raise limits.requests_per_day or lower limits.reserve");
    assert_eq!(rig.server.journal().len(), 0);
    // AND a sync has its day, and one more request makes room for a backfill
    rig.sync();
    limited(&rig, "requests_per_second = 2000\nrequests_per_day = 201\nreserve = 0");
    rig.run(&[&["plan", "backfill"][..], &range].concat()).expect(0);
    // AND where only the last sync was that large, the next one helps
    let all = "UPDATE run SET requests = 201 WHERE command = 'sync'";
    rig.ledger().execute(all, []).expect("a run");
    let ended = rig.run(&[&["backfill"][..], &range].concat()).expect(2);
    assert!(ended.stderr.contains("hint: run `gong-elt sync` once more"), "{}", ended.stderr);
}

#[test]
fn t35_a_quota_that_others_have_used_up_ends_the_run_without_knocking_again() {
    // GIVEN a company whose other programs leave ten requests of the day
    let rates = Rates { per_second: None, per_day: Some(100) };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions { rates, ..ServerOptions::default() });
    limited(&rig, "requests_per_second = 2000\nrequests_per_day = 1000000\nmax_in_flight = 4");
    rig.server.spend_quota(90);
    // WHEN a run meets the end of the quota
    let report = rig.sync_to(75);
    // THEN it asks no more than what was in flight, and goes on when the vendor said
    let refused = rig.server.journal().entries().iter().filter(|e| e.status == Some(429)).count();
    assert!((1..=4).contains(&refused) && rig.server.journal().len() == 10 + refused, "{refused}");
    let resume: DateTime<Utc> = report["resume_at"].as_str().and_then(|at| at.parse().ok()).expect("an instant");
    let wait = (resume - Utc::now()).num_minutes();
    assert!((14 * 60 + 58..=15 * 60).contains(&wait), "{wait} minutes to the vendor's midnight");
    // AND nothing that came before is lost
    rig.server.clock().advance(TimeDelta::hours(15));
    rig.ledger().execute("UPDATE gate SET closed_until = 0", []).expect("a gate");
    rig.sync();
    assert_conserved(&rig, "over two days of quota");
}

#[test]
fn t35_others_that_use_half_the_rate_and_then_the_day_cause_no_storm() {
    // GIVEN a company whose other programs keep half of its rate for themselves
    let rates = Rates { per_second: Some(20), per_day: Some(1_000_000) };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), ServerOptions { rates, ..ServerOptions::default() });
    limited(&rig, "requests_per_second = 20\nrequests_per_day = 1000000\nmax_in_flight = 4\nmax_retries = 0");
    rig.others_ask();
    let (done, url) = (AtomicBool::new(false), rig.server.url().to_owned());
    let report = std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut other = gong_sim::Client::new(&url);
            while !done.load(Ordering::SeqCst) {
                // Refused or not, it goes on: it is somebody else's program.
                other.get("/v2/workspaces").expect("an answer");
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        // WHEN a run reads beside them, which may not try again after failures
        let report = rig.sync();
        done.store(true, Ordering::SeqCst);
        report
    });
    // THEN a 429 is no failure, and each silences all tasks for its second, so that there are few
    let entries = rig.server.journal().entries();
    let ours: Vec<_> = entries.iter().filter(|e| e.path != "/v2/workspaces").collect();
    let refused = ours.iter().filter(|e| e.status == Some(429)).count();
    let seconds = report["seconds"].as_f64().expect("a number");
    assert!(refused as f64 <= 4.0 + 4.0 * seconds / 2.0, "{refused} refused of {} in {seconds} s", ours.len());
    assert!(refused > 0, "the others were felt");
    assert_eq!(paid_twice_of(&rig, |path| path != "/v2/workspaces"), Vec::<String>::new());
    assert_conserved(&rig, "beside others");
    // AND once they have used up the day, the run ends with what is left to do and asks no more
    rig.server.clock().advance(TimeDelta::days(1));
    rig.server.spend_quota(1_000_000);
    let before = rig.server.journal().len();
    let report = rig.sync_to(75);
    assert!(report["resume_at"].is_string() && rig.server.journal().len() - before <= 4, "{report}");
    let again = rig.sync_to(75);
    assert_eq!((&again["requests"], &again["resume_at"]), (&0.into(), &report["resume_at"]));
}

/// The start of the next UTC day.
fn midnight() -> DateTime<Utc> {
    (Utc::now().date_naive() + Days::new(1)).and_time(NaiveTime::MIN).and_utc()
}
