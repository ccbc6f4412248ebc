//! Where answers of open units wait: in the ledger, so that an interrupted unit goes on; or, with media links in them, in memory only.
//!
//! A media link opens a recording to whoever has it, so it must not reach the ledger. Such a unit starts again after an interruption.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::session::Session;
use super::trouble::Trouble;
use crate::decode::{Decoded, Decoder, Stamps};
use crate::error::{Error, Kind, Result};
use crate::state::{OpenUnit, StagedPage};
use crate::unit::Unit;

/// zstd level of held answers: they live for minutes.
const LEVEL: i32 = 1;

/// Answers that are held in memory, compressed, by open unit.
#[derive(Default)]
pub struct Held(Mutex<HashMap<i64, Vec<StagedPage>>>);

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Vec<StagedPage>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the answers of a unit.
    pub fn forget(&self, open: &OpenUnit) {
        self.lock().remove(&open.id);
    }
}

fn is_held(session: &Session, open: &OpenUnit) -> bool {
    session.config.entity(&open.entity).include_media_urls
}

/// Keeps one answer.
pub fn stage(session: &Session, open: &OpenUnit, mut page: StagedPage) -> Result<()> {
    if !is_held(session, open) {
        return session.ledger.stage(open.id, &page);
    }
    let packed = zstd::bulk::compress(&page.body, LEVEL);
    page.body = packed.map_err(|e| Error::new(Kind::Output, "cannot compress an answer").caused_by(e))?;
    session.held.lock().entry(open.id).or_default().push(page);
    Ok(())
}

/// What is kept for a unit, without the bodies, by part and page.
pub fn index(session: &Session, open: &OpenUnit) -> Result<Vec<StagedPage>> {
    if !is_held(session, open) {
        return session.ledger.staged_index(open.id);
    }
    let held = session.held.lock();
    let mut pages: Vec<StagedPage> =
        held.get(&open.id).into_iter().flatten().map(|p| StagedPage { body: Vec::new(), ..p.clone() }).collect();
    pages.sort_by(|a, b| (&a.part, a.page).cmp(&(&b.part, b.page)));
    Ok(pages)
}

/// The body of one answer.
pub fn body(session: &Session, open: &OpenUnit, part: &str, page: u32) -> Result<Vec<u8>> {
    if !is_held(session, open) {
        return Ok(session.ledger.staged_body(open.id, part, page)?.unwrap_or_default());
    }
    let held = session.held.lock();
    let packed = held.get(&open.id).into_iter().flatten().find(|p| p.part == part && p.page == page);
    let unpacked = packed.map(|p| zstd::stream::decode_all(p.body.as_slice())).transpose();
    unpacked
        .map(Option::unwrap_or_default)
        .map_err(|e| Error::new(Kind::Output, "a held answer is damaged").caused_by(e))
}

/// Drops the answers of one part.
pub fn unstage(session: &Session, open: &OpenUnit, part: &str) -> Result<()> {
    if let Some(pages) = session.held.lock().get_mut(&open.id) {
        pages.retain(|page| page.part != part);
    }
    session.ledger.unstage(open.id, part)
}

/// Decodes every staged page of an open unit. Decoded pages are large: the caller holds the session's one place for them.
pub fn decode(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    stamps: impl Fn(&str) -> Stamps,
) -> Result<Vec<Decoded>, Trouble> {
    let mut pages = Vec::new();
    decode_each(session, unit, open, stamps, |page| pages.push(page))?;
    Ok(pages)
}

/// Decodes the staged pages of an open unit, one after the other.
pub fn decode_each(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    stamps: impl Fn(&str) -> Stamps,
    mut each: impl FnMut(Decoded),
) -> Result<(), Trouble> {
    let decoder = Decoder::new(unit.entity);
    for (done, page) in index(session, open)?.into_iter().enumerate() {
        // A window of many pages takes its time; they are staged, and the next run goes on from them.
        if done > 0 && session.stop.is_cut_short() {
            return Err(Trouble::Stopped);
        }
        let text = body(session, open, &page.part, page.page)?;
        if text.is_empty() {
            continue;
        }
        let text = String::from_utf8(text).ok();
        let decoded = text.and_then(|text| decoder.page(&text, &stamps(&page.part)));
        // Pages are judged before they are staged, so this is a damaged ledger.
        let unreadable = || Error::new(Kind::Ledger, format!("a staged answer of {unit} cannot be read"));
        each(decoded.ok_or_else(unreadable)?);
    }
    Ok(())
}
