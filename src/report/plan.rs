//! The JSON shape of a plan.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a run would do and cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanReport {
    /// Of this shape.
    pub version: u32,
    /// The now it was made for.
    pub as_of: String,
    /// All requests.
    pub requests: u64,
    /// At the configured rate.
    pub seconds: f64,
    /// Of our daily budget.
    pub quota_days: f64,
    /// Entities of which nothing was ever seen: their requests are the least possible.
    pub unknown: Vec<String>,
    /// By entity.
    pub entities: BTreeMap<String, PlanCost>,
    /// In the order of the run.
    pub units: Vec<PlanUnit>,
    /// Committed units that were read under other settings than today's; `backfill --force` reads them again.
    pub other_settings: u64,
}

/// The cost of one entity.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PlanCost {
    /// Units.
    pub units: u64,
    /// Requests.
    pub requests: u64,
    /// On disk, by what the ledger has seen; 0 while nothing was.
    pub bytes: u64,
}

/// One unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanUnit {
    /// Its table.
    pub entity: String,
    /// First day; null for a snapshot.
    pub from: Option<String>,
    /// Day after the last; null for a snapshot.
    pub to: Option<String>,
    /// Why it is read.
    pub reason: String,
}
