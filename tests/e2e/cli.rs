//! The commands as a person, a script and a cron job see them: shapes, exit codes, precedence, silence.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use gong_sim::{Credential, ServerOptions, World, WorldSpec, all_scopes};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::refusal::replaced;
use crate::support::rig::{FIVE, START, end};
use crate::support::truth::assert_conserved;

/// A small account, and the five entities of the calls family.
fn rig() -> Rig {
    let rig = Rig::small(1);
    rig.configure(FIVE);
    rig
}

/// Fails the test unless an object has these keys; more are allowed.
#[track_caller]
fn assert_keys(value: &Value, keys: &str) {
    let found: BTreeSet<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    let missing: Vec<&str> = keys.split(' ').filter(|key| !found.contains(key)).collect();
    assert!(missing.is_empty(), "{missing:?} not in {found:?}");
}

#[test]
fn init_writes_a_file_that_loads_and_is_never_overwritten() {
    // GIVEN an empty folder WHEN init is run
    let rig = Rig::small(1);
    let init = ["init", "--config", "new.toml"];
    let said = end(&mut rig.bare(&init)).expect(0).stdout;
    assert!(said.starts_with("wrote new.toml\nnext: set sync.start_date in it"), "{said}");
    // THEN the file loads with nothing but a start date and credentials added
    let text = std::fs::read_to_string(rig.path("new.toml")).expect("a file");
    rig.write("new.toml", &text.replace("# start_date = \"2024-01-01\"", &format!("start_date = \"{START}\"")));
    let env =
        [("GONG_BASE_URL", rig.server.url()), ("GONG_ACCESS_KEY", "sim-key"), ("GONG_ACCESS_KEY_SECRET", "sim-secret")];
    let plan = end(rig.command(&["plan", "--config", "new.toml"]).envs(env)).expect(0).stdout;
    assert!(plan.contains("requests,"), "{plan}");
    // AND a second init leaves it alone
    let before = std::fs::read(rig.path("new.toml")).expect("a file");
    let again = end(&mut rig.bare(&init)).expect(2);
    assert_eq!(
        again.stderr,
        "error: new.toml exists already\n\nhint: name another file with --config, or edit that one\n"
    );
    assert_eq!(std::fs::read(rig.path("new.toml")).expect("a file"), before);
}

#[test]
fn schema_lists_nested_columns_with_type_and_meaning() {
    let text = end(&mut Rig::small(1).bare(&["schema", "calls_extensive"])).expect(0).stdout;
    let lines: Vec<String> = text.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    for start in [
        "calls_extensive: ",
        "key: ",
        "parties list of struct ",
        "email_address string ",
        "_extra string ",
        "_object string ",
    ] {
        assert!(lines.iter().any(|line| line.starts_with(start)), "{start} is not in\n{text}");
    }
    let indent =
        |name: &str| text.lines().find(|l| l.trim_start().starts_with(name)).map(|l| l.len() - l.trim_start().len());
    assert_eq!(indent("parties "), Some(2));
    assert_eq!(indent("email_address "), Some(4));
}

#[test]
fn a_plan_before_the_first_sync_asks_nothing_and_says_what_it_knows() {
    // GIVEN an account that was never read
    let rig = rig();
    // WHEN it is planned
    let plan = rig.run(&["plan", "--format", "json"]).expect(0).json();
    // THEN the vendor was not asked, and the plan has the contract's shape
    assert_eq!((rig.server.journal().len(), rig.objects().len()), (0, 0));
    assert_keys(&plan, "version as_of requests seconds quota_days unknown entities units");
    assert_keys(&plan["entities"]["calls"], "units requests bytes");
    assert_keys(&plan["units"][0], "entity from to reason");
    assert_eq!(plan["as_of"], "2026-05-20T09:00:00Z");
    let unknown: BTreeSet<&str> =
        plan["unknown"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert_eq!(unknown, BTreeSet::from(["calls", "calls_extensive", "call_transcripts", "users"]));
    // AND the windows begin with the start date
    let units = plan["units"].as_array().expect("a list");
    let first = units.iter().filter(|u| u["entity"] == "calls").filter_map(|u| u["from"].as_str()).min();
    assert_eq!(first, Some(START));
}

#[test]
fn a_probe_asks_one_request_a_month_and_then_the_plan_has_numbers() {
    // GIVEN an account that was never read, and two months to read
    let rig = rig();
    // WHEN it is planned with a probe
    let plan = rig.run(&["plan", "--probe", "--format", "json"]).expect(0).json();
    // THEN each month was asked once
    assert_eq!((rig.server.journal().len(), rig.server.journal().count("/v2/calls")), (2, 2));
    assert_eq!(plan["unknown"], json!(["users"]));
    // AND a second plan needs no probe
    let again = rig.run(&["plan", "--format", "json"]).expect(0).json();
    assert_eq!((rig.server.journal().len(), &again["requests"]), (2, &plan["requests"]));
    // AND it does not recommend what was done
    let text = rig.run(&["plan"]).expect(0).stdout;
    assert!(text.contains("counted as one page a unit: users\n"), "{text}");
    // AND the number is about right
    let planned = plan["requests"].as_u64().expect("a number");
    let made = rig.sync()["requests"].as_u64().expect("a number");
    assert!(made <= planned && planned < 2 * made, "{planned} planned, {made} made");
}

#[test]
fn check_tells_what_may_be_read() {
    // GIVEN good credentials WHEN they are checked THEN each entity takes one request
    let rig = rig();
    let text = rig.run(&["check"]).expect(0).stdout;
    for name in ["settings", "ledger", "output", "conditional writes"] {
        let is_ok = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with("ok "));
        assert!(text.lines().any(is_ok), "{name}\n{text}");
    }
    assert_eq!((text.matches("  allowed").count(), rig.server.journal().len()), (5, 5));
    // AND the same as JSON
    let report = rig.run(&["check", "--format", "json"]).expect(0).json();
    let checks = report["checks"].as_array().expect("a list");
    assert!(checks.iter().all(|c| c["result"] == "ok" || c["result"] == "allowed"), "{report}");
    // GIVEN wrong ones THEN the exit code says so, after one request of each other kind
    replaced(&rig, "sim-secret", "wrong-secret");
    rig.server.journal().clear();
    let refused = rig.run(&["check"]).expect(3);
    assert!(refused.stdout.contains("HTTP 401: Invalid credentials"), "{}", refused.stdout);
    assert_eq!(rig.server.journal().len(), 5);
    assert!(!format!("{refused:?}").contains("wrong-secret"));
}

#[test]
fn t40_check_names_the_scope_to_add() {
    // GIVEN a token without one scope
    let scopes = all_scopes().into_iter().filter(|s| s != "api:calls:read:transcript").collect();
    let credentials = vec![Credential::Token { token: "narrow-token".to_owned(), scopes }];
    let options = ServerOptions { credentials, ..ServerOptions::unlimited() };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), options);
    rig.configure(FIVE);
    // WHEN it is checked, with the token from the environment, which wins over the file's key
    let ended = end(rig.command(&["check"]).env("GONG_ACCESS_TOKEN", "narrow-token")).expect(1);
    // THEN the line says what to add
    let line = ended.stdout.lines().find(|l| l.starts_with("call_transcripts")).expect("a line");
    let expected = [
        "call_transcripts",
        "scope",
        "missing",
        "add",
        "api:calls:read:transcript",
        "to",
        "the",
        "credentials",
        "in",
        "Gong",
    ];
    assert_eq!(line.split_whitespace().collect::<Vec<_>>(), expected);
    assert_eq!(ended.stdout.matches("  allowed").count(), 4);
}

#[test]
fn status_has_the_contracts_shape_and_tells_fresh_from_stale() {
    // GIVEN an account that was read
    let rig = rig();
    rig.sync();
    // WHEN somebody looks
    let status = rig.run(&["status", "--format", "json"]).expect(0).json();
    // THEN the shape is the contract's
    assert_keys(&status, "version entities quota");
    assert_keys(&status["entities"]["calls"], "watermark frontier gaps unsettled missing rows last_run");
    assert_keys(&status["quota"], "used limit reserve resets_at");
    assert_eq!(status["entities"]["calls"]["frontier"], "2026-05-20T09:00:00Z");
    assert_eq!(status["entities"]["calls"]["watermark"], "2026-05-06T00:00:00Z");
    assert_eq!(status["quota"]["used"], rig.server.journal().len());
    // AND the text says when each table was read last
    let text = rig.run(&["status"]).expect(0).stdout;
    assert!(
        text.contains(" of 1000000, 1000 left to others by backfills; sync may use all; counted anew from "),
        "{text}"
    );
    assert_eq!(status["quota"]["reserve_binds_sync"], false);
    let mut lines = text.lines();
    assert!(lines.next().is_some_and(|line| line.ends_with("last run")), "{text}");
    let users = lines.find(|line| line.starts_with("users ")).expect("a line");
    assert!(users.ends_with("2026-05-20T09:00:00Z"), "{text}");
    // AND the exit code tells fresh from stale
    rig.run(&["status", "--max-age", "26h"]).expect(0);
    rig.server.clock().advance(TimeDelta::hours(27));
    rig.run(&["status", "--max-age", "26h"]).expect(1);
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    // GIVEN a file with a wrong host and wrong credentials
    let rig = rig();
    replaced(&rig, rig.server.url(), "http://127.0.0.1:9");
    replaced(&rig, "sim-", "wrong-");
    // WHEN the environment has the right ones THEN they are used
    let right =
        [("GONG_BASE_URL", rig.server.url()), ("GONG_ACCESS_KEY", "sim-key"), ("GONG_ACCESS_KEY_SECRET", "sim-secret")];
    end(rig.command(&["sync"]).envs(right)).expect(0);
    // GIVEN a file named by the environment and another by the flag THEN the flag's is read
    let named = end(rig.bare(&["plan"]).env("GONG_ELT_CONFIG", "env.toml")).expect(2);
    assert!(named.stderr.starts_with("error: cannot read the configuration env.toml"), "{}", named.stderr);
    let named = end(rig.bare(&["plan", "--config", "flag.toml"]).env("GONG_ELT_CONFIG", "env.toml")).expect(2);
    assert!(named.stderr.starts_with("error: cannot read the configuration flag.toml"), "{}", named.stderr);
}

#[test]
fn a_run_at_midnight_sharp_leaves_the_day_that_begins() {
    // GIVEN the now that a scheduler gives for a daily job
    let rig = rig();
    rig.server.clock().set("2026-05-21T00:00:00Z".parse().expect("an instant"));
    // WHEN it runs
    rig.sync();
    // THEN the day that is over is the last one, and the files equal the account
    let status = rig.run(&["status", "--format", "json"]).expect(0).json();
    assert_eq!(status["entities"]["calls"]["frontier"], "2026-05-21T00:00:00Z");
    assert_eq!(status["entities"]["calls"]["gaps"], json!([]));
    assert_conserved(&rig, "at midnight");
    // AND a second later the new day is read too
    rig.server.clock().advance(TimeDelta::seconds(1));
    rig.sync();
    assert_conserved(&rig, "a second later");
}

#[test]
fn a_healthy_nightly_job_is_never_too_old_and_a_sick_one_is_named() {
    // GIVEN a company west of Greenwich, read each night at two, coaching once a week
    let spec = WorldSpec { calls: 20, days: 4, users: 4, ..WorldSpec::small(1) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure_whole("[sync]\nstart_date = \"2026-05-16\"\n");
    let status = |rig: &Rig, hours: i64| {
        let args = ["status", "--max-age", "26h", "--format", "json"];
        let ended = end(&mut rig.command_at(rig.now() + TimeDelta::hours(hours), &args));
        (ended.code, ended.json())
    };
    // WHEN it runs for nine nights THEN it is never too old
    for night in 0..9 {
        rig.sync();
        for hours in [0, 6, 12, 23] {
            let (code, report) = status(&rig, hours);
            assert_eq!(code, 0, "night {night}, {hours} h later: {report}");
        }
        rig.server.clock().advance(TimeDelta::hours(24));
    }
    // AND two nights without a run are told, entity by entity
    let (code, report) = status(&rig, 24);
    assert_eq!((code, &report["entities"]["calls"]["stale"]), (1, &json!(true)), "{report}");
    assert_eq!(report["entities"]["coaching"]["stale"], json!(false), "it is read once a week: {report}");
    let told =
        end(&mut rig.command_at(rig.now() + TimeDelta::hours(24), &["status", "--max-age", "26h"])).expect(1).stdout;
    assert!(told.contains("calls: lacks for longer than --max-age what it should have"), "{told}");
}
