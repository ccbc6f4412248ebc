use super::*;

fn at() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2026-06-15T09:00:00Z").expect("an instant").with_timezone(&Utc)
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.to_owned().into(), ..Answer::default() }
}

fn judged(status: u16, body: &str) -> Judged {
    judge(Ok(answer(status, body)), &"old-token".into(), at())
}

fn tokens(body: &str) -> Tokens {
    match judged(200, body) {
        Judged::Granted(tokens) => tokens,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_answer_gives_both_tokens_the_expiry_and_the_host() {
    let found = tokens(
        r#"{"access_token":"a","refresh_token":"r","expires_in":86400,"token_type":"bearer","scope":"x",
            "api_base_url_for_customer":"https://us-55616.api.gong.io"}"#,
    );
    assert_eq!((found.access.expose_secret(), found.refresh.expose_secret()), ("a", "r"));
    assert_eq!(found.expires_at, at() + TimeDelta::days(1));
    assert_eq!(found.base_url.as_deref(), Some("https://us-55616.api.gong.io"));
}

#[test]
fn what_an_answer_leaves_out_has_a_safe_value() {
    let found = tokens(r#"{"access_token":"a","expires_in":null,"api_base_url_for_customer":""}"#);
    assert_eq!(found.refresh.expose_secret(), "old-token", "the old one lives on");
    assert_eq!((found.expires_at, found.base_url), (at() + TimeDelta::days(1), None));
    for (life, seconds) in [("\"3600\"", 3600), ("0", 60), ("-5", 60), ("9223372036854775807", LONGEST_LIFE)] {
        let found = tokens(&format!(r#"{{"access_token":"a","refresh_token":"","expires_in":{life}}}"#));
        assert_eq!(found.expires_at, at() + TimeDelta::seconds(seconds), "{life}");
    }
}

#[test]
fn a_token_is_replaced_five_minutes_before_its_end_or_in_its_last_tenth() {
    for (life, before) in [(86_400, 300), (3600, 300), (1200, 120), (60, 6)] {
        let found = tokens(&format!(r#"{{"access_token":"a","expires_in":{life}}}"#));
        assert_eq!(found.renew_at(), found.expires_at - TimeDelta::seconds(before), "{life}");
    }
}

#[test]
fn an_answer_that_may_have_used_the_token_up_is_told_from_one_that_has_not() {
    let lost = |judged: Judged| match judged {
        Judged::Undecided { lost, .. } => lost,
        other => panic!("{other:?}"),
    };
    for body in ["", "{", "[]", "<html>", r#"{"access_token":""}"#, r#"{"refresh_token":"r"}"#, r#"{"access_token":7}"#]
    {
        assert!(lost(judged(200, body)), "{body}");
    }
    for status in [408, 500, 502, 503, 504] {
        assert!(lost(judged(status, "<html>")), "{status}");
    }
    assert!(!lost(judged(429, "")));
    assert!(!lost(judge(Err(SendError::NotSent("refused".to_owned())), &"t".into(), at())));
    for error in [SendError::Broken("reset".to_owned()), SendError::TimedOut(Duration::from_secs(1))] {
        assert!(lost(judge(Err(error), &"t".into(), at())));
    }
}

#[test]
fn refusals_are_told_apart_in_either_form() {
    let why = |status, body: &str| match judged(status, body) {
        Judged::Refused(why, _) => why,
        other => panic!("{other:?}"),
    };
    for body in [
        r#"{"error":"invalid_grant","error_description":"Token has been expired or revoked."}"#,
        r#"{"error":"invalid_grant"}"#,
        r#"{"requestId":"r","errors":["Refresh token code is invalid"]}"#,
    ] {
        assert_eq!(why(400, body), Why::Grant, "{body}");
        assert_eq!(why(401, body), Why::Grant, "{body}");
    }
    assert_eq!(why(401, r#"{"error":"invalid_client"}"#), Why::Client);
    assert_eq!(why(400, r#"{"error":"invalid_client"}"#), Why::Client);
    assert_eq!(why(401, ""), Why::Client);
    assert_eq!(why(400, r#"{"error":"invalid_scope"}"#), Why::Other);
    assert_eq!(why(403, "<html>"), Why::Other);
    assert_eq!(why(404, "<html>"), Why::Address(None));
    let moved = Answer { redirect_host: Some("other".to_owned()), ..answer(302, "") };
    let Judged::Refused(why, _) = judge(Ok(moved), &"t".into(), at()) else { panic!("refused") };
    assert_eq!(why, Why::Address(Some("other".to_owned())));
}

#[test]
fn no_secret_gets_into_a_message_or_a_debug_text() {
    let body = r#"{"error":"invalid_grant","error_description":"old-token has been\nrevoked"}"#;
    let shown = format!("{:?} {:?}", judged(400, body), answer(200, r#"{"access_token":"hush"}"#));
    assert!(shown.contains("invalid_grant: ... has been revoked"), "{shown}");
    let granted = format!("{:?}", judged(200, r#"{"access_token":"hush","refresh_token":"hush"}"#));
    let cut = format!("{:?}", judged(200, r#"{"access_token":"hush","refr"#));
    for text in [shown, granted, cut] {
        assert!(!text.contains("hush") && !text.contains("old-token"), "{text}");
    }
}

#[test]
fn the_parameters_go_in_the_query_and_the_app_signs_in_with_basic() {
    let app = OAuthClient {
        id: "app".to_owned(),
        secret: "hush".into(),
        refresh_token: "x".into(),
        token_url: "https://app.gong.io/oauth2/generate-customer-token".to_owned(),
    };
    let endpoint = Endpoint::new(&app, Duration::from_secs(1)).expect("an address");
    assert_eq!(endpoint.authorize_url(), "https://app.gong.io/oauth2/authorize");
    let request = endpoint.prepare(&"a+b/c=&d".into()).expect("a request").request.build().expect("a request");
    assert_eq!(request.method(), "POST");
    assert_eq!(request.url().query(), Some("grant_type=refresh_token&refresh_token=a%2Bb%2Fc%3D%26d"));
    assert_eq!(request.headers()["authorization"], "Basic YXBwOmh1c2g=");
    assert!(request.body().is_none() && request.headers()["content-length"] == "0");
}

proptest::proptest! {
    #[test]
    fn no_answer_panics(status in 100u16..600, body in ".{0,60}") {
        let _ = judged(status, &body);
    }
}
