//! What a test says of a call that it adds.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Origin;

/// A call that a test adds. Everything not said is drawn from the seed.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// The id; drawn if not given.
    pub id: Option<String>,
    /// Planned start.
    pub scheduled: DateTime<Utc>,
    /// Real start.
    pub started: DateTime<Utc>,
    /// Seconds.
    pub duration: u32,
    /// How it came to Gong.
    pub origin: Origin,
    /// The workspace's id; the first one if not given.
    pub workspace: Option<String>,
    /// The host, by number.
    pub host: usize,
    /// From when on lists show it.
    pub listed_at: DateTime<Utc>,
    /// From when on calls/extensive shows it.
    pub detailed_at: DateTime<Utc>,
    /// From when on it has AI content; `None`: never any content.
    pub analysed_at: Option<DateTime<Utc>>,
    /// From when on it has a transcript; `None`: never.
    pub transcribed_at: Option<DateTime<Utc>>,
    /// Whether it is private from the start.
    pub private: bool,
    /// Merged into the record from the start, as in [`World::edit_call`].
    pub patch: Value,
}

impl NewCall {
    /// A web conference of half an hour, planned and started at `at`; all of it visible five minutes after its end.
    pub fn at(at: DateTime<Utc>) -> Self {
        let visible = at + TimeDelta::minutes(35);
        Self {
            id: None,
            scheduled: at,
            started: at,
            duration: 1_800,
            origin: Origin::Conference,
            workspace: None,
            host: 0,
            listed_at: visible,
            detailed_at: visible,
            analysed_at: Some(visible),
            transcribed_at: Some(visible),
            private: false,
            patch: Value::Null,
        }
    }

    /// The same, but nothing of it is visible before `at`.
    pub fn visible_at(mut self, at: DateTime<Utc>) -> Self {
        self.listed_at = at;
        self.detailed_at = at;
        self.analysed_at = Some(at);
        self.transcribed_at = Some(at);
        self
    }
}
