//! What holds of every answer and every failed attempt: none panics, no error becomes a page, and only what may pass is tried again.

use std::sync::LazyLock;
use std::time::Duration;

use chrono::DateTime;
use proptest::prelude::*;
use serde_json::json;

use super::classify::{LONGEST_SILENCE, Refusal, Told, Verdict, classify, retry_after};
use super::retry::{Attempts, Delays, Undecided, next};
use super::transport::{Answer, SendError};
use super::{Inputs, build};
use crate::entity::{Catalog, Entity};

fn catalog() -> &'static Catalog {
    static CATALOG: LazyLock<&'static Catalog> =
        LazyLock::new(|| Catalog::load(None).expect("the embedded files are valid"));
    *CATALOG
}

fn entities() -> impl Iterator<Item = &'static Entity> {
    catalog().all()
}

fn answer(status: u16, body: impl Into<Vec<u8>>) -> Answer {
    Answer { status, body: body.into().into(), ..Answer::default() }
}

fn judge(entity: &Entity, status: u16, body: impl Into<Vec<u8>>, paging: bool) -> Verdict {
    classify(entity, &answer(status, body), paging, DateTime::default())
}

/// Bodies of every kind: the vendor's own, near to it, cut, and noise.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let texts = [
        "No calls found corresponding to the provided filters",
        "cursor has expired",
        "Failed to verify cursor",
        "You don't have permission to use 'api:calls:read:basic' in your app.",
        "permission 'api:",
        "\u{0}\n",
    ];
    let errors = proptest::sample::select(texts.to_vec())
        .prop_map(|text| json!({ "requestId": "r", "errors": [text] }).to_string().into_bytes());
    let rows = proptest::sample::select(vec!["calls", "users", "callTranscripts", "coachingData"]);
    let page = (rows, 0usize..3).prop_map(|(rows, n)| {
        json!({ rows: vec![json!({ "id": "1" }); n], "records": { "cursor": "c", "totalRecords": n } }).to_string()
    });
    let cut = page.clone().prop_flat_map(|text| (0..text.len()).prop_map(move |at| text.as_bytes()[..at].to_vec()));
    prop_oneof![errors, page.prop_map(String::into_bytes), cut, proptest::collection::vec(any::<u8>(), 0..60)]
}

/// The vendor's form of a page of an entity, with this as its cursor.
fn page_with(entity: &Entity, cursor: Option<serde_json::Value>) -> String {
    let mut page = json!({ entity.page.rows.clone(): [] });
    if let Some(cursor) = cursor {
        page["records"] = json!({ "cursor": cursor });
    }
    page.to_string()
}

/// A GET as the calls' listing makes it.
fn request() -> super::Request {
    build(catalog().get("users").expect("a known entity"), &Inputs::default(), None)
}

proptest! {
    #[test]
    fn no_answer_panics_and_no_error_becomes_a_page(status in 100u16..=599, body in body(), paging: bool, wait in "\\PC{0,12}") {
        for entity in entities() {
            let answer = Answer { retry_after: Some(wait.clone()), ..answer(status, body.clone()) };
            let verdict = classify(entity, &answer, paging, DateTime::default());
            let is_json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
            match &verdict {
                Verdict::Page(_) => prop_assert!(status == 200 && is_json, "{status} is no page"),
                // A 200 is never "nothing found", and a 404 only with whole text of the vendor's.
                Verdict::Empty => prop_assert!(status == 404 && is_json, "{status} is not empty"),
                Verdict::CursorDead(_) => prop_assert!(status == 400 && is_json),
                Verdict::Throttled(wait, _) => {
                    prop_assert_eq!(status, 429);
                    prop_assert!(wait.is_none_or(|wait| wait <= LONGEST_SILENCE));
                }
                Verdict::Transient(_) | Verdict::Refused(..) => {}
            }
            if status == 200 && !is_json {
                prop_assert!(matches!(verdict, Verdict::Transient(_)), "a 200 without whole JSON is a failed attempt");
            }
            if let Verdict::Transient(told) | Verdict::Throttled(_, told) | Verdict::Refused(_, told) = &verdict {
                let said = told.to_string();
                prop_assert!(!said.contains(char::is_control) && said.chars().count() < 500, "{said:?}");
            }
        }
    }

    #[test]
    fn null_absent_and_nothing_are_the_last_page_and_any_other_text_is_the_cursor(text in "\\PC{1,40}") {
        for entity in entities().filter(|e| e.page.cursor.as_deref() == Some("records.cursor") && !e.page.single) {
            let cursor = |value: Option<serde_json::Value>| match judge(entity, 200, page_with(entity, value), true) {
                Verdict::Page(page) => page.cursor,
                other => panic!("{}: {other:?}", entity.name),
            };
            prop_assert_eq!(cursor(None), None);
            prop_assert_eq!(cursor(Some(json!(null))), None);
            prop_assert_eq!(cursor(Some(json!(""))), None);
            prop_assert_eq!(cursor(Some(json!(text.clone()))), Some(text.clone()));
        }
    }

    #[test]
    fn delays_grow_within_their_bounds_whatever_the_seed(seed: u64) {
        let mut delays = Delays::new(seed);
        for nth in 0..40 {
            let most = Duration::from_millis(500).saturating_mul(1 << nth.min(10)).min(Duration::from_secs(60));
            let delay = delays.next_delay();
            prop_assert!(delay >= most / 2 && delay <= most, "{nth}: {delay:?} of {most:?}");
        }
    }

    #[test]
    fn retry_after_is_a_wait_of_a_week_at_most_or_nothing(text in "\\PC{0,40}", seconds: f64) {
        for text in [text, seconds.to_string(), "1e308".to_owned(), "inf".to_owned(), "99999999999999999999".to_owned()] {
            let wait = retry_after(&text, DateTime::default());
            prop_assert!(wait.is_none_or(|wait| wait <= LONGEST_SILENCE), "{text}: {wait:?}");
        }
        let date = retry_after("Fri, 31 Dec 9999 23:59:59 GMT", DateTime::default());
        prop_assert_eq!(date, Some(LONGEST_SILENCE));
    }

    #[test]
    fn attempts_are_bounded_by_count_and_by_time(most in 0u32..20, fewer in proptest::option::of(0u32..20)) {
        let request = super::Request { retries: fewer, ..request() };
        let bound = fewer.map_or(most, |fewer| fewer.min(most));
        let mut attempts = Attempts::new(&request);
        let mut made = 1;
        while attempts.may_retry(most, Duration::MAX) {
            made += 1;
        }
        prop_assert_eq!(made, bound + 1);
        // No time left: not even the first retry.
        prop_assert!(!Attempts::new(&request).may_retry(most, Duration::ZERO));
        let mut throttled = Attempts::new(&request);
        let waits = (0..1000).filter(|_| throttled.may_wait(Duration::ZERO, Duration::from_secs(60))).count();
        prop_assert_eq!(waits, 50);
        // What is waited for one request is bounded as a whole, the wait to come included.
        let minutes = |n: u64| Duration::from_secs(60 * n);
        prop_assert!(Attempts::new(&request).may_wait(minutes(5), minutes(5)));
        prop_assert!(!Attempts::new(&request).may_wait(minutes(6), minutes(5)));
    }
}

#[test]
fn only_what_may_pass_is_tried_again() {
    for status in 100..=599 {
        for text in ["", "<html>", "{}", r#"{"requestId":"r","errors":["x"]}"#] {
            let entity = catalog().get("calls").expect("a known entity");
            let verdict = next(Ok(judge(entity, status, text, false)));
            let again = match status {
                // No page of calls: a failed attempt.
                200 => true,
                408 | 425 | 429 | 500..=599 => true,
                _ => false,
            };
            assert_eq!(verdict.is_err(), again, "{status} {text}: {verdict:?}");
            assert_eq!(matches!(verdict, Err(Undecided::Throttled(..))), status == 429, "{status}");
        }
    }
}

#[test]
fn what_was_not_sent_or_not_answered_is_tried_again_and_what_is_too_large_is_not() {
    let again = |error| matches!(next(Err(error)), Err(Undecided::Failed(_)));
    assert!(again(SendError::NotSent("refused".to_owned())));
    assert!(again(SendError::Broken("reset".to_owned())));
    assert!(again(SendError::TimedOut(Duration::from_secs(120))));
    assert!(matches!(next(Err(SendError::TooLarge)), Ok(Verdict::Refused(Refusal::BadRequest, _))));
}

#[test]
fn the_last_message_tells_method_path_attempts_status_request_and_text_and_no_query() {
    let entity = catalog().get("calls").expect("a known entity");
    let bounds = (DateTime::UNIX_EPOCH, DateTime::UNIX_EPOCH + chrono::Duration::days(1));
    let inputs = Inputs { instants: Some(bounds), ..Inputs::default() };
    let request = super::Request { subject: "calls 1970".to_owned(), ..build(entity, &inputs, Some("c2VjcmV0")) };
    let mut attempts = Attempts::new(&request);
    (0..6).for_each(|_| attempts.begin());
    let told = Told { status: 503, request_id: Some("4al018gzaztcr8nbukw".to_owned()), text: "try later".to_owned() };
    let expected =
        "GET /v2/calls for calls 1970: HTTP 503: try later (requestId 4al018gzaztcr8nbukw), after 6 attempts";
    assert_eq!(attempts.story(told).to_string(), expected);
}

#[test]
fn the_last_message_tells_how_long_it_took() {
    let request = super::Request { subject: "users".to_owned(), ..request() };
    let mut attempts = Attempts::new(&request);
    (0..3).for_each(|_| attempts.begin());
    std::thread::sleep(Duration::from_millis(1100));
    let told = Told { status: 0, request_id: None, text: SendError::TimedOut(Duration::from_secs(60)).to_string() };
    let expected = "GET /v2/users for users: no whole answer within 1m, after 3 attempts in 1s";
    assert_eq!(attempts.story(told).to_string(), expected);
    // Once the time is over, it is not tried again.
    assert!(!attempts.may_retry(5, Duration::from_secs(1)) && attempts.may_retry(5, Duration::from_secs(60)));
}
