//! The vendor's totals of months of which nothing is known, for a plan with numbers.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use super::planning::facts;
use crate::config::Config;
use crate::entity::spec::{Days, Read};
use crate::entity::{Catalog, Entity};
use crate::plan::{Facts, LISTING, Planned, Reason, Rules, grid, samples_of};
use crate::source::{Failure, Inputs, Reply, Source, build};
use crate::state::Ledger;
use crate::unit::Window;

/// Asks Gong for the totals of planned months of which nothing is known, one request each, and keeps them in the ledger. Of the first
/// and the last month only the planned days are asked, and none to come: what is spread over other days would be too thin.
pub async fn probe(
    source: &Source,
    ledger: &Ledger,
    (config, catalog, rules): (&Config, &Catalog, &Rules),
    planned: &[Planned],
) -> Result<u64, Failure> {
    let facts = facts(ledger, config, catalog, rules.zone).map_err(Failure::Ledger)?;
    let mut asked = 0;
    for (entity, window) in unknown_months(&facts, planned) {
        let workspace = config.entity(&entity.name).workspace_id.map(|id| ("workspaceId".to_owned(), id.into()));
        let inputs = Inputs {
            instants: Some((window.starts_at(Tz::UTC), window.ends_at(Tz::UTC).min(rules.now))),
            named: workspace.into_iter().collect(),
            subject: format!("{} {window}", entity.name),
            ..Inputs::default()
        };
        let reply = source.ask(entity, &build(entity, &inputs, None), false).await?;
        asked += 1;
        let total = match reply {
            Reply::Page(page) => page.total.unwrap_or(page.rows as u64),
            Reply::Empty | Reply::CursorDead(_) => 0,
        };
        ledger.set_probe(&entity.name, window, total).map_err(Failure::Ledger)?;
    }
    Ok(asked)
}

/// Months of a listing in UTC days of which nothing is known, each from its first planned day to its last.
fn unknown_months(facts: &Facts, planned: &[Planned]) -> Vec<(&'static Entity, Window)> {
    let seen = samples_of(facts, LISTING);
    let mut months: BTreeMap<(&str, Window), (&'static Entity, Window)> = BTreeMap::new();
    for one in planned.iter().filter(|p| p.reason == Reason::New) {
        let entity = one.unit.entity;
        let listing = matches!(entity.read, Read::Window { days: Days::Utc, .. });
        let Some(window) = one.unit.span.window().filter(|_| listing) else { continue };
        let month = months.entry((&entity.name, grid::month_of(window.from))).or_insert((entity, window));
        month.1 = Window { from: month.1.from.min(window.from), to: month.1.to.max(window.to) };
    }
    let known = |month: &Window| seen.iter().any(|sample| sample.window.overlaps(month));
    months.into_iter().filter(|((_, month), _)| !known(month)).map(|(_, asked)| asked).collect()
}
