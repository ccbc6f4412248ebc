//! OAuth: tokens are refreshed in time, once for all processes, and nobody sees them.

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use gong_sim::{Credential, Fault, Matcher, Server, ServerOptions, World, WorldSpec, all_scopes};

use crate::support::Rig;
use crate::support::rig::end;
use crate::support::tokens::{
    self, Endpoint, PATH, SECRETS, assert_refreshed, configure_at, expire_in, granted, other_tables, refreshes,
};
use crate::support::truth::assert_conserved;

fn ended_well(mut child: Child) -> bool {
    child.wait().expect("a child").success()
}

#[test]
fn the_first_run_refreshes_and_the_next_uses_what_is_stored() {
    // GIVEN a refresh token and an address of the API that leads nowhere
    let rig = tokens::rig(1);
    // WHEN it runs
    let report = rig.sync();
    // THEN everything was read from the host that came with the tokens, after one refresh
    assert_refreshed(&rig, 1);
    assert_conserved(&rig, "signed in with OAuth");
    // AND the refresh counts like every other request
    let used: u64 = rig.ledger().query_row("SELECT sum(requests) FROM spent", [], |row| row.get(0)).expect("a count");
    let sent = rig.server.journal().len() as u64;
    assert_eq!((used, report["requests"].as_u64()), (sent, Some(sent)));
    // AND only the owner can read the tokens
    for name in ["gong-elt.db", "gong-elt.db-wal", "gong-elt.db-shm"] {
        let Ok(file) = rig.path("state").join(name).metadata() else { continue };
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
    // WHEN it runs again THEN the stored access token does
    rig.sync();
    rig.run(&["check"]).expect(0);
    assert_refreshed(&rig, 1);
}

#[test]
fn a_token_that_ends_in_mid_run_is_replaced_once() {
    // GIVEN tokens that live an hour, and a run that has begun to read details
    let options = ServerOptions { token_life: TimeDelta::hours(1), ..ServerOptions::unlimited() };
    let rig = Rig::new(World::generate(WorldSpec::small(2)), options);
    tokens::configure(&rig, "sim-refresh");
    let held = Fault::Hold { name: "mid".to_owned() };
    rig.server.faults().once(Matcher::path("/v2/calls/extensive"), held);
    let run = rig.spawn(&["sync"]);
    assert!(rig.server.faults().wait_held("mid", Duration::from_secs(60)));
    // WHEN the hour is over
    rig.server.clock().advance(TimeDelta::minutes(61));
    rig.server.faults().release("mid");
    // THEN the run ends well: requests were refused, one refresh followed, and they were sent again
    assert!(ended_well(run));
    assert_refreshed(&rig, 2);
    let refused = rig.server.journal().entries().iter().filter(|e| e.status == Some(401)).count();
    assert!(refused >= 1, "{refused} refused");
    rig.sync();
    assert_conserved(&rig, "after the end of a token");
}

#[test]
fn a_token_about_to_end_is_replaced_before_it_is_sent() {
    // GIVEN an access token with a few seconds left
    let rig = tokens::rig(1);
    rig.sync();
    expire_in(&rig, 20);
    let before = rig.server.journal().len();
    // WHEN the next command runs
    rig.run(&["check"]).expect(0);
    // THEN its first request is the refresh, and none is refused
    let entries = rig.server.journal().entries().split_off(before);
    assert_eq!(entries[0].path, PATH);
    assert!(entries.iter().all(|e| e.status != Some(401)));
    assert_refreshed(&rig, 2);
}

#[test]
fn a_process_waits_for_the_refresh_of_another_and_uses_its_tokens() {
    // GIVEN a process whose refresh is under way
    let rig = tokens::rig(1);
    rig.server.faults().once(Matcher::path(PATH), Fault::Hold { name: "refresh".to_owned() });
    let first = rig.spawn(&["sync"]);
    assert!(rig.server.faults().wait_held("refresh", Duration::from_secs(60)));
    // WHEN another one needs tokens
    let mut command = rig.command(&["check"]);
    let mut second = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut said = String::new();
    BufReader::new(second.stderr.take().expect("a pipe")).read_line(&mut said).expect("a line");
    assert!(said.ends_with("another process refreshes the OAuth tokens; waiting for it\n"), "{said}");
    rig.server.faults().release("refresh");
    // THEN both end well, and the refresh token was used once
    assert!(ended_well(first) && ended_well(second));
    assert_refreshed(&rig, 1);
}

#[test]
fn processes_that_are_refused_at_once_refresh_once() {
    // GIVEN an access token that is dead at the vendor's and alive in the ledger
    let rig = tokens::rig(3);
    rig.sync();
    let user = rig.server.truth("users")[0]["id"].as_str().expect("an id").to_owned();
    for round in 2..5 {
        rig.server.clock().advance(TimeDelta::days(1));
        // WHEN four processes use it at the same time
        let commands = [&["sync"][..], &["check"], &["list", "users"], &["get", "users", &user]];
        let all: Vec<Child> = commands.map(|command| rig.spawn(command)).into();
        // THEN all end well after one refresh, and no used token was sent
        assert!(all.into_iter().all(ended_well));
        assert_refreshed(&rig, round);
    }
}

#[test]
fn a_customer_who_moved_is_followed() {
    // GIVEN a company on one host
    let on = |token: &str| {
        let credentials = vec![Credential::Token { token: token.to_owned(), scopes: all_scopes() }];
        ServerOptions { credentials, ..ServerOptions::unlimited() }
    };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), on("access-1"));
    let new_home = Server::start(World::generate(WorldSpec::small(1)), on("access-2"));
    let endpoint = Endpoint::start(vec![
        granted("access-1", "refresh-1", rig.server.url()),
        granted("access-2", "refresh-2", new_home.url()),
    ]);
    configure_at(&rig, "refresh-0", endpoint.url());
    rig.run(&["check"]).expect(0);
    assert!(new_home.journal().is_empty());
    // WHEN the company moves, and the old host sends everybody away
    let away = Fault::Redirect { to: format!("{}/v2/users", new_home.url()), status: 307 };
    rig.server.faults().always(Matcher::any(), away);
    let before = rig.server.journal().len();
    rig.sync();
    // THEN the host was read again with new tokens, the old one was asked no more than by the requests under way, and the new one is kept
    assert!(rig.server.journal().len() - before <= 8, "{}", rig.server.journal().len() - before);
    assert_eq!(endpoint.asked().len(), 2);
    assert!(endpoint.asked()[1].contains("refresh_token=refresh-1"), "{:?}", endpoint.asked());
    assert_conserved(&rig, "on the new host");
    rig.run(&["check"]).expect(0);
    let kept: String = rig.ledger().query_row("SELECT base_url FROM token", [], |row| row.get(0)).expect("a host");
    assert_eq!((endpoint.asked().len(), kept.as_str()), (2, new_home.url()));
}

#[test]
fn a_new_configured_token_wins_over_the_ledgers() {
    // GIVEN tokens in the ledger
    let rig = tokens::rig(1);
    rig.run(&["check"]).expect(0);
    // WHEN an administrator authorises again, which kills them, and the new token is configured
    let fresh = tokens::authorise(&rig);
    tokens::configure(&rig, &fresh);
    // THEN it is used, though the stored access token has not ended
    rig.run(&["check"]).expect(0);
    rig.run(&["check"]).expect(0);
    assert_refreshed(&rig, 3);
}

#[test]
fn no_token_and_no_secret_is_seen_anywhere() {
    // GIVEN a run that refreshes twice, is refused in between, and logs all it has
    let rig = tokens::rig(1);
    let mut seen = String::new();
    for format in ["text", "json"] {
        rig.server.clock().advance(TimeDelta::days(1));
        for command in [&["sync", "--format", "json"][..], &["check"], &["status"], &["plan"]] {
            let ended = end(rig.command(command).args(["-v", "--log-format", format])).expect(0);
            seen += &(ended.stdout + &ended.stderr);
        }
    }
    // AND runs that fail in every way
    rig.server.clock().advance(TimeDelta::days(1));
    for fault in [Fault::CutBody { percent: 60 }, Fault::LoseAnswer, Fault::BadGateway] {
        rig.server.faults().once(Matcher::path(PATH), fault);
        let ended = end(rig.command(&["sync", "-v"]).args(["--log-format", "json"]));
        seen += &(ended.stdout + &ended.stderr);
    }
    assert!(seen.contains("the OAuth tokens were refreshed") && seen.contains("invalid_grant"), "{seen}");
    // THEN none of it, nor the output, nor the ledger beside its table of tokens shows a secret
    seen += &other_tables(&rig);
    for entry in std::fs::read_dir(rig.data().join("_gong_elt/runs")).expect("reports").flatten() {
        seen += &std::fs::read_to_string(entry.path()).expect("a report");
    }
    seen += &rig.manifest().to_string();
    for secret in SECRETS {
        assert!(!seen.contains(secret), "{secret}");
    }
    assert!(refreshes(&rig).len() >= 4);
}
