//! `gong-sim bench`: how many pages a second the simulator serves.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use gong_sim::{Client, Server, ServerOptions, World};
use serde_json::{Value, json};

/// Reads each of the three large lists again and again over some connections, and prints pages and bytes a second.
pub fn run(world: World, connections: usize, seconds: u64) -> Result<(), String> {
    let server = Arc::new(Server::try_start(world, ServerOptions::unlimited()).map_err(|error| error.to_string())?);
    let everything = json!({
        "context": "Extended",
        "contextTiming": ["Now", "TimeOfCall"],
        "exposedFields": {
            "parties": true,
            "content": {
                "structure": true, "topics": true, "trackers": true, "trackerOccurrences": true, "brief": true,
                "outline": true, "highlights": true, "callOutcome": true, "keyPoints": true,
            },
            "interaction": {"speakers": true, "video": true, "personInteractionStats": true, "questions": true},
            "collaboration": {"publicComments": true},
            "media": true,
        },
    });
    let bodies = [
        ("GET /v2/calls", "/v2/calls", None),
        ("POST /v2/calls/extensive", "/v2/calls/extensive", Some(json!({"filter": {}, "contentSelector": everything}))),
        ("POST /v2/calls/transcript", "/v2/calls/transcript", Some(json!({"filter": {}}))),
    ];
    for (name, path, body) in bodies {
        for round in ["first", "again"] {
            let time = if round == "first" { Duration::ZERO } else { Duration::from_secs(seconds) };
            let (pages, bytes, taken) = rate(&server, path, body.as_ref(), connections, time)?;
            let second = taken.as_secs_f64();
            println!(
                "{name:28} {round}: {:8.0} pages/s {:8.1} MB/s  ({pages} pages, {} KB each)",
                pages as f64 / second,
                bytes as f64 / second / 1e6,
                bytes / 1_000 / pages.max(1),
            );
        }
    }
    Ok(())
}

/// Whole passes over the list on each connection, until the time is over; at least one.
fn rate(
    server: &Arc<Server>,
    path: &'static str,
    body: Option<&Value>,
    connections: usize,
    time: Duration,
) -> Result<(usize, usize, Duration), String> {
    let start = Instant::now();
    // What is served the first time is put together only once: one connection measures that.
    let connections = if time.is_zero() { 1 } else { connections };
    let threads: Vec<_> = (0..connections)
        .map(|_| {
            let (url, body) = (server.url().to_owned(), body.cloned());
            thread::spawn(move || passes(&url, path, body, start + time))
        })
        .collect();
    let mut sum = (0, 0);
    for thread in threads {
        let (pages, bytes) = thread.join().map_err(|_| "a connection failed")??;
        sum = (sum.0 + pages, sum.1 + bytes);
    }
    Ok((sum.0, sum.1, start.elapsed()))
}

fn passes(url: &str, path: &str, mut body: Option<Value>, end: Instant) -> Result<(usize, usize), String> {
    let mut client = Client::new(url);
    let (mut pages, mut bytes) = (0, 0);
    let mut cursor: Option<String> = None;
    loop {
        let answer = match &mut body {
            None => client.get(&cursor.as_ref().map_or(path.to_owned(), |cursor| format!("{path}?cursor={cursor}"))),
            Some(body) => {
                body["cursor"] = json!(cursor);
                client.post(path, body)
            }
        };
        let answer = answer.map_err(|error| error.to_string())?;
        if answer.status != 200 {
            return Err(format!("{path} answered {}: {}", answer.status, answer.text()));
        }
        pages += 1;
        bytes += answer.body.len();
        cursor = next(&answer.body);
        if cursor.is_none() && Instant::now() >= end {
            return Ok((pages, bytes));
        }
    }
}

/// The cursor by a search in the text: parsing megabytes would measure the client.
fn next(body: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&body[..body.len().min(1_000)]).into_owned();
    let (_, rest) = head.split_once("\"cursor\":\"")?;
    rest.split('"').next().map(str::to_owned)
}
