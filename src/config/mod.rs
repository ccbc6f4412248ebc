//! Settings as plain data: what a person may change, its default and the reason for the default.
//!
//! Loading ([`load`]) and judging ([`validate`]) are apart from the data. No stage sees the whole [`Config`]; each takes its slice.

mod duration;
mod entities;
mod env;
mod limits;
mod load;
mod output;
mod source;
mod state;
mod sync;
mod validate;

use serde::Deserialize;

pub use duration::Span;
pub use entities::{CallsFrom, EntitySettings, Period};
pub use env::{BASE_URL, default_file};
pub use limits::LimitSettings;
pub use load::load;
pub use output::{Compression, OutputSettings, S3Settings};
pub use source::{Credentials, OAuthClient, OAuthSettings, SourceSettings};
pub use state::StateSettings;
pub use sync::{SyncSettings, WindowSize};
pub use validate::{api_host, unknown_entity};

/// Everything that `config.example.toml` documents.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The vendor's account.
    pub source: SourceSettings,
    /// How much of the vendor's quota may be used.
    pub limits: LimitSettings,
    /// What is read, and how often again.
    pub sync: SyncSettings,
    /// Where the files go.
    pub output: OutputSettings,
    /// Where the ledger is.
    pub state: StateSettings,
    /// Settings of single entities, by name.
    pub entities: std::collections::BTreeMap<String, EntitySettings>,
}

impl Config {
    /// The settings of one entity; the defaults if the file says nothing of it.
    pub fn entity(&self, name: &str) -> EntitySettings {
        self.entities.get(name).cloned().unwrap_or_default()
    }
}

/// The text of `config.example.toml`, which `init` writes and a test compares with the defaults.
pub const EXAMPLE: &str = include_str!("../../config.example.toml");
