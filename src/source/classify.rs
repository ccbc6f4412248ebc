//! One answer judged: a page, empty, passing, throttled, a dead cursor, or refused. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::mask;
use super::transport::Answer;
use crate::entity::Entity;
use crate::entity::spec::EmptyRule;

/// Longest text of the vendor that goes into a message, in characters.
pub const LONGEST_TEXT: usize = 300;

/// No limit of the vendor's lasts longer than a day. A header that names years must not close the ledger's gate for good: after a week one
/// request asks again.
pub const LONGEST_SILENCE: Duration = Duration::from_secs(7 * 86_400);

/// What one answer means.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Records, perhaps none, and perhaps a cursor.
    Page(Page),
    /// The vendor's known "no rows" (API reference, F.3).
    Empty,
    /// The cursor has expired or was not accepted: the listing starts again.
    CursorDead(Told),
    /// May pass: worth another attempt.
    Transient(Told),
    /// Over a limit; wait that long, if the vendor said how long.
    Throttled(Option<Duration>, Told),
    /// Will not change by asking again.
    Refused(Refusal, Told),
}

impl Verdict {
    /// What the vendor said, if it is no answer as asked.
    pub fn told_mut(&mut self) -> Option<&mut Told> {
        match self {
            Verdict::Page(_) | Verdict::Empty => None,
            Verdict::Refused(_, told) | Verdict::Throttled(_, told) => Some(told),
            Verdict::CursorDead(told) | Verdict::Transient(told) => Some(told),
        }
    }

    /// True if it is what the request was sent with that was refused, or its host, and not what was asked.
    pub fn doubts_access(&self) -> bool {
        matches!(self, Verdict::Refused(Refusal::Credentials | Refusal::Redirect(_), _))
    }
}

/// One page of records.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The whole answer.
    pub body: String,
    /// Number of records in it.
    pub rows: usize,
    /// Of the next page; absent, null and "" alike mean the last.
    pub cursor: Option<String>,
    /// The vendor's count; may run ahead of what comes (API reference, E.1).
    pub total: Option<u64>,
    /// Everything in the answer but its records.
    pub envelope: std::collections::BTreeMap<String, String>,
    /// The records' text, to notice a page that comes twice.
    pub records: [u8; 16],
}

impl Page {
    /// A text of the envelope.
    pub fn envelope_text(&self, name: Option<&str>) -> Option<String> {
        serde_json::from_str(self.envelope.get(name?)?).ok()
    }
}

/// Why the vendor refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong or revoked credentials, wrong host, inactive company.
    Credentials,
    /// The scope that is missing.
    Scope(String),
    /// 403 without a scope: an address that is not trusted, or not in the plan.
    Forbidden,
    /// A request that the vendor does not accept.
    BadRequest,
    /// A 404 that does not mean "empty".
    NotFound,
    /// A redirect to that host.
    Redirect(String),
}

/// What the vendor said, for messages.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told {
    /// HTTP status; 0 if no answer came.
    pub status: u16,
    /// The vendor's id of the answer.
    pub request_id: Option<String>,
    /// Its error texts, or what was wrong with the answer.
    pub text: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.status {
            0 => {}
            status => write!(f, "HTTP {status}: ")?,
        }
        f.write_str(&self.text)?;
        match &self.request_id {
            Some(id) => write!(f, " (requestId {id})"),
            None => Ok(()),
        }
    }
}

/// Judges an answer to a request of `entity`; `paging` if the request carried a cursor.
pub fn classify(entity: &Entity, answer: &Answer, paging: bool, now: DateTime<Utc>) -> Verdict {
    let status = answer.status;
    if status == 200 {
        return page(entity, answer);
    }
    let (told, texts, vendors) = told(answer);
    let lower = told.text.to_lowercase();
    match status {
        300..=399 => Verdict::Refused(Refusal::Redirect(answer.redirect_host.clone().unwrap_or_default()), told),
        401 | 403 => match (scope(&told.text), status) {
            (Some(scope), _) => Verdict::Refused(Refusal::Scope(scope), told),
            (None, 401) => Verdict::Refused(Refusal::Credentials, told),
            (None, _) => Verdict::Refused(Refusal::Forbidden, told),
        },
        400 if lower.contains("cursor has expired") || lower.contains("failed to verify cursor") => {
            Verdict::CursorDead(told)
        }
        404 if is_empty(&entity.empty, &texts, vendors) && scope(&told.text).is_none() => Verdict::Empty,
        // The remaining records can vanish between two pages (API reference, F.3).
        404 if paging && texts.iter().any(|text| text.contains("found corresponding to the provided filters")) => {
            Verdict::Empty
        }
        // Cut off on its way: what it says is not known, and nothing is believed of it.
        404 if is_cut(&answer.body) => Verdict::Transient(told),
        404 => Verdict::Refused(Refusal::NotFound, told),
        429 => Verdict::Throttled(answer.retry_after.as_deref().and_then(|text| retry_after(text, now)), told),
        408 | 425 | 500..=599 => Verdict::Transient(told),
        _ => Verdict::Refused(Refusal::BadRequest, told),
    }
}

/// A 200: records, or a failed attempt. A cut-off answer must never pass for an empty one.
fn page(entity: &Entity, answer: &Answer) -> Verdict {
    let broken = |text: String| Verdict::Transient(Told { status: 200, request_id: None, text });
    let Ok(body) = std::str::from_utf8(&answer.body) else { return broken("the answer is not UTF-8".to_owned()) };
    let whole: std::collections::BTreeMap<String, &RawValue> = match serde_json::from_str(body) {
        Ok(whole) => whole,
        Err(e) => return broken(format!("the answer is not whole JSON ({} bytes: {e})", body.len())),
    };
    let name = &entity.page.rows;
    let given = whole.get(name.as_str());
    let records: Option<Vec<&RawValue>> = match given {
        Some(raw) if entity.page.single => Some(vec![*raw]).filter(|_| raw.get().starts_with('{')),
        Some(raw) => serde_json::from_str(raw.get()).ok(),
        None => None,
    };
    let Some(records) = records else {
        let what = if entity.page.single { "record" } else { "records array" };
        return broken(format!("the answer lacks its {what} \"{name}\""));
    };
    let at = |path: &Option<String>| path.as_deref().map_or(Ok(None), |path| envelope(&whole, path));
    let cursor = match at(&entity.page.cursor).and_then(cursor) {
        Ok(cursor) => cursor,
        Err(wrong) => return broken(wrong),
    };
    let total = at(&entity.page.total).ok().flatten().and_then(|total| total.as_u64());
    let text = given.map_or("", |raw| raw.get());
    let rest =
        whole.iter().filter(|(key, _)| *key != name).map(|(key, raw)| (key.clone(), raw.get().to_owned())).collect();
    Verdict::Page(Page {
        envelope: rest,
        rows: records.len(),
        cursor,
        total,
        records: digest(text),
        body: body.to_owned(),
    })
}

/// A value of the envelope, at a dotted path; what it stands in may be absent, but must be an object if it is there.
fn envelope(whole: &std::collections::BTreeMap<String, &RawValue>, path: &str) -> Result<Option<Value>, String> {
    let mut names = path.split('.');
    let mut at = names.next().unwrap_or_default();
    let Some(raw) = whole.get(at) else { return Ok(None) };
    let mut value: Value = serde_json::from_str(raw.get()).map_err(|e| format!("\"{at}\" cannot be read: {e}"))?;
    for name in names {
        let Value::Object(mut inner) = value else {
            return Err(format!("the answer's \"{at}\" is {} and no object", kind(&value)));
        };
        let Some(next) = inner.remove(name) else { return Ok(None) };
        (at, value) = (name, next);
    }
    Ok(Some(value))
}

/// A cursor, which is text. Absent, null and "" alone mean the end (API reference, E.1): anything else that cannot be followed would cut
/// the listing short.
fn cursor(value: Option<Value>) -> Result<Option<String>, String> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(other) => Err(format!("the answer's cursor is {} and no text", kind(&other))),
    }
}

/// What a value is, in words.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn digest(text: &str) -> [u8; 16] {
    use sha2::Digest as _;
    let mut digest = [0; 16];
    digest.copy_from_slice(&sha2::Sha256::digest(text)[..16]);
    digest
}

/// What the vendor said, its error texts in lower case, and whether the body is the vendor's own.
fn told(answer: &Answer) -> (Told, Vec<String>, bool) {
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let request_id = body.as_ref().and_then(|b| b["requestId"].as_str()).map(|id| clean(id, 64));
    let errors = body.as_ref().and_then(|b| b["errors"].as_array()).cloned();
    let texts: Vec<String> = errors.iter().flatten().filter_map(error_text).collect();
    let text = match (&errors, texts.is_empty()) {
        (Some(_), false) => texts.join("; "),
        _ => format!("an answer that is not in Gong's form ({} bytes)", answer.body.len()),
    };
    let lower = texts.iter().map(|t| t.to_lowercase()).collect();
    let text = clean(&mask::masked(&text), LONGEST_TEXT);
    (Told { status: answer.status, request_id, text }, lower, errors.is_some())
}

/// Strings by the vendor; objects with a message in other people's tests (API reference, F.1).
fn error_text(error: &Value) -> Option<String> {
    error.as_str().or_else(|| error["message"].as_str()).map(str::to_owned)
}

/// True if a body begins as the vendor's do and is no whole JSON.
fn is_cut(body: &[u8]) -> bool {
    body.first() == Some(&b'{') && serde_json::from_slice::<serde::de::IgnoredAny>(body).is_err()
}

/// Text of the vendor, fit for one line of a log.
pub fn clean(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(longest).collect()
}

/// The scope in "You don't have permission to use 'api:coaching:read' in your app."
fn scope(text: &str) -> Option<String> {
    let (before, rest) = text.split_once("'api:")?;
    let (scope, _) = rest.split_once('\'')?;
    before.to_lowercase().contains("permission").then(|| format!("api:{scope}"))
}

fn is_empty(rule: &EmptyRule, texts: &[String], vendors: bool) -> bool {
    let bare = |text: &str| text.trim().trim_end_matches('.').to_lowercase();
    match rule {
        EmptyRule::Never => false,
        EmptyRule::Texts(known) => texts.iter().any(|text| known.iter().any(|k| bare(k) == bare(text))),
        EmptyRule::AnyVendorBody => vendors && !texts.iter().any(|text| text.contains("permission")),
    }
}

/// `Retry-After`: seconds (API reference, D), or a date in one of the forms that HTTP allows; at most [`LONGEST_SILENCE`]. `None` for what
/// makes no sense, such as a wait of nothing: a vendor that is asked again at once is asked again and again.
pub fn retry_after(text: &str, now: DateTime<Utc>) -> Option<Duration> {
    let text = text.trim();
    // A header that was given twice is one list (RFC 9110, 5.3).
    let first = text.split(',').next().unwrap_or_default().trim();
    let wait = match first.parse::<f64>() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds.clamp(-1.0, 1e9)).ok()?,
        Err(_) => (date(text)? - now).to_std().ok()?,
    };
    Some(wait.min(LONGEST_SILENCE)).filter(|wait| !wait.is_zero())
}

/// A date of HTTP (RFC 9110, 5.6.7), or of mail, which some servers write with another offset.
fn date(text: &str) -> Option<DateTime<Utc>> {
    let http = httpdate::parse_http_date(text).ok().map(DateTime::from);
    http.or_else(|| DateTime::parse_from_rfc2822(text).ok().map(|at| at.with_timezone(&Utc)))
}

#[cfg(test)]
#[path = "classify_tests.rs"]
mod tests;
