//! What hangs on a call or a list: reviews and items of a call, members of a list. It follows what is believed, and nothing else.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::{Fault, Matcher, NewCall, World, WorldSpec};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::look::ask;
use crate::support::truth::assert_conserved;

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

fn instant(value: &Value, name: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(&text(value, name)).expect("an instant").to_utc()
}

/// A public call that was reviewed so long ago that its review is settled.
fn reviewed(rig: &Rig) -> (String, DateTime<Utc>) {
    let calls = rig.server.truth("calls");
    let is_public = |id: &String| calls.iter().any(|call| text(call, "id") == *id && call["isPrivate"] == false);
    let late = rig.now() - TimeDelta::days(20);
    let reviews = rig.server.truth("stats_activity_scorecards");
    let old = reviews.iter().filter(|review| instant(review, "reviewTime") < late);
    let id = old.map(|review| text(review, "callId")).find(is_public).expect("an old review of a public call");
    let started = calls.iter().find(|call| text(call, "id") == id).map(|call| instant(call, "started"));
    (id, started.expect("its call"))
}

fn reviews_of(rig: &Rig, call: &str) -> String {
    ask(rig, "stats_activity_scorecards", &format!("SELECT count(*) FROM TABLE WHERE call_id = '{call}'"))
}

fn account() -> Rig {
    Rig::sized(11, 400, 45)
}

#[test]
fn t36_a_call_that_moved_and_turned_private_at_once_leaves_its_settled_reviews() {
    // GIVEN a call with a settled review, which is planned anew for another day, and private
    let rig = account();
    rig.sync();
    let (id, _) = reviewed(&rig);
    assert_ne!(reviews_of(&rig, &id), "[(0,)]");
    let now = rig.now();
    rig.server.world().delete_call(&id, now);
    let moved = NewCall { id: Some(id.clone()), private: true, ..NewCall::at(now - TimeDelta::hours(2)) };
    rig.server.world().add_call(moved.visible_at(now + TimeDelta::hours(1)));
    // WHEN one run sees it in its new window
    rig.server.clock().advance(TimeDelta::hours(2));
    rig.sync();
    // THEN the same run takes its reviews and items away
    assert_eq!(reviews_of(&rig, &id), "[(0,)]");
    for (table, column) in [("calls", "id"), ("calls_extensive", "call_id"), ("library_folder_content", "call_id")] {
        let there = ask(&rig, table, &format!("SELECT count(*) FROM TABLE WHERE {column} = '{id}'"));
        assert_eq!(there, "[(0,)]", "{table}");
    }
    assert_eq!(rig.sync()["requests"], 0);
}

#[test]
fn a_call_that_was_looked_up_and_is_then_listed_as_private_leaves_its_reviews() {
    // GIVEN a review of a call from before the start, which was looked up
    let rig = account();
    let (id, started) = reviewed(&rig);
    let day = started.date_naive();
    let start = day + chrono::Days::new(1);
    rig.configure_whole(&format!(
        "[sync]\nstart_date = \"{start}\"\nentities = [\"calls\", \"stats_activity_scorecards\"]"
    ));
    rig.sync();
    let looked_up = "SELECT count(*) FROM visibility WHERE id = ?1 AND state = 'public'";
    let known = |rig: &Rig| rig.ledger().query_row(looked_up, [&id], |row| row.get::<_, u32>(0)).expect("a ledger");
    let there = reviews_of(&rig, &id);
    assert!(known(&rig) == 1 && there != "[(0,)]", "{there}");
    // WHEN it turns private, and a backfill lists its day
    let now = rig.now();
    rig.server.world().edit_call(&id, now, json!({"metaData": {"isPrivate": true}}));
    rig.server.clock().advance(TimeDelta::minutes(1));
    let (from, to) = (day.to_string(), start.to_string());
    rig.run(&["backfill", "--from", &from, "--to", &to, "--entities", "calls"]).expect(0);
    // THEN the next run takes the reviews away, and the look-up is gone
    rig.sync();
    assert_eq!(reviews_of(&rig, &id), "[(0,)]");
    assert_eq!(known(&rig), 0);
}

/// Managers that were asked for after so many requests.
fn managers(rig: &Rig, after: usize) -> BTreeSet<String> {
    let entries = rig.server.journal().entries().split_off(after);
    let asked = entries.into_iter().filter(|entry| entry.path == "/v2/coaching");
    asked.flat_map(|entry| entry.query.into_iter().filter(|(name, _)| name == "manager-id").map(|(_, id)| id)).collect()
}

#[test]
fn t12_the_members_of_a_list_that_is_not_believed_are_not_gone_over() {
    // GIVEN an account of three pages of users, some of them managers on the last ones
    let spec = WorldSpec { users: 260, calls: 60, days: 10, ..WorldSpec::small(3) };
    let rig = Rig::new(World::generate(spec), gong_sim::ServerOptions::unlimited());
    let sync = "[sync]\nstart_date = \"2026-05-01\"\nentities = [\"users\", \"workspaces\", \"coaching\"]";
    rig.configure_whole(&format!("{sync}\n[entities.coaching]\nevery = \"1h\"\n"));
    rig.sync();
    let all = managers(&rig, 0);
    assert!(all.len() > 3, "{all:?}");
    // WHEN a night's list of users ends early, after one page, which is not believed, or after two, of which Gong counts more
    for (last, code, said) in [(1, 1, "the old file stays"), (2, 0, "the next run reads it again")] {
        rig.server.clock().advance(TimeDelta::days(1));
        rig.server.faults().once(Matcher::path("/v2/users").page(last), Fault::NothingFound);
        let before = rig.server.journal().len();
        let warnings = rig.sync_to(code)["warnings"].to_string();
        assert!(warnings.contains("users snapshot: ") && warnings.contains(said), "{warnings}");
        // THEN every manager is asked for as before
        assert_eq!(managers(&rig, before), all, "{said}");
    }
    // AND the night after, too
    rig.server.clock().advance(TimeDelta::days(1));
    let before = rig.server.journal().len();
    rig.sync();
    assert_eq!(managers(&rig, before), all);
    assert_conserved(&rig, "the night after");
}
