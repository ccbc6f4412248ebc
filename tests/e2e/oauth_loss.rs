//! OAuth when it goes wrong: killed between answer and store, answers lost on the wire, refused tokens, wrong addresses. What is said.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::Duration;

use gong_sim::{Fault, Matcher, RetryAfter};
use serde_json::json;

use crate::support::Rig;
use crate::support::rig::end;
use crate::support::tokens::{self, Endpoint, PATH, assert_refreshed, configure_at, granted, refreshes};
use crate::support::truth::assert_conserved;

/// What a person is told to do about a dead refresh token.
fn authorise_again(rig: &Rig) -> String {
    format!(
        "a Gong administrator must authorise the app again: open {}/oauth2/authorize with the app's client_id, exchange the code for tokens, and put the new refresh token into source.oauth.refresh_token",
        rig.server.url()
    )
}

const REFUSED: &str = "POST /oauth2/generate-customer-token for new OAuth tokens: HTTP 400: invalid_grant: Token has been expired or revoked";

fn killed(rig: &Rig, place: &str) {
    let ended = end(rig.command(&["check"]).env("GONG_ELT_FAILPOINT", place));
    assert_eq!(ended.code, -1, "{place}: {}", ended.stderr);
}

/// Fails the test unless the refresh token is known to be lost, with what to do, and a new authorisation helps.
fn assert_lost(rig: &Rig, which: &str) {
    let before = refreshes(rig).len();
    let said = rig.run(&["check"]).expect(3).stdout;
    let start = format!("{REFUSED}, after 1 attempt; {which} was sent at 20");
    assert!(said.contains(&start), "{said}");
    assert!(said.contains("and the answer, with the token that follows, was lost before it was stored"), "{said}");
    assert!(said.contains(&authorise_again(rig)), "{said}");
    assert_eq!(refreshes(rig).len(), before + 1, "a dead token is sent once");
    // A new authorisation helps.
    tokens::configure(rig, &tokens::authorise(rig));
    rig.sync();
    assert_conserved(rig, which);
}

#[test]
fn killed_between_answer_and_store_the_next_run_says_what_was_lost_and_what_to_do() {
    // GIVEN a first refresh, killed before its answer was stored
    let rig = tokens::rig(1);
    killed(&rig, "tokens-came:1");
    // THEN the next run says so
    assert_lost(&rig, "source.oauth.refresh_token");
    // AND so for a token of the ledger
    tokens::expire_in(&rig, 1);
    killed(&rig, "tokens-came:1");
    assert_lost(&rig, "the ledger's refresh token");
}

#[test]
fn killed_after_the_store_the_next_run_uses_what_was_stored() {
    // GIVEN a refresh, killed after its answer was stored and before it was used
    let rig = tokens::rig(1);
    killed(&rig, "tokens-stored:1");
    assert_eq!(rig.server.journal().len(), 1);
    // WHEN it runs again THEN nothing is refreshed
    rig.sync();
    assert_refreshed(&rig, 1);
    assert_conserved(&rig, "after a kill behind the store");
    // AND the next refresh has the token that followed
    tokens::expire_in(&rig, 1);
    rig.run(&["check"]).expect(0);
    assert_refreshed(&rig, 2);
}

#[test]
fn an_answer_lost_on_the_wire_is_told_from_a_token_that_was_never_good() {
    // GIVEN a vendor that has used the token up, and an answer that did not arrive
    for fault in [Fault::LoseAnswer, Fault::CutBody { percent: 50 }, Fault::ResetInBody { after: 10 }] {
        let rig = tokens::rig(1);
        rig.server.faults().once(Matcher::path(PATH), fault);
        // THEN the second attempt finds out, and the message has the whole story
        let said = rig.run(&["check"]).expect(3).stdout;
        assert!(
            said.contains(&format!("{REFUSED}, after 2 attempts; source.oauth.refresh_token was sent at ")),
            "{said}"
        );
        assert_lost(&rig, "source.oauth.refresh_token");
    }
    // GIVEN a token that was never good
    let rig = Rig::small(1);
    tokens::configure(&rig, "sim-refresh-of-yesterday");
    let said = rig.run(&["sync"]).expect(3).stderr;
    let dead = "; source.oauth.refresh_token has been used before, has expired or was revoked";
    assert!(said.contains(&format!("{REFUSED}, after 1 attempt{dead}")), "{said}");
    assert!(said.contains(&authorise_again(&rig)), "{said}");
    assert_eq!(refreshes(&rig).len(), 1, "a dead token is sent once");
}

#[test]
fn what_did_not_use_the_token_up_is_tried_again() {
    // GIVEN a token endpoint that is throttled, out of order and cut off before it serves
    let rig = tokens::rig(1);
    let faults = rig.server.faults();
    faults.once(Matcher::path(PATH), Fault::TooManyRequests { retry_after: RetryAfter::Seconds(0) });
    faults.once(Matcher::path(PATH), Fault::ServerError);
    faults.once(Matcher::path(PATH), Fault::ResetBeforeAnswer);
    // THEN the fourth attempt has the tokens
    rig.run(&["check"]).expect(0);
    assert_eq!(refreshes(&rig).len(), 4);
}

#[test]
fn a_signal_during_a_refresh_does_not_lose_its_answer() {
    // GIVEN a refresh that the vendor has served and not yet answered
    let rig = tokens::rig(1);
    rig.server.faults().once(Matcher::path(PATH), Fault::Hold { name: "refresh".to_owned() });
    let mut command = rig.command(&["sync", "--format", "json"]);
    let mut run = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the binary starts");
    assert!(rig.server.faults().wait_held("refresh", Duration::from_secs(60)));
    // WHEN the run is interrupted, has ended and reported, and only then the answer comes
    let kill = format!("kill -INT {}", run.id());
    assert!(std::process::Command::new("sh").args(["-c", &kill]).status().expect("sh").success());
    let mut line = String::new();
    BufReader::new(run.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("the report begins");
    assert_eq!(line, "{\n");
    rig.server.faults().release("refresh");
    assert_eq!(run.wait().expect("the end").code(), Some(130));
    // THEN the tokens are in the ledger
    rig.sync();
    assert_refreshed(&rig, 1);
}

#[test]
fn what_is_wrong_with_the_settings_is_said() {
    let said = |rig: &Rig, code: i32| rig.run(&["check"]).expect(code).stdout;
    // A wrong secret of the app: the refresh token is still good.
    let rig = tokens::rig(1);
    let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    rig.write("gong-elt.toml", &text.replace("\"sim-client-secret\"", "\"guess\""));
    let text = said(&rig, 3);
    assert!(text.contains("HTTP 401: invalid_client: Client authentication failed, after 1 attempt"), "{text}");
    assert!(
        text.contains("check source.oauth.client_id and client_secret; the refresh token was not used up"),
        "{text}"
    );
    tokens::configure(&rig, "sim-refresh");
    said(&rig, 0);
    // No token endpoint.
    let rig = tokens::rig(1);
    configure_at(&rig, "sim-refresh", &format!("{}/oauth2/nothing", rig.server.url()));
    let text = said(&rig, 2);
    assert!(text.contains("there is no token endpoint: check source.oauth.token_url"), "{text}");
    // A redirect, of the token endpoint and of the API, is reported and not followed.
    let rig = tokens::rig(1);
    let to = Fault::Redirect { to: "https://elsewhere.gong.io/x".to_owned(), status: 302 };
    rig.server.faults().once(Matcher::path(PATH), to.clone());
    let text = said(&rig, 2);
    assert!(text.contains("the token endpoint redirects to elsewhere.gong.io; redirects are not followed"), "{text}");
    rig.server.faults().always(Matcher::path("/v2/*"), to);
    let text = said(&rig, 2);
    let named = format!("Gong named {} as the company's host, which sends on to elsewhere.gong.io", rig.server.url());
    assert!(text.contains(&named), "{text}");
}

#[test]
fn an_access_token_that_is_refused_though_it_is_new_ends_the_run() {
    // GIVEN an API that refuses whoever comes
    let rig = tokens::rig(1);
    let inactive = Fault::Status { status: 401, text: "Company is inactive".to_owned() };
    rig.server.faults().always(Matcher::path("/v2/*"), inactive);
    // THEN a token just got is not replaced, and the advice is not about access keys
    let said = rig.run(&["sync"]).expect(3).stderr;
    assert!(said.contains("HTTP 401: Company is inactive"), "{said}");
    assert!(said.contains("the access token is refused although it is new: check in Gong"), "{said}");
    assert_refreshed(&rig, 1);
    // AND a stored one is replaced once in a run
    rig.run(&["sync"]).expect(3);
    assert_refreshed(&rig, 2);
    // AND when the company is active again nothing is lost
    rig.server.faults().clear();
    rig.sync();
    assert_conserved(&rig, "active again");
}

#[test]
fn a_host_that_is_not_private_is_sent_nothing() {
    // GIVEN a token endpoint that names a host without encryption
    let rig = Rig::small(1);
    let endpoint = Endpoint::start(vec![granted("access-1", "refresh-1", "http://api.gong.io")]);
    configure_at(&rig, "refresh-0", endpoint.url());
    // THEN it is not asked, and the tokens are kept
    for _ in 0..2 {
        let said = rig.run(&["check"]).expect(3).stdout;
        assert!(
            said.contains("the token endpoint named a host that is not used: http:// sends the credentials"),
            "{said}"
        );
    }
    let kept: String =
        rig.ledger().query_row("SELECT refresh_token FROM token", [], |row| row.get(0)).expect("a token");
    assert_eq!((kept.as_str(), endpoint.asked().len()), ("refresh-1", 1));
}

#[test]
fn an_answer_without_a_host_or_a_new_refresh_token_is_used() {
    // GIVEN an endpoint that names no host and does not rotate
    let rig = Rig::small(1);
    let bare = (200, json!({ "access_token": "sim-token" }));
    let endpoint = Endpoint::start(vec![bare.clone(), bare]);
    configure_at(&rig, "refresh-0", endpoint.url());
    let text = std::fs::read_to_string(rig.path("gong-elt.toml")).expect("a configuration");
    rig.write("gong-elt.toml", &text.replace("http://127.0.0.1:1\"", &format!("{}\"", rig.server.url())));
    // THEN the settings' host is asked, and the old token serves again
    rig.run(&["check"]).expect(0);
    tokens::expire_in(&rig, 1);
    rig.run(&["check"]).expect(0);
    assert!(endpoint.asked().iter().all(|head| head.contains("refresh_token=refresh-0")), "{:?}", endpoint.asked());
}
