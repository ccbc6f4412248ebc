//! The ledger against the vendor: does Gong still count as many records for a settled window as were read.

use super::planning::rules;
use super::session::Session;
use super::trouble::{Trouble, judge, stop_for};
use super::verify::of_source;
use crate::entity::Entity;
use crate::entity::spec::Read;
use crate::error::Result;
use crate::plan::due;
use crate::report::Finding;
use crate::source::{Inputs, Reply, build};
use crate::state::UnitRow;
use crate::unit::{Unit, Window};

/// Asks for the first page of each settled window, newest first, and compares the vendor's total. Returns how many windows were
/// compared. Ends early, without an error, when the run is stopped or the quota is used up.
///
/// # Errors
/// Failures of the ledger, refused credentials.
pub async fn verify_source(session: &Session) -> Result<(u64, Vec<Finding>)> {
    let rules = rules(session);
    let mut units = session.ledger.units()?;
    units.sort_by_key(|unit| std::cmp::Reverse(unit.span));
    let (mut compared, mut findings) = (0, Vec::new());
    for row in &units {
        let Some((entity, window)) = counted(session, row) else { continue };
        let ends = window.ends_at(rules.zone_of(entity));
        if session.tally.is_refused(&entity.name) || !due::settled(ends, row.read_at, rules.ages_of(entity)) {
            continue;
        }
        match total(session, entity, window).await {
            Ok(Some(total)) => {
                compared += 1;
                findings.extend(of_source(row, total));
            }
            Ok(None) => {}
            Err(Trouble::Stopped) => {
                let what = format!("the comparison with Gong ended early, after {compared} windows");
                session.tally.warn(what);
                break;
            }
            Err(Trouble::NotPermitted(error)) => {
                session.tally.refuse(&entity.name);
                session.tally.warn(super::with_hint(&error));
            }
            Err(Trouble::Failed(error)) => session.tally.warn(super::with_hint(&error)),
            Err(Trouble::Fatal(error)) => {
                stop_for(session, &Trouble::Stopped);
                return Err(error);
            }
        }
    }
    Ok((compared, findings))
}

/// The entity and window of a unit that is one listing with a total of rows.
fn counted(session: &Session, row: &UnitRow) -> Option<(&'static Entity, Window)> {
    let entity = session.catalog.get(&row.entity)?;
    let listing = matches!(entity.read, Read::Window { .. }) && entity.page.explode.is_none();
    let counts = listing && entity.page.total.is_some();
    row.span.window().filter(|_| counts).map(|window| (entity, window))
}

/// The vendor's total of one window, `None` if it gives none; one request.
pub async fn total(
    session: &Session,
    entity: &'static Entity,
    window: Window,
) -> std::result::Result<Option<u64>, Trouble> {
    let zone = rules(session).zone_of(entity);
    let named = session.workspace(entity).map(|id| ("workspaceId".to_owned(), id.into()));
    let unit = Unit { entity, span: crate::unit::Span::Window(window) };
    let inputs = Inputs {
        instants: Some((window.starts_at(zone), window.ends_at(zone))),
        days: Some((window.from, window.to)),
        named: named.into_iter().collect(),
        subject: format!("{unit}, its total"),
        ..Inputs::default()
    };
    let reply = session.source.ask(entity, &build(entity, &inputs, None), false).await;
    match reply {
        Ok(Reply::Page(page)) => Ok(page.total),
        Ok(Reply::Empty) => Ok(Some(0)),
        Ok(Reply::CursorDead(_)) => Ok(None),
        Err(failure) => Err(judge(session, unit, failure).await),
    }
}
