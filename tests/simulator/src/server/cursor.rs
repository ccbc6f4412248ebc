//! Cursors: HS256 JWTs that carry a keyset, the total and an end of life (API reference, sections E.4 and E.5).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::random::hash;

/// The header of every cursor.
const HEADER: &str = r#"{"alg":"HS256"}"#;
const SIZE: usize = 100;

/// A place in a list, as a cursor holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// Records of the whole match, frozen with the first page.
    pub(crate) total: usize,
    /// The number of the page to come, from 0.
    pub(crate) page: u64,
    /// The end of the sequence's life: an hour after its first request.
    pub(crate) expires: DateTime<Utc>,
    /// The key behind which the page begins; `None`: at the start.
    pub(crate) after: Option<After>,
    /// A digest of the filter, to notice a client that changes it between pages.
    pub(crate) filter: u64,
}

/// The key of the last record sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// Users and statistics: behind a user.
    User(String),
    /// Calls: behind a time, and at that time behind a call.
    Call(DateTime<Utc>, String),
    /// Answered scorecards: behind that many.
    Count(usize),
}

/// Why a cursor is refused; the text of the error (API reference, section E.5).
pub(crate) const EXPIRED: &str = "cursor has expired";
/// The text for a cursor whose signature does not fit.
pub(crate) const BROKEN: &str = "failed to verify cursor";

/// The first page of a new sequence.
pub(crate) fn first(now: DateTime<Utc>, life: TimeDelta, filter: &str) -> Position {
    Position { total: 0, page: 0, expires: now + life, after: None, filter: hash(filter) }
}

/// Writes a cursor.
pub(crate) fn sign(position: &Position, key: &[u8]) -> String {
    let mut claims = json!({
        "pageSize": SIZE,
        "total": position.total,
        "pageNumber": position.page,
        "exp": position.expires.timestamp(),
        "f": position.filter,
    });
    match &position.after {
        None => {}
        Some(After::User(id)) => claims["userId"] = number(id),
        Some(After::Count(count)) => claims["offset"] = json!(count),
        Some(After::Call(time, id)) => {
            claims["time"] = json!(time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
            claims["callId"] = number(id);
        }
    }
    let body = URL_SAFE_NO_PAD.encode(claims.to_string());
    let signed = format!("{}.{body}", URL_SAFE_NO_PAD.encode(HEADER));
    let signature = URL_SAFE_NO_PAD.encode(digest(&signed, key));
    format!("{signed}.{signature}")
}

/// Reads a cursor; an error is the text to answer with.
pub(crate) fn verify(text: &str, key: &[u8], now: DateTime<Utc>) -> Result<Position, &'static str> {
    let (signed, signature) = text.rsplit_once('.').ok_or(BROKEN)?;
    if URL_SAFE_NO_PAD.decode(signature).ok().as_deref() != Some(&digest(signed, key)) {
        return Err(BROKEN);
    }
    let body = signed.split_once('.').and_then(|(_, body)| URL_SAFE_NO_PAD.decode(body).ok());
    let claims: Value = body.and_then(|body| serde_json::from_slice(&body).ok()).ok_or(BROKEN)?;
    let expires = claims["exp"].as_i64().and_then(|at| DateTime::from_timestamp(at, 0)).ok_or(BROKEN)?;
    if expires <= now {
        return Err(EXPIRED);
    }
    let time = claims["time"].as_str().and_then(crate::stamp::parse);
    let after = match (time, digits(&claims["callId"]), digits(&claims["userId"]), claims["offset"].as_u64()) {
        (Some(time), Some(call), _, _) => Some(After::Call(time, call)),
        (_, _, Some(user), _) => Some(After::User(user)),
        (_, _, _, Some(count)) => Some(After::Count(count as usize)),
        _ => None,
    };
    let total = claims["total"].as_u64().unwrap_or(0) as usize;
    let page = claims["pageNumber"].as_u64().unwrap_or(0);
    Ok(Position { total, page, expires, after, filter: claims["f"].as_u64().unwrap_or(0) })
}

/// An id as a number, as the real cursors have it; as a string where it does not fit.
fn number(id: &str) -> Value {
    id.parse::<u64>().map_or_else(|_| json!(id), |number| json!(number))
}

fn digits(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The signature of a text. Also used for media urls.
pub(crate) fn digest(text: &str, key: &[u8]) -> Vec<u8> {
    // HMAC takes keys of any length.
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let now = crate::spec::default_now();
        for after in [
            None,
            Some(After::User("8496280358002082510".into())),
            Some(After::Call(now, "35657219295037524478".into())),
            Some(After::Count(300)),
        ] {
            let position = Position { total: 263, page: 3, after, ..first(now, TimeDelta::hours(1), "f") };
            let cursor = sign(&position, b"key");
            assert_eq!(verify(&cursor, b"key", now), Ok(position));
            assert_eq!(verify(&cursor, b"other", now), Err(BROKEN));
            assert_eq!(verify(&cursor, b"key", now + TimeDelta::hours(1)), Err(EXPIRED));
        }
    }
}
