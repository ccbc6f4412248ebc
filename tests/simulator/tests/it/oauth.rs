//! The token endpoint: rotating, single-use refresh tokens.

use chrono::TimeDelta;
use gong_sim::{Client, Fault, Matcher};

use crate::harness::small;

const PATH: &str = "/oauth2/generate-customer-token";

fn client(url: &str) -> Client {
    Client::new(url).basic("sim-client", "sim-client-secret")
}

#[test]
fn a_refresh_gives_a_new_pair_and_the_old_one_is_dead() {
    let (server, _) = small(1);
    let query = |token: &str| format!("{PATH}?grant_type=refresh_token&refresh_token={token}");
    let mut oauth = client(server.url());
    let answer = oauth.send("POST", &query("sim-refresh"), &[], b"").unwrap().json();
    assert_eq!(answer["token_type"], "bearer");
    assert_eq!(answer["expires_in"], 86_400);
    assert_eq!(answer["api_base_url_for_customer"], server.url());
    let again = oauth.send("POST", &query("sim-refresh"), &[], b"").unwrap();
    assert_eq!((again.status, again.json()["error"].as_str()), (400, Some("invalid_grant")));
    let mut user = Client::new(server.url()).bearer(answer["access_token"].as_str().unwrap());
    assert_eq!(user.get("/v2/users").unwrap().status, 200);
    server.clock().advance(TimeDelta::days(1));
    assert_eq!(user.get("/v2/users").unwrap().status, 401);
    // The form body does as well as the query.
    let form = format!("grant_type=refresh_token&refresh_token={}", answer["refresh_token"].as_str().unwrap());
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(oauth.send("POST", PATH, &kind, form.as_bytes()).unwrap().status, 200);
}

#[test]
fn a_wrong_client_is_refused_and_the_journal_has_no_secret() {
    let (server, _) = small(1);
    let query = format!("{PATH}?grant_type=refresh_token&refresh_token=sim-refresh");
    let mut wrong = Client::new(server.url()).basic("sim-client", "guess");
    assert_eq!(wrong.send("POST", &query, &[], b"").unwrap().status, 401);
    client(server.url()).send("POST", &query, &[], b"").unwrap();
    let journal = format!("{:?}", server.journal().entries());
    for secret in ["sim-refresh", "sim-client-secret", "sim-access", "guess"] {
        assert!(!journal.contains(secret), "{secret}");
    }
}

#[test]
fn a_lost_answer_has_used_the_token_up() {
    let (server, _) = small(1);
    let query = format!("{PATH}?grant_type=refresh_token&refresh_token=sim-refresh");
    server.faults().once(Matcher::path(PATH), Fault::LoseAnswer);
    assert!(client(server.url()).send("POST", &query, &[], b"").is_err());
    assert_eq!(client(server.url()).send("POST", &query, &[], b"").unwrap().status, 400);
}
