//! A call's skeleton: its times, its people and its life. The record itself is made from it on demand.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::timed::Edit;
use crate::record::Record;

/// How a call came to Gong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A web conference that Gong recorded: `scheduled` and `started` differ, lists filter by `scheduled`.
    Conference,
    /// A call of a telephone system.
    Telephone,
    /// An upload through the API, perhaps without parties.
    Upload,
}

/// A call and everything the clock needs to decide what of it is visible.
#[derive(Clone, Debug)]
pub struct Call {
    /// The id on the wire.
    pub id: String,
    /// The stream of chance its texts are drawn from.
    pub(crate) number: u64,
    /// Its workspace's id.
    pub workspace: String,
    /// How it came to Gong.
    pub origin: Origin,
    /// When it was planned; equal to `started` but for web conferences.
    pub scheduled: DateTime<Utc>,
    /// When it began.
    pub started: DateTime<Utc>,
    /// Seconds.
    pub duration: u32,
    /// The host, by number.
    pub host: usize,
    /// Other users of the company who took part, by number.
    pub attendees: Vec<usize>,
    /// Whether there are pictures.
    pub video: bool,
    /// Whether any media are stored.
    pub has_media: bool,
    /// From when on `GET /v2/calls` shows it.
    pub listed_at: DateTime<Utc>,
    /// From when on calls/extensive knows it; may be later than the list.
    pub detailed_at: DateTime<Utc>,
    /// From when on it has AI content; `None`: never, and no `content` at all.
    pub analysed_at: Option<DateTime<Utc>>,
    /// From when on it has a transcript; `None`: never.
    pub transcribed_at: Option<DateTime<Utc>>,
    /// From when on it is gone.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Changes of its privacy, ascending; before the first it is public.
    pub privacy: Vec<(DateTime<Utc>, bool)>,
    /// Changes of its record, ascending.
    pub edits: Vec<Edit>,
    /// Taken out of every answer by a test.
    pub hidden: bool,
    /// A record that was recorded, in place of a made one.
    pub(crate) recorded: Option<Arc<Record>>,
}

impl Call {
    /// The end of the conversation.
    pub fn ended(&self) -> DateTime<Utc> {
        self.started + TimeDelta::seconds(i64::from(self.duration))
    }

    /// Whether the vendor holds it at all: totals count from here on, also while the media are processed (API
    /// reference, section E.1).
    pub fn counted(&self, now: DateTime<Utc>) -> bool {
        !self.hidden && self.deleted_at.is_none_or(|at| at > now) && (self.ended() <= now || self.listed_at <= now)
    }

    /// Whether lists and gets show it.
    pub fn listed(&self, now: DateTime<Utc>) -> bool {
        self.counted(now) && self.listed_at <= now
    }

    /// Whether calls/extensive shows it.
    pub fn detailed(&self, now: DateTime<Utc>) -> bool {
        self.counted(now) && self.detailed_at <= now
    }

    /// Whether it has AI content.
    pub fn analysed(&self, now: DateTime<Utc>) -> bool {
        self.analysed_at.is_some_and(|at| at <= now)
    }

    /// Whether calls/transcript shows it.
    pub fn transcribed(&self, now: DateTime<Utc>) -> bool {
        self.counted(now) && self.transcribed_at.is_some_and(|at| at <= now)
    }

    /// Whether it is private.
    pub fn is_private(&self, now: DateTime<Utc>) -> bool {
        let before = self.privacy.iter().take_while(|(at, _)| *at <= now);
        before.last().is_some_and(|(_, private)| *private)
    }

    /// A number that is the same as long as the record reads the same.
    pub(crate) fn version(&self, now: DateTime<Utc>) -> u64 {
        let edits = self.edits.iter().take_while(|edit| edit.at <= now).count() as u64;
        edits << 2 | u64::from(self.is_private(now)) << 1 | u64::from(self.analysed(now))
    }

    pub(crate) fn edits_until(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Edit> {
        self.edits.iter().take_while(move |edit| edit.at <= now)
    }
}
