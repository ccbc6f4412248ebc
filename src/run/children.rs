//! What is read by the ids of a window's calls: asked in batches, decoded together, landed one by one.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::batches;
use super::land::{self, Landing};
use super::part::LIST;
use super::session::Session;
use super::staging;
use super::trouble::Trouble;
use crate::decode::{Decoded, Stamps};
use crate::state::{ListedCall, Missing, OpenUnit};
use crate::unit::Unit;

/// Why a settled unit is read once more: ids on which the vendor failed are asked alone.
pub const FAILED_IDS: &str = "Gong failed on some ids";
/// Why an id is missing: its window is read again, and it may come then.
const NOT_GIVEN: &str = "not given by Gong (yet)";
/// Why an id is missing: it did not come by the last age.
const NEVER_GIVEN: &str = "not given by Gong by the last age";

/// The calls of a window, and which of them may be read.
pub struct Calls {
    listing: Vec<ListedCall>,
    /// Ids that are asked, in the order of the listing.
    ids: Vec<String>,
    /// Ids of private calls, unless they are wanted.
    pub private: HashSet<String>,
    include_private: bool,
    /// The child that came with the listing: nothing more is asked of it.
    with: Option<Unit>,
    unasked: u64,
}

impl Calls {
    /// Calls as they were listed, `with` the details of each or without; private ones are not asked for unless they are wanted.
    pub fn new(listing: Vec<ListedCall>, include_private: bool, with: Option<Unit>) -> Calls {
        let hidden = |call: &&ListedCall| call.private && !include_private;
        let private: HashSet<String> = listing.iter().filter(hidden).map(|call| call.id.clone()).collect();
        let ids = listing.iter().map(|call| call.id.clone()).filter(|id| !private.contains(id)).collect();
        let unasked = private.len() as u64;
        Calls { listing, ids, private, include_private, with, unasked }
    }

    fn came_with(&self, unit: Unit) -> bool {
        self.with.is_some_and(|with| with.entity.name == unit.entity.name)
    }

    /// The listing with what the details said of privacy since.
    pub fn listing_as_known(&self) -> Vec<ListedCall> {
        let known = |c: &ListedCall| ListedCall { private: c.private || self.private.contains(&c.id), ..c.clone() };
        self.listing.iter().map(known).collect()
    }

    /// The calls that may be read.
    pub fn readable(&self) -> Vec<ListedCall> {
        self.listing.iter().filter(|call| !self.private.contains(&call.id)).cloned().collect()
    }
}

/// What was fetched of one child.
pub struct Fetched {
    open: OpenUnit,
    refused: Vec<Missing>,
}

/// A child and what came of its reading.
pub type Read<T> = (Unit, Result<T, Trouble>);

/// Asks for every child of the window, all at once.
pub async fn fetch(session: &Session, units: &[&Unit], calls: &Calls) -> Vec<Read<Fetched>> {
    let fetches = units.iter().map(|unit| fetch_one(session, **unit, calls));
    units.iter().map(|unit| **unit).zip(futures::future::join_all(fetches).await).collect()
}

async fn fetch_one(session: &Session, unit: Unit, calls: &Calls) -> Result<Fetched, Trouble> {
    if session.tally.is_refused(&unit.entity.name) {
        return Err(Trouble::Stopped);
    }
    let open = land::begin(session, unit)?;
    if calls.came_with(unit) {
        return Ok(Fetched { open, refused: Vec::new() });
    }
    // What an earlier run listed through the details is not what is asked by id.
    if staging::index(session, &open)?.iter().any(|page| page.part == LIST) {
        staging::unstage(session, &open, LIST)?;
    }
    let refused = batches::fetch(session, unit, &open, &calls.ids).await?;
    Ok(Fetched { open, refused })
}

/// Decodes what came. Details may say of a call that it has turned private since it was listed: then it leaves all tables at once.
pub fn decode(session: &Session, fetched: Vec<Read<Fetched>>, calls: &mut Calls) -> Vec<Read<(Fetched, Vec<Decoded>)>> {
    let stamps = call_stamps(&calls.listing);
    let mut decoded = Vec::new();
    for (unit, fetched) in fetched {
        let pages =
            fetched.and_then(|f| staging::decode(session, unit, &f.open, |_| stamps.clone()).map(|pages| (f, pages)));
        if let Ok((_, pages)) = &pages {
            let rows = pages.iter().flat_map(|page| &page.rows).filter(|row| row.private && !calls.include_private);
            calls.private.extend(rows.filter_map(|row| row.id.clone()));
        }
        decoded.push((unit, pages));
    }
    decoded
}

/// Lands the children, one by one.
pub async fn land(session: &Session, decoded: Vec<Read<(Fetched, Vec<Decoded>)>>, calls: &Calls) -> Vec<Read<()>> {
    let asked: HashSet<String> = calls.ids.iter().cloned().collect();
    let mut done = Vec::new();
    for (unit, read) in decoded {
        let landed = match read {
            Err(trouble) => Err(trouble),
            Ok((fetched, pages)) => match missing(session, unit, &fetched, &calls.ids, &pages) {
                Err(trouble) => Err(trouble),
                Ok(missing) => land_one(session, unit, &fetched, pages, calls, (&asked, missing)).await,
            },
        };
        done.push((unit, landed));
    }
    done
}

async fn land_one(
    session: &Session,
    unit: Unit,
    fetched: &Fetched,
    pages: Vec<Decoded>,
    calls: &Calls,
    (asked, missing): (&HashSet<String>, Vec<Missing>),
) -> Result<(), Trouble> {
    let private = calls.private.clone();
    // What came with the listing holds the private calls too, to be left out and counted as rows.
    let (asked, unasked) = match calls.came_with(unit) {
        true => (None, 0),
        false => (Some(asked), calls.unasked),
    };
    let due = once_more(session, unit, &fetched.open, &missing);
    let landing = Landing { asked, private, missing, unasked, due, ..Landing::default() };
    land::land(session, unit, &fetched.open, pages, landing).await.map(|_| ())
}

/// Why a unit is read once more, if the vendor failed for the first time on an id, at the last reading by age: it may have been a bad hour.
pub fn once_more(session: &Session, unit: Unit, open: &OpenUnit, missing: &[Missing]) -> Option<&'static str> {
    let is_new = |m: &Missing| batches::is_refused(m) && m.since == open.read_at;
    (land::is_settled(session, unit, open) && missing.iter().any(is_new)).then_some(FAILED_IDS)
}

/// Drops what was fetched for a listing that did not land.
pub fn forget(session: &Session, decoded: Vec<Read<(Fetched, Vec<Decoded>)>>) -> Vec<Read<()>> {
    let drop_one = |read: Result<(Fetched, Vec<Decoded>), Trouble>| {
        if let Ok((fetched, _)) = read {
            session.ledger.abandon(fetched.open.id)?;
            session.held.forget(&fetched.open);
        }
        Err(Trouble::Stopped)
    };
    decoded.into_iter().map(|(unit, read)| (unit, drop_one(read))).collect()
}

/// Ids that were asked and did not come, with the date since when.
fn missing(
    session: &Session,
    unit: Unit,
    fetched: &Fetched,
    ids: &[String],
    pages: &[Decoded],
) -> Result<Vec<Missing>, Trouble> {
    let came: HashSet<&str> = pages.iter().flat_map(|p| &p.rows).filter_map(|row| row.id.as_deref()).collect();
    let refused: HashMap<&str, &Missing> = fetched.refused.iter().map(|m| (m.id.as_str(), m)).collect();
    let before = session.ledger.missing_of(&unit.entity.name, unit.span)?;
    let since: BTreeMap<&str, _> = before.iter().map(|m| (m.id.as_str(), m.since)).collect();
    let absent = ids.iter().filter(|id| !came.contains(id.as_str()));
    let not_given = not_given(session, unit, &fetched.open);
    let one = |id: &String| {
        let reason = refused.get(id.as_str()).map_or(not_given, |m| &m.reason);
        let since = since.get(id.as_str()).copied().unwrap_or(fetched.open.read_at);
        Missing { id: id.clone(), reason: reason.to_owned(), since }
    };
    Ok(absent.map(one).collect())
}

/// Why an id is missing that was asked for and not named.
pub fn not_given(session: &Session, unit: Unit, open: &OpenUnit) -> &'static str {
    if land::is_settled(session, unit, open) { NEVER_GIVEN } else { NOT_GIVEN }
}

/// The stamps of rows whose date is their call's.
fn call_stamps(listing: &[ListedCall]) -> Stamps {
    let call_started = listing.iter().filter_map(|call| Some((call.id.clone(), call.started?))).collect();
    Stamps { call_started, ..Stamps::default() }
}
