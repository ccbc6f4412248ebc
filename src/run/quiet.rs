//! Days side by side of which hardly any is expected to hold a call: asked for in one request first, and a day that holds none is not
//! asked for alone.
//!
//! It is no guess. "Nothing found" over all of them says that each is empty. Where calls are named, the days they may belong to are
//! listed as always, because the vendor's date filter does not go by the start that it shows (API reference, 2.5); the others are
//! taken as empty once every call that was named has been found in those. Otherwise all of them are listed.

use std::collections::{BTreeSet, HashSet};

use arrow::array::{Array, TimestampMicrosecondArray};
use chrono::{DateTime, NaiveDate};
use futures::StreamExt as _;

use super::family::{self, Done, Family};
use super::land;
use super::listing;
use super::part::LIST;
use super::session::Session;
use super::staging;
use super::trouble::Trouble;
use crate::decode::{Decoded, Decoder, Stamps};
use crate::source::{Reply, build};
use crate::state::StagedPage;
use crate::unit::{Unit, Window};

/// Days that are listed at once.
const AT_ONCE: usize = 8;

/// The calls of some days, by one answer.
#[derive(Default)]
struct Named {
    ids: HashSet<String>,
    days: BTreeSet<NaiveDate>,
}

/// Reads days that lie side by side, newest first.
pub async fn read(session: &Session, days: Vec<Family>) -> Vec<Done> {
    let Some(named) = look(session, &days).await else { return each_unless_stopped(session, days).await };
    let (full, quiet): (Vec<Family>, Vec<Family>) =
        days.into_iter().partition(|family| named.days.contains(&family.window.from));
    let windows: Vec<Window> = full.iter().map(|family| family.window).collect();
    let mut done = each(session, full).await;
    if !found(session, &windows, &named.ids) {
        done.extend(each_unless_stopped(session, quiet).await);
        return done;
    }
    // That takes no request: it is done also by a run that stops, or the one listing would be paid for again.
    for family in quiet {
        let Some(parent) = family.parent else { continue };
        done.push(match as_empty(session, parent) {
            Ok(()) => family::read(session, Family { told_empty: true, ..family }).await,
            Err(trouble) => Done { units: vec![(parent, Err(trouble))], cut: None },
        });
    }
    done
}

/// Asks for all of them at once. `None` if one answer does not tell: then each is asked for, and meets what is wrong by itself.
async fn look(session: &Session, days: &[Family]) -> Option<Named> {
    let (newest, oldest) = (days.first()?, days.last()?);
    let unit = newest.parent?;
    let window = Window { from: oldest.window.from, to: newest.window.to };
    let request = build(unit.entity, &listing::inputs(session, unit, window, session.now), None);
    let page = match session.source.ask(unit.entity, &request, false).await {
        Ok(Reply::Empty) => return Some(Named::default()),
        Ok(Reply::Page(page)) => page,
        Ok(Reply::CursorDead(_)) | Err(_) => return None,
    };
    // The vendor's count may run ahead of what it shows: then it shows the rest a little later, in any of the days.
    let whole = page.cursor.is_none() && page.total.is_none_or(|total| total == page.rows as u64);
    let decoded = Decoder::new(unit.entity).page(&page.body, &Stamps::default()).filter(|_| whole)?;
    // A record that cannot be read names no day: its own day sets it aside.
    if !decoded.bad.is_empty() {
        return None;
    }
    let mut named = Named::default();
    for (row, facts) in decoded.rows.iter().enumerate() {
        named.ids.insert(facts.id.clone()?);
        named.days.extend(days_of(&decoded, row));
    }
    Some(named)
}

/// The days to which the times of a call point.
fn days_of(decoded: &Decoded, row: usize) -> impl Iterator<Item = NaiveDate> {
    let times = ["scheduled", "started"].into_iter().filter_map(move |name| {
        let column = decoded.batch.column_by_name(name)?.as_any().downcast_ref::<TimestampMicrosecondArray>()?;
        column.is_valid(row).then(|| column.value(row))
    });
    times.filter_map(DateTime::from_timestamp_micros).map(|at| at.date_naive())
}

/// True if every one of the calls stands in the listing of one of the windows.
fn found(session: &Session, windows: &[Window], ids: &HashSet<String>) -> bool {
    let listings = windows.iter().filter_map(|window| session.ledger.listing(*window).ok()).flatten();
    let listed: HashSet<String> = listings.map(|call| call.id).collect();
    ids.is_subset(&listed)
}

/// The same, but a run that stops begins none of them: the next one may ask for them together again.
async fn each_unless_stopped(session: &Session, days: Vec<Family>) -> Vec<Done> {
    if session.stop.reason().is_none() {
        return each(session, days).await;
    }
    let parents = days.into_iter().filter_map(|family| family.parent);
    parents.map(|parent| Done { units: vec![(parent, Err(Trouble::Stopped))], cut: None }).collect()
}

/// Lists each day by itself.
async fn each(session: &Session, days: Vec<Family>) -> Vec<Done> {
    futures::stream::iter(days).map(|family| family::read(session, family)).buffered(AT_ONCE).collect().await
}

/// Stages the empty answer that was given for all days together.
fn as_empty(session: &Session, unit: Unit) -> Result<(), Trouble> {
    let open = land::begin(session, unit)?;
    if staging::index(session, &open)?.is_empty() {
        let (part, body) = (LIST.to_owned(), Vec::new());
        let (records, sighted) = (Some(0), session.sight.sees());
        let nothing =
            StagedPage { part, page: 0, body, cursor: None, expires: None, ids: None, total: None, records, sighted };
        staging::stage(session, &open, nothing)?;
    }
    Ok(())
}
