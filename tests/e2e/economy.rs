//! Few requests, and a plan that knows them before.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use gong_sim::{Entry, Fault, Matcher, NewCall, ServerOptions, World, WorldSpec};
use serde_json::Value;

use crate::support::Rig;
use crate::support::journal::{asked, listing_of};
use crate::support::rig::{FIVE, START, end};
use crate::support::truth::assert_conserved;

/// An account of hardly any call: `calls` of them in 49 days, none later but those that a test adds.
fn sparse(calls: usize) -> Rig {
    let spec = WorldSpec { calls, days: 49, future_days: 0, ..WorldSpec::small(1) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure(FIVE);
    rig
}

/// The sparse account twelve days after its first sync, with a call on the fifth day of these.
fn twelve_days_later() -> Rig {
    let rig = sparse(4);
    rig.sync();
    rig.server.clock().set(instant("2026-06-01T09:00:00Z"));
    rig.server.world().add_call(NewCall::at(instant("2026-05-25T15:00:00Z")));
    rig.server.journal().clear();
    rig
}

fn instant(text: &str) -> DateTime<Utc> {
    text.parse().expect("an instant")
}

#[test]
fn days_that_hold_nothing_are_asked_for_together() {
    // GIVEN twelve days of a quiet account, one of them with a call
    let rig = twelve_days_later();
    // WHEN they are planned and read
    let planned = rig.run(&["plan", "--format", "json"]).expect(0).json();
    let report = rig.sync();
    // THEN one listing tells which of them are empty, and the day with the call is listed by itself
    let listings = rig.server.journal().requests_for("/v2/calls");
    let asked: Vec<String> = listings.iter().map(|e| format!("{:?}", e.query)).collect();
    let new_days = asked.iter().filter(|query| query.contains("2026-05-25T00:00:00Z")).count();
    assert_eq!(new_days, 1, "{asked:#?}");
    let units = &report["entities"]["calls"]["units"];
    assert!(units["committed"].as_u64().is_some_and(|units| units > 2 * asked.len() as u64), "{units}, {asked:#?}");
    assert_eq!(units["planned"], units["committed"]);
    // AND the plan knew
    let about = planned["entities"]["calls"]["requests"].as_u64().expect("a number");
    assert!(about.abs_diff(asked.len() as u64) <= 2, "{about} planned, {} made", asked.len());
    // AND every day is covered, with what the account holds
    let status = rig.run(&["status", "--format", "json"]).expect(0).json();
    assert_eq!(status["entities"]["calls"]["gaps"], serde_json::json!([]));
    assert_conserved(&rig, "after quiet days");
    assert!(rig.server.journal().violations().is_empty());
}

#[test]
fn a_call_that_its_own_day_does_not_show_makes_every_day_be_listed() {
    // GIVEN a call that the listing of all days names, and that of its own day does not
    let rig = twelve_days_later();
    let own_day = Matcher::path("/v2/calls").containing("2026-05-26T00");
    rig.server.faults().always(own_day, Fault::NothingFound);
    // WHEN they are read
    rig.sync();
    // THEN nothing is taken for empty: each day was asked for
    let listings = rig.server.journal().requests_for("/v2/calls");
    for day in (22..=31).map(|day| format!("2026-05-{day}")).chain(["2026-06-01".to_owned()]) {
        let of_day = listing_of(&day);
        assert!(listings.iter().any(|e| format!("{:?}", e.query).contains(&of_day)), "{day}");
    }
}

#[test]
fn a_window_that_is_known_to_hold_too_much_is_not_asked_for() {
    // GIVEN an account so full that a month is cut, of which the newest days are read first
    let spec = WorldSpec { calls: 14_000, days: 50, ..WorldSpec::small(1) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure("entities = [\"calls\"]");
    // WHEN it is read
    let report = rig.sync();
    // THEN no listing was begun and thrown away
    let april = "(\"fromDateTime\", \"2026-04-01T00:00:00Z\"), (\"toDateTime\", \"2026-05-01T00:00:00Z\")";
    let asked: Vec<String> =
        rig.server.journal().requests_for("/v2/calls").iter().map(|e| format!("{:?}", e.query)).collect();
    assert!(!asked.iter().any(|query| query.contains(april)), "{asked:#?}");
    let units = &report["entities"]["calls"]["units"];
    assert_eq!((&units["planned"], &units["committed"]), (&23.into(), &23.into()));
}

#[test]
fn calls_of_many_reviews_are_looked_up_together() {
    // GIVEN reviews of calls from before the start date, over many days
    let rig = Rig::sized(1, 3_000, 49);
    let entities = "entities = [\"calls\", \"stats_activity_scorecards\"]";
    rig.configure_whole(&format!("[sync]\nstart_date = \"2026-05-06\"\n{entities}"));
    // WHEN they are read
    let report = rig.sync();
    let windows = report["entities"]["stats_activity_scorecards"]["units"]["committed"].as_u64();
    // THEN the ledger's unknown calls were looked up in full batches
    let looked_up = rig.server.journal().requests_for("/v2/calls/extensive");
    let ids = |body: &Value| body["filter"]["callIds"].as_array().map_or(0, Vec::len);
    let all: usize = looked_up.iter().map(|e| serde_json::to_value(&e.body).as_ref().map_or(0, ids)).sum();
    assert!(windows > Some(10) && all > 5, "{windows:?} windows, {all} ids");
    assert_eq!(looked_up.len(), all.div_ceil(100));
}

#[test]
fn a_run_begins_with_what_others_need_and_goes_from_new_to_old() {
    // GIVEN requests that leave one by one
    let rig = Rig::small(1);
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_in_flight = 1";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\nwindow = \"day\""));
    // WHEN everything is read for the first time
    rig.sync();
    // THEN what tells the company comes before all, and lists before what goes over them
    let entries = rig.server.journal().entries();
    let first = |path: &str| entries.iter().position(|e| e.path == path).expect(path);
    let last = |path: &str| entries.iter().rposition(|e| e.path == path).expect(path);
    assert!(last("/v2/workspaces") < first("/v2/users"));
    assert!(last("/v2/users") < first("/v2/coaching"));
    assert!(last("/v2/library/folders") < first("/v2/library/folder-content"));
    // AND the calls' days come in order, but for those that are under way together
    let days: Vec<String> = entries
        .iter()
        .filter(|e| e.path == "/v2/calls")
        .filter_map(|e| e.query.iter().find(|(name, _)| name == "fromDateTime").map(|(_, at)| at.clone()))
        .collect();
    assert!(days.len() >= 50, "{days:?}");
    for (place, day) in days.iter().enumerate() {
        let newer_later = days[place + 1..].iter().filter(|later| *later > day).count();
        assert!(newer_later < 8, "{day} before {newer_later} newer days: {days:?}");
    }
}

/// Plan and report of the newest run, from the ledger's history.
fn history(rig: &Rig) -> (Value, Value) {
    let query = "SELECT plan, report FROM run ORDER BY id DESC LIMIT 1";
    let texts: (String, String) =
        rig.ledger().query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a run with plan and report");
    let json = |text: &str| serde_json::from_str(text).expect("JSON");
    (json(&texts.0), json(&texts.1))
}

/// Units and requests of each entity of which there are any, as planned and as made.
fn side_by_side(plan: &Value, report: &Value) -> BTreeMap<String, [(u64, u64); 2]> {
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let mut both = BTreeMap::new();
    for (name, made) in report["entities"].as_object().expect("entities") {
        let planned = &plan["entities"][name];
        let planned = (number(&planned["units"]), number(&planned["requests"]));
        let made = (number(&made["units"]["planned"]), number(&made["requests"]));
        if planned != (0, 0) || made != (0, 0) {
            both.insert(name.clone(), [planned, made]);
        }
    }
    both
}

#[test]
fn plan_and_report_agree_entity_by_entity_and_both_are_in_the_history() {
    // GIVEN an account that was read once, a night later
    let rig = Rig::sized(1, 2_000, 49);
    rig.sync();
    rig.server.night();
    rig.server.journal().clear();
    // WHEN the next sync is planned and run
    let before = rig.run(&["plan", "--format", "json"]).expect(0).json();
    assert_eq!(rig.server.journal().len(), 0, "a plan asks nothing");
    let printed = rig.sync();
    // THEN the history holds that plan and that report
    let (plan, report) = history(&rig);
    assert_eq!((&plan, &report), (&before, &printed));
    // AND they agree: every unit, and the requests but for calls that were not there before
    let both = side_by_side(&plan, &report);
    assert!(both.len() >= 13, "{both:?}");
    for (name, [planned, made]) in &both {
        assert_eq!(planned.0, made.0, "units of {name}");
        let slack = if name.starts_with("call") { 1 + made.1 / 5 } else { 0 };
        assert!(planned.1.abs_diff(made.1) <= slack, "{name}: {planned:?} planned, {made:?} made");
    }
    assert_eq!(report["requests"], rig.server.journal().len());
    let (planned, made) =
        (plan["requests"].as_f64().expect("a number"), report["requests"].as_f64().expect("a number"));
    assert!((0.9..=1.1).contains(&(planned / made)), "{planned} planned, {made} made");
    // GIVEN settled months, of which everything is known WHEN they are forced
    let range = ["backfill", "--from", "2026-04-01", "--to", "2026-05-01", "--force"];
    rig.run(&range).expect(0);
    // THEN plan and report are the same to the request
    let (plan, report) = history(&rig);
    let both = side_by_side(&plan, &report);
    assert!(both.len() >= 8, "{both:?}");
    for (name, [planned, made]) in &both {
        assert_eq!(planned, made, "{name}");
    }
}

#[test]
fn a_plan_counts_only_what_an_interrupted_run_has_not_paid_for() {
    // GIVEN a night's sync that was killed in the middle
    let rig = Rig::sized(1, 4_000, 49);
    rig.configure(FIVE);
    rig.sync();
    rig.server.night();
    let whole = rig.run(&["plan", "--format", "json"]).expect(0).json()["requests"].as_u64().expect("a number");
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "staged:15"));
    assert_eq!(killed.code, -1, "{}", killed.stderr);
    let staged: u64 = rig.ledger().query_row("SELECT count(*) FROM staged", [], |row| row.get(0)).expect("a count");
    assert!(staged > 0, "it left pages behind");
    // WHEN the rest is planned and read
    let planned = rig.run(&["plan", "--format", "json"]).expect(0).json()["requests"].as_u64().expect("a number");
    let made = rig.sync()["requests"].as_u64().expect("a number");
    // THEN what waits in the ledger is not counted again
    assert!(
        planned.abs_diff(made) <= 1 + made / 10 && planned + 10 < whole,
        "{whole} whole, {planned} planned, {made} made"
    );
}

#[test]
fn a_plan_knows_that_details_bring_the_listing() {
    // GIVEN an account whose windows are listed through the details of their calls, a night after it was read
    let rig = Rig::sized(1, 2_000, 49);
    rig.configure(&format!("{FIVE}\n[entities.calls]\ncalls_from = \"details\""));
    rig.sync();
    rig.server.night();
    // WHEN it is planned and read THEN the listing costs nothing, and the details what they take
    rig.sync();
    let (plan, report) = history(&rig);
    let both = side_by_side(&plan, &report);
    assert_eq!((both["calls"][0].1, both["calls"][1].1), (0, 0), "{both:?}");
    let [planned, made] = both["calls_extensive"];
    assert!(made.1 >= 7 && planned.1.abs_diff(made.1) <= 2, "{both:?}");
}

#[test]
fn a_probe_asks_for_months_of_which_nothing_was_seen_and_reviews_follow_by_ratio() {
    // GIVEN an account that was quiet long ago, of which the last weeks were read
    let rig = Rig::sized(1, 1_500, 49);
    rig.configure("entities = [\"calls\", \"stats_activity_scorecards\"]");
    rig.sync();
    rig.server.journal().clear();
    // WHEN a backfill of three months before it is planned, without and with a probe
    let range = ["backfill", "--from", "2026-01-01", "--to", "2026-04-01"];
    let plan = |how: &[&str]| rig.run(&[&["plan", "--format", "json"], how, &range].concat()).expect(0).json();
    let requests = |plan: &Value, name: &str| plan["entities"][name]["requests"].as_u64().expect("a number");
    let near = plan(&[]);
    assert_eq!(rig.server.journal().len(), 0);
    let told = plan(&["--probe"]);
    // THEN each of the three months was asked once, and is known now
    assert_eq!((rig.server.journal().len(), rig.server.journal().count("/v2/calls")), (3, 3));
    assert_eq!(plan(&["--probe"]), told);
    assert_eq!(rig.server.journal().len(), 3);
    // AND both entities are expected to hold what they do: nothing but a request for each window
    for name in ["calls", "stats_activity_scorecards"] {
        assert!(requests(&near, name) > requests(&told, name) || name != "calls", "{near}\n{told}");
        assert_eq!(requests(&told, name), 3, "{told}");
    }
}

/// What a range of the journal asked more than once with a good answer.
fn asked_twice(entries: &[Entry]) -> Vec<String> {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for entry in entries.iter().filter(|e| e.status == Some(200)) {
        *times.entry(asked(entry)).or_default() += 1;
    }
    times.into_iter().filter(|(_, times)| *times > 1).map(|(asked, _)| asked).collect()
}

/// An account of which a backfill day by day takes some 40 requests for each twelve days.
fn long_history(days: u32) -> Rig {
    Rig::sized(1, 6 * days as usize, days)
}

const BACKFILL: [&str; 7] = ["backfill", "--from", "2024-12-15", "--to", "2026-05-01", "--format", "json"];

#[test]
fn t33_a_backfill_in_three_runs_of_500_requests_with_a_sync_in_between() {
    // GIVEN a backfill of some 1,500 requests
    let rig = long_history(530);
    let names = "entities = [\"calls\", \"calls_extensive\", \"call_transcripts\"]";
    let configure = |more: &str| {
        rig.configure_whole(&format!("{more}\n[sync]\nstart_date = \"2026-05-01\"\nwindow = \"day\"\n{names}"));
    };
    configure("");
    // WHEN it runs with 500 requests at a time
    let bounded: Vec<&str> = BACKFILL.iter().copied().chain(["--max-requests", "500"]).collect();
    let (mut runs, mut backfilled) = (Vec::new(), Vec::new());
    loop {
        rig.server.journal().clear();
        let report = rig.run(&bounded).expect(0).json();
        let made = rig.server.journal().len();
        backfilled.extend(rig.server.journal().entries());
        assert_eq!(report["requests"], made);
        runs.push(made);
        let left: u64 = report["entities"]
            .as_object()
            .expect("entities")
            .values()
            .filter_map(|e| e["units"]["left"].as_u64())
            .sum();
        if left == 0 {
            break;
        }
        // AND a nightly sync comes in between, which has its own days to read
        let report = rig.sync();
        assert_eq!(report["entities"]["calls"]["units"]["left"], 0);
        rig.server.night();
    }
    // THEN each run but the last made 500, and the last finished
    assert!(runs.len() == 3 && runs[..2] == [500, 500] && runs[2] <= 500, "{runs:?}");
    // AND no page of it was paid twice
    assert_eq!(asked_twice(&backfilled), Vec::<String>::new());
    assert_eq!(rig.ledger().query_row("SELECT count(*) FROM backfill", [], |row| row.get::<_, u32>(0)), Ok(0));
    let nothing = rig.run(&BACKFILL).expect(0).json();
    assert_eq!(nothing["requests"], 0);
}

#[test]
fn t33_a_backfill_over_three_days_of_budget_with_a_sync_each_night() {
    // GIVEN a vendor that gives 400 requests a day, of which a tenth is left to others and 200 to the sync of the night
    let rates = gong_sim::Rates { per_second: None, per_day: Some(400) };
    let spec = WorldSpec { calls: 900, days: 150, ..WorldSpec::small(1) };
    let rig = Rig::new(World::generate(spec), ServerOptions { rates, ..ServerOptions::default() });
    let names = "entities = [\"calls\", \"calls_extensive\", \"call_transcripts\"]";
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 400";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"2026-05-01\"\nwindow = \"day\"\n{names}"));
    let (mut made, mut backfilled, mut refused) = (Vec::new(), Vec::new(), 0);
    loop {
        // WHEN a day's backfill meets the end of its budget
        rig.server.journal().clear();
        let ended = rig.run(&["backfill", "--from", "2026-01-01", "--to", "2026-05-01", "--format", "json"]);
        made.push(rig.server.journal().len());
        backfilled.extend(rig.server.journal().entries());
        // AND the sync of the night finds what was left to it
        rig.sync();
        refused += rig.server.journal().entries().iter().filter(|e| e.status == Some(429)).count();
        if ended.code == 0 {
            break;
        }
        let report = ended.expect(75).json();
        assert!(report["resume_at"].is_string(), "{report}");
        // AND the next day begins: at the vendor by its clock, in the ledger by making what was spent a day older
        rig.server.night();
        rig.ledger().execute("UPDATE spent SET minute = minute - 24 * 60", []).expect("a count");
    }
    // THEN each day but the last had its whole budget
    let days = made.len();
    assert!(days >= 3 && made[..days - 1].iter().all(|requests| *requests == 400 - 40 - 200), "{made:?}");
    // AND the vendor refused nothing, and no page was paid twice
    assert_eq!((refused, asked_twice(&backfilled)), (0, Vec::new()));
    assert_eq!(rig.ledger().query_row("SELECT count(*) FROM backfill", [], |row| row.get::<_, u32>(0)), Ok(0));
}
