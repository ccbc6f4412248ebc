//! HTTP itself: kept connections, bodies in chunks, requests one behind the other, latency.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use gong_sim::{Latency, ServerOptions, WorldSpec};

use crate::harness::{serve, small};

fn raw(url: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_body_in_chunks_and_two_requests_at_once() {
    let (server, _) = small(1);
    let head = "host: x\r\nauthorization: Bearer sim-token\r\n";
    let chunked = "content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n\
                   6\r\n{\"filt\r\n8\r\ner\": {}}\r\n0\r\n\r\n";
    let request =
        format!("POST /v2/calls/transcript HTTP/1.1\r\n{head}{chunked}GET /v2/workspaces HTTP/1.1\r\n{head}\r\n");
    let answer = raw(server.url(), &request);
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2);
    assert!(answer.contains("callTranscripts") && answer.contains("\"workspaces\""));
}

#[test]
fn answers_take_as_long_as_said() {
    let latency =
        Latency { fixed: Duration::from_millis(20), slow_percent: 50.0, slow: Duration::from_millis(60), seed: 1 };
    let (_server, mut client) = serve(WorldSpec::small(1), ServerOptions { latency, ..ServerOptions::unlimited() });
    let times: Vec<Duration> = (0..8)
        .map(|_| {
            let start = Instant::now();
            client.get("/v2/workspaces").unwrap();
            start.elapsed()
        })
        .collect();
    assert!(times.iter().all(|time| *time >= Duration::from_millis(20)));
    let slow = times.iter().filter(|time| **time >= Duration::from_millis(80)).count();
    assert!((1..8).contains(&slow), "{times:?}");
}
