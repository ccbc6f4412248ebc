//! `POST /v2/calls/transcript`.

use chrono::TimeDelta;
use gong_sim::NewCall;
use serde_json::json;

use crate::harness::{assert_same, error, post_all, small};

const PATH: &str = "/v2/calls/transcript";

#[test]
fn all_pages_together_are_the_truth() {
    for seed in 0..5 {
        let (server, mut client) = small(seed);
        let rows = post_all(&mut client, PATH, &json!({"filter": {}}), "callTranscripts");
        assert_same(&rows, &server.truth("call_transcripts"));
    }
}

#[test]
fn without_any_transcript_it_is_404_with_the_text_of_calls() {
    let (server, mut client) = small(1);
    let now = server.clock().now();
    let mut call = NewCall::at(now - TimeDelta::hours(3));
    call.transcribed_at = Some(now + TimeDelta::hours(1));
    let id = server.world().add_call(call);
    let body = json!({"filter": {"callIds": [id]}});
    let answer = client.post(PATH, &body).unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (404, "No calls found corresponding to the provided filters"));
    server.clock().advance(TimeDelta::hours(1));
    assert_eq!(client.post(PATH, &body).unwrap().json()["callTranscripts"][0]["callId"], id);
}

#[test]
fn ids_and_dates_both_hold_and_dates_are_those_of_the_real_start() {
    let (server, mut client) = small(1);
    let edge = server.clock().now() - TimeDelta::days(2);
    let mut call = NewCall::at(edge - TimeDelta::minutes(5));
    call.started = edge + TimeDelta::minutes(7);
    let id = server.world().add_call(call);
    let before = json!({"filter": {"callIds": [id], "toDateTime": edge}});
    assert_eq!(client.post(PATH, &before).unwrap().status, 404);
    let after = json!({"filter": {"callIds": [id], "fromDateTime": edge}});
    assert_eq!(client.post(PATH, &after).unwrap().status, 200);
}

#[test]
fn speakers_join_the_parties_and_times_are_milliseconds() {
    let (server, _) = small(1);
    let calls = server.truth("calls_extensive");
    let mut joined = 0;
    for row in server.truth("call_transcripts") {
        let call = calls.iter().find(|call| call["metaData"]["id"] == row["callId"]);
        let Some(call) = call else { continue };
        let speakers: Vec<_> =
            call["parties"].as_array().into_iter().flatten().map(|party| &party["speakerId"]).collect();
        for part in row["transcript"].as_array().unwrap() {
            if !part["speakerId"].is_null() && !speakers.is_empty() {
                assert!(speakers.contains(&&part["speakerId"]));
                joined += 1;
            }
            for sentence in part["sentences"].as_array().unwrap() {
                assert!(sentence["start"].as_u64() <= sentence["end"].as_u64());
                let length = call["metaData"]["duration"].as_u64().unwrap() * 1_000;
                assert!(sentence["end"].as_u64().unwrap() <= length.max(60_000), "within the call");
            }
        }
    }
    assert!(joined > 50);
}
