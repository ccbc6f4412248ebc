//! The direct verbs share rate, budget and credentials with a run that may be under way, and take no lock.

use std::time::Duration;

use gong_sim::{Fault, Matcher, RetryAfter};

use super::{lines, truth};
use crate::support::Rig;
use crate::support::rig::FIVE;
use crate::support::truth::assert_conserved;

#[test]
fn a_list_beside_a_sync_keeps_the_rate() {
    // GIVEN a sync under way that may send 10 requests a second
    let rig = Rig::small(1);
    rig.configure(&format!("{FIVE}\nwindow = \"day\"\n[limits]\nrequests_per_second = 10\n"));
    rig.server.faults().once(Matcher::path("/v2/calls"), Fault::Hold { name: "run".to_owned() });
    let mut run = rig.spawn(&["sync"]);
    assert!(rig.server.faults().wait_held("run", Duration::from_secs(60)), "the run asks for calls");
    // WHEN others list at the same time
    let before = rig.server.journal().len();
    assert_eq!(lines(&rig, &["list", "settings_trackers"]).len(), truth(&rig, "settings_trackers").len());
    rig.server.faults().release("run");
    let mut beside = 0;
    while run.try_wait().expect("a child").is_none() {
        lines(&rig, &["list", "settings_scorecards"]);
        beside += 1;
    }
    // THEN none waits for the other, and together they keep the rate
    assert!(run.wait().expect("a child").success() && beside > 0);
    let entries = rig.server.journal().entries();
    let listed = |path: &str| entries.iter().filter(|e| e.path == path).map(|e| e.sequence).collect::<Vec<_>>();
    assert_eq!(listed("/v2/settings/scorecards").len(), beside);
    let last_of_run = entries.iter().rev().find(|e| e.path != "/v2/settings/scorecards").map(|e| e.sequence);
    let first_beside = listed("/v2/settings/scorecards").first().copied();
    assert!(last_of_run > first_beside, "they were beside each other");
    assert!(entries.len() > before + 10);
    // One more than the rate allows, for the packet of a process that has just started may be late.
    let most = rig.server.journal().max_within(Duration::from_secs(3));
    assert!(most <= 31, "{most} requests in three seconds");
    assert_conserved(&rig, "the run beside which was listed");
}

#[test]
fn the_budget_of_the_day_is_one_for_all() {
    // GIVEN a budget of four requests and a listing of five pages
    let rig = Rig::sized(2, 520, 14);
    rig.configure("[limits]\nrequests_per_second = 2000\nrequests_per_day = 5\nreserve = 1\n");
    lines(&rig, &["list", "workspaces"]);
    // WHEN it is listed THEN what was paid for is printed, and the exit code and a time say that it is not all
    let ended = rig.run(&["list", "calls"]).expect(75);
    assert_eq!(ended.stdout.lines().count(), 300);
    assert!(
        ended.stderr.starts_with("error: out of quota; resume_at ") && ended.stderr.contains("T00:00:00Z\n"),
        "{}",
        ended.stderr
    );
    // AND the others have none left either
    rig.run(&["get", "users", "1"]).expect(75);
    rig.run(&["download", "audio", "1"]).expect(75);
    assert_eq!(rig.server.journal().len(), 4);
}

#[test]
fn a_long_silence_that_the_vendor_asks_for_is_kept_and_not_slept_through() {
    let rig = Rig::small(1);
    let retry_after = RetryAfter::Seconds(3600);
    rig.server.faults().once(Matcher::path("/v2/users"), Fault::TooManyRequests { retry_after });
    let ended = rig.run(&["list", "users"]).expect(75);
    assert!(ended.stderr.contains("error: out of quota; resume_at "), "{}", ended.stderr);
    // The gate is closed for all.
    rig.run(&["list", "workspaces"]).expect(75);
    assert_eq!(rig.server.journal().len(), 1);
}

#[test]
fn what_the_vendor_refuses_ends_with_its_own_exit_code() {
    let rig = Rig::small(1);
    // A scope.
    rig.server.faults().once(Matcher::path("/v2/workspaces"), Fault::MissingScope);
    let ended = rig.run(&["list", "workspaces"]).expect(1);
    assert!(
        ended.stderr.starts_with("error: GET /v2/workspaces for list workspaces: HTTP 401: You don't have permission"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.ends_with("\n\nhint: add the scope api:workspaces:read to the credentials in Gong\n"),
        "{}",
        ended.stderr
    );
    // An answer that never comes whole.
    rig.configure("[limits]\nrequests_per_second = 2000\nmax_retries = 1\n");
    rig.server.faults().script(Matcher::path("/v2/workspaces"), Fault::NoRecords, 2);
    let ended = rig.run(&["list", "workspaces"]).expect(1);
    let start = "error: GET /v2/workspaces for list workspaces: HTTP 200: the answer lacks its records array \"workspaces\", after 2 attempts";
    assert!(ended.stderr.starts_with(start) && ended.stdout.is_empty(), "{}", ended.stderr);
    // A cursor that dies on the way: what was printed stays, and the exit code says that it is not all.
    let long = Rig::sized(2, 263, 14);
    long.server.faults().once(Matcher::path("/v2/calls").page(1), Fault::CursorExpired);
    let ended = long.run(&["list", "calls"]).expect(1);
    assert_eq!(ended.stdout.lines().count(), 100);
    assert!(
        ended.stderr.starts_with("error: list calls: the cursor is not accepted: HTTP 400: cursor has expired"),
        "{}",
        ended.stderr
    );
    // A vendor that repeats itself.
    long.server.faults().once(Matcher::path("/v2/calls").page(1), Fault::CursorRepeated);
    let ended = long.run(&["list", "calls"]).expect(1);
    assert!(ended.stderr.starts_with("error: list calls: a "), "{}", ended.stderr);
    // Credentials.
    crate::support::refusal::replaced(&rig, "sim-secret", "wrong");
    let ended = rig.run(&["list", "workspaces"]).expect(3);
    assert!(ended.stderr.contains("check the access key") && !ended.stderr.contains("wrong"), "{}", ended.stderr);
}
