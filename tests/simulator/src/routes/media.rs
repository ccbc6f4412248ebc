//! Media: presigned urls on another host, as Amazon S3 serves them (API reference, section 4).

use std::sync::atomic::Ordering;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};

use crate::media;
use crate::server::http::Request;
use crate::server::{Answer, Shared, cursor};

/// Seconds that a url lives: 8 hours.
const LIFE: i64 = 28_800;
const DATE: &str = "%Y%m%dT%H%M%SZ";

/// Signs a url anew: no two are the same.
pub(super) fn sign(shared: &Shared, url: &str) -> String {
    let number = shared.signed.fetch_add(1, Ordering::Relaxed);
    let date = shared.clock.now().format(DATE);
    let query = format!(
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&X-Amz-Expires={LIFE}&X-Amz-Security-Token={number:08x}\
         &X-Amz-SignedHeaders=host"
    );
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    format!("{url}?{query}&X-Amz-Signature={}", signature(shared, &format!("/{path}"), &date.to_string(), number))
}

fn signature(shared: &Shared, path: &str, date: &str, number: u64) -> String {
    let bytes = cursor::digest(&format!("GET {path} {date} {number:08x}"), &shared.secret);
    media::hex(&bytes)
}

/// The answer of the media host.
pub(crate) fn answer(shared: &Shared, request: &Request) -> Answer {
    if request.header("authorization").is_some() {
        let answer = xml(400, "InvalidArgument", "Only one auth mechanism allowed");
        return answer.violating("Authorization sent to the media host");
    }
    let now = shared.clock.now();
    if let Err((code, text)) = check(shared, request, now) {
        return xml(403, code, text);
    }
    let (id, name) = match request.path.strip_prefix("/calls/").and_then(|rest| rest.split_once('/')) {
        Some(parts) => parts,
        None => return xml(404, "NoSuchKey", "The specified key does not exist."),
    };
    let kind = if name == "video.mp4" { media::Kind::Video } else { media::Kind::Audio };
    let size = match shared.world().media_size(id, kind, now) {
        Some(size) => size,
        None => return xml(404, "NoSuchKey", "The specified key does not exist."),
    };
    let tag = format!("\"{:016x}\"", crate::random::hash(&format!("{id}{name}")));
    let (status, from, to) = match range(request.header("range"), size) {
        Wanted::Whole => (200, 0, size),
        Wanted::Part(from, to) => (206, from, to),
        Wanted::Nothing => {
            let answer = xml(416, "InvalidRange", "The requested range is not satisfiable");
            return answer.with("content-range", &format!("bytes */{size}"));
        }
    };
    let answer = Answer::of(status, kind.content_type(), media::bytes(id, kind, from, to));
    let answer = answer.with("accept-ranges", "bytes").with("etag", &tag);
    match status {
        206 => answer.with("content-range", &format!("bytes {from}-{}/{size}", to - 1)),
        _ => answer,
    }
}

fn check(shared: &Shared, request: &Request, now: DateTime<Utc>) -> Result<(), (&'static str, &'static str)> {
    const DENIED: (&str, &str) = ("AccessDenied", "Access Denied");
    let get = |name: &str| request.parameter(name);
    let date = get("X-Amz-Date").ok_or(DENIED)?;
    let number = get("X-Amz-Security-Token").and_then(|text| u64::from_str_radix(text, 16).ok()).ok_or(DENIED)?;
    let at = NaiveDateTime::parse_from_str(date, DATE).map_err(|_| DENIED)?.and_utc();
    // The signature is of the method too: HEAD on a url signed for GET is refused.
    if request.method != "GET" || get("X-Amz-Signature") != Some(&signature(shared, &request.path, date, number)) {
        return Err(("SignatureDoesNotMatch", "The request signature we calculated does not match"));
    }
    if at + TimeDelta::seconds(LIFE) <= now {
        return Err(("AccessDenied", "Request has expired"));
    }
    Ok(())
}

enum Wanted {
    Whole,
    /// From, and to exclusive.
    Part(u64, u64),
    Nothing,
}

/// A single range of bytes; anything else is ignored, as servers may.
fn range(header: Option<&str>, size: u64) -> Wanted {
    let Some((from, to)) = header.and_then(|text| text.strip_prefix("bytes=")).and_then(|text| text.split_once('-'))
    else {
        return Wanted::Whole;
    };
    match (from.parse::<u64>(), to.parse::<u64>()) {
        (Ok(from), _) if from >= size => Wanted::Nothing,
        (Ok(from), Ok(to)) if to >= from => Wanted::Part(from, (to + 1).min(size)),
        (Ok(from), Err(_)) if to.is_empty() => Wanted::Part(from, size),
        (Err(_), Ok(last)) if from.is_empty() && last > 0 => Wanted::Part(size.saturating_sub(last), size),
        _ => Wanted::Whole,
    }
}

fn xml(status: u16, code: &str, text: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{text}</Message></Error>"
    );
    Answer::of(status, "application/xml", body.into_bytes())
}
