//! `POST /v2/calls/extensive`.

use chrono::TimeDelta;
use gong_sim::{NewCall, ServerOptions, WorldSpec};
use serde_json::{Value, json};

use crate::harness::{assert_same, error, everything, post_all, serve, small, unsigned};

const PATH: &str = "/v2/calls/extensive";

#[test]
fn everything_selected_is_the_truth() {
    for seed in 0..5 {
        let (server, mut client) = small(seed);
        let body = json!({"filter": {}, "contentSelector": everything()});
        let rows = post_all(&mut client, PATH, &body, "calls");
        assert_same(&unsigned(rows), &server.truth("calls_extensive"));
    }
}

#[test]
fn without_a_selector_only_the_plain_record_comes() {
    let (server, mut client) = small(1);
    let rows = post_all(&mut client, PATH, &json!({"filter": {}}), "calls");
    assert!(rows.iter().all(|row| row.as_object().unwrap().keys().eq(["metaData"])));
    let plain: Vec<Value> = server.truth("calls_extensive").iter().map(|row| row["metaData"].clone()).collect();
    assert_eq!(rows.iter().map(|row| row["metaData"].clone()).collect::<Vec<_>>(), plain);
}

#[test]
fn each_block_comes_only_if_it_is_asked_for() {
    let (_server, mut client) = small(1);
    let cases = [
        (json!({"parties": true}), vec!["metaData", "parties"]),
        (json!({"content": {"topics": true}}), vec!["content", "metaData"]),
        (json!({"interaction": {"speakers": true}}), vec!["interaction", "metaData"]),
        (json!({"collaboration": {"publicComments": true}}), vec!["collaboration", "metaData"]),
        (json!({"media": true}), vec!["media", "metaData"]),
    ];
    for (exposed, keys) in cases {
        let body = json!({"filter": {}, "contentSelector": {"exposedFields": exposed}});
        let rows = post_all(&mut client, PATH, &body, "calls");
        let full = rows.iter().map(|row| row.as_object().unwrap()).max_by_key(|row| row.len()).unwrap();
        assert!(full.keys().eq(keys.iter()), "{exposed}: {:?}", full.keys());
        for row in rows {
            assert!(row.as_object().unwrap().keys().all(|key| keys.contains(&key.as_str())));
            if let Some(content) = row.get("content") {
                assert!(content.as_object().unwrap().keys().eq(["topics"]));
            }
        }
    }
}

#[test]
fn context_has_levels_and_timings() {
    let (_server, mut client) = small(1);
    let mut timings = |selector: Value| -> Vec<(String, bool)> {
        let body = json!({"filter": {}, "contentSelector": selector});
        let rows = post_all(&mut client, PATH, &body, "calls");
        let systems = rows.iter().flat_map(|row| row["context"].as_array().cloned().unwrap_or_default());
        let objects = systems.flat_map(|system| system["objects"].as_array().unwrap().clone());
        let facts = objects.map(|object| {
            let timing = object["timing"].as_str().unwrap_or("none").to_owned();
            if object["objectType"] == "Account" {
                assert_eq!(timing, "none");
            }
            (timing, object.get("fields").is_some())
        });
        facts.collect()
    };
    assert!(timings(json!({})).is_empty());
    assert!(timings(json!({"context": "Basic"})).iter().all(|(_, fields)| !fields));
    let now = timings(json!({"context": "Extended"}));
    assert!(now.iter().any(|(timing, _)| timing == "Now"));
    assert!(now.iter().all(|(timing, _)| timing != "TimeOfCall"));
    let then = timings(json!({"context": "Extended", "contextTiming": ["TimeOfCall"]}));
    assert!(then.iter().any(|(timing, _)| timing == "TimeOfCall"));
    let both = timings(json!({"context": "Extended", "contextTiming": ["Now", "TimeOfCall"]}));
    let count = |list: &[(String, bool)], name: &str| list.iter().filter(|(timing, _)| timing == name).count();
    assert_eq!(count(&both, "Now"), count(&both, "TimeOfCall"));
}

#[test]
fn ids_that_are_not_there_are_left_out_and_none_is_404() {
    let (server, mut client) = small(1);
    let ids: Vec<Value> = server.truth("calls").iter().take(4).map(|row| row["id"].clone()).collect();
    server.world().delete_call(ids[1].as_str().unwrap(), server.clock().now());
    let late = server.clock().now() + TimeDelta::minutes(20);
    server.world().delay_details(ids[2].as_str().unwrap(), late);
    let mut asked = ids.clone();
    asked.push(json!("123"));
    let rows = post_all(&mut client, PATH, &json!({"filter": {"callIds": asked}}), "calls");
    let mut got: Vec<Value> = rows.iter().map(|row| row["metaData"]["id"].clone()).collect();
    got.sort_by_key(Value::to_string);
    let mut expected = vec![ids[0].clone(), ids[3].clone()];
    expected.sort_by_key(Value::to_string);
    assert_eq!(got, expected);
    let answer = client.post(PATH, &json!({"filter": {"callIds": [ids[1], "123"]}})).unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (404, "No calls found corresponding to the provided filters"));
    // The transcript endpoint may know a call before this one does.
    let answer = client.post("/v2/calls/transcript", &json!({"filter": {"callIds": [ids[2]]}})).unwrap();
    assert!(answer.status == 200 || server.world().call(ids[2].as_str().unwrap()).unwrap().transcribed_at.is_none());
}

#[test]
fn hosts_and_dates_narrow_together() {
    let (server, mut client) = small(1);
    let host = server.truth("calls")[0]["primaryUserId"].clone();
    let from = server.clock().now() - TimeDelta::days(7);
    let filter = json!({"primaryUserIds": [host], "fromDateTime": from});
    let rows = post_all(&mut client, PATH, &json!({"filter": filter}), "calls");
    let expected = server.truth("calls_extensive");
    let expected = expected.iter().filter(|row| {
        let scheduled = row["metaData"]["scheduled"].as_str().unwrap();
        row["metaData"]["primaryUserId"] == host && chrono::DateTime::parse_from_rfc3339(scheduled).unwrap() >= from
    });
    assert_eq!(rows.len(), expected.count());
}

#[test]
fn ai_content_comes_after_the_call() {
    let (server, mut client) = small(1);
    let now = server.clock().now();
    let mut call = NewCall::at(now - TimeDelta::hours(3));
    call.analysed_at = Some(now + TimeDelta::hours(1));
    let id = server.world().add_call(call);
    let body = json!({"filter": {"callIds": [id]}, "contentSelector": everything()});
    let before = post_all(&mut client, PATH, &body, "calls");
    assert!(before[0]["content"]["topics"].is_array());
    assert!(before[0]["content"].get("outline").is_none());
    server.clock().advance(TimeDelta::hours(1));
    let after = post_all(&mut client, PATH, &body, "calls");
    assert!(after[0]["content"]["outline"].is_array());
}

#[test]
fn an_id_above_two_to_the_63rd_is_found_where_the_world_has_one() {
    let spec = WorldSpec { oddities: gong_sim::Oddities::all(), ..WorldSpec::small(1) };
    let (server, mut client) = serve(spec, ServerOptions::unlimited());
    for id in ["9223372036854775999", "35657219295037524478"] {
        server.world().restore(id);
        let rows = post_all(&mut client, PATH, &json!({"filter": {"callIds": [id]}}), "calls");
        assert_eq!(rows[0]["metaData"]["id"], id);
    }
}
