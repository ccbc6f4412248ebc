//! `[entities.<name>]`: settings of single entities.

use serde::Deserialize;

use super::Span;

/// Settings of one entity; each is absent unless set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EntitySettings {
    /// Replaces `sync.reread` for this entity. The calls family takes it from `calls`.
    pub reread: Option<Vec<Span>>,
    /// Snapshots older than this are read again.
    pub every: Option<Span>,
    /// Length of the periods of statistics and coaching.
    pub period: Option<Period>,
    /// Reads only this workspace.
    pub workspace_id: Option<String>,
    /// Asks for media links in `calls_extensive`: a scope of their own, dead after eight hours, never in logs or the ledger.
    pub include_media_urls: bool,
    /// Replaces the `contentSelector` of `calls_extensive`.
    pub content_selector: Option<serde_json::Value>,
    /// What lists the windows of `calls`.
    pub calls_from: CallsFrom,
}

/// What lists the windows of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallsFrom {
    /// The listing of calls; their details are asked by id.
    #[default]
    Listing,
    /// The details themselves, which hold the listed fields: about three in ten requests less.
    Details,
}

/// Length of a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// One company day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
}
