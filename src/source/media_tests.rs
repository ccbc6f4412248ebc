use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use super::super::download::{Download, Fetched};
use super::*;

/// A store that gives one scripted answer after the other, each on a connection of its own, and the requests that it saw.
fn store(answers: Vec<Vec<u8>>) -> (Link, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let (seen, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for answer in answers {
            let Ok((mut stream, _)) = listener.accept() else { return };
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).expect("a request");
                head.push(byte[0]);
            }
            let _ = seen.send(String::from_utf8_lossy(&head).to_lowercase());
            stream.write_all(&answer).expect("an answer");
        }
    });
    (Link::parse(&format!("http://{address}/calls/1/audio.mp3?X-Amz-Signature=secret")).expect("a link"), requests)
}

fn answer(status: &str, headers: &str, length: usize, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}").into_bytes()
}

async fn fetch(link: &Link, range: Option<&str>) -> std::result::Result<(String, Fetched), MediaError> {
    let range = range.map(|text| text.parse().expect("a range"));
    let client = MediaClient::new(Duration::from_secs(5)).expect("a client");
    let mut download = Download::new(client, range, 2);
    let mut text = String::new();
    while let Some(bytes) = download.next(link).await? {
        text.push_str(&String::from_utf8_lossy(&bytes));
    }
    Ok((text, download.fetched()))
}

#[tokio::test]
async fn a_broken_download_goes_on_with_the_bytes_that_are_left() {
    let (link, requests) = store(vec![
        answer("200 OK", "content-type: audio/mpeg\r\netag: \"a\"\r\n", 10, "01234"),
        answer("503 Slow Down", "", 0, ""),
        answer("206 Partial Content", "content-range: bytes 5-9/10\r\netag: \"a\"\r\n", 5, "56"),
        answer("206 Partial Content", "content-range: bytes 7-9/10\r\netag: \"a\"\r\n", 3, "789"),
    ]);
    let (text, fetched) = fetch(&link, None).await.expect("a file");
    assert_eq!((text.as_str(), fetched.size, fetched.content_type.as_deref()), ("0123456789", 10, Some("audio/mpeg")));
    assert_eq!(fetched.sha256, format!("{:x}", <sha2::Sha256 as sha2::Digest>::digest("0123456789")));
    let seen: Vec<String> = requests.iter().collect();
    let ranges: Vec<_> = seen.iter().map(|r| r.lines().find_map(|line| line.strip_prefix("range: "))).collect();
    assert_eq!(ranges, [None, Some("bytes=5-9"), Some("bytes=5-9"), Some("bytes=7-9")]);
    for request in seen {
        assert!(!request.contains("authorization") && !request.contains("accept-encoding"), "{request}");
    }
}

#[tokio::test]
async fn a_part_goes_on_within_the_part() {
    let (link, requests) = store(vec![
        answer("206 Partial Content", "content-range: bytes 6-9/10\r\n", 4, "67"),
        answer("206 Partial Content", "content-range: bytes 8-9/10\r\n", 2, "89"),
    ]);
    let (text, _) = fetch(&link, Some("bytes=-4")).await.expect("a part");
    assert_eq!(text, "6789");
    let seen: Vec<String> = requests.iter().collect();
    assert!(seen[0].contains("range: bytes=-4\r\n") && seen[1].contains("range: bytes=8-9\r\n"), "{seen:?}");
}

#[tokio::test]
async fn a_store_without_ranges_is_passed_over_to_where_it_broke_off() {
    let whole = |sent: &str| answer("200 OK", "etag: \"a\"\r\n", 10, sent);
    let (link, _requests) = store(vec![whole("01234"), whole("0123456789")]);
    assert_eq!(fetch(&link, None).await.expect("a file").0, "0123456789");
    let (link, _requests) = store(vec![whole("0123456789")]);
    let refused = MediaError::Refused("the store does not send the part that was asked for".to_owned());
    assert_eq!(fetch(&link, Some("bytes=3-5")).await, Err(refused));
}

#[tokio::test]
async fn what_a_store_answers_instead_is_told_apart_and_shows_no_address() {
    let expired = "<Error><Code>AccessDenied</Code><Message>X-Amz-Signature=secret</Message></Error>";
    let cases = [
        (answer("403 Forbidden", "", expired.len(), expired), MediaError::LinkDead("HTTP 403 AccessDenied".to_owned())),
        (answer("404 Not Found", "", 0, ""), MediaError::Missing),
        (answer("416 Bad Range", "content-range: bytes */10\r\n", 0, ""), MediaError::OutOfRange(Some(10))),
        (
            answer("302 Found", "location: https://evil.example/x?secret\r\n", 0, ""),
            MediaError::Refused("the store redirects to evil.example, which is not followed".to_owned()),
        ),
        (answer("418 Teapot", "", 0, ""), MediaError::Refused("HTTP 418".to_owned())),
    ];
    for (given, expected) in cases {
        let (link, _requests) = store(vec![given]);
        let error = fetch(&link, None).await.expect_err("no file");
        assert!(!error.to_string().contains("secret") && !format!("{error:?}{link:?}").contains("secret"), "{error}");
        assert_eq!(error, expected);
    }
}

#[tokio::test]
async fn a_file_that_changes_on_the_way_is_not_joined() {
    let (link, _requests) = store(vec![
        answer("200 OK", "etag: \"a\"\r\n", 10, "01234"),
        answer("206 Partial Content", "content-range: bytes 5-9/10\r\netag: \"b\"\r\n", 5, "56789"),
    ]);
    assert_eq!(fetch(&link, None).await, Err(MediaError::Changed));
}

#[tokio::test]
async fn a_store_that_never_answers_whole_ends_the_download() {
    let (link, _requests) = store(vec![answer("200 OK", "", 10, ""); 3]);
    let error = fetch(&link, None).await.expect_err("no file").to_string();
    assert!(error.ends_with("after 3 attempts without a byte") && !error.contains("secret"), "{error}");
}

#[test]
fn links_are_https_or_loopback_and_give_an_ending() {
    for text in ["http://store.example/a.mp3", "ftp://store.example/a", "a.mp3", "file:///etc/passwd"] {
        assert!(Link::parse(text).is_none(), "{text}");
    }
    let link = Link::parse("https://store.example/calls/1/Audio.M4A?x=1.mp3").expect("a link");
    let endings = [Some("audio/mpeg"), Some("video/mp4; x=y"), Some("binary/octet-stream"), None];
    assert_eq!(endings.map(|kind| link.ending(kind)), ["mp3", "mp4", "m4a", "m4a"]);
    assert_eq!(Link::parse("https://store.example/").expect("a link").ending(None), "bin");
}
