//! `check`: one line per entity, each of the four findings, and the warning about a key that sees users and no calls.

use std::time::{Duration, Instant};

use gong_sim::{Credential, Fault, Matcher, ServerOptions, World, WorldSpec, all_scopes};

use crate::support::Rig;
use crate::support::rig::Ended;

/// What `check` found of each line.
fn found(ended: &Ended) -> Vec<(String, String, String)> {
    let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
    let lines = ended.json()["checks"].as_array().expect("lines").clone();
    lines.iter().map(|line| (text(&line["name"]), text(&line["result"]), text(&line["detail"]))).collect()
}

fn result_of(found: &[(String, String, String)], name: &str) -> (String, String) {
    let mut lines = found.iter().filter(|line| line.0 == name);
    let (_, result, detail) = lines.next().unwrap_or_else(|| panic!("no line of {name}: {found:?}")).clone();
    assert!(lines.next().is_none(), "{name} once");
    (result, detail)
}

#[test]
fn each_entity_has_one_line_with_what_may_be_read() {
    // GIVEN a token without one scope, an entity outside the plan, one that fails, and folders of which there is none
    let scopes = all_scopes().into_iter().filter(|scope| *scope != "api:stats:interaction").collect();
    let credentials = vec![Credential::Token { token: "mine".to_owned(), scopes }];
    let options = ServerOptions { credentials, ..ServerOptions::unlimited() };
    let rig = Rig::new(World::generate(WorldSpec { calls: 30, days: 4, ..WorldSpec::small(1) }), options);
    let text = format!(
        "[source]\nbase_url = \"{}\"\naccess_token = \"mine\"\n[limits]\nrequests_per_second = 2000\nmax_retries = 0\n\
         [sync]\nstart_date = \"2026-05-17\"\nentities = [\"all\", \"call_audio\"]\n",
        rig.server.url()
    );
    rig.write("gong-elt.toml", &text);
    let always = |path, fault| rig.server.faults().always(Matcher::path(path), fault);
    always("/v2/coaching", Fault::Status { status: 403, text: "Forbidden".into() });
    always("/v2/settings/trackers", Fault::ServerError);
    always("/v2/library/folders", Fault::NoRecords);
    // WHEN it is checked
    let found = found(&rig.run(&["check", "--format", "json"]).expect(1));
    // THEN each finding is where it belongs
    assert_eq!(
        result_of(&found, "stats_interaction"),
        ("scope missing".to_owned(), "add api:stats:interaction to the credentials in Gong".to_owned())
    );
    assert_eq!(result_of(&found, "coaching").0, "not in the plan");
    assert_eq!(result_of(&found, "settings_trackers").0, "cannot tell");
    assert_eq!(result_of(&found, "library_folder_content").0, "cannot tell");
    for entity in [
        "users",
        "workspaces",
        "settings_scorecards",
        "calls",
        "calls_extensive",
        "call_transcripts",
        "stats_activity_aggregate",
        "stats_activity_day_by_day",
        "stats_activity_scorecards",
        "call_audio",
    ] {
        assert_eq!(result_of(&found, entity).0, "allowed", "{entity}");
    }
}

#[test]
fn t11_users_without_a_single_call_of_a_long_period_are_warned_of() {
    let spec = WorldSpec { calls: 0, future_days: 0, ..WorldSpec::small(1) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    let seen = found(&rig.run(&["check", "--format", "json"]).expect(1));
    let (result, detail) = result_of(&seen, "visibility of calls");
    assert!(result == "cannot tell" && detail.contains("no call of the whole period"), "{detail}");
    // AND where there are calls, nothing is said
    let seen = found(&Rig::small(1).run(&["check", "--format", "json"]).expect(0));
    assert!(seen.iter().all(|line| line.0 != "visibility of calls"));
}

#[test]
fn a_host_that_does_not_answer_is_not_asked_for_each_entity() {
    // GIVEN a port where nobody listens, and one that takes connections and never answers
    let listener = || std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let (gone, mute) = (listener().local_addr().expect("an address"), listener());
    let cases = [(gone, "could not connect"), (mute.local_addr().expect("an address"), "no whole answer within 1s")];
    for (address, why) in cases {
        for entities in ["[\"all\"]", "[\"users\", \"calls\"]"] {
            let rig = Rig::small(1);
            rig.configure_whole(&format!(
                "[limits]\nrequests_per_second = 2000\nrequest_timeout = \"1s\"\n[sync]\nstart_date = \"2026-05-17\"\n\
                 entities = {entities}"
            ));
            let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
            rig.write("gong-elt.toml", &text.replace(rig.server.url(), &format!("http://{address}")));
            // WHEN it is checked
            let begun = Instant::now();
            let found = found(&rig.run(&["check", "--format", "json"]).expect(1));
            // THEN it ends soon: the first line says why, and the others that they were not asked
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
            let doubtful: Vec<_> = found.iter().filter(|line| line.1 == "cannot tell").collect();
            assert!(doubtful[0].2.contains(why) && doubtful[0].2.contains("after 2 attempts"), "{doubtful:?}");
            assert!(doubtful.len() > 2 && doubtful[1..].iter().all(|line| line.2.starts_with("not asked: ")));
        }
    }
}
