//! Presigned media urls.

use chrono::TimeDelta;
use gong_sim::{Client, MediaKind, NewCall, Server};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::harness::small;

fn media(client: &mut Client, id: &str) -> Value {
    let selector = json!({"exposedFields": {"media": true}});
    let body = json!({"filter": {"callIds": [id]}, "contentSelector": selector});
    client.post("/v2/calls/extensive", &body).unwrap().json()["calls"][0]["media"].clone()
}

fn target(url: &Value) -> (String, String) {
    let rest = url.as_str().unwrap().strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap();
    (format!("http://{host}"), format!("/{path}"))
}

fn call(server: &Server) -> String {
    let now = server.clock().now();
    server.world().add_call(NewCall::at(now - TimeDelta::hours(5)))
}

#[test]
fn urls_are_signed_anew_live_eight_hours_and_take_no_authorization() {
    let (server, mut client) = small(1);
    let id = call(&server);
    let first = media(&mut client, &id);
    assert_ne!(first, media(&mut client, &id));
    let (host, path) = target(&first["audioUrl"]);
    assert_ne!(host, server.url());
    let answer = Client::new(&host).get(&path).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/xml")));
    let mut bare = Client::new(&host).anonymous();
    let answer = bare.get(&path).unwrap();
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("audio/mpeg")));
    let sum: String = Sha256::digest(&answer.body).iter().map(|byte| format!("{byte:02x}")).collect();
    let now = server.clock().now();
    assert_eq!(Some(sum), server.world().media_sha256(&id, MediaKind::Audio, now));
    assert_eq!(bare.send("HEAD", &path, &[], b"").unwrap().status, 403);
    assert_eq!(bare.get(&path.replace("Signature=", "Signature=0")).unwrap().status, 403);
    server.clock().advance(TimeDelta::hours(8));
    let answer = bare.get(&path).unwrap();
    assert!(answer.status == 403 && answer.text().contains("Request has expired"));
    assert_eq!(server.requests_today(), 2, "downloads are not the API's");
}

#[test]
fn ranges_are_served() {
    let (server, mut client) = small(1);
    let id = call(&server);
    server.world().set_media_bytes(&id, 10_000);
    let (host, path) = target(&media(&mut client, &id)["videoUrl"]);
    let mut bare = Client::new(&host).anonymous();
    let whole = bare.get(&path).unwrap().body;
    assert_eq!(whole.len(), 80_000);
    let mut part = |range: &str| bare.send("GET", &path, &[("range", range)], b"").unwrap();
    let answer = part("bytes=0-99");
    assert_eq!((answer.status, answer.header("content-range")), (206, Some("bytes 0-99/80000")));
    assert_eq!(answer.body, whole[..100]);
    assert_eq!(part("bytes=79000-").body, whole[79_000..]);
    assert_eq!(part("bytes=-5").body, whole[79_995..]);
    let answer = part("bytes=80000-");
    assert_eq!((answer.status, answer.header("content-range")), (416, Some("bytes */80000")));
}

#[test]
fn audio_calls_have_no_video_and_some_calls_no_media() {
    let (server, _) = small(3);
    let rows = server.truth("calls_extensive");
    assert!(rows.iter().any(|row| row["media"].as_object().unwrap().is_empty()));
    for row in rows.iter().filter(|row| row["metaData"]["media"] == "Audio") {
        assert!(row["media"].get("videoUrl").is_none());
    }
}
