//! `[state]`: where the ledger is.

use std::path::PathBuf;

use serde::Deserialize;

/// Where the ledger is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StateSettings {
    /// The SQLite file.
    pub path: PathBuf,
}

impl Default for StateSettings {
    fn default() -> Self {
        StateSettings { path: PathBuf::from("state/gong-elt.db") }
    }
}
