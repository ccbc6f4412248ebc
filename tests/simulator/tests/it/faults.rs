//! Faults on demand.

use std::thread;
use std::time::{Duration, Instant};

use gong_sim::{Client, Fault, Matcher, RetryAfter};
use serde_json::json;

use crate::harness::{cursor, error, get_all, post_all, small};

#[test]
fn none_by_default_and_each_only_as_often_as_said() {
    let (server, mut client) = small(1);
    server.faults().script(Matcher::path("/v2/calls"), Fault::ServerError, 2);
    assert_eq!(client.get("/v2/users").unwrap().status, 200);
    let statuses: Vec<u16> = (0..3).map(|_| client.get("/v2/calls").unwrap().status).collect();
    assert_eq!(statuses, [500, 500, 200]);
    assert_eq!(server.faults().pending(), 0);
    let names: Vec<_> = server.journal().entries().into_iter().map(|entry| entry.fault).collect();
    assert_eq!(names, [None, Some("server_error".into()), Some("server_error".into()), None]);
}

#[test]
fn answers_in_place_of_the_work() {
    let (server, mut client) = small(1);
    let cases = [
        (Fault::TooManyRequests { retry_after: RetryAfter::Seconds(25_200) }, 429),
        (Fault::TooManyRequests { retry_after: RetryAfter::Date(5) }, 429),
        (Fault::BadGateway, 502),
        (Fault::Unavailable, 503),
        (Fault::Status { status: 403, text: "IP".into() }, 403),
        (Fault::Redirect { to: "https://elsewhere.example/v2/calls".into(), status: 302 }, 302),
        (Fault::CursorExpired, 400),
        (Fault::MissingScope, 401),
        (Fault::NothingFound, 404),
    ];
    for (fault, status) in cases {
        server.faults().once(Matcher::any(), fault.clone());
        let answer = client.get("/v2/calls").unwrap();
        assert_eq!(answer.status, status, "{fault:?}");
        match fault {
            Fault::TooManyRequests { retry_after: RetryAfter::Seconds(_) } => {
                assert_eq!(answer.header("retry-after"), Some("25200"));
            }
            Fault::TooManyRequests { .. } => {
                let date = answer.header("retry-after").unwrap();
                assert!(chrono::DateTime::parse_from_rfc2822(&date.replace("GMT", "+0000")).is_ok(), "{date}");
            }
            Fault::BadGateway => assert_eq!(answer.header("content-type"), Some("text/html")),
            Fault::MissingScope => assert!(error(&answer).contains("'api:calls:read:basic'")),
            _ => {}
        }
    }
}

#[test]
fn connections_break_before_and_within_the_body() {
    let (server, _) = small(1);
    for fault in [Fault::ResetBeforeAnswer, Fault::ResetInBody { after: 500 }, Fault::LoseAnswer] {
        server.faults().once(Matcher::any(), fault.clone());
        assert!(Client::new(server.url()).get("/v2/calls").is_err(), "{fault:?}");
    }
    let entries = server.journal().entries();
    let done: Vec<(Option<u16>, usize)> = entries.iter().map(|entry| (entry.status, entry.rows)).collect();
    assert_eq!(done, [(None, 0), (Some(200), 10), (Some(200), 10)]);
}

#[test]
fn bodies_are_cut_mislabelled_or_lack_their_records() {
    let (server, mut client) = small(1);
    server.faults().once(Matcher::any(), Fault::CutBody { percent: 60 });
    let answer = client.get("/v2/calls").unwrap();
    assert!(answer.status == 200 && answer.json().is_null() && answer.body.len() > 1_000);
    server.faults().once(Matcher::any(), Fault::WrongContentType);
    assert_eq!(client.get("/v2/calls").unwrap().header("content-type"), Some("text/html"));
    server.faults().once(Matcher::any(), Fault::NoRecords);
    let body = client.get("/v2/calls").unwrap().json();
    assert!(body["records"].is_object() && body.get("calls").is_none());
    server.faults().once(Matcher::any(), Fault::SlowBody { bytes: 4_000, pause_ms: 20 });
    let start = Instant::now();
    assert!(client.get("/v2/calls").unwrap().json()["calls"].is_array());
    assert!(start.elapsed() >= Duration::from_millis(20));
}

#[test]
fn cursors_repeat_or_break_and_pages_come_empty() {
    let (server, mut client) = small(1);
    let first = cursor(&client.get("/v2/calls").unwrap()).unwrap();
    server.faults().once(Matcher::path("/v2/calls").page(1), Fault::CursorRepeated);
    let second = client.get(&format!("/v2/calls?cursor={first}")).unwrap();
    assert_eq!(cursor(&second).unwrap(), first);
    server.faults().once(Matcher::any(), Fault::CursorBroken);
    let broken = cursor(&client.get("/v2/calls").unwrap()).unwrap();
    let answer = client.get(&format!("/v2/calls?cursor={broken}")).unwrap();
    assert_eq!(error(&answer), "failed to verify cursor");
    for page in [0, 1, 3] {
        server.faults().once(Matcher::path("/v2/calls").page(page), Fault::EmptyPage);
        assert_eq!(get_all(&mut client, "/v2/calls", "calls"), server.truth("calls"), "page {page}");
        assert_eq!(server.faults().pending(), 0);
    }
}

#[test]
fn one_id_of_a_batch_is_left_out_or_spoils_it() {
    let (server, mut client) = small(1);
    let ids: Vec<String> = server
        .truth("calls_extensive")
        .iter()
        .take(3)
        .map(|row| row["metaData"]["id"].as_str().unwrap().to_owned())
        .collect();
    let body = json!({"filter": {"callIds": ids}});
    server.faults().once(Matcher::any(), Fault::OmitId { id: Some(ids[1].clone()) });
    assert_eq!(post_all(&mut client, "/v2/calls/extensive", &body, "calls").len(), 2);
    let poison = Fault::PoisonId { id: ids[2].clone(), status: 500 };
    server.faults().always(Matcher::any().containing(&ids[2]), poison);
    assert_eq!(client.post("/v2/calls/extensive", &body).unwrap().status, 500);
    let rest = json!({"filter": {"callIds": ids[..2]}});
    assert_eq!(client.post("/v2/calls/extensive", &rest).unwrap().status, 200);
    server.faults().clear();
    assert_eq!(client.post("/v2/calls/extensive", &body).unwrap().status, 200);
}

#[test]
fn an_answer_is_held_until_released() {
    let (server, _) = small(1);
    server.faults().once(Matcher::any(), Fault::Hold { name: "gate".into() });
    let url = server.url().to_owned();
    let waiting = thread::spawn(move || Client::new(&url).get("/v2/users").unwrap().status);
    assert!(server.faults().wait_held("gate", Duration::from_secs(10)));
    assert!(!waiting.is_finished());
    server.faults().release("gate");
    assert_eq!(waiting.join().unwrap(), 200);
}

#[test]
fn seeded_faults_are_the_same_for_the_same_seed() {
    let run = |seed| {
        let (server, mut client) = small(1);
        server.faults().seeded(seed, Matcher::any(), Fault::ServerError, 30.0);
        (0..40).map(|_| client.get("/v2/workspaces").unwrap().status).collect::<Vec<_>>()
    };
    assert_eq!(run(5), run(5));
    assert_ne!(run(5), run(6));
    assert!((4..24).contains(&run(5).iter().filter(|status| **status == 500).count()));
}

#[test]
fn the_nth_request_is_counted_by_the_matcher() {
    let (server, mut client) = small(1);
    server.faults().once(Matcher::path("/v2/*").nth(3), Fault::Unavailable);
    let statuses: Vec<u16> = (0..4).map(|_| client.get("/v2/workspaces").unwrap().status).collect();
    assert_eq!(statuses, [200, 200, 503, 200]);
}
