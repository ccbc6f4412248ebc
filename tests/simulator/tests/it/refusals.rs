//! What is refused, and how (section F.2).

use chrono::TimeDelta;
use gong_sim::{Client, Credential, ServerOptions, WorldSpec};
use serde_json::json;

use crate::harness::{error, everything, serve, small};

const PARSE: &str = "Json parse error, verify Json format matches the API description.";

#[test]
fn unknown_credentials_are_401_with_the_error_body() {
    let (server, client) = small(1);
    for mut client in [
        client.anonymous(),
        Client::new(server.url()).basic("sim-key", "wrong"),
        Client::new(server.url()).bearer("wrong"),
    ] {
        let answer = client.get("/v2/users").unwrap();
        assert_eq!(answer.status, 401);
        assert!(!error(&answer).is_empty());
    }
    assert_eq!(server.requests_today(), 0);
}

#[test]
fn a_token_needs_the_scope_of_each_endpoint() {
    let scopes = vec!["api:users:read".to_owned(), "api:calls:read:extensive".to_owned()];
    let credentials = vec![Credential::Token { token: "narrow".into(), scopes }];
    let options = ServerOptions { credentials, ..ServerOptions::unlimited() };
    let (_server, client) = serve(WorldSpec::small(1), options);
    let mut client = client.bearer("narrow");
    assert_eq!(client.get("/v2/users").unwrap().status, 200);
    let answer = client.get("/v2/coaching").unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(error(&answer), "You don't have permission to use 'api:coaching:read' in your app.");
    // Media urls need a second scope.
    let body = json!({"filter": {}, "contentSelector": everything()});
    let answer = client.post("/v2/calls/extensive", &body).unwrap();
    assert_eq!(error(&answer), "You don't have permission to use 'api:calls:read:media-url' in your app.");
    assert_eq!(client.post("/v2/calls/extensive", &json!({"filter": {}})).unwrap().status, 200);
}

#[test]
fn wrong_methods_types_and_paths() {
    let (server, mut client) = small(1);
    let answer = client.get("/v2/calls/extensive").unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (405, "Method Not Allowed"));
    let answer = client.send("POST", "/v2/calls/extensive", &[("content-type", "text/plain")], b"{\"filter\":{}}");
    let answer = answer.unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (415, "Unsupported Media Type"));
    let answer = client.get("/v2/nothing").unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (404, Some("text/html")));
    assert!(answer.json().is_null());
    let answer = client.post("/v2/calls", &json!({"title": "never"})).unwrap();
    assert_eq!(answer.status, 405);
    assert_eq!(server.journal().violations().last().unwrap(), "4: POST /v2/calls would have created a call");
}

#[test]
fn bodies_and_filters_that_cannot_be_read() {
    let (_server, mut client) = small(1);
    let cases = [
        (json!({}), PARSE),
        (json!({"filter": {"callIds": ["12x"]}}), PARSE),
        (json!({"filter": {"callIds": ["9223372036854775808"]}}), PARSE),
        (json!({"filter": {"fromDateTime": "2026-05-01"}}), PARSE),
        (json!({"filter": {}, "contentSelector": {"context": "Everything"}}), PARSE),
        (json!({"filter": {"callIds": []}}), "filter.callIds: must not be empty"),
        (
            json!({"filter": {"fromDateTime": "2026-05-02T00:00:00Z", "toDateTime": "2026-05-01T00:00:00Z"}}),
            "filter.fromDateTime: must be before toDateTime",
        ),
    ];
    for (body, text) in cases {
        let answer = client.post("/v2/calls/extensive", &body).unwrap();
        assert_eq!((answer.status, error(&answer).as_str()), (400, text), "{body}");
    }
    let answer =
        client.post("/v2/calls/extensive", &json!({"filter": {}, "contentSelector": {"contextTiming": ["Now"]}}));
    assert_eq!(answer.unwrap().status, 400);
    let answer = client.send("POST", "/v2/calls/transcript", &[("content-type", "application/json")], b"{oops");
    assert_eq!(error(&answer.unwrap()), PARSE);
}

#[test]
fn too_many_and_double_ids_are_noted() {
    let (server, mut client) = small(1);
    let ids: Vec<String> = (1..=101).map(|n| n.to_string()).collect();
    client.post("/v2/calls/extensive", &json!({"filter": {"callIds": ids}})).unwrap();
    let id = server.truth("calls")[0]["id"].clone();
    client.post("/v2/calls/extensive", &json!({"filter": {"callIds": [id, id]}})).unwrap();
    assert_eq!(server.journal().violations(), ["2: an id twice in one request"]);
}

#[test]
fn a_future_end_is_accepted() {
    let (server, mut client) = small(1);
    let to = (server.clock().now() + TimeDelta::days(400)).format("%Y-%m-%dT%H:%M:%SZ").to_string();
    assert_eq!(client.get(&format!("/v2/calls?toDateTime={to}")).unwrap().status, 200);
}
