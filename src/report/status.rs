//! The JSON shape of the ledger's state.

use std::collections::BTreeMap;

use serde::Serialize;

/// How far every entity is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatusReport {
    /// Of this shape.
    pub version: u32,
    /// By entity.
    pub entities: BTreeMap<String, StatusEntity>,
    /// Today's requests.
    pub quota: StatusQuota,
    /// Of the newest run.
    pub last_run: Option<String>,
}

/// How far one entity is.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatusEntity {
    /// End of the unbroken run of settled windows; for a snapshot its reading.
    pub watermark: Option<String>,
    /// End of the unbroken run of covered windows; for a snapshot its reading.
    pub frontier: Option<String>,
    /// Windows between start date and now that were never read.
    pub gaps: Vec<StatusWindow>,
    /// Windows that are read again by age.
    pub unsettled: u64,
    /// Ids that the vendor has listed and not given.
    pub missing: u64,
    /// Of those, in settled windows: calls without details, transcript or file.
    pub without: u64,
    /// Since when the oldest of them is missing.
    pub missing_since: Option<String>,
    /// Records that the vendor counted and did not give, with no explanation.
    pub unexplained: u64,
    /// On disk.
    pub rows: u64,
    /// Windows whose newest reading was not believed.
    pub suspect: u64,
    /// Those windows.
    pub suspect_windows: Vec<StatusSuspect>,
    /// Units read before that the next `sync` reads again, and why.
    pub due: Vec<StatusDue>,
    /// Whether something that should have been read is older than `--max-age`; absent without that option.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stale: Option<bool>,
    /// The newest reading.
    pub last_run: Option<String>,
}

/// A window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusWindow {
    /// First day.
    pub from: String,
    /// Day after the last.
    pub to: String,
}

/// A unit that is due.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusDue {
    /// First day; null for a snapshot.
    pub from: Option<String>,
    /// Day after the last; null for a snapshot.
    pub to: Option<String>,
    /// Why it is read again.
    pub reason: String,
}

/// A unit whose newest reading was not believed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StatusSuspect {
    /// First day; null for a snapshot.
    pub from: Option<String>,
    /// Day after the last; null for a snapshot.
    pub to: Option<String>,
    /// Why it was not believed.
    pub reason: String,
    /// The command that takes it over.
    pub accept: String,
}

/// Today's requests.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct StatusQuota {
    /// Made today.
    pub used: u32,
    /// `requests_per_day`.
    pub limit: u32,
    /// Left to others.
    pub reserve: u32,
    /// Whether `sync` leaves it too: it does if the settings name it.
    pub reserve_binds_sync: bool,
    /// When the count begins anew: at midnight UTC, or when the vendor's day begins, once a `Retry-After` told it.
    pub resets_at: String,
}
