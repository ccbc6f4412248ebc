//! `[state]`: where the ledger is.

use std::path::PathBuf;

use serde::Deserialize;

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateSettings {
    /// The SQLite file.
    pub path: PathBuf,
    /// A folder, or `s3://bucket/prefix`, where a copy goes after each run.
    pub backup: Option<String>,
}

impl Default for StateSettings {
    fn default() -> Self {
        StateSettings { path: PathBuf::from("state/gong-elt.db"), backup: None }
    }
}
