//! Backfills: what they ask for, how they go on in later runs, and what of them is left to nobody.

use super::planning::{is_overlapped, selected};
use super::session::Session;
use super::{land, members};
use crate::config::Config;
use crate::entity::{Catalog, Entity};
use crate::error::Result;
use crate::plan::{Ask, AskKind, Planned, Reason};
use crate::state::{Backfill, Ledger};
use crate::unit::Window;

/// What `backfill` asks for, with the lists of the catalog that it goes over.
pub fn ask_backfill(
    catalog: &'static Catalog,
    entities: Vec<&'static Entity>,
    range: Window,
    force: Option<Forced>,
) -> Ask {
    let goes_over =
        |list: &Entity| entities.iter().any(|e| e.each().iter().any(|fan| members::source_of(fan) == list.name));
    let lists = catalog.all().filter(|list| list.is_snapshot() && goes_over(list)).collect();
    let kind = if force.is_some() { AskKind::Force } else { AskKind::Backfill };
    Ask { entities, range, kind, lists, forced_since: force.and_then(|forced| forced.since) }
}

/// The run that began the forced backfill that is asked for, if it is not finished.
///
/// # Errors
/// Failures of the ledger.
pub fn forced_since(ledger: &Ledger, ask: &Ask) -> Result<Option<String>> {
    let same = |known: &Backfill| known.window == ask.range && known.entities == names(ask);
    let known = if ask.kind == AskKind::Force { ledger.backfills()? } else { Vec::new() };
    Ok(known.into_iter().filter(same).find_map(|known| known.forced_by))
}

/// Names of the entities that are asked for.
pub fn names(ask: &Ask) -> Vec<String> {
    ask.entities.iter().map(|entity| entity.name.clone()).collect()
}

/// What an unfinished backfill asks for.
pub fn ask_again(catalog: &'static Catalog, backfill: &Backfill) -> Ask {
    let forced = backfill.forced_by.clone().map(|since| Forced { since: Some(since) });
    ask_backfill(catalog, selected(catalog, &backfill.entities), backfill.window, forced)
}

/// A backfill that reads again what is covered.
#[derive(Debug, Clone, Default)]
pub struct Forced {
    /// The run that began it, if it goes on: what was committed since is done.
    pub since: Option<String>,
}

/// True for what `sync` reads of an unfinished backfill: what it has begun, which is paid for in part, and the rest if the settings say so.
pub fn goes_on(config: &Config, backfill: &Backfill, one: &Planned) -> bool {
    let its_own = one.unit.span.window().is_some_and(|window| window.overlaps(&backfill.window));
    if one.reason == Reason::Begun {
        return its_own && backfill.entities.contains(&one.unit.entity.name);
    }
    config.sync.continue_backfills
}

/// Forgets what a backfill of earlier days has begun and nobody went on with for a day: its answers are too old to be used.
///
/// # Errors
/// Failures of the ledger.
pub fn forget_stale(session: &Session, ask: &Ask) -> Result<()> {
    let units = session.ledger.units()?;
    for open in session.ledger.open_units()? {
        let is_earlier = open.span.window().is_some_and(|window| window.to <= ask.range.from);
        let is_stale = session.now - open.read_at > land::longest_staged();
        let is_left = ask.kind == AskKind::Sync && is_earlier && is_stale && !open.written && !open.replaces;
        if is_left && !is_overlapped(&units, &open) {
            session.ledger.abandon(open.id)?;
        }
    }
    Ok(())
}
