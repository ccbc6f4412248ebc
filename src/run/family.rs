//! One window of the calls family: the listing, then details and transcripts by its ids, read together and committed one by one.
//!
//! By id, because the vendor's date filters do not select the same calls on the three endpoints (API reference, 2.5 and 3.1).

use std::collections::{BTreeMap, HashMap, HashSet};

use arrow::array::{Array, TimestampMicrosecondArray};
use chrono::DateTime;

use super::land::{self, Landed, Landing};
use super::part::{LIST, Listed, Part};
use super::session::Session;
use super::trouble::Trouble;
use super::{batches, guard, media};
use crate::decode::{Decoded, Stamps};
use crate::entity::spec::Read;
use crate::plan::grid::MOST_ROWS;
use crate::source::Inputs;
use crate::state::{ListedCall, Missing, OpenUnit};
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

/// What was fetched of one child.
struct Fetched {
    unit: Unit,
    open: OpenUnit,
    refused: Vec<Missing>,
}

/// Reads one window of the family.
pub async fn read(session: &Session, family: Family) -> Done {
    let mut done = Done { units: Vec::new(), cut: None };
    let listed = match &family.parent {
        None => session.ledger.listing(family.window).map(|listing| (listing, None)).map_err(Trouble::from),
        Some(parent) => match list(session, *parent, family.may_cut).await {
            Ok(Ok((open, pages))) => Ok((listing(&pages), Some((*parent, open, pages)))),
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
    if let Some((unit, _, pages)) = &parent
        && !family.if_changed.is_empty()
    {
        match differs(session, *unit, pages) {
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
    follow(session, &mut done, listing, parent, &children).await;
    done
}

/// Fetches the listing; `Err(total)` inside if the window must be cut.
async fn list(session: &Session, unit: Unit, may_cut: bool) -> Result<Result<(OpenUnit, Vec<Decoded>), u64>, Trouble> {
    let open = land::begin(session, unit)?;
    let Some(window) = unit.span.window() else { return Ok(Ok((open, Vec::new()))) };
    // The day in progress is read up to the unit's now.
    let until = window.ends_at(chrono_tz::UTC).min(open.read_at);
    let named = session.workspace(unit.entity).map(|id| ("workspaceId".to_owned(), id.into()));
    let inputs = Inputs {
        instants: Some((window.starts_at(chrono_tz::UTC), until)),
        named: named.into_iter().collect(),
        subject: unit.to_string(),
        ..Inputs::default()
    };
    let most = (may_cut && window.days() > 1).then_some(MOST_ROWS);
    let part = Part { session, unit, open: &open, name: LIST.to_owned(), inputs };
    if let Listed::TooMany(total) = part.fetch(most).await? {
        // Nothing was written under this window yet, so its intent can go.
        session.ledger.abandon(open.id)?;
        return Ok(Err(total));
    }
    let pages = land::decode(session, unit, &open, |_| Stamps::default())?;
    Ok(Ok((open, pages)))
}

/// Fetches and lands children, with the parent landed before them.
async fn follow(
    session: &Session,
    done: &mut Done,
    listing: Vec<ListedCall>,
    parent: Option<(Unit, OpenUnit, Vec<Decoded>)>,
    children: &[Unit],
) {
    let include_private = session.config.sync.include_private;
    let mut private: HashSet<String> =
        listing.iter().filter(|c| c.private && !include_private).map(|c| c.id.clone()).collect();
    let ids: Vec<String> = listing.iter().filter(|c| !private.contains(&c.id)).map(|c| c.id.clone()).collect();
    let unasked = private.len() as u64;
    let (files, children): (Vec<Unit>, Vec<Unit>) =
        children.iter().partition(|unit| matches!(unit.entity.read, Read::Media { .. }));
    let fetches = children.iter().map(|unit| fetch(session, *unit, &ids));
    let fetched: Vec<(Unit, Result<Fetched, Trouble>)> =
        children.iter().copied().zip(futures::future::join_all(fetches).await).collect();
    // The semaphore is never closed.
    let one = session.landing.acquire().await;
    let stamps = land::call_stamps(&listing);
    let mut decoded: Vec<(Unit, Result<(Fetched, Vec<Decoded>), Trouble>)> = Vec::new();
    for (unit, fetched) in fetched {
        let pages =
            fetched.and_then(|f| land::decode(session, unit, &f.open, |_| stamps.clone()).map(|pages| (f, pages)));
        decoded.push((unit, pages));
    }
    // Details may say of a call that it has turned private since it was listed: then it leaves all three at once.
    for (_, read) in &decoded {
        let Ok((_, pages)) = read else { continue };
        let rows = pages.iter().flat_map(|page| &page.rows);
        private.extend(rows.filter(|row| row.private && !include_private).filter_map(|row| row.id.clone()));
    }
    if let Some((unit, open, pages)) = parent {
        let listing = listing.iter().map(|c| ListedCall { private: c.private || private.contains(&c.id), ..c.clone() });
        let listing: Vec<ListedCall> = listing.collect();
        let landing = Landing { private: private.clone(), listing: Some(&listing), ..Landing::default() };
        let landed = land::land(session, unit, &open, pages, landing).await;
        let committed = matches!(landed, Ok(Landed::Committed));
        done.units.push((unit, landed.map(|_| ())));
        if !committed {
            // Without a believed listing its children mean nothing.
            done.units.extend(decoded.iter().map(|(unit, read)| (*unit, forget(session, read))));
            done.units.extend(files.into_iter().map(|unit| (unit, Err(Trouble::Stopped))));
            return;
        }
    }
    let asked: HashSet<String> = ids.iter().cloned().collect();
    for (unit, read) in decoded {
        let landed = match read {
            Err(trouble) => Err(trouble),
            Ok((fetched, pages)) => {
                let missing = missing(session, &fetched, &ids, &pages);
                let landing =
                    Landing { asked: Some(&asked), private: private.clone(), missing, unasked, ..Landing::default() };
                land::land(session, fetched.unit, &fetched.open, pages, landing).await.map(|_| ())
            }
        };
        done.units.push((unit, landed));
    }
    // Downloads take their time; others may decode meanwhile.
    drop(one);
    let readable: Vec<ListedCall> = listing.into_iter().filter(|call| !private.contains(&call.id)).collect();
    for unit in files {
        let read = if session.tally.is_refused(&unit.entity.name) {
            Err(Trouble::Stopped)
        } else {
            media::read(session, unit, &readable).await
        };
        done.units.push((unit, read));
    }
}

/// Drops what was fetched for a listing that did not land.
fn forget(session: &Session, read: &Result<(Fetched, Vec<Decoded>), Trouble>) -> Result<(), Trouble> {
    if let Ok((fetched, _)) = read {
        session.ledger.abandon(fetched.open.id)?;
    }
    Err(Trouble::Stopped)
}

async fn fetch(session: &Session, unit: Unit, ids: &[String]) -> Result<Fetched, Trouble> {
    if session.tally.is_refused(&unit.entity.name) {
        return Err(Trouble::Stopped);
    }
    let open = land::begin(session, unit)?;
    let refused = batches::fetch(session, unit, &open, ids).await?;
    Ok(Fetched { unit, open, refused })
}

/// Ids that were asked and did not come, with the date since when.
fn missing(session: &Session, fetched: &Fetched, ids: &[String], pages: &[Decoded]) -> Vec<Missing> {
    let came: HashSet<&str> = pages.iter().flat_map(|p| &p.rows).filter_map(|row| row.id.as_deref()).collect();
    let refused: HashMap<&str, &Missing> = fetched.refused.iter().map(|m| (m.id.as_str(), m)).collect();
    let before = session.ledger.missing_of(&fetched.unit.entity.name, fetched.unit.span).unwrap_or_default();
    let since: BTreeMap<&str, _> = before.iter().map(|m| (m.id.as_str(), m.since)).collect();
    let absent = ids.iter().filter(|id| !came.contains(id.as_str()));
    let one = |id: &String| {
        let reason = refused.get(id.as_str()).map_or("not given by Gong (yet)", |m| &m.reason);
        let since = since.get(id.as_str()).copied().unwrap_or(fetched.open.read_at);
        Missing { id: id.clone(), reason: reason.to_owned(), since }
    };
    absent.map(one).collect()
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
