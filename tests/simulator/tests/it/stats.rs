//! Statistics and answered scorecards.

use chrono::{NaiveDate, TimeDelta};
use gong_sim::WorldSpec;
use serde_json::{Value, json};

use crate::harness::{error, post_all, serve, small, sorted};

const AGGREGATE: &str = "/v2/stats/activity/aggregate";
const REVIEWS: &str = "/v2/stats/activity/scorecards";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

#[test]
fn the_three_lists_of_a_week_are_the_truth() {
    let (server, mut client) = small(1);
    let days = (day("2026-05-11"), day("2026-05-18"));
    let now = server.clock().now();
    let world = server.world();
    let truths = [
        (AGGREGATE, "usersAggregateActivityStats", world.truth_aggregate(days, now)),
        ("/v2/stats/activity/day-by-day", "usersDetailedActivities", world.truth_day_by_day(days, now)),
        ("/v2/stats/interaction", "peopleInteractionStats", world.truth_interaction(days, now)),
    ];
    drop(world);
    let body = json!({"filter": {"fromDate": "2026-05-11", "toDate": "2026-05-18"}});
    for (path, key, truth) in truths {
        let rows = post_all(&mut client, path, &body, key);
        assert!(rows.len() > 3);
        assert_eq!(sorted(rows, "/userId"), sorted(truth, "/userId"), "{path}");
    }
}

#[test]
fn counts_and_ids_agree_and_days_follow_the_company_clock() {
    let (server, _) = small(1);
    let days = (day("2026-05-11"), day("2026-05-18"));
    let now = server.clock().now();
    let counts = server.world().truth_aggregate(days, now);
    let ids = server.world().truth_day_by_day(days, now);
    let hosted: u64 = counts.iter().map(|row| row["userAggregateActivityStats"]["callsAsHost"].as_u64().unwrap()).sum();
    let entries: Vec<&Value> = ids.iter().flat_map(|row| row["userDailyActivityStats"].as_array().unwrap()).collect();
    let listed: usize = entries.iter().map(|entry| entry["callsAsHost"].as_array().unwrap().len()).sum();
    assert_eq!(hosted as usize, listed);
    assert_eq!(entries[0]["fromDate"], "2026-05-11T00:00:00-07:00");
    assert_eq!(entries.len(), ids.len() * 7);
}

#[test]
fn the_envelope_says_range_and_zone() {
    let (_server, mut client) = small(1);
    let body = json!({"filter": {"fromDate": "2026-05-18", "toDate": "2026-05-20"}});
    let answer = client.post(AGGREGATE, &body).unwrap().json();
    assert_eq!(answer["fromDateTime"], "2026-05-18T00:00:00-07:00");
    assert_eq!(answer["timeZone"], "US/Pacific");
}

#[test]
fn days_that_are_refused() {
    let spec = WorldSpec { zone: chrono_tz::Pacific::Auckland, ..WorldSpec::small(1) };
    let (server, mut client) = serve(spec, gong_sim::ServerOptions::unlimited());
    // 23:00 UTC on the 19th is the 20th in Auckland, so the 20th is today there.
    server.clock().set("2026-05-19T23:00:00Z".parse().unwrap());
    let cases = [
        (json!({}), 400, "filter.fromDate: may not be null"),
        (json!({"fromDateTime": "2026-05-18T00:00:00Z"}), 400, "filter.fromDate: may not be null"),
        (json!({"fromDate": "2026-05-18"}), 400, "filter.toDate: may not be null"),
        (json!({"fromDate": "2026-05-18", "toDate": "2026-05-21"}), 400, "filter.toDate: must not be later than today"),
        (json!({"fromDate": "2026-05-18", "toDate": "2026-05-18"}), 400, "filter.fromDate: must be before toDate"),
        (json!({"fromDate": "2019-05-17", "toDate": "2019-05-18"}), 404, "No stats found for the specified period"),
        (json!({"fromDate": "2026-05-18", "toDate": "2026-05-20", "userIds": ["42"]}), 404, "User not found"),
    ];
    for (filter, status, text) in cases {
        let answer = client.post(AGGREGATE, &json!({"filter": filter})).unwrap();
        assert_eq!((answer.status, error(&answer).as_str()), (status, text), "{filter}");
    }
    let body = json!({"filter": {"fromDate": "2026-05-18", "toDate": "2026-05-20"}});
    assert_eq!(client.post(AGGREGATE, &body).unwrap().status, 200);
}

#[test]
fn reviews_hide_automatic_ones_unless_asked() {
    let (server, mut client) = small(1);
    let mut read = |method: Value| {
        post_all(&mut client, REVIEWS, &json!({"filter": {"reviewMethod": method}}), "answeredScorecards")
    };
    let all = read(json!("BOTH"));
    assert_eq!(all, server.truth("stats_activity_scorecards"));
    let manual = read(Value::Null);
    let automatic = read(json!("AUTOMATIC"));
    assert!(!automatic.is_empty() && manual.len() + automatic.len() == all.len());
    assert!(automatic.iter().all(|row| row["reviewerUserId"].is_null()));
    assert!(manual.iter().all(|row| row["reviewerUserId"].is_string() && row["callId"].is_string()));
}

#[test]
fn reviews_are_by_days_of_the_company_and_a_future_end_is_accepted() {
    let (server, mut client) = small(1);
    // 03:00 UTC is still the 19th in Los Angeles.
    let at = "2026-05-20T03:00:00Z".parse().unwrap();
    let call = server.truth("calls")[0]["id"].as_str().unwrap().to_owned();
    let id = server.world().add_review(&call, at, json!({"reviewMethod": "MANUAL"}));
    let mut read = |from: &str, to: &str| {
        let body = json!({"filter": {"reviewFromDate": from, "reviewToDate": to, "reviewMethod": "BOTH"}});
        client.post(REVIEWS, &body).unwrap()
    };
    let has = |answer: &gong_sim::Response| answer.text().contains(&id);
    assert!(has(&read("2026-05-19", "2026-05-20")));
    assert!(!has(&read("2026-05-20", "2027-01-01")));
    let empty = read("2026-05-19", "2026-05-19");
    assert_eq!(error(&empty), "No answered scorecards found corresponding to the provided filters.");
    let later = server.clock().now() + TimeDelta::hours(1);
    server.world().row("stats_activity_scorecards", &id).edit(later, json!({"editorUserId": "7"}));
    server.clock().advance(TimeDelta::hours(2));
    let row =
        server.truth("stats_activity_scorecards").into_iter().find(|row| row["answeredScorecardId"] == id.as_str());
    assert_eq!(row.unwrap()["editorUserId"], "7");
}
