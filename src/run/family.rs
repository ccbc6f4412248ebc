//! One window of the calls family: the listing, then details and transcripts by its ids, read together and committed one by one.
//!
//! By id, because the vendor's date filters do not select the same calls on the three endpoints (API reference, 2.5 and 3.1).

use super::children::{self, Calls};
use super::land::{self, Landed, Landing};
use super::listing::{Look, Parent, calls_of, differs, look};
use super::media;
use super::session::Session;
use super::sight::{self, HeldBack};
use super::trouble::Trouble;
use crate::entity::spec::Read;
use crate::state::{ListedCall, NEW_CALLS};
use crate::unit::{Span, Unit, Window};

/// The window's units that are read, the listing first if it is among them.
pub struct Family {
    /// The window.
    pub window: Window,
    /// The listing, unless only its children are read.
    pub parent: Option<Unit>,
    /// What is read by id.
    pub children: Vec<Unit>,
    /// Only look whether the listing has changed; these are read if it has.
    pub if_changed: Vec<Unit>,
    /// The window may be cut if it holds too much.
    pub may_cut: bool,
    /// An empty listing is believed.
    pub believed: bool,
    /// It may be asked for together with the days beside it, to see whether it holds anything.
    pub may_join: bool,
    /// The answer over all days together told that it is empty; it is staged so.
    pub told_empty: bool,
}

/// What became of a family.
pub struct Done {
    /// By unit, in the order of committing.
    pub units: Vec<(Unit, Result<(), Trouble>)>,
    /// The window holds so many rows that it must be cut.
    pub cut: Option<u64>,
}

/// Reads one window of the family.
pub async fn read(session: &Session, family: Family) -> Done {
    let mut done = Done { units: Vec::new(), cut: None };
    let looked = match family.parent {
        None if is_orphaned(session, &family) => {
            done.units.extend(abandon(session, &family).err().map(|trouble| (family.children[0], Err(trouble))));
            return done;
        }
        None => session.ledger.listing(family.window).map(Look::Known).map_err(Trouble::from),
        Some(parent) => look(session, parent, &family).await,
    };
    let (listing, parent) = match looked {
        Ok(Look::Known(listing)) => (listing, None),
        Ok(Look::Listed(parent)) => (calls_of(&parent.pages), Some(*parent)),
        Ok(Look::TooMany(total)) => {
            done.cut = Some(total);
            return done;
        }
        Ok(Look::Doubted { unit, open_ids, lost, again }) => {
            session.sight.hold(HeldBack { family, unit, open_ids, lost, again });
            let relieved = sight::relieve(session).await;
            done.units.extend(relieved.err().map(|trouble| (unit, Err(trouble))));
            return done;
        }
        Err(trouble) => {
            done.units = fail_all(&family, trouble);
            return done;
        }
    };
    session.under_way.listed(family.window, &listing);
    let mut children = family.children.clone();
    if let Some(parent) = &parent
        && !family.if_changed.is_empty()
    {
        match differs(session, parent.unit, &parent.pages) {
            Ok(true) => {
                // One that is due by itself is read already.
                let is_planned = |unit: &&Unit| family.children.iter().any(|c| c.entity.name == unit.entity.name);
                for unit in family.if_changed.iter().filter(|unit| !is_planned(unit)) {
                    session.tally.entity(&unit.entity.name, |e| e.units.planned += 1);
                    children.push(*unit);
                }
            }
            Ok(false) => {}
            Err(trouble) => {
                done.units = fail_all(&family, trouble);
                return done;
            }
        }
    }
    let asked = parent.as_ref().map(|parent| parent.unit);
    follow(session, &mut done, listing, parent, &children).await;
    if let Some(parent) = asked {
        relatives_due(session, parent, family.window, &children, &mut done).await;
    }
    done
}

/// True if children are read alone whose listing was never committed: by its ids there is nothing to ask.
fn is_orphaned(session: &Session, family: &Family) -> bool {
    let Some(parent) = family.children.first().and_then(|child| session.catalog.get(child.entity.parent()?)) else {
        return false;
    };
    matches!(session.ledger.unit(unit_of(parent, family.window)), Ok(None))
}

/// Forgets children that were begun under a window that is none any more.
fn abandon(session: &Session, family: &Family) -> Result<(), Trouble> {
    for open in session.ledger.open_units()? {
        if family.children.iter().any(|child| child.entity.name == open.entity && child.span == open.span) {
            session.ledger.abandon(open.id)?;
        }
    }
    Ok(())
}

/// Reads what the new listing made due and nobody asked for: a call that turned private leaves all its tables, and its files, at once.
async fn relatives_due(session: &Session, parent: Unit, window: Window, read: &[Unit], done: &mut Done) {
    let relatives = session.catalog.all().filter(|e| e.parent() == Some(&parent.entity.name));
    let units = relatives.map(|entity| unit_of(entity, window));
    let others = units.filter(|unit| !read.iter().any(|r| r.entity.name == unit.entity.name));
    let mut due = Vec::new();
    for unit in others {
        match session.ledger.unit(unit) {
            Ok(row) if row.as_ref().is_some_and(|row| row.due.as_deref().is_some_and(|why| why != NEW_CALLS)) => {
                due.push(unit);
            }
            Ok(_) => {}
            Err(error) => return done.units.push((unit, Err(error.into()))),
        }
    }
    if due.is_empty() || session.stop.reason().is_some() {
        return;
    }
    for unit in &due {
        session.tally.entity(&unit.entity.name, |e| e.units.planned += 1);
    }
    match session.ledger.listing(window) {
        Ok(listing) => follow(session, done, listing, None, &due).await,
        Err(error) => done.units.push((parent, Err(error.into()))),
    }
}

/// Fetches and lands children, with the parent landed before them.
async fn follow(
    session: &Session,
    done: &mut Done,
    listing: Vec<ListedCall>,
    parent: Option<Parent>,
    children: &[Unit],
) {
    let with = parent.as_ref().and_then(|parent| parent.with);
    let mut calls = Calls::new(listing, session.config.sync.include_private, with);
    let is_media = |unit: &&Unit| matches!(unit.entity.read, Read::Media { .. });
    let (files, children): (Vec<&Unit>, Vec<&Unit>) = children.iter().partition(is_media);
    let fetched = children::fetch(session, &children, &calls).await;
    // The semaphore is never closed.
    let one = session.landing.acquire().await;
    let decoded = children::decode(session, fetched, &mut calls);
    if let Some(Parent { unit, open, pages, .. }) = parent {
        let listing = calls.listing_as_known();
        let landing = Landing { private: calls.private.clone(), listing: Some(&listing), ..Landing::default() };
        let landed = land::land(session, unit, &open, pages, landing).await;
        let committed = matches!(landed, Ok(Landed::Committed));
        done.units.push((unit, landed.map(|_| ())));
        if !committed {
            // Without a believed listing its children mean nothing.
            done.units.extend(children::forget(session, decoded));
            done.units.extend(files.into_iter().map(|unit| (*unit, Err(Trouble::Stopped))));
            return;
        }
    }
    done.units.extend(children::land(session, decoded, &calls).await);
    // Downloads take their time; others may decode meanwhile.
    drop(one);
    let readable = calls.readable();
    for unit in files {
        let refused = session.tally.is_refused(&unit.entity.name);
        let read = if refused { Err(Trouble::Stopped) } else { media::read(session, *unit, &readable).await };
        done.units.push((*unit, read));
    }
}

/// The listing failed: its children cannot be read either.
fn fail_all(family: &Family, trouble: Trouble) -> Vec<(Unit, Result<(), Trouble>)> {
    let first = family.parent.or(family.children.first().copied());
    let mut units: Vec<(Unit, Result<(), Trouble>)> = Vec::new();
    let rest = family
        .parent
        .iter()
        .chain(&family.children)
        .filter(|unit| Some(unit.entity.name.as_str()) != first.map(|f| f.entity.name.as_str()));
    let rest: Vec<Unit> = rest.copied().collect();
    units.extend(first.map(|unit| (unit, Err(trouble))));
    units.extend(rest.into_iter().map(|unit| (unit, Err(Trouble::Stopped))));
    units
}

/// The unit of a window.
pub fn unit_of(entity: &'static crate::entity::Entity, window: Window) -> Unit {
    Unit { entity, span: Span::Window(window) }
}
