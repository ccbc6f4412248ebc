//! What changes with the clock and by hand.

use chrono::TimeDelta;
use gong_sim::{NewCall, REMOVE};
use serde_json::json;

use crate::harness::{get_all, small};

#[test]
fn the_clock_alone_brings_new_calls() {
    let (server, mut client) = small(1);
    let before = get_all(&mut client, "/v2/calls", "calls").len();
    server.clock().advance(TimeDelta::days(7));
    let after = get_all(&mut client, "/v2/calls", "calls");
    assert!(after.len() > before + 20, "{before} to {}", after.len());
    assert_eq!(after, server.truth("calls"));
}

#[test]
fn a_generated_world_holds_edits_privacy_and_deletions() {
    let (server, _) = crate::harness::serve(Default::default(), gong_sim::ServerOptions::unlimited());
    let world = server.world();
    let now = world.spec.now;
    let count = |fits: &dyn Fn(&gong_sim::Call) -> bool| world.calls().iter().filter(|call| fits(call)).count();
    assert!(count(&|call| call.deleted_at.is_some_and(|at| at < now)) > 3);
    assert!(count(&|call| call.is_private(now)) > 30);
    assert!(count(&|call| call.privacy.len() == 1 && call.privacy[0].0 > call.listed_at) > 3);
    assert!(count(&|call| call.edits.iter().any(|edit| edit.at < now)) > 50);
    assert!(count(&|call| call.listed_at - call.ended() > TimeDelta::days(1)) > 10, "late by days");
}

#[test]
fn edits_take_effect_at_their_instant() {
    let (server, _) = small(1);
    let now = server.clock().now();
    let id = server.world().add_call(NewCall::at(now - TimeDelta::hours(3)));
    let later = now + TimeDelta::hours(1);
    let patch = json!({
        "metaData": {"title": "Later title", "purpose": null},
        "content": {"brief": "Shorter.", "keyPoints": REMOVE},
        "context": [],
        "transcript": [{"speakerId": null, "topic": null, "sentences": []}],
    });
    server.world().edit_call(&id, later, patch);
    let find = |entity: &str, key: &str| {
        server
            .truth(entity)
            .into_iter()
            .find(|row| row.pointer(key).is_some_and(|found| *found == id.as_str()))
            .unwrap()
    };
    let before = find("calls_extensive", "/metaData/id");
    assert_ne!(before["metaData"]["title"], "Later title");
    server.clock().set(later);
    let after = find("calls_extensive", "/metaData/id");
    assert_eq!(after["metaData"]["title"], "Later title");
    assert_eq!(after["metaData"]["duration"], before["metaData"]["duration"]);
    assert_eq!(after["content"]["brief"], "Shorter.");
    assert!(after["content"].get("keyPoints").is_none() && after["content"]["topics"].is_array());
    assert_eq!(after["context"], json!([]));
    assert_eq!(find("call_transcripts", "/callId")["transcript"][0]["sentences"], json!([]));
    assert_eq!(find("calls", "/id")["title"], "Later title");
}

#[test]
fn privacy_deletion_and_hiding() {
    let (server, _) = small(1);
    let now = server.clock().now();
    let id = server.world().add_call(NewCall::at(now - TimeDelta::hours(3)));
    let find = || server.truth("calls").into_iter().find(|row| row["id"] == id.as_str());
    assert_eq!(find().unwrap()["isPrivate"], false);
    server.world().set_private(&id, true, now);
    assert_eq!(find().unwrap()["isPrivate"], true);
    server.world().hide(&id);
    assert_eq!(find(), None);
    server.world().restore(&id);
    assert!(find().is_some());
    server.world().delete_call(&id, now + TimeDelta::seconds(1));
    assert!(find().is_some());
    server.clock().advance(TimeDelta::seconds(1));
    assert_eq!(find(), None);
}

#[test]
fn a_night_does_what_it_says() {
    let (server, _) = small(4);
    let before = server.truth("calls");
    let night = server.night();
    let after = server.truth("calls");
    let find = |rows: &[serde_json::Value], id: &serde_json::Value| rows.iter().find(|row| row["id"] == *id).cloned();
    assert_eq!(json!(server.clock().now()), night["to"]);
    assert!(find(&before, &night["late"]).is_none() && find(&after, &night["late"]).is_some());
    assert_eq!(find(&after, &night["edited"]).unwrap()["title"], night["edited_title"]);
    assert!(find(&before, &night["deleted"]).is_some() && find(&after, &night["deleted"]).is_none());
    assert_eq!(find(&before, &night["private"]).unwrap()["isPrivate"], false);
    assert_eq!(find(&after, &night["private"]).unwrap()["isPrivate"], true);
    let new = after.iter().filter(|row| find(&before, &row["id"]).is_none()).count();
    assert_eq!(json!(new - 1), night["new_calls"]);
    // And again, of other calls.
    assert_ne!(server.night()["edited"], night["edited"]);
}
