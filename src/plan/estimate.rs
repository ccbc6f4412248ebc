//! What a plan costs: requests, bytes, time and days of quota. Pure.

use std::collections::BTreeMap;

use super::{Expected, LISTING, Planned, Reason, joined};
use crate::entity::spec::Read;
use crate::unit::Window;

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
    /// Calls are listed through their details, where those are read too.
    pub through_details: bool,
    /// Requests that were made before the plan, or are needed for it, by entity.
    pub made: BTreeMap<String, u64>,
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
    let mut requests: BTreeMap<&str, f64> = BTreeMap::new();
    for one in planned {
        let name = &one.unit.entity.name;
        let cost = total.entities.entry(name.clone()).or_default();
        cost.units += 1;
        let of_unit = match rates.through_details {
            true => listed_through(one, planned).unwrap_or_else(|| of_unit(one, rates)),
            false => of_unit(one, rates),
        };
        *requests.entry(name).or_default() += (of_unit - one.staged as f64).max(0.0);
        let rows = one.expected.map_or(0, Expected::rows);
        let bytes = rows as f64 * rates.bytes_per_row.get(name).copied().unwrap_or(0.0);
        cost.bytes = cost.bytes.saturating_add(bytes as u64);
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
    if let Some(listing) = requests.get_mut(LISTING) {
        *listing = (*listing - saved(planned)).max(0.0);
    }
    for (name, made) in &rates.made {
        *requests.entry(name).or_default() += *made as f64;
    }
    for (name, requests) in requests {
        let cost = total.entities.entry(name.to_owned()).or_default();
        cost.requests = requests.round() as u64;
        total.requests = total.requests.saturating_add(cost.requests);
    }
    total.seconds = total.requests as f64 / rates.per_second.max(f64::MIN_POSITIVE);
    total.quota_days = total.requests as f64 / f64::from(rates.per_day.max(1));
    total
}

/// Requests of a listing of calls and of the details that bring it, where it comes with them; `None` for what is read otherwise.
fn listed_through(one: &Planned, planned: &[Planned]) -> Option<f64> {
    let same = |other: &&Planned| other.unit.span == one.unit.span;
    if one.unit.entity.name == LISTING && !matches!(one.reason, Reason::Recheck(_)) {
        return planned.iter().filter(same).any(|other| other.unit.entity.page.parent.is_some()).then_some(0.0);
    }
    one.unit.entity.page.parent.as_ref()?;
    let listing = planned.iter().filter(same).find(|other| other.unit.entity.name == LISTING)?;
    Some(listing.expected.map_or(1.0, |rows| rows.pages(PAGE).max(1.0)))
}

/// Requests that asking for quiet days together saves.
fn saved(planned: &[Planned]) -> f64 {
    let may_join = |one: &Planned| match one.reason {
        Reason::New => true,
        Reason::Unfinished | Reason::Age(_) => one.expected == Some(Expected::Counted(0)),
        _ => false,
    };
    let days = planned.iter().filter(|one| one.unit.entity.name == LISTING && may_join(one));
    let days: Vec<(Window, Expected)> = days
        .filter_map(|one| Some((one.unit.span.window()?, one.expected?)))
        .filter(|(window, _)| window.days() == 1)
        .collect();
    let windows: Vec<Window> = days.iter().map(|(window, _)| *window).collect();
    let rows_in = |whole: Window| {
        let inside = days.iter().filter(|(window, _)| whole.holds(window));
        Some(inside.map(|(_, expected)| expected.rows_about()).sum())
    };
    let (mut at, mut saved) = (0, 0.0);
    while at < days.len() {
        let count = joined::together(&windows[at..], rows_in);
        if count > 0 {
            let full: f64 = days[at..at + count].iter().map(|(_, expected)| expected.pages(PAGE)).sum();
            saved += count as f64 - 1.0 - full;
        }
        at += count.max(1);
    }
    saved
}

/// Requests of one unit, a fraction where it is not known whether there is anything to ask.
fn of_unit(one: &Planned, rates: &Rates) -> f64 {
    let entity = one.unit.entity;
    let Some(expected) = one.expected.filter(|_| entity.each().is_empty()) else {
        return rates.members.get(&entity.name).map_or(1.0, |members| *members as f64);
    };
    match entity.read {
        // No ids, no request.
        Read::ById { .. } | Read::Media { .. } => expected.pages(PAGE),
        // One row a user, and users hardly change.
        Read::Period { .. } => expected.rows().div_ceil(PAGE).max(1) as f64,
        // Gong pages by user where a row is a user's day.
        _ if entity.page.explode.is_some() => {
            let days = one.unit.span.window().map_or(1, |window| u64::from(window.days()));
            expected.rows().div_ceil(PAGE * days).max(1) as f64
        }
        _ => expected.pages(PAGE).max(1.0),
    }
}
