//! Media files of a window's calls: an address asked just before, the bytes streamed into the output, one row per call in the table.
//!
//! A file that is whole is in the ledger at once and is not fetched again while its call stays in its window. One that was cut off goes on where it was, also in
//! another process (`arrival.rs`); one that fails leaves its window due, and the others land.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use futures::StreamExt as _;

use super::addresses::{self, Addresses};
use super::arrival;
use super::children;
use super::land::{self, Landed, Landing};
use super::session::Session;
use super::trouble::{Trouble, stop_for};
use crate::decode::{Decoded, Decoder, StampValue, Stamps};
use crate::entity::spec::Stamp;
use crate::error::{Error, Kind};
use crate::source::MediaClient;
use crate::state::{ListedCall, MediaRow, Missing, OpenUnit, Partials};
use crate::unit::Unit;

/// Addresses asked at once: they die after eight hours, and are asked again if they do.
const BATCH: usize = 100;

/// Files that are fetched at once in a run: each holds two parts of an upload in memory.
pub const AT_ONCE: usize = 8;

/// Why a unit is read again early that lacks files.
pub const UNFETCHED: &str = "some files could not be fetched";

/// Why a call has no row here, and its unit is read again early: it was listed in another window meanwhile, and one of the two is right.
const TAKEN: &str = "its file went to another window";

/// Reads the media files of one window; `calls` are those that may be read.
pub async fn read(session: &Session, unit: Unit, calls: &[ListedCall]) -> Result<(), Trouble> {
    let open = land::begin(session, unit)?;
    let mut files = files_of(session, unit)?;
    let wanted: Vec<&ListedCall> = calls.iter().filter(|call| !files.contains_key(&call.id)).collect();
    let client = MediaClient::new(session.config.limits.request_timeout.std())?;
    let partials = Partials::beside(session.ledger.path(), &format!("{}-{}", unit.entity.name, unit.span));
    partials.sweep(|id| wanted.iter().any(|call| call.id == id));
    let (mut missing, mut untold) = (Vec::new(), Vec::new());
    for batch in wanted.chunks(BATCH) {
        let ids: Vec<String> = batch.iter().map(|call| call.id.clone()).collect();
        let (found, none) = addresses::of_batch(session, unit, &open, ids).await?;
        untold.extend(none);
        for (id, arrived) in arrive(session, unit, &client, &partials, found).await? {
            match arrived {
                Ok(row) => drop(files.insert(id, row)),
                Err(error) => missing.push(failed(session, unit, &open, id, &error)),
            }
        }
    }
    let incomplete = !missing.is_empty();
    let taken = taken(session, unit, &open, calls, &files)?;
    let once_more = children::once_more(session, unit, &open, &untold);
    let due = incomplete.then_some(UNFETCHED).or((!taken.is_empty()).then_some(TAKEN)).or(once_more);
    missing.extend(untold);
    missing.extend(taken);
    let left_out: HashSet<&str> = missing.iter().map(|m| m.id.as_str()).collect();
    let pages = rows(unit, calls.iter().filter(|call| !left_out.contains(call.id.as_str())), &files)?;
    let landing = Landing { missing, due, strays: strays(calls, &files), ..Landing::default() };
    let landed = land::land(session, unit, &open, pages, landing).await?;
    if landed == Landed::Committed && incomplete {
        session.tally.unfinished();
    }
    Ok(())
}

/// The files that a window has, by call.
fn files_of(session: &Session, unit: Unit) -> Result<BTreeMap<String, MediaRow>, Trouble> {
    Ok(session.ledger.media(unit)?.into_iter().map(|row| (row.call_id.clone(), row)).collect())
}

/// Calls of this listing whose files are another window's by now: what their rows would tell is not there any more.
fn taken(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    calls: &[ListedCall],
    files: &BTreeMap<String, MediaRow>,
) -> Result<Vec<Missing>, Trouble> {
    let own = files_of(session, unit)?;
    let lost = calls.iter().filter(|call| files.contains_key(&call.id) && !own.contains_key(&call.id));
    let missing = |call: &ListedCall| Missing { id: call.id.clone(), reason: TAKEN.to_owned(), since: open.read_at };
    Ok(lost.map(missing).collect())
}

/// Fetches the files of these addresses, some at once: all windows of a run share the places. A stop that lets answers come lets these
/// come too, for their addresses are paid for. Each file that is whole is in the ledger at once.
async fn arrive(
    session: &Session,
    unit: Unit,
    client: &MediaClient,
    partials: &Partials,
    found: Addresses,
) -> Result<Vec<(String, Result<MediaRow, Error>)>, Trouble> {
    let stopped = AtomicBool::new(false);
    let fetch = async |id: String, address: String| {
        // The semaphore is never closed.
        let _place = session.downloads.acquire().await;
        if stopped.load(Ordering::Relaxed) {
            return (id, Err(Trouble::Stopped));
        }
        let arrived = arrival::file(session, unit, client, partials, &id, address).await;
        if let Err(trouble @ (Trouble::Fatal(_) | Trouble::NotPermitted(_))) = &arrived {
            stopped.store(true, Ordering::Relaxed);
            stop_for(session, trouble);
        }
        (id, arrived)
    };
    let found = found.into_iter().filter_map(|(id, address)| Some(fetch(id, address?)));
    let mut files = futures::stream::iter(found).buffer_unordered(AT_ONCE);
    let (mut arrived, mut trouble) = (Vec::new(), None);
    while let Some((id, file)) = files.next().await {
        match file {
            Ok(row) => arrived.push((id, Ok(row))),
            Err(Trouble::Failed(error)) => arrived.push((id, Err(error))),
            // A stop must not hide what went wrong before it.
            Err(Trouble::Stopped) => trouble = trouble.or(Some(Trouble::Stopped)),
            Err(other) => trouble = Some(other),
        }
    }
    match trouble {
        Some(trouble) => Err(trouble),
        None => Ok(arrived),
    }
}

fn failed(session: &Session, unit: Unit, open: &OpenUnit, id: String, error: &Error) -> Missing {
    session
        .tally
        .warn(format!("{}: a file could not be fetched and is tried again next time: {error}", unit.entity.name));
    Missing { id, reason: error.to_string(), since: open.read_at }
}

/// The table's rows: what the ledger knows of each call's file.
fn rows<'c>(
    unit: Unit,
    calls: impl Iterator<Item = &'c ListedCall>,
    files: &BTreeMap<String, MediaRow>,
) -> Result<Vec<Decoded>, Trouble> {
    let decoder = Decoder::new(unit.entity);
    // The record itself gives nothing; all columns are stamps.
    let record = format!("{{\"{}\":[{{}}]}}", unit.entity.page.rows);
    let row = |call: &ListedCall| {
        let text = |value: &str| StampValue::Text(value.to_owned());
        let mut stamps = Stamps::default();
        stamps.all.insert(Stamp::CallId, text(&call.id));
        stamps.all.extend(call.started.map(|at| (Stamp::CallStarted, StampValue::Instant(at))));
        let file = files.get(&call.id);
        stamps.all.insert(Stamp::Status, text(if file.is_some() { "present" } else { "absent" }));
        if let Some(file) = file {
            stamps.all.insert(Stamp::Path, text(&file.path));
            stamps.all.insert(Stamp::Size, StampValue::Int(i64::try_from(file.size).unwrap_or(i64::MAX)));
            stamps.all.insert(Stamp::Sha256, text(&file.sha256));
            stamps.all.extend(file.content_type.as_deref().map(|kind| (Stamp::ContentType, text(kind))));
        }
        let unreadable = || Error::new(Kind::Schema, format!("{}: its rows cannot be made", unit.entity.name));
        Ok(decoder.page(&record, &stamps).ok_or_else(unreadable)?)
    };
    calls.map(row).collect()
}

/// Files of calls that left the window: deleted, turned private, or moved. They are removed when no download is under way, for
/// one of them may be on its way to the same path, from the window that its call moved to.
fn strays(calls: &[ListedCall], files: &BTreeMap<String, MediaRow>) -> Vec<MediaRow> {
    let current: HashSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    files.values().filter(|row| !current.contains(row.call_id.as_str())).cloned().collect()
}

/// True for a path that only a media file of ours has: `media/audio/month=2024-06/<digits>.<ending>`, likewise video.
pub fn is_file(path: &str) -> bool {
    let mut steps = path.split('/');
    let mut step = || steps.next().unwrap_or_default();
    let (media, kind, month, name) = (step(), step(), step(), step());
    let id = name.split_once('.').map_or("", |(id, _)| id);
    let month = month.strip_prefix("month=").is_some_and(|month| month.len() == 7);
    let digits = !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit());
    media == "media" && ["audio", "video"].contains(&kind) && month && digits && steps.next().is_none()
}
