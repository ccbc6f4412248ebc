//! `get`: one record by its id.

use super::{lines, parsed, text, truth};
use crate::support::Rig;

#[test]
fn a_user_and_a_call_are_printed_as_they_are() {
    let rig = Rig::small(3);
    for entity in ["users", "calls"] {
        let expected = truth(&rig, entity).swap_remove(4);
        let id = text(&parsed(&expected), "id").to_owned();
        assert_eq!(lines(&rig, &["get", entity, &id]), [expected]);
        assert_eq!(super::last(&rig).path, format!("/v2/{entity}/{id}"));
    }
    assert_eq!(rig.server.requests_today(), 2);
}

#[test]
fn what_is_not_there_is_said_with_the_vendors_words() {
    let rig = Rig::small(3);
    for (entity, words) in [("users", "User not found"), ("calls", "Call ID 17 was not found")] {
        let ended = rig.run(&["get", entity, "17"]).expect(1);
        let start = format!(
            "error: {entity} 17: not found: Gong has none, or does not show it: GET /v2/{entity}/17 for get {entity}: HTTP 404: {words} (requestId "
        );
        assert!(ended.stderr.starts_with(&start), "{}", ended.stderr);
        assert!(ended.stdout.is_empty() && ended.stderr.lines().count() == 1, "{}", ended.stderr);
        assert_eq!(rig.server.journal().count(&format!("/v2/{entity}/17")), 1, "it is not asked twice");
    }
}

#[test]
fn a_passing_fault_is_tried_again() {
    use gong_sim::{Fault, Matcher};
    let rig = Rig::small(3);
    let expected = truth(&rig, "calls").swap_remove(0);
    let id = text(&parsed(&expected), "id").to_owned();
    for fault in [Fault::ServerError, Fault::CutBody { percent: 60 }, Fault::LoseAnswer] {
        rig.server.faults().once(Matcher::path("/v2/calls/*"), fault);
        assert_eq!(lines(&rig, &["get", "calls", &id]), std::slice::from_ref(&expected));
    }
    assert_eq!(rig.server.journal().len(), 6);
}
