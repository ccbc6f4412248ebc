//! The admin routes, over the binary as a shell script would use it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use gong_sim::Client;
use serde_json::json;

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Over already if the test got to its end.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(arguments: &[&str]) -> (Running, Client) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gong-sim"));
    let mut child = command.arg("serve").args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    (Running(child), Client::new(url.trim()))
}

#[test]
fn the_binary_serves_and_is_steered_over_its_own_routes() {
    let small = ["--calls", "80", "--users", "9", "--days", "10", "--seed", "3", "--now", "2026-05-20T09:00:00Z"];
    let (mut running, mut client) = start(&small);
    let state = client.get("/_sim/state").unwrap().json();
    assert_eq!(state["now"], "2026-05-20T09:00:00Z");
    let calls = state["counts"]["calls"].as_u64().unwrap();
    assert!(calls > 60);
    assert_eq!(client.get("/_sim/truth/calls").unwrap().json().as_array().unwrap().len() as u64, calls);
    let post = |client: &mut Client, path: &str, body| client.post(path, &body).unwrap().json();
    let fault = json!({"matcher": {"path": "/v2/users"}, "fault": {"kind": "bad_gateway"}, "times": 1});
    assert_eq!(post(&mut client, "/_sim/faults", fault)["queued"], "bad_gateway");
    assert_eq!(client.get("/v2/users").unwrap().status, 502);
    assert_eq!(client.get("/v2/users").unwrap().status, 200);
    let journal = client.get("/_sim/journal").unwrap().json();
    assert_eq!(journal[0]["fault"], "bad_gateway");
    assert_eq!((&journal[1]["status"], &journal[1]["rows"]), (&json!(200), &json!(9)));
    client.send("DELETE", "/_sim/journal", &[], b"").unwrap();
    assert_eq!(client.get("/_sim/journal").unwrap().json(), json!([]));
    let moved = post(&mut client, "/_sim/clock", json!({"advance_seconds": 60}));
    assert_eq!(moved["now"], "2026-05-20T09:01:00Z");
    assert!(post(&mut client, "/_sim/night", json!({}))["late"].is_string());
    assert_eq!(client.get("/_sim/state").unwrap().json()["now"], "2026-05-21T09:01:00Z");
    assert_eq!(client.post("/_sim/faults", &json!({"fault": {"kind": "unheard"}})).unwrap().status, 400);
    assert_eq!(client.get("/_sim/truth/unheard").unwrap().status, 400);
    post(&mut client, "/_sim/shutdown", json!({}));
    assert!(running.0.wait().unwrap().success());
}
