//! One window of the calls family: the listing, then details and transcripts by its ids, read together and committed one by one.
//!
//! By id, because the vendor's date filters do not select the same calls on the three endpoints (API reference, 2.5 and 3.1).

use std::collections::HashMap;

use arrow::array::{Array, TimestampMicrosecondArray};
use chrono::DateTime;

use super::children::{self, Calls};
use super::details::{self, Through};
use super::land::{self, Landed, Landing};
use super::part::{LIST, Listed, Part};
use super::session::Session;
use super::trouble::Trouble;
use super::{guard, media};
use crate::decode::{Decoded, Stamps};
use crate::entity::spec::Read;
use crate::plan::grid::MOST_ROWS;
use crate::source::Inputs;
use crate::state::{ListedCall, OpenUnit};
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
    let listed = match &family.parent {
        None => session.ledger.listing(family.window).map(|listing| (listing, None)).map_err(Trouble::from),
        Some(parent) => match list(session, *parent, &family).await {
            Ok(Ok(read)) => Ok((listing(&read.pages), Some(read))),
            Ok(Err(total)) => {
                done.cut = Some(total);
                return done;
            }
            Err(trouble) => Err(trouble),
        },
    };
    let (listing, parent) = match listed {
        Ok(listed) => listed,
        Err(trouble) => {
            done.units = fail_all(&family, trouble);
            return done;
        }
    };
    let mut children = family.children.clone();
    if let Some(parent) = &parent
        && !family.if_changed.is_empty()
    {
        match differs(session, parent.unit, &parent.pages) {
            Ok(true) => {
                for unit in &family.if_changed {
                    session.tally.entity(&unit.entity.name, |e| e.units.planned += 1);
                }
                children.extend(&family.if_changed);
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

/// Reads what the new listing made due and nobody asked for: a call that turned private leaves all its tables, and its files, at once.
async fn relatives_due(session: &Session, parent: Unit, window: Window, read: &[Unit], done: &mut Done) {
    let relatives = session.catalog.all().filter(|e| e.parent() == Some(&parent.entity.name));
    let units = relatives.map(|entity| unit_of(entity, window));
    let is_due = |unit: &Unit| session.ledger.unit(*unit).ok().flatten().is_some_and(|row| row.due.is_some());
    let others = units.filter(|unit| !read.iter().any(|r| r.entity.name == unit.entity.name));
    let due: Vec<Unit> = others.filter(is_due).collect();
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

/// A listing that was read and has not landed.
struct Parent {
    unit: Unit,
    open: OpenUnit,
    pages: Vec<Decoded>,
    /// The child that came with it.
    with: Option<Unit>,
}

/// Fetches the listing; `Err(total)` inside if the window must be cut.
async fn list(session: &Session, unit: Unit, family: &Family) -> Result<Result<Parent, u64>, Trouble> {
    let open = land::begin(session, unit)?;
    let window = family.window;
    // The day in progress is read up to the unit's now.
    let until = window.ends_at(chrono_tz::UTC).min(open.read_at);
    let named = session.workspace(unit.entity).map(|id| ("workspaceId".to_owned(), id.into()));
    let inputs = Inputs {
        instants: Some((window.starts_at(chrono_tz::UTC), until)),
        named: named.into_iter().collect(),
        subject: unit.to_string(),
        ..Inputs::default()
    };
    let most = (family.may_cut && window.days() > 1).then_some(MOST_ROWS);
    let mut with = details::lister(session, family);
    let through = match with {
        Some(child) => details::list(session, (unit, &open), child, inputs.clone(), most).await?,
        None => Through::Refused,
    };
    let listed = match through {
        Through::Listed(listed) => listed,
        Through::Refused => {
            with = None;
            Part { session, unit, open: &open, name: LIST.to_owned(), inputs }.fetch(most).await?
        }
    };
    if let Listed::TooMany(total) = listed {
        // Nothing was written under this window yet, so its intent can go.
        session.ledger.abandon(open.id)?;
        return Ok(Err(total));
    }
    let pages = land::decode(session, unit, &open, |_| Stamps::default())?;
    Ok(Ok(Parent { unit, open, pages, with }))
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

/// The calls of a listing, each once, in its order.
fn listing(pages: &[Decoded]) -> Vec<ListedCall> {
    let mut calls: Vec<ListedCall> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for page in pages {
        let started = page.batch.column_by_name("started");
        let started = started.and_then(|c| c.as_any().downcast_ref::<TimestampMicrosecondArray>());
        for (row, facts) in page.rows.iter().enumerate() {
            let Some(id) = &facts.id else { continue };
            let micros = started.filter(|s| s.is_valid(row)).map(|s| s.value(row));
            let call = ListedCall {
                id: id.clone(),
                started: micros.and_then(DateTime::from_timestamp_micros),
                private: facts.private,
            };
            match places.get(id) {
                Some(&at) => calls[at] = call,
                None => {
                    places.insert(id.clone(), calls.len());
                    calls.push(call);
                }
            }
        }
    }
    calls
}

/// True if the listing holds other rows than the object on disk.
fn differs(session: &Session, unit: Unit, pages: &[Decoded]) -> Result<bool, Trouble> {
    let before = session.ledger.unit(unit)?;
    Ok(before.is_none_or(|before| before.digest != guard::listing_digest(session, pages)))
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
