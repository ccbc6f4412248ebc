//! The listing that a family begins with: asked for, or doubted when it is empty.

use std::collections::HashMap;

use arrow::array::{Array, TimestampMicrosecondArray};
use chrono::{DateTime, Utc};

use super::details::{self, Through};
use super::family::Family;
use super::part::{LIST, Listed, Part};
use super::session::Session;
use super::trouble::Trouble;
use super::{company, guard, land, sight, staging};
use crate::decode::{Decoded, Stamps};
use crate::plan::grid::MOST_ROWS;
use crate::source::Inputs;
use crate::state::{ListedCall, OpenUnit};
use crate::unit::{Unit, Window};

/// A listing that was read and has not landed.
pub struct Parent {
    /// The unit.
    pub unit: Unit,
    /// Its row of open units.
    pub open: OpenUnit,
    /// What came.
    pub pages: Vec<Decoded>,
    /// The child that came with it.
    pub with: Option<Unit>,
}

/// What a family begins with.
pub enum Look {
    /// The committed listing: only children are read.
    Known(Vec<ListedCall>),
    /// A listing that was read just now.
    Listed(Box<Parent>),
    /// The window holds so many rows that it must be cut.
    TooMany(u64),
    /// The listing is empty, and the credentials may be why.
    Doubted {
        /// The listing.
        unit: Unit,
        /// Its row of open units, and the one of the child that it came through.
        open_ids: Vec<i64>,
        /// Calls that the reading before had.
        lost: u64,
        /// An earlier run held it back, too.
        again: bool,
    },
}

/// Fetches the listing.
pub async fn look(session: &Session, unit: Unit, family: &Family) -> Result<Look, Trouble> {
    let open = land::begin(session, unit)?;
    let mut with = details::lister(session, family);
    let through = with.map(|child| land::begin(session, child)).transpose()?;
    let (mut kept, mut doubtful) = (false, false);
    for begun in through.iter().chain([&open]).filter(|_| !family.believed && !family.told_empty) {
        if let Some(sighted) = whole(session, begun)? {
            (kept, doubtful) = (true, doubtful || !sighted);
        }
    }
    let is_empty = |pages: &[Decoded]| pages.iter().all(|page| page.rows.is_empty());
    let mut pages = Vec::new();
    for again in [false, true] {
        if let Listed::TooMany(total) = list(session, unit, &open, family, &mut with).await? {
            // Nothing was written under this window yet, so its intent can go, and that of the child through which it was tried.
            for begun in through.iter().chain([&open]) {
                session.ledger.abandon(begun.id)?;
                session.held.forget(begun);
            }
            return Ok(Look::TooMany(total));
        }
        pages = staging::decode(session, unit, &open, |_| Stamps::default())?;
        if let Err(trouble) = company::check_calls(session, &pages).await {
            // What may be another company's answer must not be there when the right credentials are back.
            for begun in through.iter().chain([&open]) {
                session.ledger.abandon(begun.id)?;
            }
            return Err(trouble);
        }
        if again || !doubtful || !is_empty(&pages) {
            break;
        }
        // What an earlier run was not shown, one that saw no call at all, says nothing about today's credentials.
        for begun in through.iter().chain([&open]) {
            staging::unstage(session, begun, LIST)?;
        }
        kept = false;
    }
    if !is_empty(&pages) {
        if !kept {
            session.sight.saw();
        }
    } else if let Some(lost) = sight::doubted(session, unit)?.filter(|_| !family.believed && (doubtful || !kept)) {
        let open_ids = through.iter().chain([&open]).map(|begun| begun.id).collect();
        return Ok(Look::Doubted { unit, open_ids, lost, again: doubtful });
    }
    Ok(Look::Listed(Box::new(Parent { unit, open, pages, with })))
}

/// Stages the listing; `with` is the child that it comes through, if it does.
async fn list(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    family: &Family,
    with: &mut Option<Unit>,
) -> Result<Listed, Trouble> {
    let window = family.window;
    let inputs = inputs(session, unit, window, open.read_at);
    let most = (family.may_cut && window.days() > 1).then_some(MOST_ROWS);
    let through = match *with {
        Some(child) => details::list(session, (unit, open), child, inputs.clone(), most).await?,
        None => Through::Refused,
    };
    match through {
        Through::Listed(listed) => Ok(listed),
        Through::Refused => {
            *with = None;
            Part { session, unit, open, name: LIST.to_owned(), inputs }.fetch(most).await
        }
    }
}

/// What a listing of a window asks for. The day in progress is read up to the unit's now.
pub fn inputs(session: &Session, unit: Unit, window: Window, now: DateTime<Utc>) -> Inputs {
    let named = session.workspace(unit.entity).map(|id| ("workspaceId".to_owned(), id.into()));
    Inputs {
        instants: Some((window.starts_at(chrono_tz::UTC), window.ends_at(chrono_tz::UTC).min(now))),
        named: named.into_iter().collect(),
        subject: format!("{} {window}", unit.entity.name),
        ..Inputs::default()
    }
}

/// If a listing was staged to its end by an earlier run: whether that one had seen a call by then.
fn whole(session: &Session, open: &OpenUnit) -> Result<Option<bool>, Trouble> {
    let pages = staging::index(session, open)?;
    let last = pages.iter().rfind(|page| page.part == LIST);
    Ok(last.filter(|page| page.cursor.is_none()).map(|page| page.sighted))
}

/// The calls of a listing, each once, in its order.
pub fn calls_of(pages: &[Decoded]) -> Vec<ListedCall> {
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
pub fn differs(session: &Session, unit: Unit, pages: &[Decoded]) -> Result<bool, Trouble> {
    let before = session.ledger.unit(unit)?;
    Ok(before.is_none_or(|before| before.digest != guard::listing_digest(session, pages)))
}
