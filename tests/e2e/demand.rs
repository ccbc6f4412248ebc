//! What is read again because somebody asked: other settings, forced ranges, and backfills that are given up.

use chrono::TimeDelta;
use gong_sim::{ServerOptions, World, WorldSpec};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::look::{ask, bare, call_at, objects_of, rows};
use crate::support::rig::FIVE;
use crate::support::truth::assert_conserved;

fn plan(rig: &Rig, more: &[&str]) -> Value {
    rig.run(&[&["plan", "--format", "json"], more].concat()).expect(0).json()
}

/// Tables of a plan whose units are read for a reason.
fn tables(plan: &Value, reason: &str) -> Vec<String> {
    let units = plan["units"].as_array().expect("a list").iter().filter(|unit| unit["reason"] == reason);
    let mut tables: Vec<String> = units.filter_map(|unit| unit["entity"].as_str().map(str::to_owned)).collect();
    tables.sort();
    tables.dedup();
    tables
}

#[test]
fn private_calls_that_are_no_longer_wanted_leave_all_tables_in_the_next_run() {
    // GIVEN settled windows that were read with private calls
    let rig = Rig::small(3);
    rig.configure("include_private = true");
    rig.server.clock().advance(TimeDelta::days(40));
    rig.sync();
    let private = |rig: &Rig| ask(rig, "calls", "SELECT count(*) FILTER (WHERE is_private) > 0 FROM TABLE");
    assert_eq!(private(&rig), "[(True,)]");
    // WHEN they are no longer wanted THEN the plan has just the tables that can hold something of them
    rig.configure("");
    let reason = "private calls are no longer wanted";
    let expected =
        ["call_transcripts", "calls", "calls_extensive", "library_folder_content", "stats_activity_scorecards"];
    assert_eq!(tables(&plan(&rig, &[]), reason), expected);
    // AND the next run, at the same now, removes them everywhere, and reads nothing else
    let report = rig.sync();
    assert_eq!(
        (private(&rig).as_str(), report["entities"]["users"]["units"]["planned"].as_u64()),
        ("[(False,)]", Some(0))
    );
    assert!(rows(&report, "calls", "private") > 0 && report["warnings"] == json!([]), "{report}");
    assert_conserved(&rig, "without private calls");
    assert_eq!(plan(&rig, &[])["units"], json!([]));
}

#[test]
fn units_of_other_settings_are_shown_by_plan_and_read_again_by_force_whole_windows_at_a_time() {
    // GIVEN a settled month, and then details that are to hold less
    let rig = bare();
    for day in ["2026-04-03", "2026-04-13", "2026-04-23"] {
        call_at(&rig, &format!("{day}T10:00:00Z"));
    }
    rig.sync();
    assert_eq!(plan(&rig, &[])["other_settings"], 0);
    let more = "[entities.calls_extensive]\ncontent_selector = { exposedFields = { parties = true } }";
    rig.configure(&format!("{FIVE}\n{more}"));
    let other = plan(&rig, &[])["other_settings"].as_u64().expect("a count");
    assert!(other > 10, "{other}");
    let text = rig.run(&["plan"]).expect(0).stdout;
    assert!(
        text.contains(&format!("{other} units were read under other settings; `gong-elt backfill --force`")),
        "{text}"
    );
    // WHEN a run goes on THEN they stay as they are
    let before = objects_of(&rig, "calls_extensive");
    rig.sync();
    assert_eq!(objects_of(&rig, "calls_extensive"), before);
    // WHEN one day of the month is forced THEN the whole window is read, and nothing beside it
    rig.server.clock().advance(TimeDelta::minutes(1));
    let force = ["backfill", "--from", "2026-04-13", "--to", "2026-04-14", "--force", "--format", "json"];
    let planned = plan(&rig, &force[..6]);
    let windows: Vec<&Value> = planned["units"].as_array().expect("a list").iter().map(|unit| &unit["from"]).collect();
    assert_eq!((windows, &planned["units"][0]["to"]), (vec![&json!("2026-04-01"); 3], &json!("2026-05-01")));
    let report = rig.run(&force).expect(0).json();
    assert_eq!(report["entities"]["calls_extensive"]["rows"]["written"], 3, "{report}");
    assert_eq!(ask(&rig, "calls_extensive", "SELECT count(content), count(*) FROM TABLE"), "[(0, 3)]");
    assert_eq!(plan(&rig, &[])["other_settings"].as_u64(), Some(other - 1));
}

#[test]
fn a_cancelled_backfill_is_forgotten_and_what_it_read_stays() {
    // GIVEN a backfill that was stopped, which sync goes on with
    let rig = Rig::new(World::generate(WorldSpec { days: 45, ..WorldSpec::small(4) }), ServerOptions::unlimited());
    let configure = |rig: &Rig| {
        rig.configure_whole(&format!(
            "[sync]\nstart_date = \"2026-05-18\"\ncontinue_backfills = true\nwindow = \"day\"\n{FIVE}"
        ));
    };
    configure(&rig);
    rig.sync();
    let range = ["backfill", "--from", "2026-04-01", "--to", "2026-05-18"];
    rig.run(&[&range[..], &["--max-requests", "30"]].concat()).expect(0);
    let rest = tables(&plan(&rig, &[]), "unfinished backfill");
    assert_eq!(rest, ["call_transcripts", "calls", "calls_extensive"]);
    let read = objects_of(&rig, "calls");
    // WHEN it is cancelled
    let said = rig.run(&["backfill", "--cancel"]).expect(0).stdout;
    assert_eq!(said, "1 unfinished backfills forgotten; what they read stays\n");
    let again = rig.run(&["backfill", "--cancel", "--format", "json"]).expect(0).json();
    assert_eq!(again, serde_json::json!({ "version": 1, "forgotten": 0 }));
    // THEN sync ends what was begun and asks for nothing more of it, and nothing that was read is gone
    rig.sync();
    assert_eq!(tables(&plan(&rig, &[]), "unfinished backfill"), Vec::<String>::new());
    let april = |rig: &Rig| {
        rig.server
            .journal()
            .requests_for("/v2/calls")
            .iter()
            .filter(|e| format!("{:?}", e.query).contains("2026-04-0"))
            .count()
    };
    assert_eq!(april(&rig), 0, "windows are read from the newest on");
    assert!(read.iter().all(|object| objects_of(&rig, "calls").contains(object)));
    // AND the same backfill can be asked again, and does not pay twice
    rig.run(&range).expect(0);
    assert_eq!(crate::support::journal::paid_twice(&rig.server), Vec::<String>::new());
    assert_conserved(&rig, "after the backfill");
}

/// Listings of days before the start that were asked for after so many requests.
fn earlier(rig: &Rig, after: usize, start: &str) -> usize {
    let from =
        |entry: &gong_sim::Entry| entry.query.iter().find(|(name, _)| name == "fromDateTime").map(|(_, at)| at.clone());
    let entries = rig.server.journal().entries().split_off(after);
    entries.iter().filter(|e| e.path == "/v2/calls" && from(e).is_some_and(|at| at.as_str() < start)).count()
}

#[test]
fn what_a_backfill_has_begun_comes_after_the_fresh_windows_and_not_at_all_once_it_is_cancelled() {
    for cancelled in [false, true] {
        // GIVEN a backfill that was stopped in the middle of its windows, and a night
        let rig = Rig::sized(4, 3_000, 80);
        let start = "2026-04-20";
        rig.configure_whole(&format!("[sync]\nstart_date = \"{start}\"\n{FIVE}"));
        rig.sync();
        let range = ["backfill", "--from", "2026-03-01", "--to", start];
        rig.run(&[&range[..], &["--max-requests", "6"]].concat()).expect(0);
        let begun: u32 =
            rig.ledger().query_row("SELECT count(*) FROM open_unit", [], |row| row.get(0)).expect("a count");
        assert!(begun > 0);
        if cancelled {
            rig.run(&["backfill", "--cancel"]).expect(0);
        }
        // WHEN sync runs THEN it reads its own days first, and of the backfill what it had begun, unless that was cancelled
        rig.server.clock().advance(TimeDelta::hours(20));
        let before = rig.server.journal().len();
        let reasons = tables(&plan(&rig, &[]), "unfinished backfill");
        rig.sync();
        assert_eq!(reasons.is_empty(), cancelled, "{reasons:?}");
        let entries = rig.server.journal().entries().split_off(before);
        let is_old =
            |e: &gong_sim::Entry| e.query.iter().any(|(name, at)| name == "fromDateTime" && at.as_str() < start);
        if cancelled {
            assert_eq!(earlier(&rig, before, start), 0);
        } else {
            let listed = rig.server.journal().entries();
            let pages: Vec<String> = listed
                .iter()
                .filter(|e| e.path == "/v2/calls" && is_old(e))
                .map(crate::support::journal::asked)
                .collect();
            let unique: std::collections::HashSet<&String> = pages.iter().collect();
            assert_eq!(unique.len(), pages.len(), "{pages:?}");
            let first_old = entries.iter().position(is_old);
            let last_fresh = entries.iter().rposition(|e| e.path == "/v2/calls" && !is_old(e));
            assert!(first_old.is_none() || first_old > last_fresh, "{first_old:?} {last_fresh:?}");
        }
        // AND the backfill finds its end, with every call once
        rig.run(&range).expect(0);
        let public = rig.server.truth("calls").iter().filter(|call| call["isPrivate"] == false).count();
        let counted = ask(&rig, "calls", "SELECT count(*), count(DISTINCT id) FROM TABLE");
        assert_eq!(counted, format!("[({public}, {public})]"));
        // AND nothing that was begun stays for ever
        rig.server.clock().advance(TimeDelta::days(2));
        rig.sync();
        assert_eq!(rig.ledger().query_row("SELECT count(*) FROM open_unit", [], |row| row.get::<_, u32>(0)), Ok(0));
    }
}

#[test]
fn a_forced_backfill_goes_on_where_it_was_stopped_and_begins_anew_once_it_is_done() {
    // GIVEN windows that were read with other details than are wanted now
    let rig = Rig::sized(4, 600, 40);
    rig.configure(FIVE);
    rig.sync();
    let more = "[entities.calls_extensive]\ncontent_selector = { exposedFields = { parties = true } }";
    rig.configure(&format!("{FIVE}\n{more}"));
    let force = ["backfill", "--force", "--from", "2026-04-01", "--to", "2026-05-21", "--entities", "calls_extensive"];
    let planned = |rig: &Rig| plan(rig, &force)["requests"].as_u64().expect("a number");
    let whole = planned(&rig);
    assert!(whole > 30, "{whole}");
    // WHEN they are forced with ten requests a run, which may be a day's
    let before = rig.server.journal().len();
    let (mut runs, mut left) = (0, whole);
    while left > 0 {
        let report = rig.run(&[&force[..], &["--max-requests", "10", "--format", "json"]].concat()).expect(0).json();
        runs += 1;
        rig.server.clock().advance(TimeDelta::hours(2));
        assert!(runs <= whole / 10 + 2, "{runs} runs, {left} of {whole} left");
        let names = report["entities"].as_object().expect("entities");
        left = names.values().filter_map(|entity| entity["units"]["left"].as_u64()).sum();
    }
    // THEN that took what one run would have taken, and every window is read under the new settings
    let made = rig.server.journal().len() - before;
    assert!(made as u64 <= whole + runs, "{made} of {whole} in {runs} runs");
    assert_eq!(plan(&rig, &[])["other_settings"], json!(0));
    assert_eq!(ask(&rig, "calls_extensive", "SELECT count(content) FROM TABLE"), "[(0,)]");
    // AND the same command begins anew
    assert!(planned(&rig) >= whole / 2, "{} of {whole}", planned(&rig));
    let again = rig.run(&[&force[..], &["--format", "json"]].concat()).expect(0).json();
    assert!(again["requests"].as_u64() >= Some(whole / 2), "{again}");
}

#[test]
fn a_backfill_on_an_empty_ledger_reads_the_lists_that_it_goes_over() {
    // GIVEN a ledger that knows nothing
    let rig = Rig::small(4);
    rig.configure_whole("[sync]\nstart_date = \"2026-05-18\"");
    // WHEN its first command is a backfill of everything
    let report =
        rig.run(&["backfill", "--from", "2026-04-01", "--to", "2026-05-18", "--format", "json"]).expect(0).json();
    // THEN coaching has its workspaces and managers, and nothing else was read that has no dates
    assert_eq!(report["warnings"], json!([]));
    assert!(report["entities"]["coaching"]["units"]["committed"].as_u64() > Some(0), "{report}");
    assert!(objects_of(&rig, "users").len() == 1 && objects_of(&rig, "settings_trackers").is_empty());
    // AND the next sync has the rest
    rig.sync();
    assert_eq!(plan(&rig, &[])["units"], json!([]));
}
