//! Envelope, pages and cursors (section E).

use chrono::TimeDelta;
use gong_sim::{NewCall, ServerOptions, WorldSpec};
use serde_json::{Value, json};

use crate::harness::{assert_same, cursor, error, get_all, serve, small};

#[test]
fn pages_are_of_100_and_limit_is_ignored() {
    let spec = WorldSpec { calls: 260, ..WorldSpec::small(4) };
    let (server, mut client) = serve(spec, ServerOptions::unlimited());
    let first = client.get("/v2/calls?limit=7").unwrap().json();
    let records = &first["records"];
    assert_eq!(first["requestId"].as_str().unwrap().len(), 19);
    assert_eq!(records["currentPageNumber"], 0);
    assert_eq!(records["currentPageSize"], first["calls"].as_array().unwrap().len());
    assert!(records["currentPageSize"].as_u64().unwrap() >= 90);
    let total = records["totalRecords"].as_u64().unwrap();
    assert!(total >= server.truth("calls").len() as u64);
    let second = client.get(&format!("/v2/calls?limit=7&cursor={}", records["cursor"].as_str().unwrap()));
    assert_eq!(second.unwrap().json()["records"]["currentPageNumber"], 1);
}

#[test]
fn the_last_page_has_no_cursor_key() {
    let (_server, mut client) = small(1);
    let mut answer = client.get("/v2/users").unwrap();
    while let Some(cursor) = cursor(&answer) {
        answer = client.get(&format!("/v2/users?cursor={cursor}")).unwrap();
    }
    assert!(answer.json()["records"].as_object().unwrap().get("cursor").is_none());
}

#[test]
fn a_cursor_is_a_jwt_with_a_keyset_and_its_end_is_not_renewed() {
    let (server, mut client) = small(1);
    let first = cursor(&client.get("/v2/calls").unwrap()).unwrap();
    let claims = |cursor: &str| -> Value {
        use base64::Engine;
        let body = cursor.split('.').nth(1).unwrap();
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).unwrap();
        serde_json::from_slice(&bytes).unwrap()
    };
    let one = claims(&first);
    assert_eq!(one["exp"], (server.clock().now() + TimeDelta::hours(1)).timestamp());
    assert!(one["callId"].is_u64() && one["time"].is_string() && one["pageSize"] == 100);
    server.clock().advance(TimeDelta::minutes(50));
    let second = cursor(&client.get(&format!("/v2/calls?cursor={first}")).unwrap()).unwrap();
    assert_eq!(claims(&second)["exp"], one["exp"]);
    assert_eq!(claims(&second)["total"], one["total"]);
    server.clock().advance(TimeDelta::minutes(10));
    let answer = client.get(&format!("/v2/calls?cursor={second}")).unwrap();
    assert_eq!((answer.status, error(&answer)), (400, "cursor has expired".to_owned()));
    let answer = client.get(&format!("/v2/calls?cursor={second}AA")).unwrap();
    assert_eq!((answer.status, error(&answer)), (400, "failed to verify cursor".to_owned()));
}

#[test]
fn inserts_elsewhere_neither_repeat_nor_skip() {
    let (server, mut client) = small(2);
    let before = server.truth("calls");
    let first = client.get("/v2/calls").unwrap();
    let early = server.world().spec.now - TimeDelta::days(15);
    server.world().add_call(NewCall::at(early));
    let mut all = first.json()["calls"].as_array().unwrap().clone();
    let mut next = cursor(&first);
    while let Some(cursor_text) = next {
        let page = client.get(&format!("/v2/calls?cursor={cursor_text}")).unwrap();
        all.extend(page.json()["calls"].as_array().unwrap().iter().cloned());
        next = cursor(&page);
    }
    assert_same(&all, &before);
}

#[test]
fn on_a_post_the_query_is_ignored_and_noted() {
    let (server, mut client) = small(1);
    let body = json!({"filter": {}, "cursor": null});
    let first = client.post("/v2/calls/extensive", &body).unwrap();
    let target = format!("/v2/calls/extensive?cursor={}", cursor(&first).unwrap());
    let again = client.post(&target, &body).unwrap();
    assert_eq!(again.json()["calls"], first.json()["calls"]);
    assert_eq!(server.journal().violations(), ["2: cursor in the query of a POST"]);
}

#[test]
fn totals_run_ahead_of_calls_still_processed() {
    let (server, mut client) = small(1);
    let now = server.clock().now();
    let before = client.get("/v2/calls").unwrap().json()["records"]["totalRecords"].as_u64().unwrap();
    let late = NewCall::at(now - TimeDelta::hours(2)).visible_at(now + TimeDelta::hours(1));
    let id = server.world().add_call(late);
    let after = client.get("/v2/calls").unwrap().json()["records"]["totalRecords"].as_u64().unwrap();
    assert_eq!(after, before + 1);
    let shown = |rows: Vec<Value>| rows.iter().any(|row| row["id"] == id.as_str());
    assert!(!shown(get_all(&mut client, "/v2/calls", "calls")));
    server.clock().advance(TimeDelta::hours(1));
    assert!(shown(get_all(&mut client, "/v2/calls", "calls")));
}

#[test]
fn a_filter_changed_between_pages_is_noted() {
    let (server, mut client) = small(1);
    let body = json!({"filter": {"fromDateTime": "2026-01-01T00:00:00Z"}});
    let first = client.post("/v2/calls/transcript", &body).unwrap();
    let body = json!({"filter": {}, "cursor": cursor(&first)});
    client.post("/v2/calls/transcript", &body).unwrap();
    assert_eq!(server.journal().violations(), ["2: inputs changed between pages"]);
}
