//! What is read again by age and not by each run, and what a fan-out costs.

use chrono::TimeDelta;

use crate::support::Rig;

/// Requests of each path since `after`.
fn asked(rig: &Rig, after: usize, paths: &[&str]) -> usize {
    let entries = rig.server.journal().entries();
    entries.iter().skip(after).filter(|e| paths.contains(&e.path.as_str())).count()
}

#[test]
fn an_hourly_job_reads_snapshots_and_folders_once_a_night_and_running_coaching_once_a_week() {
    const SNAPSHOTS: [&str; 6] = [
        "/v2/users",
        "/v2/workspaces",
        "/v2/settings/scorecards",
        "/v2/settings/trackers",
        "/v2/library/folders",
        "/v2/library/folder-content",
    ];
    // GIVEN an account that was read
    let rig = Rig::small(3);
    rig.configure("entities = [\"users\", \"workspaces\", \"settings_scorecards\", \"settings_trackers\", \"library_folder_content\", \"coaching\"]");
    rig.sync();
    let (folders, coaching) = (asked(&rig, 0, &["/v2/library/folder-content"]), asked(&rig, 0, &["/v2/coaching"]));
    assert!(folders > 1 && coaching > 1);
    // WHEN the job runs each hour THEN none of it is asked before twenty hours have passed, and then once
    let begun = rig.now();
    for hour in 1..24 {
        let before = rig.server.journal().len();
        rig.server.clock().set(begun + TimeDelta::hours(hour));
        rig.sync();
        let snapshots = asked(&rig, before, &SNAPSHOTS);
        assert_eq!(snapshots > 0, hour == 20, "{snapshots} requests after {hour} hours");
        assert_eq!(asked(&rig, before, &["/v2/coaching"]), 0, "after {hour} hours");
    }
    // AND the month in progress of coaching is asked again after a week, not before
    for day in 2..=8 {
        let before = rig.server.journal().len();
        rig.server.clock().set(begun + TimeDelta::days(day));
        rig.sync();
        assert_eq!(asked(&rig, before, &["/v2/coaching"]) > 0, day == 7, "after {day} days");
    }
}

#[test]
fn a_plan_tells_what_coaching_costs_and_only_managers_are_asked_for() {
    // GIVEN an account whose users and workspaces are known
    let rig = Rig::small(3);
    rig.configure("entities = [\"users\", \"workspaces\"]");
    rig.sync();
    rig.configure("entities = [\"coaching\"]");
    // WHEN its coaching is planned
    let plan = rig.run(&["plan", "--format", "json"]).expect(0).json();
    // THEN it costs one request for each manager, workspace and period
    let users = rig.server.truth("users");
    let managers: std::collections::BTreeSet<&str> = users.iter().filter_map(|u| u["managerId"].as_str()).collect();
    let workspaces = rig.server.truth("workspaces").len();
    let coaching = &plan["entities"]["coaching"];
    let units = coaching["units"].as_u64().expect("a number");
    let cost = managers.len() as u64 * workspaces as u64 * units;
    assert!(units >= 2 && managers.len() > 1 && managers.len() < users.len());
    assert_eq!(coaching["requests"], cost);
    assert_eq!(plan["unknown"], serde_json::json!([]));
    // AND so many are made, of managers only
    let before = rig.server.journal().len();
    rig.sync();
    let entries = rig.server.journal().entries().split_off(before);
    let asked: Vec<&str> = entries
        .iter()
        .filter(|e| e.path == "/v2/coaching")
        .filter_map(|e| e.query.iter().find(|(name, _)| name == "manager-id").map(|(_, id)| id.as_str()))
        .collect();
    assert_eq!(asked.len() as u64, cost);
    assert!(asked.iter().all(|id| managers.contains(id)));
}
