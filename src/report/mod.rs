//! What a run did, and what a plan or the ledger says, in the JSON shapes of the contract and as text for people.
//!
//! Plain data with `Serialize`. Keys may be added, never renamed.

mod human;
mod manifest;
mod plan;
mod progress;
mod rebuild;
mod status;
mod verify;

use std::collections::BTreeMap;

use serde::Serialize;

pub use human::{plan_text, run_text, status_text};
pub use manifest::{Manifest, ManifestCoverage, ManifestMissing, ManifestObject, ManifestRemoved};
pub use plan::{PlanCost, PlanReport, PlanUnit};
pub use progress::Progress;
pub use rebuild::{RebuildReport, rebuild_text};
pub use status::{StatusDue, StatusEntity, StatusQuota, StatusReport, StatusSuspect, StatusWindow};
pub use verify::{Finding, FindingKind, VerifyCounts, VerifyReport, verify_text};

/// Version of every JSON shape.
pub const VERSION: u32 = 1;

/// The report of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RunReport {
    /// Of this shape.
    pub version: u32,
    /// Sorts by time.
    pub run_id: String,
    /// `sync`, `backfill` or `verify` (of `--repair`).
    pub command: String,
    /// The run's one now.
    pub as_of: String,
    /// Of the process.
    pub exit_code: u8,
    /// When to come back, if the run ended for want of quota.
    pub resume_at: Option<String>,
    /// Sent, retries included.
    pub requests: u64,
    /// Attempts beyond the first of each request.
    pub retries: u64,
    /// Wall time.
    pub seconds: f64,
    /// By entity.
    pub entities: BTreeMap<String, EntityReport>,
    /// What became of objects.
    pub objects: ObjectCounts,
    /// What a person should read.
    pub warnings: Vec<String>,
}

/// What a run did for one entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EntityReport {
    /// Units.
    pub units: UnitCounts,
    /// Rows.
    pub rows: RowCounts,
    /// Written.
    pub bytes: u64,
    /// Sent for it, retries included.
    pub requests: u64,
    /// Values that the schema did not expect.
    pub drift: u64,
    /// Ids that were asked and did not come.
    pub missing: u64,
    /// The vendor's counts of the units read, added up.
    pub vendor_total: u64,
    /// Records that the vendor counted and did not give, with no explanation.
    pub unexplained: u64,
    /// Records set aside as unreadable.
    pub quarantined: u64,
}

/// What became of the units.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct UnitCounts {
    /// In the plan, or found while running.
    pub planned: u64,
    /// Read and recorded.
    pub committed: u64,
    /// Tried in vain.
    pub failed: u64,
    /// Not tried, or not finished.
    pub left: u64,
}

/// What became of the rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RowCounts {
    /// In objects that were written.
    pub written: u64,
    /// Not there before.
    pub new: u64,
    /// Other than before.
    pub changed: u64,
    /// No longer there.
    pub gone: u64,
    /// Left out as private.
    pub private: u64,
}

/// What became of objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ObjectCounts {
    /// Not there before.
    pub added: u64,
    /// Written over.
    pub replaced: u64,
    /// Taken away.
    pub removed: u64,
}
