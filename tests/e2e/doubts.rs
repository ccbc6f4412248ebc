//! Refusals that say nothing of why: an entity that is not in the plan, or credentials that are no good.

use gong_sim::{Fault, Matcher};
use serde_json::Value;

use crate::support::Rig;
use crate::support::rig::{FIVE, START};
use crate::support::truth::assert_conserved;

fn refuse(rig: &Rig, matcher: Matcher, status: u16) {
    rig.server.faults().always(matcher, Fault::Status { status, text: "Access denied".to_owned() });
}

fn committed(report: &Value, entity: &str) -> u64 {
    report["entities"][entity]["units"]["committed"].as_u64().unwrap_or(0)
}

#[test]
fn an_entity_that_is_not_in_the_plan_stops_alone_whatever_the_status_and_wherever_it_comes() {
    // What is asked first, something in the middle, what is asked by id, and a fan-out.
    let entities = [
        ("users", "/v2/users"),
        ("workspaces", "/v2/workspaces"),
        ("settings_trackers", "/v2/settings/trackers"),
        ("calls_extensive", "/v2/calls/extensive"),
        ("stats_interaction", "/v2/stats/interaction"),
        ("coaching", "/v2/coaching"),
    ];
    for (entity, path) in entities {
        for status in [401, 403] {
            // GIVEN an account whose plan lacks one entity, which is told without naming a scope
            let rig = Rig::small(1);
            rig.configure("include_private = true");
            refuse(&rig, Matcher::path(path), status);
            // WHEN it is read
            let report = rig.sync_to(1);
            // THEN the refusal is that entity's
            let warnings = report["warnings"].to_string();
            let said = format!("{entity} is not permitted: ");
            assert!(
                warnings.contains(&said) && warnings.contains("may not be part of the company's plan"),
                "{warnings}"
            );
            // A window without calls has no ids to ask for, and lands empty.
            assert_eq!(report["entities"][entity]["rows"]["written"], 0, "{entity}: {report}");
            // AND what does not hang on it is there
            for other in ["users", "workspaces", "settings_trackers", "calls", "stats_interaction", "library_folders"] {
                let hangs = other == entity || (other == "library_folders" && entity == "workspaces");
                assert_eq!(committed(&report, other) > 0, !hangs, "{other} without {entity}, {status}: {warnings}");
            }
            // AND it cost what was in flight, and one question of another entity
            let refused = rig.server.journal().entries().iter().filter(|e| e.fault.is_some()).count();
            assert!((1..=16).contains(&refused), "{entity}: {refused} refusals");
            // What was let go of when the first refusal came may have been counted and not sent.
            let asked = rig.server.journal().entries().len() as u64;
            let counted = report["requests"].as_u64().expect("a number");
            assert!((asked..=asked + 16).contains(&counted), "{counted} counted, {asked} made");
        }
    }
}

#[test]
fn credentials_for_calls_alone_read_calls() {
    // GIVEN credentials that are refused everywhere but for calls
    let rig = Rig::small(1);
    rig.configure(FIVE);
    for path in ["/v2/users", "/v2/workspaces", "/v2/settings/*"] {
        refuse(&rig, Matcher::path(path), 403);
    }
    // WHEN the account is read
    let report = rig.sync_to(1);
    // THEN the calls are there
    assert!(committed(&report, "calls") > 0 && committed(&report, "call_transcripts") > 0, "{report}");
    // AND the two others were refused, each for itself
    assert_eq!(report["warnings"].as_array().map(Vec::len), Some(2), "{}", report["warnings"]);
}

#[test]
fn a_key_that_is_revoked_in_mid_run_ends_it_soon() {
    for status in [401, 403] {
        // GIVEN a key that is revoked after some requests
        let rig = Rig::small(1);
        let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_in_flight = 4";
        rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\nwindow = \"day\"\n{FIVE}"));
        refuse(&rig, Matcher::any().nth(20), status);
        // WHEN it runs
        let ended = rig.run(&["sync", "--format", "json"]).expect(3);
        // THEN it ended with what was under way, which is two batches of each of eight days, and one question of each other kind
        let refused = rig.server.journal().entries().iter().filter(|e| e.fault.is_some()).count();
        assert!((1..=2 * 8 + 5).contains(&refused), "{refused} refusals");
        assert!(ended.stderr.contains("check the access key and its secret"), "{}", ended.stderr);
        // AND nothing that was read is lost
        rig.server.faults().clear();
        rig.sync();
        assert_conserved(&rig, "with a new key");
    }
}

#[test]
fn a_direct_verb_tells_an_entity_from_the_credentials() {
    // GIVEN an entity that is not in the plan
    let rig = Rig::small(1);
    refuse(&rig, Matcher::path("/v2/settings/trackers"), 403);
    // WHEN it is listed THEN it is the entity
    let ended = rig.run(&["list", "settings_trackers"]).expect(1);
    assert!(ended.stderr.contains("settings_trackers may not be part of the company's plan"), "{}", ended.stderr);
    assert_eq!(rig.server.journal().len(), 2);
    // WHEN nothing is answered any more THEN it is the credentials
    refuse(&rig, Matcher::any(), 401);
    let ended = rig.run(&["list", "users"]).expect(3);
    assert!(ended.stderr.contains("check the access key"), "{}", ended.stderr);
    assert_eq!(rig.server.journal().len(), 2 + 5);
}
