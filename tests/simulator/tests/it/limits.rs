//! Requests per second and per day.

use chrono::TimeDelta;
use gong_sim::{Client, Rates, ServerOptions, WorldSpec};

use crate::harness::serve;

#[test]
fn the_fourth_request_in_a_second_is_429_over_all_credentials() {
    let (server, mut key) = serve(WorldSpec::small(1), ServerOptions::default());
    let mut token = Client::new(server.url()).bearer("sim-token");
    let statuses: Vec<u16> = (0..4)
        .map(|n| if n % 2 == 0 { &mut key } else { &mut token }.get("/v2/workspaces").unwrap())
        .map(|answer| answer.status)
        .collect();
    assert_eq!(statuses, [200, 200, 200, 429]);
    let answer = key.get("/v2/workspaces").unwrap();
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("x-ratelimit")));
    assert_eq!(server.journal().max_in_any_second(), 5);
    assert_eq!(server.requests_today(), 5);
}

#[test]
fn the_day_ends_at_midnight_and_other_programs_spend_of_it() {
    let rates = Rates { per_second: None, per_day: Some(10) };
    let (server, mut client) = serve(WorldSpec::small(1), ServerOptions { rates, ..ServerOptions::default() });
    server.spend_quota(8);
    let statuses: Vec<u16> = (0..3).map(|_| client.get("/v2/users").unwrap().status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let wait: u64 = client.get("/v2/users").unwrap().header("retry-after").unwrap().parse().unwrap();
    assert!(wait > 50_000, "hours, in seconds: {wait}");
    server.clock().advance(TimeDelta::seconds(wait as i64));
    assert_eq!(client.get("/v2/users").unwrap().status, 200);
}
