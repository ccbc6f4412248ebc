//! Media files of a window's calls: an address asked just before, the bytes streamed into the output, one row per call in the table.
//!
//! A file that is whole is in the ledger at once and is never fetched again. One that fails leaves its window due; the others land.

use std::collections::{BTreeMap, HashSet};

use super::land::{self, Landed, Landing};
use super::session::Session;
use super::trouble::{Trouble, judge};
use crate::decode::{self, Decoded, Decoder, StampValue, Stamps};
use crate::entity::spec::{Media, Read, Stamp};
use crate::error::{Error, Kind};
use crate::sink::Incoming;
use crate::source::{Download, Fetched, Inputs, Link, MediaClient, MediaError, Reply, build};
use crate::state::{ListedCall, MediaRow, Missing, OpenUnit};
use crate::unit::Unit;

/// Addresses asked at once: they die after eight hours, and are asked again if they do.
const BATCH: usize = 100;

/// Reads the media files of one window; `calls` are those that may be read.
pub async fn read(session: &Session, unit: Unit, calls: &[ListedCall]) -> Result<(), Trouble> {
    let open = land::begin(session, unit)?;
    let mut files: BTreeMap<String, MediaRow> =
        session.ledger.media(unit)?.into_iter().map(|row| (row.call_id.clone(), row)).collect();
    let wanted: Vec<&ListedCall> = calls.iter().filter(|call| !files.contains_key(&call.id)).collect();
    let client = MediaClient::new(session.config.limits.request_timeout.std())?;
    let mut missing = Vec::new();
    for batch in wanted.chunks(BATCH) {
        let ids: Vec<String> = batch.iter().map(|call| call.id.clone()).collect();
        for (id, address) in addresses(session, unit, ids).await? {
            let Some(address) = address else { continue };
            match file(session, unit, &client, &id, address).await {
                Ok(row) => drop(files.insert(id, row)),
                Err(Trouble::Failed(error)) => missing.push(failed(session, unit, &open, id, &error)),
                Err(other) => return Err(other),
            }
        }
    }
    let left_out: HashSet<&str> = missing.iter().map(|m| m.id.as_str()).collect();
    let pages = rows(unit, calls.iter().filter(|call| !left_out.contains(call.id.as_str())), &files)?;
    let incomplete = !missing.is_empty();
    let landed = land::land(session, unit, &open, pages, Landing { missing, ..Landing::default() }).await?;
    if landed == Landed::Committed {
        remove_strays(session, unit, calls, &files).await?;
        if incomplete {
            session.ledger.mark_due(unit, "some files could not be fetched")?;
        }
    }
    Ok(())
}

/// The signed addresses of a batch of calls; none for a call without such a file.
async fn addresses(session: &Session, unit: Unit, ids: Vec<String>) -> Result<Vec<(String, Option<String>)>, Trouble> {
    let inputs = Inputs { subject: format!("{unit}, addresses of {} files", ids.len()), ids, ..Inputs::default() };
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let request = build(unit.entity, &inputs, cursor.as_deref());
        let reply = session.source.ask(unit.entity, &request, cursor.is_some()).await;
        let Reply::Page(page) = reply.map_err(|failure| judge(session, unit, failure))? else { return Ok(found) };
        found.extend(decode::links(unit.entity, &page.body));
        match page.cursor {
            Some(next) if cursor.as_ref() != Some(&next) => cursor = Some(next),
            _ => return Ok(found),
        }
    }
}

/// Fetches one file into the output and records it.
async fn file(
    session: &Session,
    unit: Unit,
    client: &MediaClient,
    id: &str,
    address: String,
) -> Result<MediaRow, Trouble> {
    let failed = |what: String| Trouble::Failed(Error::new(Kind::Vendor, format!("{unit}, call {id}: {what}")));
    // A path is built from it.
    if id.is_empty() || id.len() > 32 || !id.bytes().all(|b| b.is_ascii_digit()) {
        return Err(failed("its id cannot be a file's name".to_owned()));
    }
    let mut download = Download::new(client.clone(), None, session.config.limits.max_retries);
    let mut arriving = None;
    let fetched = fetch(session, unit, id, address, &mut download, &mut arriving).await;
    let Some((mut incoming, path)) = arriving else {
        return Err(fetched.err().unwrap_or_else(|| failed("nothing came of it".to_owned())));
    };
    let kept = match fetched {
        Err(trouble) => Err(trouble),
        Ok(()) => tokio::select! {
            biased;
            _ = session.stop.cut_short() => Err(Trouble::Stopped),
            kept = incoming.keep() => kept.map_err(Trouble::from),
        },
    };
    if let Err(trouble) = kept {
        incoming.discard().await;
        return Err(trouble);
    }
    let Fetched { size, sha256, content_type } = download.fetched();
    let row = MediaRow { call_id: id.to_owned(), path, size, sha256, content_type };
    session.ledger.note_media(unit, &row)?;
    Ok(row)
}

/// Passes a file on as it comes. `arriving` is set with the first bytes, which tell the file's type.
async fn fetch(
    session: &Session,
    unit: Unit,
    id: &str,
    address: String,
    download: &mut Download,
    arriving: &mut Option<(Incoming, String)>,
) -> Result<(), Trouble> {
    let failed = |what: String| Trouble::Failed(Error::new(Kind::Vendor, format!("{unit}, call {id}: {what}")));
    let good =
        |address: &str| Link::parse(address).ok_or_else(|| failed("Gong's address is no https address".to_owned()));
    let mut link = good(&address)?;
    loop {
        let piece = tokio::select! {
            biased;
            _ = session.stop.cut_short() => return Err(Trouble::Stopped),
            piece = download.next(&link) => piece,
        };
        let piece = match piece {
            Ok(piece) => piece,
            Err(MediaError::LinkDead(_)) => {
                let fresh = addresses(session, unit, vec![id.to_owned()]).await?;
                let fresh = fresh.into_iter().find_map(|(_, address)| address);
                link = good(&fresh.ok_or_else(|| failed("Gong gives no address any more".to_owned()))?)?;
                continue;
            }
            Err(error) => return Err(failed(error.to_string())),
        };
        let (incoming, _) = match arriving {
            Some(arriving) => arriving,
            None => {
                let path = path(unit, id, &link.ending(download.content_type()));
                arriving.insert((session.store.incoming(&path)?, path))
            }
        };
        match piece {
            Some(bytes) => tokio::select! {
                biased;
                _ = session.stop.cut_short() => return Err(Trouble::Stopped),
                written = incoming.write(&bytes) => written?,
            },
            None => return Ok(()),
        }
    }
}

fn path(unit: Unit, id: &str, ending: &str) -> String {
    let kind = match unit.entity.read {
        Read::Media { media: Media::Video, .. } => "video",
        _ => "audio",
    };
    let month = unit.span.window().map(|window| window.from.format("%Y-%m").to_string()).unwrap_or_default();
    format!("media/{kind}/month={month}/{id}.{ending}")
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

/// Removes files of calls that left the window: deleted, or turned private.
async fn remove_strays(
    session: &Session,
    unit: Unit,
    calls: &[ListedCall],
    files: &BTreeMap<String, MediaRow>,
) -> Result<(), Trouble> {
    let current: HashSet<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    for row in files.values().filter(|row| !current.contains(row.call_id.as_str())) {
        session.store.remove(&row.path).await?;
        session.ledger.forget_media(unit, &row.call_id)?;
    }
    Ok(())
}
