//! `_gong_elt/manifest.json`: what is current, for loaders.

use serde::{Deserialize, Serialize};

/// What is current in the output, as of commit `sequence`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this shape.
    pub version: u32,
    /// The ledger that wrote it.
    pub ledger_id: String,
    /// The run that wrote it.
    pub run_id: String,
    /// The ledger's newest commit.
    pub sequence: i64,
    /// Real time.
    pub written_at: String,
    /// The company's time zone, once known.
    pub time_zone: Option<String>,
    /// Current objects.
    pub objects: Vec<ManifestObject>,
    /// Objects that are no longer current; kept 90 days.
    pub removed: Vec<ManifestRemoved>,
    /// Windows that were read, with or without rows.
    pub coverage: Vec<ManifestCoverage>,
}

/// A current object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestObject {
    /// Below the output: the `_object` of its rows.
    pub path: String,
    /// Its table.
    pub entity: String,
    /// First day; null for a snapshot.
    pub from: Option<String>,
    /// Day after the last; null for a snapshot.
    pub to: Option<String>,
    /// Rows in it.
    pub rows: u64,
    /// Its size.
    pub bytes: u64,
    /// Of the whole object.
    pub sha256: String,
    /// As the store gave it.
    pub etag: Option<String>,
    /// Of the entity file.
    pub schema_version: u32,
    /// The commit that wrote it.
    pub sequence: i64,
}

/// An object that is no longer current.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestRemoved {
    /// Below the output.
    pub path: String,
    /// The commit that removed it.
    pub sequence: i64,
    /// When.
    pub at: String,
}

/// A window that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestCoverage {
    /// Its table.
    pub entity: String,
    /// First day; null for a snapshot.
    pub from: Option<String>,
    /// Day after the last; null for a snapshot.
    pub to: Option<String>,
    /// The now of the newest reading.
    pub read_at: String,
    /// Rows it holds.
    pub rows: u64,
    /// Records that were left out as private.
    #[serde(default)]
    pub private: u64,
    /// Of the settings that shape its rows.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Private calls were wanted.
    #[serde(default)]
    pub include_private: Option<bool>,
    /// Ids that were asked and did not come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<ManifestMissing>,
}

/// An id that was asked and did not come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ManifestMissing {
    /// The vendor's id.
    pub id: String,
    /// Why.
    pub reason: String,
    /// The now of the first reading that missed it.
    pub since: String,
}
