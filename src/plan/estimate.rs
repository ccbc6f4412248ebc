//! What a plan costs: requests, bytes, time and days of quota. Pure.

use std::collections::BTreeMap;

use super::Planned;
use crate::entity::spec::Read;

/// Rows in a full page, and ids in a full batch (API reference, E.2 and D).
const PAGE: u64 = 100;

/// What the limits allow and what the ledger has seen.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    /// Requests a second.
    pub per_second: f64,
    /// Requests a day that we may use.
    pub per_day: u32,
    /// Bytes a row, by entity.
    pub bytes_per_row: BTreeMap<String, f64>,
    /// Requests of one unit of a fan-out, by entity.
    pub members: BTreeMap<String, u64>,
}

/// The cost of a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Estimate {
    /// Units, requests and bytes, by entity.
    pub entities: BTreeMap<String, Cost>,
    /// Entities of which nothing was ever seen: their requests are the least possible.
    pub unknown: Vec<String>,
    /// All requests.
    pub requests: u64,
    /// Seconds at the configured rate.
    pub seconds: f64,
    /// Days of our daily budget.
    pub quota_days: f64,
}

/// The cost of one entity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Units.
    pub units: u64,
    /// Requests.
    pub requests: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// Estimates a plan.
pub fn estimate(planned: &[Planned], rates: &Rates) -> Estimate {
    let mut total = Estimate::default();
    for one in planned {
        let name = &one.unit.entity.name;
        let cost = total.entities.entry(name.clone()).or_default();
        let requests = requests(one, rates);
        cost.units += 1;
        cost.requests = cost.requests.saturating_add(requests);
        let bytes = one.expected.unwrap_or(0) as f64 * rates.bytes_per_row.get(name).copied().unwrap_or(0.0);
        cost.bytes = cost.bytes.saturating_add(bytes as u64);
        total.requests = total.requests.saturating_add(requests);
        // A list of one page costs one request, whatever it holds.
        let fan = one.unit.entity.each();
        let certain = match fan.is_empty() {
            true => one.expected.is_some() || one.unit.entity.page.cursor.is_none(),
            false => rates.members.contains_key(name),
        };
        if !certain && !total.unknown.contains(name) {
            total.unknown.push(name.clone());
        }
    }
    total.seconds = total.requests as f64 / rates.per_second.max(f64::MIN_POSITIVE);
    total.quota_days = total.requests as f64 / f64::from(rates.per_day.max(1));
    total
}

fn requests(one: &Planned, rates: &Rates) -> u64 {
    let entity = one.unit.entity;
    // Gong pages by user where a row is a user's day.
    let days =
        if entity.page.explode.is_some() { one.unit.span.window().map_or(1, |w| u64::from(w.days())) } else { 1 };
    let full = one.expected.map(|rows| rows.div_ceil(PAGE * days));
    match entity.read {
        // No ids, no request.
        Read::ById { .. } | Read::Media { .. } => full.unwrap_or(1),
        _ if !entity.each().is_empty() => rates.members.get(&entity.name).copied().unwrap_or(1),
        _ => full.unwrap_or(1).max(1),
    }
}
