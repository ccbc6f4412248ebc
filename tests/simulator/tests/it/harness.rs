//! A server and a client for each test.

use gong_sim::{Client, Response, Server, ServerOptions, World, WorldSpec};
use serde_json::{Value, json};

/// A small world, served without limits in pages of ten.
pub fn small(seed: u64) -> (Server, Client) {
    serve(WorldSpec::small(seed), ServerOptions::unlimited().page_size(10))
}

pub fn serve(spec: WorldSpec, options: ServerOptions) -> (Server, Client) {
    let server = Server::start(World::generate(spec), options);
    let client = Client::new(server.url());
    (server, client)
}

/// The selector for everything.
pub fn everything() -> Value {
    json!({
        "context": "Extended",
        "contextTiming": ["Now", "TimeOfCall"],
        "exposedFields": {
            "parties": true,
            "content": {
                "structure": true, "topics": true, "trackers": true, "trackerOccurrences": true,
                "brief": true, "outline": true, "highlights": true, "callOutcome": true, "keyPoints": true,
            },
            "interaction": {
                "speakers": true, "video": true, "personInteractionStats": true, "questions": true,
            },
            "collaboration": {"publicComments": true},
            "media": true,
        },
    })
}

/// All pages of a GET.
pub fn get_all(client: &mut Client, path: &str, key: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut target = path.to_owned();
    loop {
        let answer = client.get(&target).unwrap();
        if !take(&answer, key, &mut rows) {
            return rows;
        }
        let mark = if path.contains('?') { '&' } else { '?' };
        target = format!("{path}{mark}cursor={}", cursor(&answer).unwrap());
    }
}

/// All pages of a POST.
pub fn post_all(client: &mut Client, path: &str, body: &Value, key: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut body = body.clone();
    loop {
        let answer = client.post(path, &body).unwrap();
        if !take(&answer, key, &mut rows) {
            return rows;
        }
        body["cursor"] = json!(cursor(&answer));
    }
}

/// Takes a page's rows; true if there is another page. A 404 is an empty end.
fn take(answer: &Response, key: &str, rows: &mut Vec<Value>) -> bool {
    if answer.status == 404 {
        return false;
    }
    assert_eq!(answer.status, 200, "{}", answer.text());
    rows.extend(answer.json()[key].as_array().unwrap().iter().cloned());
    assert!(rows.len() < 1_000_000, "paging does not end");
    cursor(answer).is_some()
}

pub fn cursor(answer: &Response) -> Option<String> {
    answer.json()["records"]["cursor"].as_str().map(str::to_owned)
}

/// The only text of an error.
pub fn error(answer: &Response) -> String {
    let body = answer.json();
    assert!(body["requestId"].is_string(), "{body}");
    assert_eq!(answer.header("x-traceid"), body["requestId"].as_str());
    body["errors"][0].as_str().unwrap_or_default().to_owned()
}

/// Rows without the signatures of media urls, for comparing with the truth.
pub fn unsigned(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        for key in ["audioUrl", "videoUrl"] {
            if let Some(url) = row["media"][key].as_str() {
                row["media"][key] = json!(url.split('?').next());
            }
        }
    }
    rows
}

/// Compares lists of records and shows the first that differ, not all of them.
pub fn assert_same(rows: &[Value], truth: &[Value]) {
    let differs = rows.iter().zip(truth).find(|(row, truth)| row != truth);
    if let Some((row, truth)) = differs {
        panic!("served {row}\ntruth  {truth}");
    }
    assert_eq!(rows.len(), truth.len());
}

/// Rows sorted by a key, for comparing what has no order.
pub fn sorted(mut rows: Vec<Value>, key: &str) -> Vec<Value> {
    rows.sort_by_key(|row| row.pointer(key).map(Value::to_string));
    rows
}
