use super::*;
use crate::entity::Catalog;

fn judge(entity: &str, status: u16, body: &str, paging: bool) -> Verdict {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let answer = Answer { status, body: body.to_owned().into(), ..Answer::default() };
    classify(catalog.get(entity).expect("a known entity"), &answer, paging, DateTime::default())
}

fn errors(text: &str) -> String {
    serde_json::json!({ "requestId": "r1", "errors": [text] }).to_string()
}

#[test]
fn a_page_is_read_with_its_cursor_and_total() {
    let body = r#"{"requestId":"r","records":{"totalRecords":263,"cursor":"abc"},"calls":[{"id":"1"},{"id":"2"}]}"#;
    let Verdict::Page(page) = judge("calls", 200, body, false) else { panic!("a page") };
    assert_eq!((page.rows, page.cursor.as_deref(), page.total), (2, Some("abc"), Some(263)));
    for last in
        [r#"{"calls":[],"records":{"cursor":null}}"#, r#"{"calls":[],"records":{"cursor":""}}"#, r#"{"calls":[]}"#]
    {
        let Verdict::Page(page) = judge("calls", 200, last, false) else { panic!("a page") };
        assert_eq!(page.cursor, None, "{last}");
    }
}

#[test]
fn a_cursor_or_an_envelope_of_another_type_never_ends_a_listing() {
    let no_object = |what| format!("the answer's \"records\" is {what} and no object");
    let no_text = |what| format!("the answer's cursor is {what} and no text");
    for (records, told) in [
        ("null", no_object("null")),
        (r#"[{"cursor":"abc"}]"#, no_object("a list")),
        (r#""abc""#, no_object("a text")),
        ("1", no_object("a number")),
        ("false", no_object("true or false")),
        (r#"{"cursor":12}"#, no_text("a number")),
        (r#"{"cursor":{"next":"abc"}}"#, no_text("an object")),
        (r#"{"cursor":["abc"]}"#, no_text("a list")),
        (r#"{"cursor":false}"#, no_text("true or false")),
    ] {
        let body = format!(r#"{{"calls":[{{"id":"1"}}],"records":{records}}}"#);
        let Verdict::Transient(said) = judge("calls", 200, &body, false) else { panic!("{records}: no bad answer") };
        assert_eq!(said.text, told, "{records}");
    }
    // A list that is given whole has no such envelope, whatever else its answer holds.
    assert!(matches!(judge("workspaces", 200, r#"{"workspaces":[],"records":null}"#, false), Verdict::Page(_)));
}

#[test]
fn t05_a_bad_200_is_a_failed_attempt_and_never_an_empty_page() {
    for body in [
        "",
        "{",
        r#"{"calls":[{"id":"1"}"#,
        "<html></html>",
        r#"{"scorecards":[]}"#,
        r#"{"calls":null}"#,
        "[]",
        "\u{0}",
    ] {
        assert!(matches!(judge("calls", 200, body, false), Verdict::Transient(_)), "{body}");
    }
}

#[test]
fn t10_only_the_known_texts_mean_empty() {
    let empty = "No calls found corresponding to the provided filters";
    for text in [empty.to_owned(), format!("{empty}."), empty.to_uppercase()] {
        assert_eq!(judge("calls", 404, &errors(&text), false), Verdict::Empty, "{text}");
        assert_eq!(judge("call_transcripts", 404, &errors(&text), false), Verdict::Empty, "{text}");
    }
    let refused = |verdict: Verdict| matches!(verdict, Verdict::Refused(Refusal::NotFound, _));
    assert!(refused(judge("users", 404, &errors(empty), false)), "users are never empty");
    assert!(refused(judge("calls", 404, &errors("Workspace not found"), false)));
    assert!(refused(judge("calls", 404, "<html>404</html>", false)));
    assert!(refused(judge("calls", 404, "", false)));
    let cut = "{\"requestId\":\"1\",\"errors\":[\"No calls found corr";
    assert!(matches!(judge("calls", 404, cut, true), Verdict::Transient(_)), "a cut answer says nothing");
    assert_eq!(
        judge("users", 404, &errors("No users found corresponding to the provided filters"), true),
        Verdict::Empty,
        "page two"
    );
}

#[test]
fn a_missing_scope_is_told_from_bad_credentials() {
    let text = "You don't have permission to use 'api:calls:read:basic' in your app.";
    for status in [401, 403] {
        let Verdict::Refused(refusal, told) = judge("calls", status, &errors(text), false) else { panic!("refused") };
        assert_eq!(refusal, Refusal::Scope("api:calls:read:basic".to_owned()));
        assert_eq!(told.request_id.as_deref(), Some("r1"));
    }
    let refusal = |status| match judge("calls", status, &errors("Company is inactive"), false) {
        Verdict::Refused(refusal, _) => refusal,
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(401), Refusal::Credentials);
    assert_eq!(refusal(403), Refusal::Forbidden);
}

#[test]
fn t37_a_dead_cursor_is_recognised_whatever_its_case() {
    for text in ["cursor has expired", "The Cursor has expired.", "Failed to verify cursor"] {
        assert!(matches!(judge("calls", 400, &errors(text), true), Verdict::CursorDead(_)), "{text}");
    }
    assert!(matches!(judge("calls", 400, &errors("Bad request"), true), Verdict::Refused(Refusal::BadRequest, _)));
}

#[test]
fn what_may_pass_is_tried_again_and_the_rest_is_not() {
    for status in [408, 425, 500, 502, 503, 504, 520] {
        assert!(matches!(judge("calls", status, "<html>", false), Verdict::Transient(_)), "{status}");
    }
    for status in [400, 405, 415, 410, 201] {
        assert!(matches!(judge("calls", status, "", false), Verdict::Refused(..)), "{status}");
    }
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = DateTime::parse_from_rfc3339("2026-06-15T09:00:00Z").expect("an instant").with_timezone(&Utc);
    assert_eq!(retry_after("7", now), Some(Duration::from_secs(7)));
    assert_eq!(retry_after(" 25200 ", now), Some(Duration::from_secs(25_200)));
    assert_eq!(retry_after("Mon, 15 Jun 2026 09:20:00 GMT", now), Some(Duration::from_secs(1200)));
    // All forms of a date that HTTP knows, and one of mail.
    for date in [
        "Monday, 15-Jun-26 09:20:00 GMT",
        "Mon Jun 15 09:20:00 2026",
        "Mon, 15 Jun 2026 11:20:00 +0200",
        " Mon, 15 Jun 2026 09:20:00 GMT ",
    ] {
        assert_eq!(retry_after(date, now), Some(Duration::from_secs(1200)), "{date}");
    }
    // A header that was given twice.
    assert_eq!(retry_after("3, 3", now), Some(Duration::from_secs(3)));
}

#[test]
fn a_retry_after_that_makes_no_sense_says_no_time() {
    let now = DateTime::parse_from_rfc3339("2026-06-15T09:00:00Z").expect("an instant").with_timezone(&Utc);
    let past = ["Mon, 15 Jun 2026 08:00:00 GMT", "Monday, 15-Jun-26 08:00:00 GMT", "Mon Jun 15 09:00:00 2026"];
    for text in ["soon", "", ",", "0", "0.0", "-0", "-5", "0, 3", "NaN", "-inf"].iter().chain(&past) {
        assert_eq!(retry_after(text, now), None, "{text}");
    }
}

#[test]
fn a_message_names_status_request_and_text_on_one_line() {
    let Verdict::Refused(_, told) = judge("calls", 400, &errors("filter.fromDate:\nmay not be null"), false) else {
        panic!("refused")
    };
    assert_eq!(told.to_string(), "HTTP 400: filter.fromDate: may not be null (requestId r1)");
}

proptest::proptest! {
    #[test]
    fn no_answer_panics(status in 100u16..600, body in ".{0,60}", paging: bool) {
        let _ = judge("calls", status, &body, paging);
    }
}
