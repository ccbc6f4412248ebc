//! The same seed gives the same world, and worlds are as rich as the reference says.

use std::collections::HashSet;
use std::time::Instant;

use gong_sim::{ENTITIES, Oddities, Text, World, WorldSpec};
use serde_json::Value;

fn texts(spec: WorldSpec) -> Vec<String> {
    let now = spec.now;
    let world = World::generate(spec);
    ENTITIES.iter().flat_map(|entity| world.truth_text(entity, now)).collect()
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let odd = || WorldSpec { oddities: Oddities::all(), ..WorldSpec::small(9) };
    assert_eq!(texts(odd()), texts(odd()));
    assert_ne!(texts(WorldSpec::small(9)), texts(WorldSpec::small(10)));
}

#[test]
fn ids_are_many_and_some_differ_only_in_the_last_digits() {
    let world = World::generate(WorldSpec::default());
    let ids: HashSet<&str> = world.calls().iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids.len(), world.calls().len());
    assert!(ids.iter().all(|id| (16..=19).contains(&id.len()) && id.parse::<i64>().is_ok()));
    let floats: HashSet<u64> = ids.iter().map(|id| id.parse::<f64>().unwrap().to_bits()).collect();
    assert!(floats.len() + 50 < ids.len(), "a float parser loses some");
}

#[test]
fn calls_are_on_working_days() {
    use chrono::{Datelike, Timelike, Weekday};
    let world = World::generate(WorldSpec::default());
    let local = |call: &gong_sim::Call| call.scheduled.with_timezone(&world.spec.zone);
    let weekend = |call: &&gong_sim::Call| matches!(local(call).weekday(), Weekday::Sat | Weekday::Sun);
    let office = |call: &&gong_sim::Call| (8..18).contains(&local(call).hour());
    let all = world.calls().len();
    assert!((1..all / 20).contains(&world.calls().iter().filter(weekend).count()));
    assert!(world.calls().iter().filter(office).count() > all * 8 / 10);
}

#[test]
fn nulls_absences_and_empties_are_mixed() {
    let spec = WorldSpec::default();
    let now = spec.now;
    let rows = World::generate(spec).truth("calls_extensive", now);
    let share = |fits: &dyn Fn(&Value) -> bool| rows.iter().filter(|row| fits(row)).count();
    assert!((5..200).contains(&share(&|row| row.get("content").is_none())), "content absent");
    assert!((5..200).contains(&share(&|row| row.get("parties").is_none())), "imports without parties");
    assert!(share(&|row| row["context"].as_array().is_some_and(Vec::is_empty)) > 50);
    assert!(share(&|row| row["collaboration"].as_object().is_some_and(|map| map.is_empty())) > 500);
    assert!(share(&|row| row["content"]["brief"].is_string()) > 1_000);
    assert!(share(&|row| row["content"].get("callOutcome").is_none()) > 500);
    let parties: Vec<&Value> = rows.iter().flat_map(|row| row["parties"].as_array().into_iter().flatten()).collect();
    let party = |fits: &dyn Fn(&&&Value) -> bool| parties.iter().filter(|party| fits(party)).count();
    for key in ["emailAddress", "name"] {
        assert!(party(&|party| party.get(key).is_none()) > 10, "{key} absent");
        assert!(party(&|party| party.get(key) == Some(&Value::Null)) > 3, "{key} null");
    }
    assert!(party(&|party| party.get("speakerId") == Some(&Value::Null)) > 500);
    assert!(party(&|party| party["affiliation"] == "Unknown") > 50);
    let accounts = |row: &Value| {
        let objects = row["context"][0]["objects"].as_array();
        objects.into_iter().flatten().filter(|object| object["objectType"] == "Account").count()
    };
    assert!(share(&|row| accounts(row) > 1) > 100, "several accounts");
    let text = rows.iter().map(Value::to_string).collect::<String>();
    assert!(text.contains("-08:00") && text.contains("-07:00"), "daylight saving");
}

#[test]
fn oddities_are_behind_their_switches() {
    let now = WorldSpec::default().now;
    let plain = World::generate(WorldSpec::default()).truth_text("calls_extensive", now).concat();
    let spec = WorldSpec { oddities: Oddities::all(), ..WorldSpec::default() };
    let world = World::generate(spec);
    let odd = world.truth_text("calls_extensive", now).concat();
    for mark in ["futureBlock", "\"callSource\"", "\"sentiment\"", "\"pronouns\"", "\"duration\":\"1339\""] {
        assert!(odd.contains(mark) && !plain.contains(mark), "{mark}");
    }
    let cards = world.truth_text("settings_scorecards", now).concat();
    assert!(cards.contains("\"updaterUserId\":-1"));
    let later = now + chrono::TimeDelta::days(120);
    let reviews = world.truth_text("stats_activity_scorecards", later).concat();
    assert!(reviews.contains("\"callId\":35657219295037524478,"), "a number beyond 64 bits");
    assert!(world.truth("calls", now).iter().any(|row| row["id"] == "35657219295037524478"));
}

#[test]
fn a_hundred_thousand_calls_take_seconds() {
    let start = Instant::now();
    let spec = WorldSpec { calls: 100_000, users: 500, days: 700, text: Text::Sparse, ..WorldSpec::default() };
    assert!(World::generate(spec).calls().len() > 100_000);
    assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
}
