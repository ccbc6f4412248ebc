//! Watermark, frontier and the cost of a run: facts move them forward, and only what is due is asked (T-22, T-25, T-26).

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::{Fault, Matcher, ServerOptions, World, WorldSpec};

use crate::support::Rig;
use crate::support::journal::listing_of;
use crate::support::look::{bare, call_at, go_to, nights, rows, status};
use crate::support::rig::FIVE;
use crate::support::truth::{assert_conserved, python};

/// The days of the listings that were asked for, in order.
fn listed(rig: &Rig) -> Vec<String> {
    let entries = rig.server.journal().requests_for("/v2/calls");
    let from = |e: &gong_sim::Entry| {
        e.query.iter().find(|(name, _)| name == "fromDateTime").map(|(_, at)| at[..10].to_owned())
    };
    let mut days: Vec<String> = entries.iter().filter_map(from).collect();
    days.sort();
    days
}

#[test]
fn t22_windows_1_2_4_done_and_3_failed_the_next_run_reads_3_and_does_not_repeat_4() {
    // GIVEN four days of which the third fails
    let rig = bare();
    rig.configure_whole(&format!(
        "[limits]\nrequests_per_second = 2000\nmax_retries = 0\n[sync]\nstart_date = \"2026-05-01\"\n{FIVE}"
    ));
    for day in 1..5 {
        call_at(&rig, &format!("2026-05-0{day}T10:00:00Z"));
    }
    go_to(&rig, "2026-05-05T00:00:00Z");
    rig.server.faults().always(Matcher::path("/v2/calls").containing(&listing_of("2026-05-03")), Fault::ServerError);
    // WHEN it runs THEN the frontier stops before the hole, and the day behind it is there
    rig.sync_to(1);
    let calls = status(&rig, "calls");
    assert_eq!(calls["frontier"], "2026-05-03T00:00:00Z");
    assert_eq!(calls["gaps"], serde_json::json!([{ "from": "2026-05-03", "to": "2026-05-04" }]));
    assert_eq!(calls["rows"], 3);
    // AND the next run reads the hole and nothing else, and the frontier goes over all facts at once
    rig.server.faults().clear();
    rig.server.journal().clear();
    rig.sync();
    assert_eq!(listed(&rig), ["2026-05-03"]);
    let calls = status(&rig, "calls");
    assert_eq!((&calls["frontier"], &calls["gaps"]), (&"2026-05-05T00:00:00Z".into(), &serde_json::json!([])));
    assert_conserved(&rig, "without a hole");
}

#[test]
fn t22_watermark_and_frontier_only_move_forward_and_the_watermark_only_over_settled_windows() {
    // GIVEN nights of which some fail
    let rig = bare();
    for day in 10..20 {
        call_at(&rig, &format!("2026-05-{day}T10:00:00Z"));
    }
    let instant = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<DateTime<Utc>>().ok());
    let mut before = (None, None);
    for night in 0..24 {
        rig.server.faults().clear();
        if night % 3 == 1 {
            rig.server.faults().seeded(
                night,
                Matcher::path("/v2/calls"),
                Fault::Status { status: 400, text: "no".to_owned() },
                60.0,
            );
        }
        rig.run(&["sync"]);
        // WHEN they are looked at THEN neither ever goes back, and the watermark is a last age behind now at least
        let calls = status(&rig, "calls");
        let now = (instant(&calls["watermark"]), instant(&calls["frontier"]));
        assert!(now.0 >= before.0 && now.1 >= before.1 && now.0 <= now.1, "night {night}: {before:?} to {now:?}");
        assert!(now.0.is_none_or(|at| at <= rig.now() - TimeDelta::days(14)), "night {night}: {calls}");
        before = now;
        rig.server.clock().advance(TimeDelta::days(1));
    }
    rig.server.faults().clear();
    rig.sync();
    assert_conserved(&rig, "at last");
}

#[test]
fn t25_a_second_run_carries_the_due_windows_on_the_wire_and_the_body_their_ids_only() {
    // GIVEN an account that was read
    let rig = bare();
    for day in 1..20 {
        call_at(&rig, &format!("2026-05-{day:02}T10:00:00Z"));
    }
    rig.sync();
    rig.server.clock().advance(TimeDelta::days(1));
    rig.server.journal().clear();
    // WHEN it runs again THEN each listing has a window that has just passed an age, or the day in progress, and both its ends
    rig.sync();
    assert_eq!(
        listed(&rig),
        ["2026-05-06", "2026-05-13", "2026-05-17", "2026-05-18", "2026-05-19", "2026-05-20", "2026-05-21"]
    );
    for entry in rig.server.journal().requests_for("/v2/calls") {
        assert!(entry.query.iter().any(|(name, _)| name == "toDateTime"), "{:?}", entry.query);
    }
    // AND details and transcripts are asked by the ids of those windows, in the body, with no date and nothing in the query
    for path in ["/v2/calls/extensive", "/v2/calls/transcript"] {
        let entries = rig.server.journal().requests_for(path);
        assert_eq!(entries.len(), 5, "five of the windows hold a call");
        for entry in entries {
            assert_eq!(entry.query, []);
            let filter = entry.body["filter"].as_object().expect("a filter");
            assert_eq!(filter.keys().collect::<Vec<_>>(), ["callIds"]);
            assert_eq!(filter["callIds"].as_array().map(Vec::len), Some(1));
        }
    }
    assert_eq!(rig.server.journal().violations(), Vec::<String>::new());
}

/// CPU seconds of a `sync`, its own only, without waiting; its report is checked for exit code 0.
fn own_seconds(rig: &Rig) -> f64 {
    let measure = "import resource, subprocess, sys\n\
        code = subprocess.run(sys.argv[1:]).returncode\n\
        used = resource.getrusage(resource.RUSAGE_CHILDREN)\n\
        print(used.ru_utime + used.ru_stime)\n\
        sys.exit(code)";
    let run = rig.command(&["sync", "-q"]);
    let mut measured = python();
    measured.args(["-c", measure]).arg(run.get_program()).args(run.get_args()).current_dir(rig.path(""));
    let output = measured.output().expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said.trim().rsplit('\n').next().and_then(|line| line.parse().ok()).expect("a number")
}

#[test]
fn t26_a_quiet_night_on_a_settled_ledger_of_two_years_costs_a_fixed_small_number_of_requests() {
    // GIVEN two years of twenty thousand calls, all settled
    let spec = WorldSpec { calls: 20_000, days: 730, future_days: 0, ..WorldSpec::small(9) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure_whole(&format!("[sync]\nstart_date = \"2024-05-01\"\nrecheck_every = \"90d\"\n{FIVE}"));
    rig.server.clock().advance(TimeDelta::days(61));
    rig.sync();
    nights(&rig, 15);
    let calls = status(&rig, "calls");
    assert!(calls["rows"].as_u64() > Some(18_000) && calls["gaps"] == serde_json::json!([]), "{calls}");
    // WHEN a night passes in which nothing happened
    let objects = rig.objects();
    rig.server.clock().advance(TimeDelta::days(1));
    rig.server.journal().clear();
    let seconds = own_seconds(&rig);
    // THEN it asks for users, workspaces, the day in progress, the day before (read before it was over), the days that pass the
    // ages of 1, 2, 3, 7 and 14 days, and, because none of these holds a call, one window that does, where neighbours are
    // asked for together: eight requests, whatever the ledger holds
    let mut paths: BTreeMap<String, usize> = BTreeMap::new();
    for entry in rig.server.journal().entries() {
        *paths.entry(entry.path).or_default() += 1;
    }
    let expected = [("/v2/calls", 6), ("/v2/users", 1), ("/v2/workspaces", 1)];
    assert_eq!(paths, expected.map(|(path, count)| (path.to_owned(), count)).into());
    // AND touches no object, in less than two seconds of its own
    assert_eq!(rig.objects(), objects);
    assert!(seconds < 2.0, "{seconds} CPU seconds");
    assert_eq!(rows(&rig.sync(), "calls", "written"), 0);
}
