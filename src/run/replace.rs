//! An entity read whole in another period: its units give way to those of the new one, which cover the same days with other windows.
//!
//! 1. Every new unit is begun and fetched; its answers wait in the ledger. Nothing on disk has changed, and a failure leaves it so.
//! 2. One transaction forgets the old units and notes their objects as to be removed. The new ones are open, so they will be finished.
//! 3. The old objects are removed from the output.
//! 4. The new units are landed, one by one, from what waits, however long it has waited.
//!
//! A crash before 2 leaves the old period, and after it the next run goes on with 3 and 4 before anything else. So no two objects ever
//! hold the same time. Between 3 and the end of 4 a reader of files misses some; nothing is lost, for what was there can be read again.

use std::collections::BTreeMap;

use futures::StreamExt as _;

use super::jobs;
use super::listed::{self, Fetched};
use super::patience;
use super::session::Session;
use super::staging;
use super::trouble::Trouble;
use crate::decode::Stamps;
use crate::entity::Entity;
use crate::error::{Error, Kind, Result};
use crate::failpoint;
use crate::plan::{Planned, periods};
use crate::state::UnitRow;
use crate::unit::{Span, Unit};

/// Units that are fetched at once.
const AT_ONCE: usize = 8;
/// An entity that had so many rows and has none in the new period is not believed.
const SMALLEST_LOSS: u64 = 20;

/// Replaces the units of every entity in `planned` by the planned ones.
pub async fn execute(session: &Session, planned: &[Planned]) {
    let mut by_entity: BTreeMap<&str, Vec<Unit>> = BTreeMap::new();
    for one in planned {
        session.tally.entity(&one.unit.entity.name, |e| e.units.planned += 1);
        by_entity.entry(&one.unit.entity.name).or_default().push(one.unit);
    }
    for units in by_entity.into_values() {
        let Some(entity) = units.first().map(|unit| unit.entity) else { continue };
        if let Err((unit, trouble)) = one(session, entity, &units).await {
            jobs::settle(session, unit.unwrap_or(units[0]), Err(trouble));
        }
    }
}

async fn one(
    session: &Session,
    entity: &'static Entity,
    units: &[Unit],
) -> std::result::Result<(), (Option<Unit>, Trouble)> {
    let here = |e: Error| (None, Trouble::from(e));
    let fetched = fetch(session, units).await.map_err(|(unit, trouble)| (Some(unit), trouble))?;
    let old = of_other_periods(session, entity).map_err(here)?;
    doubt(session, entity, &fetched, &old).map_err(|trouble| (None, trouble))?;
    if session.stop.reason().is_some() {
        // What follows must not be left half done for long.
        return Err((None, Trouble::Stopped));
    }
    let spans: Vec<Span> = old.iter().map(|row| row.span).collect();
    let new: Vec<i64> = fetched.iter().map(|(_, (open, _))| open.id).collect();
    session.ledger.supersede(&entity.name, &spans, &new, session.clock.now()).map_err(here)?;
    failpoint::reached(failpoint::SUPERSEDED);
    patience::of_unit(session, remove_discarded(session)).await.map_err(|trouble| (None, trouble))?;
    session.tally.objects(|o| o.removed += old.iter().filter(|row| row.object.is_some()).count() as u64);
    for (unit, fetched) in fetched {
        // As it was fetched: begun again now, it would be judged by its age, and asked again with the old files gone.
        listed::land(session, unit, fetched).await.map_err(|trouble| (Some(unit), trouble))?;
    }
    Ok(())
}

/// Asks for all of them. If that fails for one, what was asked meanwhile for the others is paid for, and staged.
async fn fetch(session: &Session, units: &[Unit]) -> std::result::Result<Vec<(Unit, Fetched)>, (Unit, Trouble)> {
    let fetches = units.iter().map(|unit| async move { (*unit, listed::fetch(session, *unit).await) });
    let mut fetches = futures::stream::iter(fetches).buffer_unordered(AT_ONCE);
    let (mut fetched, mut failed) = (Vec::with_capacity(units.len()), None);
    while let Some((unit, result)) = fetches.next().await {
        match result {
            Ok(one) => fetched.push((unit, one)),
            // The others would be refused too.
            Err(refused @ (Trouble::NotPermitted(_) | Trouble::Fatal(_))) => return Err((unit, refused)),
            // A stop must not hide what went wrong before it.
            Err(trouble) => {
                failed = failed.filter(|(_, first)| !matches!(first, Trouble::Stopped)).or(Some((unit, trouble)))
            }
        }
    }
    failed.map_or(Ok(fetched), Err)
}

/// The committed units that are none of the configured period.
fn of_other_periods(session: &Session, entity: &Entity) -> Result<Vec<UnitRow>> {
    let period = super::planning::rules(session).period_of(entity);
    let other = |row: &UnitRow| row.span.window().is_some_and(|w| periods::period_of(w.from, period) != w);
    Ok(session.ledger.units()?.into_iter().filter(|row| row.entity == entity.name && other(row)).collect())
}

/// Fails if nothing at all came where there was something: credentials that see nothing look just so.
fn doubt(
    session: &Session,
    entity: &Entity,
    fetched: &[(Unit, Fetched)],
    old: &[UnitRow],
) -> std::result::Result<(), Trouble> {
    let before: u64 = old.iter().map(|row| row.rows).sum();
    if before < SMALLEST_LOSS || session.accept_shrink {
        return Ok(());
    }
    for (unit, (open, _)) in fetched {
        let pages = staging::decode(session, *unit, open, |_| Stamps::default())?;
        if pages.iter().any(|page| !page.rows.is_empty()) {
            return Ok(());
        }
    }
    let what =
        format!("{}: Gong gives no row in the new period, where there were {before}; the old files stay", entity.name);
    Err(Trouble::Failed(Error::new(Kind::Vendor, what).hint("if this is right, add --accept-shrink")))
}

/// Removes the objects that a replacement has left, also one that was cut off, and files that lost their call.
pub async fn remove_discarded(session: &Session) -> Result<()> {
    for path in session.ledger.discarded()? {
        session.store.remove(&path).await?;
        failpoint::reached(failpoint::DISCARDED);
        session.ledger.forget_discarded(&path)?;
    }
    Ok(())
}

/// Forgets begun units of a period that is no longer wanted: their days are on disk in another one, and nothing of them was written.
pub fn forget_begun(session: &Session) -> Result<()> {
    let rules = super::planning::rules(session);
    for open in session.ledger.open_units()? {
        let (Some(entity), Some(window)) = (session.catalog.get(&open.entity), open.span.window()) else { continue };
        let unwanted = entity.is_period() && periods::period_of(window.from, rules.period_of(entity)) != window;
        if unwanted && super::planning::is_overlapped(&session.ledger.units()?, &open) {
            session.ledger.abandon(open.id)?;
        }
    }
    Ok(())
}
