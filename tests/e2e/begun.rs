//! What a backfill or a killed run has begun, and who reads it (`docs/decisions/0023`).

use chrono::TimeDelta;
use serde_json::Value;

use crate::support::Rig;
use crate::support::journal::asked;
use crate::support::look::{ask, bare, call_at, go_to};
use crate::support::rig::{DAILY, FIVE, end};
use crate::support::truth::assert_conserved;

const START: &str = "2026-04-20";
const RANGE: [&str; 5] = ["backfill", "--from", "2026-03-01", "--to", START];

/// An account whose history begins before the start date, synced.
fn synced(limits: &str) -> Rig {
    let rig = Rig::sized(4, 3_000, 80);
    rig.configure_whole(&format!("{limits}[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    rig.sync();
    rig
}

/// Units before the start date that the next sync would read.
fn planned_before_the_start(rig: &Rig) -> Vec<Value> {
    let plan = rig.run(&["plan", "--format", "json"]).expect(0).json();
    let units = plan["units"].as_array().expect("units").clone();
    units.into_iter().filter(|unit| unit["from"].as_str().is_some_and(|from| from < START)).collect()
}

#[test]
fn what_a_cancelled_backfill_had_begun_and_what_follows_it_is_read_by_no_sync() {
    // GIVEN covered windows, and a forced backfill that was stopped with some of them begun, and cancelled
    let rig = synced("");
    rig.run(&RANGE).expect(0);
    rig.server.clock().advance(TimeDelta::hours(1));
    rig.run(&[&RANGE[..], &["--force", "--max-requests", "3"]].concat()).expect(0);
    let begun = "SELECT count(*) FROM open_unit WHERE entity = 'calls' AND from_day < ?1";
    let begun: u32 = rig.ledger().query_row(begun, [START], |row| row.get(0)).expect("a count");
    assert!(begun > 0);
    rig.run(&["backfill", "--cancel"]).expect(0);
    // WHEN an hour has passed THEN nothing of it is read
    rig.server.clock().advance(TimeDelta::hours(1));
    assert_eq!(planned_before_the_start(&rig), Vec::<Value>::new());
}

#[test]
fn a_sync_between_a_killed_backfill_and_its_end_costs_no_answer_that_was_paid() {
    // GIVEN a backfill that was killed with answers of details and transcripts staged
    let rig = synced("[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_in_flight = 1\n");
    rig.server.clock().advance(TimeDelta::minutes(10));
    rig.sync();
    let since = rig.server.journal().len();
    assert_eq!(end(rig.command(&RANGE).env("GONG_ELT_FAILPOINT", "staged:40")).code, -1);
    let staged = "SELECT count(*) FROM staged JOIN open_unit ON unit_id = id WHERE entity <> 'calls' AND from_day < ?1";
    let staged: u32 = rig.ledger().query_row(staged, [START], |row| row.get(0)).expect("a count");
    assert!(staged > 4, "{staged}");
    // WHEN a sync comes between, and the backfill ends
    rig.sync();
    rig.run(&RANGE).expect(0);
    // THEN no batch of it was asked twice
    let entries = rig.server.journal().entries().split_off(since);
    let good = entries.iter().filter(|e| e.status == Some(200) && e.body["filter"]["callIds"].is_array());
    let mut batches: Vec<String> = good.map(asked).collect();
    batches.sort();
    let twice = batches.windows(2).filter(|pair| pair[0] == pair[1]).count();
    assert!(twice <= 1, "{twice} of {staged} staged answers were paid again");
    assert_conserved(&rig, "after the backfill");
}

#[test]
fn a_repair_leaves_what_a_backfill_has_begun() {
    // GIVEN a backfill that was stopped and cancelled, and a damaged object of the sync's own
    let rig = synced("");
    rig.run(&[&RANGE[..], &["--max-requests", "6"]].concat()).expect(0);
    rig.run(&["backfill", "--cancel"]).expect(0);
    let users = rig.objects().into_iter().find(|(path, _)| path.starts_with("users/")).expect("an object").0;
    std::fs::write(rig.data().join(users), b"damaged").expect("a writable file");
    let before = rig.server.journal().len();
    // WHEN it is repaired
    rig.run(&["verify", "--repair"]).expect(0);
    // THEN nothing else is asked
    let entries = rig.server.journal().entries().split_off(before);
    assert!(
        entries.iter().all(|entry| entry.path == "/v2/users"),
        "{:?}",
        entries.iter().map(asked).collect::<Vec<_>>()
    );
}

#[test]
fn a_forced_backfill_that_goes_on_reads_again_what_it_read_under_other_settings() {
    // GIVEN a forced backfill under one selector that was stopped
    let rig = Rig::sized(4, 600, 40);
    rig.configure(FIVE);
    rig.sync();
    let force = ["backfill", "--force", "--from", "2026-04-01", "--to", "2026-05-21", "--entities", "calls_extensive"];
    let select = |fields: &str| {
        let table = format!("[entities.calls_extensive]\ncontent_selector = {{ exposedFields = {{ {fields} }} }}");
        rig.configure(&format!("{FIVE}\n{table}"));
    };
    select("parties = true");
    rig.run(&[&force[..], &["--max-requests", "10"]].concat()).expect(0);
    // WHEN the selector changes and the same command goes on
    rig.server.clock().advance(TimeDelta::hours(2));
    select("parties = true, content = { trackers = true }");
    rig.run(&force).expect(0);
    // THEN no window of the range has the other one
    let query = "SELECT count(DISTINCT fingerprint) FROM unit
         WHERE entity = 'calls_extensive' AND from_day >= '2026-04-01' AND to_day <= '2026-05-21'";
    let shapes: u32 = rig.ledger().query_row(query, [], |row| row.get(0)).expect("a count");
    assert_eq!(shapes, 1);
}

/// A day that lost 25 of its 30 calls, which is not believed; and the command that accepts it, killed between the object and its row.
fn accepted_and_killed() -> (Rig, [&'static str; 9]) {
    let rig = bare();
    rig.configure(&format!("{FIVE}\n{DAILY}"));
    let ids: Vec<String> = (0..30).map(|n| call_at(&rig, &format!("2026-06-01T10:{n:02}:00Z"))).collect();
    go_to(&rig, "2026-06-02T02:00:00Z");
    rig.sync();
    let at = rig.now() + TimeDelta::hours(1);
    ids[1..26].iter().for_each(|id| rig.server.world().delete_call(id, at));
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync_to(1);
    let accept =
        ["backfill", "--from", "2026-06-01", "--to", "2026-06-02", "--entities", "calls", "--force", "--accept-shrink"];
    assert_eq!(end(rig.command(&accept).env("GONG_ELT_FAILPOINT", "object:1")).code, -1);
    (rig, accept)
}

/// Rows of the day, and why it is due.
fn day(rig: &Rig) -> (u32, Option<String>) {
    let query = "SELECT rows, due FROM unit WHERE entity = 'calls' AND from_day = '2026-06-01'";
    rig.ledger().query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).expect("a unit")
}

#[test]
fn an_accepted_loss_that_a_killed_run_had_begun_to_write_is_finished() {
    // GIVEN an accepted loss whose object is there, and whose row is not
    let (rig, _) = accepted_and_killed();
    // WHEN the next sync comes
    rig.run(&["sync"]);
    // THEN it finishes what was accepted, and ledger and output agree
    assert_eq!(ask(&rig, "calls", "SELECT count(*) FROM TABLE"), "[(5,)]");
    rig.run(&["verify", "--deep"]).expect(0);
    assert_eq!(day(&rig), (5, None));
}

#[test]
fn a_disbelieved_reading_tells_that_a_killed_run_has_taken_the_old_file() {
    // GIVEN the same, so long ago that its answers are not used any more
    let (rig, accept) = accepted_and_killed();
    rig.server.clock().advance(TimeDelta::hours(25));
    // WHEN the next sync asks again, and does not believe it
    rig.sync_to(1);
    // THEN the ledger knows that the file is not the one that it tells of
    assert_eq!(day(&rig), (30, Some("a killed run had written another reading of it".to_owned())));
    // AND once it is accepted again, ledger and output agree
    rig.run(&accept).expect(0);
    assert_eq!(day(&rig), (5, None));
    rig.run(&["verify", "--deep"]).expect(0);
}
