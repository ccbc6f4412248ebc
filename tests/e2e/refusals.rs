//! What will not change by asking again: bad ids, missing rights, redirects, a key that sees nothing.

use chrono::TimeDelta;
use gong_sim::{Credential, Fault, Matcher, ServerOptions, World, WorldSpec, all_scopes};
use serde_json::json;

use crate::support::Rig;
use crate::support::journal::calls_of;
use crate::support::rig::{DAILY, FIVE, START, end};
use crate::support::truth::assert_conserved;

const DETAILS: &str = "/v2/calls/extensive";

fn rig() -> Rig {
    let rig = Rig::small(1);
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 1";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}\n{DAILY}"));
    rig
}

#[test]
fn a_poison_id_costs_a_few_requests_and_one_warning() {
    for status in [400, 500] {
        // GIVEN a call on which the vendor fails, among others of its day
        let rig = rig();
        let ids = calls_of(&rig, "2026-05-14");
        let poison = &ids[ids.len() / 2];
        let matcher = Matcher::path(DETAILS).containing(poison);
        rig.server.faults().always(matcher, Fault::PoisonId { id: poison.clone(), status });
        // WHEN it runs
        let report = rig.sync();
        // THEN the batch was halved until the id stood alone
        let spent = rig.server.journal().entries().iter().filter(|e| e.fault.is_some()).count();
        let halvings = ids.len().ilog2() as usize + 2;
        let attempts = if status == 500 { 2 } else { 1 };
        assert!(ids.len() > 5 && spent <= halvings * attempts, "{spent} failures for {} ids", ids.len());
        // AND the id is named in one warning and counted as missing, and the others are there
        let warnings = report["warnings"].as_array().expect("a list");
        let start =
            format!("call {poison} is left out, the others of its window are kept: POST {DETAILS} for calls_extensive");
        assert!(warnings.len() == 1 && warnings[0].as_str().is_some_and(|w| w.starts_with(&start)), "{warnings:?}");
        let details = &report["entities"]["calls_extensive"];
        assert_eq!((&details["missing"], &details["units"]["failed"]), (&1.into(), &0.into()));
        assert_eq!(missing(&rig), [("calls_extensive".to_owned(), poison.clone())]);
        // AND it comes with the next reading after the fault has gone
        rig.server.faults().clear();
        rig.server.clock().advance(TimeDelta::days(1));
        rig.sync();
        assert_eq!(missing(&rig), []);
        assert_conserved(&rig, "when the id is well again");
    }
}

/// Details that are missing although the call is listed.
fn missing(rig: &Rig) -> Vec<(String, String)> {
    let ledger = rig.ledger();
    let mut query = ledger.prepare("SELECT entity, id FROM missing WHERE entity = 'calls_extensive'").expect("a table");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).expect("a query");
    rows.map(|row| row.expect("a row")).collect()
}

#[test]
fn an_id_that_is_alone_in_its_window_is_told_from_a_fault_of_the_endpoint() {
    // GIVEN a day with a single call, on which the vendor fails
    let rig = rig();
    let [alone] = calls_of(&rig, "2026-05-16").try_into().expect("a day with one call");
    rig.server
        .faults()
        .always(Matcher::path(DETAILS).containing(&alone), Fault::PoisonId { id: alone.clone(), status: 500 });
    // WHEN the endpoint answers otherwise THEN the id is missing and its window is read
    rig.sync();
    assert_eq!(missing(&rig), [("calls_extensive".to_owned(), alone)]);
    // WHEN the endpoint answers nobody THEN windows fail, and no id is blamed
    let rig = self::rig();
    rig.server.faults().always(Matcher::path(DETAILS), Fault::ServerError);
    rig.sync_to(1);
    assert_eq!(missing(&rig), []);
    rig.server.faults().clear();
    rig.sync();
    assert_conserved(&rig, "when the endpoint is well again");
}

#[test]
fn a_redirect_is_reported_and_not_followed() {
    // GIVEN a vendor that sends its client to another host
    let rig = rig();
    rig.configure("entities = [\"users\"]");
    let to = "https://us-12345.api.gong.io/v2/users".to_owned();
    rig.server.faults().always(Matcher::any(), Fault::Redirect { to, status: 307 });
    // WHEN it runs
    let report = rig.sync_to(2);
    // THEN it says where to, and asks no more
    let expected = "GET /v2/users for users snapshot: HTTP 307: an answer that is not in Gong's form (0 bytes), after 1 attempt \
        (set source.base_url to https://us-12345.api.gong.io; redirects are not followed, because they would lose the credentials)";
    assert_eq!(report["warnings"], json!([expected]));
    assert_eq!(rig.server.journal().len(), 1);
}

#[test]
fn t40_each_missing_scope_costs_its_entity_only_and_is_named() {
    let scopes = [
        ("users", "api:users:read"),
        ("workspaces", "api:workspaces:read"),
        ("calls", "api:calls:read:basic"),
        ("calls_extensive", "api:calls:read:extensive"),
        ("call_transcripts", "api:calls:read:transcript"),
    ];
    for (entity, scope) in scopes {
        // GIVEN a token without the scope
        let token = Credential::Token {
            token: "narrow-token".to_owned(),
            scopes: all_scopes().into_iter().filter(|s| s != scope).collect(),
        };
        let options = ServerOptions { credentials: vec![token], ..ServerOptions::unlimited() };
        let rig = Rig::new(World::generate(WorldSpec::small(1)), options);
        rig.configure(FIVE);
        let config = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
        let config = config
            .replace("access_key = \"sim-key\"\naccess_key_secret = \"sim-secret\"", "access_token = \"narrow-token\"");
        rig.write("gong-elt.toml", &config);
        // WHEN it runs
        let report = rig.sync_to(1);
        // THEN the message names entity and scope, once
        let warnings = report["warnings"].as_array().expect("a list");
        let text = warnings[0].as_str().expect("a text");
        let end = format!("(add the scope {scope} to the credentials in Gong, or leave {entity} out of sync.entities)");
        assert!(
            warnings.len() == 1 && text.starts_with(&format!("{entity} is not permitted: ")) && text.ends_with(&end),
            "{warnings:?}"
        );
        // AND the other entities are read; only what needs the missing one is left
        for (other, _) in scopes {
            let units = &report["entities"][other]["units"];
            let readable = other != entity && !(entity == "calls" && other.starts_with("call"));
            let expected = if readable { &units["planned"] } else { &json!(0) };
            let without_ids = entity.starts_with("call") && other == entity && entity != "calls";
            assert!(&units["committed"] == expected || without_ids, "{scope}: {other} {units}");
        }
        assert!(!format!("{report}").contains("narrow-token"));
    }
}

#[test]
fn t11_a_first_sync_without_a_single_call_is_no_success() {
    // GIVEN an account whose calls the key cannot see
    let rig = Rig::new(
        World::generate(WorldSpec { calls: 0, future_days: 0, ..WorldSpec::small(1) }),
        ServerOptions::unlimited(),
    );
    rig.configure(FIVE);
    // WHEN it is read for the first time
    let report = rig.sync_to(1);
    // THEN the run says what that may mean
    let expected =
        "no call in 51 days: if the company has calls, the credentials cannot see them; ask Gong's administrator";
    assert_eq!(report["warnings"], json!([expected]));
}

#[test]
fn another_companys_credentials_are_refused_before_anything_is_written_whatever_is_read() {
    for entities in ["[\"all\"]", "[\"calls\"]", "[\"users\", \"calls\", \"calls_extensive\"]"] {
        // GIVEN a ledger and an output of one company
        let (ours, theirs) = (Rig::small(1), Rig::small(2));
        let entities = format!("entities = {entities}");
        ours.configure(&entities);
        ours.sync();
        let written = || (ours.objects(), ours.manifest()["objects"].clone(), ours.manifest()["coverage"].clone());
        let before = written();
        // WHEN host and credentials become another company's, on the same day or the next
        let text = std::fs::read_to_string(ours.path("gong-elt.toml")).expect("a configuration");
        ours.write("gong-elt.toml", &text.replace(ours.server.url(), theirs.server.url()));
        for days in [0, 1] {
            theirs.server.clock().advance(TimeDelta::days(days));
            let now = ours.now() + TimeDelta::days(days) + TimeDelta::hours(1);
            let args = ["sync"];
            let ended = end(&mut ours.command_at(now, &args)).expect(2);
            // THEN it is refused with what to do, and nothing was written
            assert!(
                ended.stderr.contains("is another company's: none of its workspaces is in this account"),
                "{}",
                ended.stderr
            );
            assert!(ended.stderr.contains("use the credentials of the ledger's company"), "{}", ended.stderr);
            assert!(written() == before, "{entities}: something was written");
        }
        let check = ours.run(&["check"]).expect(2).stdout;
        assert!(check.contains("is another company's"), "{check}");
        // AND back at its own company it goes on at once, and asks once who it is
        ours.write("gong-elt.toml", &text);
        ours.server.clock().advance(TimeDelta::days(1) + TimeDelta::hours(1));
        assert!(ours.sync()["objects"]["replaced"].as_u64() > Some(0));
    }
}

#[test]
fn another_company_behind_the_same_address_is_refused_by_what_its_calls_say() {
    for entities in ["[\"all\"]", "[\"calls\", \"calls_extensive\", \"call_transcripts\"]"] {
        // GIVEN a ledger of one company, whose workspaces were read this morning
        let rig = Rig::small(1);
        rig.configure(&format!("entities = {entities}"));
        rig.sync();
        // WHEN its key opens another company
        let before = (rig.objects(), rig.manifest()["coverage"].clone());
        let theirs = World::generate(WorldSpec::small(2));
        let ours = std::mem::replace(&mut *rig.server.world(), theirs);
        rig.server.clock().advance(TimeDelta::hours(10));
        let ended = rig.run(&["sync"]).expect(2);
        // THEN it is refused, and no call of it was written
        assert!(ended.stderr.contains("is another company's"), "{}", ended.stderr);
        let calls = |objects: &[(String, std::time::SystemTime)]| {
            objects.iter().filter(|(path, _)| path.starts_with("call")).cloned().collect::<Vec<_>>()
        };
        assert_eq!(calls(&rig.objects()), calls(&before.0), "{entities}");
        // AND back at its own it goes on
        *rig.server.world() = ours;
        rig.sync();
        rig.server.clock().advance(TimeDelta::days(1));
        let coaching = "[entities.coaching]\nevery = \"1h\"";
        rig.configure(&format!("entities = {entities}\n{}\n{coaching}", crate::support::rig::DAILY));
        rig.sync();
        crate::support::truth::assert_conserved(&rig, entities);
    }
}

#[test]
fn calls_of_an_unknown_workspace_wait_until_it_is_told_whose_they_are() {
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 0\n";
    let entities = "entities = [\"calls\", \"calls_extensive\", \"call_transcripts\"]";
    for most in [None, Some("1")] {
        // GIVEN a ledger of one company, and a key that opens another one by now
        let rig = Rig::small(1);
        rig.configure_whole(&format!("{limits}[sync]\nstart_date = \"{START}\"\n{entities}"));
        rig.sync();
        let before = (rig.objects(), rig.manifest()["coverage"].clone());
        let theirs = World::generate(WorldSpec::small(2));
        let ours = std::mem::replace(&mut *rig.server.world(), theirs);
        rig.server.clock().advance(TimeDelta::hours(10));
        // WHEN Gong fails to say which workspaces there are, or the run stops before that is asked
        let ended = match most {
            None => {
                let fault = Fault::Status { status: 500, text: "x".to_owned() };
                rig.server.faults().always(Matcher::path("/v2/workspaces"), fault);
                rig.run(&["sync", "--format", "json"]).expect(1)
            }
            Some(most) => rig.run(&["sync", "--format", "json", "--max-requests", most]).expect(0),
        };
        // THEN no call of it was written, and the failure is told, at the cost of one question
        assert_eq!((rig.objects(), rig.manifest()["coverage"].clone()), before, "{most:?}");
        let said = "cannot tell whether calls of an unknown workspace are the ledger's company's";
        assert_eq!(ended.stdout.contains(said), most.is_none(), "{}", ended.stdout);
        assert!(rig.server.journal().count("/v2/workspaces") <= 2);
        // AND the next run refuses the other company, and goes on at its own
        rig.server.faults().clear();
        let refused = rig.run(&["sync"]).expect(2);
        assert!(refused.stderr.contains("is another company's"), "{}", refused.stderr);
        *rig.server.world() = ours;
        rig.server.clock().advance(TimeDelta::days(1));
        rig.configure(&format!("{entities}\n{DAILY}"));
        rig.sync();
        assert_conserved(&rig, "back at its own company");
    }
}

#[test]
fn a_workspace_that_is_new_is_no_other_company() {
    // GIVEN a call in a workspace that was made after the workspaces were read
    let rig = Rig::small(1);
    rig.configure("entities = [\"workspaces\", \"calls\"]");
    rig.sync();
    let forget = "UPDATE fact SET value = (SELECT json_array(json_extract(value, '$[0]')) FROM fact WHERE name = 'workspaces') WHERE name = 'workspaces'";
    assert_eq!(rig.ledger().execute(forget, []), Ok(1));
    let before = rig.server.journal().len();
    // WHEN calls are read THEN the workspaces are asked for once more, and the run goes on
    rig.server.clock().advance(TimeDelta::hours(2));
    rig.run(&["backfill", "--force", "--from", "2026-05-01", "--to", "2026-05-20", "--entities", "calls"]).expect(0);
    let asked = rig.server.journal().entries().split_off(before);
    assert_eq!(asked.iter().filter(|entry| entry.path == "/v2/workspaces").count(), 1);
}

#[test]
fn calls_of_an_unknown_workspace_are_read_if_the_credentials_may_not_ask_for_workspaces() {
    for (status, text) in [(403, "Insufficient scope"), (401, "x")] {
        // GIVEN a call in a workspace that the ledger does not know
        let rig = Rig::small(1);
        rig.configure("entities = [\"workspaces\", \"calls\"]");
        rig.sync();
        let forget = "UPDATE fact SET value = '[\"1\"]' WHERE name = 'workspaces'";
        assert_eq!(rig.ledger().execute(forget, []), Ok(1));
        // WHEN workspaces are refused by now, and other things are not
        let fault = Fault::Status { status, text: text.to_owned() };
        rig.server.faults().always(Matcher::path("/v2/workspaces"), fault);
        rig.server.clock().advance(TimeDelta::hours(2));
        let before = rig.server.journal().count("/v2/workspaces");
        let range = ["backfill", "--force", "--from", "2026-05-01", "--to", "2026-05-20", "--entities", "calls"];
        // THEN the calls are read, and it is asked once
        rig.run(&range).expect(0);
        assert_eq!(rig.server.journal().count("/v2/workspaces"), before + 1, "{status}");
    }
}

#[test]
fn what_only_compares_or_counts_refuses_another_companys_credentials_too() {
    // GIVEN a ledger and an output of one company, of which an object was lost
    let (ours, theirs) = (Rig::small(1), Rig::small(2));
    ours.configure("entities = [\"calls\"]");
    ours.sync();
    let lost = ours.objects().pop().expect("an object").0;
    std::fs::remove_file(ours.data().join(lost)).expect("a file");
    let text = std::fs::read_to_string(ours.path("gong-elt.toml")).expect("a configuration");
    ours.write("gong-elt.toml", &text.replace(ours.server.url(), theirs.server.url()));
    let dump = || {
        let ledger = ours.ledger();
        let all = "SELECT (SELECT group_concat(name || value, ',') FROM fact) || (SELECT count(*) FROM probe) || \
                   (SELECT count(*) FROM unit WHERE due IS NOT NULL)";
        ledger.query_row(all, [], |row| row.get::<_, String>(0)).expect("a ledger")
    };
    let before = dump();
    // WHEN totals are compared, or asked for, or what was lost is to be read again
    let probe = ["plan", "backfill", "--from", "2025-01-01", "--to", "2025-04-01", "--probe"];
    for args in [&["verify", "--source"][..], &["verify", "--repair"], &["plan", "--probe"], &probe] {
        let ended = ours.run(args).expect(2);
        // THEN it is refused as a run is, and nothing was written
        let said = "is another company's: none of its workspaces is in this account";
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
        assert_eq!((ended.stdout.as_str(), dump() == before), ("", true), "{args:?}");
    }
    let asked = theirs.server.journal();
    assert_eq!(asked.len(), asked.count("/v2/workspaces"));
    // AND of its own company each goes on
    ours.write("gong-elt.toml", &text);
    ours.run(&probe).expect(0);
    ours.run(&["verify", "--source", "--repair"]).expect(0);
}

#[test]
fn an_unknown_workspace_is_named_with_the_ids_of_those_that_there_are() {
    for entity in ["coaching", "library_folders", "calls"] {
        // GIVEN settings that narrow an entity to a workspace that the company does not have
        let rig = Rig::small(1);
        let narrowed = |id: &str| rig.configure(&format!("\n[entities.{entity}]\nworkspace_id = \"{id}\""));
        let there = rig.server.truth("workspaces");
        let text = |name: &str| -> Vec<String> {
            there.iter().map(|w| w[name].as_str().expect("a text").to_owned()).collect()
        };
        narrowed("123");
        let assert_told = |told: &str| {
            let key = format!("gong-elt.toml: entities.{entity}.workspace_id: the company has no workspace 123 ");
            assert!(told.contains(&key) && text("id").iter().all(|id| told.contains(id)), "{told}");
            assert!(!text("name").iter().any(|name| told.contains(name)), "{told}");
        };
        // WHEN it is read or checked, with an empty ledger and with a full one THEN file, key and ids are named, and nothing is read
        for full in [false, true] {
            if full {
                narrowed(&text("id")[0]);
                rig.sync();
                narrowed("123");
                rig.server.clock().advance(TimeDelta::days(1));
            }
            let before = rig.objects();
            assert_told(&rig.run(&["sync"]).expect(2).stderr);
            assert_told(&rig.run(&["plan", "--probe"]).expect(2).stderr);
            assert_told(&rig.run(&["check"]).expect(2).stdout);
            assert_eq!(rig.objects(), before);
        }
        // AND with a workspace that there is it goes on
        narrowed(&text("id")[0]);
        rig.run(&["check"]).expect(0);
        rig.sync();
    }
}

#[test]
fn a_workspace_that_is_newer_than_the_ledgers_list_is_read() {
    // GIVEN a list of workspaces, read an hour ago, that lacks the one that the settings name now
    let rig = Rig::small(1);
    let ids: Vec<String> =
        rig.server.truth("workspaces").iter().map(|w| w["id"].to_string().replace('"', "")).collect();
    let newest = ids.last().expect("a workspace");
    assert!(ids.len() > 1);
    rig.configure("entities = [\"library_folders\"]");
    rig.sync();
    let sql = "UPDATE fact SET value = ?1 WHERE name IN ('workspaces', 'ids of workspaces')";
    assert_eq!(rig.ledger().execute(sql, [json!(ids[..1]).to_string()]), Ok(2));
    rig.configure(&format!(
        "entities = [\"library_folders\"]\n[entities.library_folders]\nevery = \"1h\"\nworkspace_id = \"{newest}\""
    ));
    // WHEN it is read THEN Gong is asked for the workspaces once more, and for the folders of that one
    rig.server.clock().advance(TimeDelta::hours(2));
    rig.server.journal().clear();
    rig.sync();
    let entries = rig.server.journal().entries();
    let of = |path: &str| entries.iter().filter(|entry| entry.path == path).collect::<Vec<_>>();
    assert_eq!(of("/v2/workspaces").len(), 1);
    let [folders] = of("/v2/library/folders")[..] else { panic!("one request: {entries:?}") };
    assert!(folders.query.contains(&("workspaceId".to_owned(), newest.clone())), "{folders:?}");
}

#[test]
fn where_workspaces_may_not_be_asked_for_a_silent_one_is_blamed_first() {
    // GIVEN a token that may not ask for workspaces, and an unknown one
    let scopes = all_scopes().into_iter().filter(|scope| *scope != "api:workspaces:read").collect();
    let credentials = vec![Credential::Token { token: "mine".to_owned(), scopes }];
    let rig =
        Rig::new(World::generate(WorldSpec::small(1)), ServerOptions { credentials, ..ServerOptions::unlimited() });
    rig.configure("entities = [\"calls\"]\n[entities.calls]\nworkspace_id = \"123\"");
    let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    let key = "access_key = \"sim-key\"\naccess_key_secret = \"sim-secret\"";
    rig.write("gong-elt.toml", &text.replace(key, "access_token = \"mine\""));
    // WHEN it is read for the first time THEN the setting comes before the credentials
    let warnings = rig.sync_to(1)["warnings"].to_string();
    assert!(warnings.contains("no call of workspace 123 in 51 days: if there are some, entities.calls"), "{warnings}");
}

#[test]
fn a_list_that_shrank_stays_until_the_command_that_the_warning_names() {
    // GIVEN a list of users of which most are gone
    let rig = Rig::new(World::generate(WorldSpec { users: 60, ..WorldSpec::small(1) }), ServerOptions::unlimited());
    rig.configure("entities = [\"users\"]");
    rig.sync();
    let left: Vec<String> = rig.server.world().truth_text("users", rig.now()).into_iter().take(9).collect();
    let body = format!("{{\"requestId\":\"1\",\"records\":{{\"totalRecords\":9}},\"users\":[{}]}}", left.join(","));
    rig.server.faults().always(Matcher::path("/v2/users"), Fault::Body { bytes: body.into_bytes() });
    let rows = |rig: &Rig| rig.manifest()["objects"][0]["rows"].clone();
    let before = rows(&rig);
    // WHEN it is read again THEN the old one stays, and a command is named
    rig.server.clock().advance(TimeDelta::days(1));
    let warnings = rig.sync_to(1)["warnings"].clone();
    assert_eq!(rows(&rig), before);
    let text = warnings[0].as_str().expect("a warning");
    let command = text.split('`').nth(1).and_then(|command| command.strip_prefix("gong-elt ")).expect("a command");
    assert!(command.ends_with("--entities users --force --accept-shrink"), "{command}");
    // AND without its last word it does not believe either, with it it does
    let args: Vec<&str> = command.split(' ').collect();
    rig.run(&args[..args.len() - 1]).expect(1);
    rig.run(&args).expect(0);
    assert_eq!(rows(&rig), json!(9));
    assert_eq!(rig.sync()["requests"], 0);
}

#[test]
fn status_refuses_the_ledger_that_a_run_refuses() {
    // GIVEN a ledger that is an older copy, and one that is another output's
    let older = Rig::small(1);
    older.configure(FIVE);
    older.sync();
    older.ledger().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a ledger");
    let copy = std::fs::read(older.path("state/gong-elt.db")).expect("a ledger");
    older.server.clock().advance(TimeDelta::days(1));
    older.sync();
    std::fs::write(older.path("state/gong-elt.db"), copy).expect("a ledger");
    let _ = std::fs::remove_file(older.path("state/gong-elt.db-wal"));
    let moved = Rig::small(1);
    moved.configure(FIVE);
    moved.sync();
    moved.configure(&format!("{FIVE}\n[output]\nurl = \"elsewhere\""));
    for (rig, why) in [(older, "it is an older copy"), (moved, "belongs to the output ")] {
        // WHEN its status is asked for
        let status = rig.run(&["status"]).expect(2);
        // THEN it is refused as a run is, in the same words
        assert!(status.stderr.contains(why) && status.stdout.is_empty(), "{}", status.stderr);
        assert_eq!(status.stderr, rig.run(&["sync"]).expect(2).stderr);
    }
}
