//! The kinds of faults.

use serde::{Deserialize, Serialize};

/// How a 429 says when to come back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// Not at all.
    Missing,
    /// In whole seconds, as the vendor does.
    Seconds(u64),
    /// As an HTTP date that many seconds from now, in real time.
    Date(u64),
    /// As it stands.
    Text(String),
}

/// What goes wrong. Unless said otherwise the request was counted by the limits and nothing was done for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// 429.
    TooManyRequests {
        /// When to come back.
        retry_after: RetryAfter,
    },
    /// 500 with the API's error body.
    ServerError,
    /// 502 with a page of HTML.
    BadGateway,
    /// 503 with an empty body.
    Unavailable,
    /// Any status, with an error of this text.
    Status {
        /// The status.
        status: u16,
        /// The error's text.
        text: String,
    },
    /// The connection is reset before the first byte.
    ResetBeforeAnswer,
    /// The work is done, then the connection is reset before the first byte.
    LoseAnswer,
    /// The connection is reset after so many bytes of the body.
    ResetInBody {
        /// Bytes that arrive.
        after: usize,
    },
    /// A 200 that looks complete, with the first part of the body only.
    CutBody {
        /// How much of it, in percent.
        percent: u8,
    },
    /// The right body under `text/html`.
    WrongContentType,
    /// The body comes in pieces.
    SlowBody {
        /// Bytes of a piece.
        bytes: usize,
        /// Milliseconds before each.
        pause_ms: u64,
    },
    /// The answer comes late.
    Delay {
        /// Milliseconds.
        ms: u64,
    },
    /// 400, the cursor has expired.
    CursorExpired,
    /// The answer repeats the request's cursor.
    CursorRepeated,
    /// The answer's cursor does not verify.
    CursorBroken,
    /// The endpoint's 404 for "nothing matches".
    NothingFound,
    /// A page without records, whose cursor leads to the page that was due.
    EmptyPage,
    /// One of the ids asked for is left out without a word; the first one if not said which.
    OmitId {
        /// The id.
        id: Option<String>,
    },
    /// Whatever asks for this id fails.
    PoisonId {
        /// The id.
        id: String,
        /// 400 or 500.
        status: u16,
    },
    /// A redirect.
    Redirect {
        /// Where to.
        to: String,
        /// 302, 307 or 308.
        status: u16,
    },
    /// 401, the endpoint's scope is missing.
    MissingScope,
    /// 200 without the array of records.
    NoRecords,
    /// The work is done, then the answer has this body instead.
    Body {
        /// The bytes, which need not be JSON or UTF-8.
        bytes: Vec<u8>,
    },
    /// The work is done, then the answer waits until the name is released.
    Hold {
        /// The name.
        name: String,
    },
}

impl Fault {
    /// Its name, as the journal has it and the admin route takes it.
    pub fn name(&self) -> String {
        let value = serde_json::to_value(self).unwrap_or_default();
        value["kind"].as_str().unwrap_or_default().to_owned()
    }
}
