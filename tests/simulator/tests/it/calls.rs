//! Calls list and get.

use chrono::{DateTime, TimeDelta};
use gong_sim::{NewCall, Origin, World, WorldSpec};
use serde_json::Value;

use crate::harness::{assert_same, error, get_all, small};

fn instant(row: &Value, key: &str) -> DateTime<chrono::FixedOffset> {
    DateTime::parse_from_rfc3339(row[key].as_str().unwrap()).unwrap()
}

#[test]
fn all_pages_together_are_the_truth_without_repeats_or_gaps() {
    for seed in 0..5 {
        let (server, mut client) = small(seed);
        assert_same(&get_all(&mut client, "/v2/calls", "calls"), &server.truth("calls"));
        assert_eq!(server.journal().violations(), Vec::<String>::new());
    }
}

#[test]
fn the_order_is_by_scheduled_and_neither_by_started_nor_by_id() {
    let (server, _) = small(3);
    let rows = server.truth("calls");
    let scheduled: Vec<_> = rows.iter().map(|row| instant(row, "scheduled")).collect();
    let started: Vec<_> = rows.iter().map(|row| instant(row, "started")).collect();
    let ids: Vec<_> = rows.iter().map(|row| row["id"].to_string()).collect();
    assert!(scheduled.is_sorted());
    assert!(!started.is_sorted());
    assert!(!ids.is_sorted());
}

#[test]
fn the_filter_is_by_scheduled_time_start_inclusive_and_end_exclusive() {
    let (server, mut client) = small(1);
    let edge = server.clock().now() - TimeDelta::days(3);
    let mut call = NewCall::at(edge - TimeDelta::minutes(1));
    call.started = edge + TimeDelta::minutes(2);
    let before = server.world().add_call(call);
    let at = server.world().add_call(NewCall::at(edge));
    let stamp = edge.format("%Y-%m-%dT%H:%M:%SZ");
    let ids = |target: String, client: &mut _| -> Vec<String> {
        let rows = get_all(client, &target, "calls");
        rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
    };
    let early = ids(format!("/v2/calls?toDateTime={stamp}"), &mut client);
    let late = ids(format!("/v2/calls?fromDateTime={stamp}"), &mut client);
    assert!(early.contains(&before) && !early.contains(&at));
    assert!(late.contains(&at) && !late.contains(&before));
    assert_eq!(early.len() + late.len(), server.truth("calls").len());
}

#[test]
fn only_web_conferences_differ_in_scheduled_and_started() {
    let world = World::generate(WorldSpec::default());
    let (same, other): (Vec<_>, Vec<_>) = world.calls().iter().partition(|call| call.scheduled == call.started);
    assert!(same.len() > 100 && same.iter().all(|call| call.origin != Origin::Conference));
    assert!(other.len() > 1_000 && other.iter().all(|call| call.origin == Origin::Conference));
    let crossing = other.iter().filter(|call| call.scheduled.date_naive() != call.started.date_naive());
    assert!(crossing.count() > 5, "some conferences cross midnight UTC");
    assert!(other.iter().any(|call| call.started < call.scheduled));
}

#[test]
fn nothing_found_is_404_with_the_known_text() {
    let (_server, mut client) = small(1);
    let answer = client.get("/v2/calls?fromDateTime=2001-01-01T00:00:00Z&toDateTime=2002-01-01T00:00:00Z");
    let answer = answer.unwrap();
    assert_eq!(answer.status, 404);
    assert_eq!(error(&answer), "No calls found corresponding to the provided filters");
    assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
}

#[test]
fn get_knows_listed_calls_only() {
    let (server, mut client) = small(1);
    let row = server.truth("calls")[0].clone();
    let id = row["id"].as_str().unwrap().to_owned();
    let answer = client.get(&format!("/v2/calls/{id}")).unwrap();
    assert_eq!(answer.json()["call"], row);
    server.world().hide(&id);
    let answer = client.get(&format!("/v2/calls/{id}")).unwrap();
    assert_eq!((answer.status, error(&answer)), (404, format!("Call ID {id} was not found")));
}

#[test]
fn workspaces_divide_the_calls() {
    let (server, mut client) = small(2);
    let mut sum = 0;
    for workspace in server.truth("workspaces") {
        let id = workspace["id"].as_str().unwrap();
        let rows = get_all(&mut client, &format!("/v2/calls?workspaceId={id}"), "calls");
        assert!(rows.iter().all(|row| row["workspaceId"] == id));
        sum += rows.len();
    }
    assert_eq!(sum, server.truth("calls").len());
}
