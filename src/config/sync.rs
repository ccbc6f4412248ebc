//! `[sync]`: what is read, in which windows, and how often again.

use chrono::NaiveDate;
use serde::{Deserialize, Deserializer, de};

use super::Span;

/// What is read, and how often again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SyncSettings {
    /// First day that is kept up to date. Required: a silent default would cut off history that nobody chose to lose.
    #[serde(deserialize_with = "day")]
    pub start_date: Option<NaiveDate>,
    /// Names of entities, or `all`: the list entities. Media are named.
    pub entities: Vec<String>,
    /// Ages after a window's end at which it is read again. Calls show up late and change; after the last age a window is settled.
    pub reread: Vec<Span>,
    /// How often settled windows of calls are listed again, for deletions and old edits.
    pub recheck_every: Span,
    /// Size of the windows of settled time.
    pub window: WindowSize,
    /// Keeps private calls, which Gong asks tools to leave out.
    pub include_private: bool,
    /// Share of a unit's rows (at least 20) that one re-reading may drop; more looks like lost rights, not deletions.
    pub shrink_limit: f64,
    /// `sync` goes on with an unfinished backfill after the fresh windows.
    pub continue_backfills: bool,
}

impl Default for SyncSettings {
    fn default() -> Self {
        SyncSettings {
            start_date: None,
            entities: vec!["all".to_owned()],
            reread: [1, 2, 3, 7, 14].map(Span::days).to_vec(),
            recheck_every: Span::days(30),
            window: WindowSize::Auto,
            include_private: false,
            shrink_limit: 0.5,
            continue_backfills: false,
        }
    }
}

/// Size of the windows of settled time; unsettled time is always read by days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowSize {
    /// The largest of day, third of a month and month that is expected to hold at most about 5,000 calls.
    Auto,
    /// Days.
    Day,
    /// Months.
    Month,
}

/// Accepts a TOML date and the same as a string.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NaiveDate>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        toml::Value::Datetime(date) => date.to_string(),
        _ => return Err(de::Error::custom("must be a date such as \"2024-01-31\"")),
    };
    let bad = |_| de::Error::custom(format!("\"{text}\" is not a date such as \"2024-01-31\""));
    NaiveDate::parse_from_str(&text, "%Y-%m-%d").map(Some).map_err(bad)
}
