//! What a world is made of: the settings from which it is generated.

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;

/// The recipe of a world. The same recipe gives the same world, byte for byte.
#[derive(Clone, Debug)]
pub struct WorldSpec {
    /// The source of all chance.
    pub seed: u64,
    /// Calls scheduled in the `days` before `now`.
    pub calls: usize,
    /// Users of the company, avatars not counted.
    pub users: usize,
    /// Days of history before `now`.
    pub days: u32,
    /// Workspaces, at least one.
    pub workspaces: usize,
    /// Library folders of each workspace, one to six.
    pub folders: usize,
    /// Days after `now` that hold calls too, at the same density; they appear as the clock moves on.
    pub future_days: u32,
    /// The company's time zone; all times of the API are shown in it.
    pub zone: Tz,
    /// Where the clock starts. The default lies so that a change to daylight saving is inside the 90 days.
    pub now: DateTime<Utc>,
    /// How much text calls and transcripts carry.
    pub text: Text,
    /// Data that breaks the API's own rules.
    pub oddities: Oddities,
}

impl Default for WorldSpec {
    fn default() -> Self {
        Self {
            seed: 1,
            calls: 2_000,
            users: 60,
            days: 90,
            workspaces: 2,
            folders: 6,
            future_days: 30,
            zone: chrono_tz::America::Los_Angeles,
            now: default_now(),
            text: Text::Normal,
            oddities: Oddities::default(),
        }
    }
}

impl WorldSpec {
    /// A small world for quick tests: 120 calls of 10 users in 14 days.
    pub fn small(seed: u64) -> Self {
        Self { seed, calls: 120, users: 10, days: 14, future_days: 14, text: Text::Sparse, ..Self::default() }
    }
}

/// Wednesday 2026-05-20, 09:00 UTC: the morning after the recorded calls.
pub(crate) fn default_now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 5, 20, 9, 0, 0).single().unwrap_or(DateTime::UNIX_EPOCH)
}

/// How long the texts are. The shapes are the same in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Text {
    /// A transcript of about 1 KB; for worlds of 100,000 calls.
    Sparse,
    /// A transcript of about 10 KB.
    #[default]
    Normal,
    /// A transcript of 5 to 60 KB by the length of the call, as recorded.
    Full,
}

/// Switches for data that breaks the rules; all off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Oddities {
    /// One call id above 2^63 and one that does not fit 64 bits at all.
    pub huge_ids: bool,
    /// Keys that no description knows, at several levels.
    pub unknown_fields: bool,
    /// Values of another type than the field has everywhere else.
    pub wrong_types: bool,
    /// Ids of scorecards and answered scorecards as JSON numbers, as the vendor's description declares them; with
    /// `huge_ids`, some beyond 64 bits.
    pub numeric_ids: bool,
}

impl Oddities {
    /// Every switch on.
    pub fn all() -> Self {
        Self { huge_ids: true, unknown_fields: true, wrong_types: true, numeric_ids: true }
    }
}
