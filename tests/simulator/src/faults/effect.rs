//! What each fault does: before the work, in it, or to its answer.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::Duration;

use chrono::{TimeDelta, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Fault, Faults, RetryAfter};
use crate::server::{Answer, Delivery, cursor};

/// What a fault wants of the work itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Effects {
    /// No records on this page; the next one begins where it did.
    pub(crate) empty_page: bool,
    /// Leave an id out: this one, or the first.
    pub(crate) omit: Option<Option<String>>,
    /// Answer as if nothing matched.
    pub(crate) nothing: bool,
    /// Answer as if the scope was missing.
    pub(crate) no_scope: bool,
}

impl Fault {
    /// An answer in place of the work.
    pub(crate) fn before(&self, trace: &str) -> Option<Answer> {
        let answer = match self {
            Self::TooManyRequests { retry_after } => {
                let answer = Answer::error(429, trace, "Too many requests");
                match retry_after {
                    RetryAfter::Missing => answer,
                    RetryAfter::Seconds(seconds) => answer.with("retry-after", &seconds.to_string()),
                    RetryAfter::Text(text) => answer.with("retry-after", text),
                    RetryAfter::Date(seconds) => {
                        let at = Utc::now() + TimeDelta::seconds(*seconds as i64);
                        answer.with("retry-after", &at.format("%a, %d %b %Y %H:%M:%S GMT").to_string())
                    }
                }
            }
            Self::ServerError => Answer::error(500, trace, "Internal server error occurred"),
            Self::BadGateway => Answer::html(502, "Bad gateway"),
            Self::Unavailable => Answer::of(503, "text/plain", Vec::new()),
            Self::Status { status, text } => Answer::error(*status, trace, text),
            Self::ResetBeforeAnswer => {
                let nothing = Answer::of(0, "", Vec::new());
                Answer { delivery: Delivery::Nothing, ..nothing }
            }
            Self::CursorExpired => Answer::error(400, trace, cursor::EXPIRED),
            Self::PoisonId { status: 500, .. } => Answer::error(500, trace, "Internal server error occurred"),
            Self::PoisonId { status, .. } => Answer::error(*status, trace, crate::routes::PARSE_ERROR),
            Self::Redirect { to, status } => Answer::of(*status, "text/html", Vec::new()).with("location", to),
            _ => return None,
        };
        Some(answer)
    }

    /// What it wants of the work.
    pub(crate) fn effects(&self) -> Effects {
        let mut effects = Effects::default();
        match self {
            Self::EmptyPage => effects.empty_page = true,
            Self::OmitId { id } => effects.omit = Some(id.clone()),
            Self::NothingFound => effects.nothing = true,
            Self::MissingScope => effects.no_scope = true,
            _ => {}
        }
        effects
    }

    /// What it does to the answer; `cursor` is the request's.
    pub(crate) fn after(
        &self,
        answer: &mut Answer,
        cursor: Option<&str>,
        faults: &Faults,
        stopping: impl Fn() -> bool,
    ) {
        match self {
            Self::LoseAnswer => answer.delivery = Delivery::Nothing,
            Self::ResetInBody { after } => answer.delivery = Delivery::Cut(*after),
            Self::CutBody { percent } => answer.body.truncate(answer.body.len() * usize::from(*percent) / 100),
            Self::Body { bytes } => answer.body = bytes.clone(),
            Self::WrongContentType => answer.content_type = "text/html",
            Self::SlowBody { bytes, pause_ms } => {
                answer.delivery = Delivery::Slow { bytes: *bytes, pause: Duration::from_millis(*pause_ms) };
            }
            Self::Delay { ms } => sleep(Duration::from_millis(*ms)),
            Self::CursorRepeated => {
                if let Some(cursor) = cursor {
                    change_cursor(answer, |_| cursor.to_owned());
                }
            }
            Self::CursorBroken => change_cursor(answer, |cursor| format!("{}AAAA", &cursor[..cursor.len() - 4])),
            Self::NoRecords => without_arrays(answer),
            Self::Hold { name } => faults.hold(name, stopping),
            _ => {}
        }
    }
}

type Object = BTreeMap<String, Box<RawValue>>;

fn change_cursor(answer: &mut Answer, change: impl Fn(&str) -> String) {
    let Ok(mut object) = serde_json::from_slice::<Object>(&answer.body) else { return };
    let Some(mut records) = object.get("records").and_then(|raw| serde_json::from_str::<Value>(raw.get()).ok()) else {
        return;
    };
    let Some(cursor) = records["cursor"].as_str().map(change) else { return };
    records["cursor"] = Value::String(cursor);
    if let Ok(raw) = serde_json::value::to_raw_value(&records) {
        object.insert("records".to_owned(), raw);
    }
    answer.body = serde_json::to_vec(&object).unwrap_or_default();
}

fn without_arrays(answer: &mut Answer) {
    if let Ok(mut object) = serde_json::from_slice::<Object>(&answer.body) {
        object.retain(|_, raw| !raw.get().starts_with('['));
        answer.body = serde_json::to_vec(&object).unwrap_or_default();
    }
}
