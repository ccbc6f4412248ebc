//! OAuth in tests: the configuration, the ledger's tokens, and a token endpoint that answers from a script.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use gong_sim::{Client, Entry};
use serde_json::{Value, json};

use super::Rig;
use super::rig::{FIVE, START};

/// The simulator's token endpoint.
pub const PATH: &str = "/oauth2/generate-customer-token";

/// Everything of the simulator's OAuth that must not be seen.
pub const SECRETS: [&str; 3] = ["sim-client-secret", "sim-refresh", "sim-access"];

/// Signs in as the simulator's OAuth app. The address of the API leads nowhere: the right one comes with the tokens.
pub fn configure(rig: &Rig, refresh_token: &str) {
    configure_at(rig, refresh_token, &format!("{}{PATH}", rig.server.url()));
}

/// The same with another token endpoint.
pub fn configure_at(rig: &Rig, refresh_token: &str, token_url: &str) {
    let text = format!(
        "[source]\nbase_url = \"http://127.0.0.1:1\"\n[source.oauth]\nclient_id = \"sim-client\"\nclient_secret = \"sim-client-secret\"\nrefresh_token = \"{refresh_token}\"\ntoken_url = \"{token_url}\"\n[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\n[sync]\nstart_date = \"{START}\"\n{FIVE}\n"
    );
    rig.write("gong-elt.toml", &text);
}

/// An account that is signed in to with OAuth.
pub fn rig(seed: u64) -> Rig {
    let rig = Rig::small(seed);
    configure(&rig, "sim-refresh");
    rig
}

/// The refreshes so far.
pub fn refreshes(rig: &Rig) -> Vec<Entry> {
    rig.server.journal().requests_for(PATH)
}

/// Fails the test unless there were so many refreshes, and none with a token that had been used.
#[track_caller]
pub fn assert_refreshed(rig: &Rig, times: usize) {
    let statuses: Vec<Option<u16>> = refreshes(rig).iter().map(|entry| entry.status).collect();
    assert_eq!(statuses, vec![Some(200); times]);
}

/// What an administrator does in the browser: a new refresh token.
pub fn authorise(rig: &Rig) -> String {
    let path = format!("{PATH}?grant_type=authorization_code&code=sim-client&redirect_uri=x");
    let mut client = Client::new(rig.server.url()).basic("sim-client", "sim-client-secret");
    let answer = client.send("POST", &path, &[], b"").expect("an answer").json();
    answer["refresh_token"].as_str().expect("a token").to_owned()
}

/// Makes the ledger believe that its access token ends in so many seconds.
pub fn expire_in(rig: &Rig, seconds: i64) {
    let end = (chrono::Utc::now() + chrono::TimeDelta::seconds(seconds)).timestamp_micros();
    let day = chrono::TimeDelta::days(1).num_microseconds().expect("a day");
    let update = "UPDATE token SET expires_at = ?1, issued_at = ?2 WHERE access_token IS NOT NULL";
    assert_eq!(rig.ledger().execute(update, [end, end - day]).expect("a ledger"), 1);
}

/// The tables of the ledger but for that of the tokens, as text.
pub fn other_tables(rig: &Rig) -> String {
    let ledger = rig.ledger();
    let names = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'token'";
    let mut names = ledger.prepare(names).expect("a ledger");
    let names = names.query_map([], |row| row.get::<_, String>(0)).expect("names");
    let mut text = String::new();
    for name in names.flatten() {
        let mut query = ledger.prepare(&format!("SELECT * FROM \"{name}\"")).expect("a table");
        let columns = query.column_count();
        let mut rows = query.query([]).expect("rows");
        while let Some(row) = rows.next().expect("a row") {
            let values = (0..columns).map(|n| row.get_ref(n).expect("a value"));
            for value in values {
                match value {
                    rusqlite::types::ValueRef::Text(bytes) => text += &String::from_utf8_lossy(bytes),
                    rusqlite::types::ValueRef::Blob(bytes) => {
                        let plain = zstd::decode_all(bytes).unwrap_or_else(|_| bytes.to_vec());
                        text += &String::from_utf8_lossy(&plain);
                    }
                    _ => {}
                }
                text.push('\n');
            }
        }
    }
    text
}

/// A token endpoint that answers from a script, one answer for each request.
pub struct Endpoint {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Endpoint {
    /// Starts one; when the script is over it answers 500.
    pub fn start(answers: Vec<(u16, Value)>) -> Endpoint {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}{PATH}", listener.local_addr().expect("an address"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (requests, mut script) = (asked.clone(), VecDeque::from(answers));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (status, body) = script.pop_front().unwrap_or((500, json!({})));
                let head = answer(stream, status, &body.to_string());
                requests.lock().expect("no panic").push(head);
            }
        });
        Endpoint { url, asked }
    }

    /// The endpoint's address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The heads of the requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

/// Tokens as the vendor answers them.
pub fn granted(access: &str, refresh: &str, base_url: &str) -> (u16, Value) {
    let body = json!({
        "access_token": access, "refresh_token": refresh, "expires_in": 86_400, "token_type": "bearer",
        "api_base_url_for_customer": base_url,
    });
    (200, body)
}

fn answer(mut stream: TcpStream, status: u16, body: &str) -> String {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n > 0) {
        head.push(byte[0]);
    }
    let length = body.len();
    let text = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
    // A client that has gone away is its own business.
    let _ = stream.write_all(text.as_bytes());
    String::from_utf8_lossy(&head).into_owned()
}
