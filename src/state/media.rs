//! Media files that are whole in the output.

use rusqlite::{Transaction, params};

use super::{Ledger, days, span};
use crate::error::Result;
use crate::unit::{Span, Unit, Window};

/// A media file in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRow {
    /// Its call.
    pub call_id: String,
    /// Below the output.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// In hex.
    pub sha256: String,
    /// As the vendor's store declared it.
    pub content_type: Option<String>,
}

/// A media file with the unit that it belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaOf {
    /// Name of the entity.
    pub entity: String,
    /// Window of its call.
    pub window: Window,
    /// The file.
    pub file: MediaRow,
}

impl Ledger {
    /// Every media file, by path.
    pub fn all_media(&self) -> Result<Vec<MediaOf>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT entity, from_day, to_day, call_id, path, size, sha256, content_type FROM media ORDER BY path",
            )?;
            let rows = query.query_map([], |row| {
                let (from, to): (String, String) = (row.get(1)?, row.get(2)?);
                let (call_id, path, size) = (row.get(3)?, row.get(4)?, row.get(5)?);
                let file = MediaRow { call_id, path, size, sha256: row.get(6)?, content_type: row.get(7)? };
                Ok(span(&from, &to).window().map(|window| (row.get(0), window, file)))
            })?;
            let mut media = Vec::new();
            for row in rows {
                if let Some((entity, window, file)) = row? {
                    media.push(MediaOf { entity: entity?, window, file });
                }
            }
            Ok(media)
        })
    }

    /// Forgets a file that is not what it was, and makes its unit due, which fetches it again.
    pub fn forget_damaged_media(&self, of: &MediaOf) -> Result<()> {
        let (from, to) = days(Span::Window(of.window));
        self.with(|tx| {
            forget(tx, &of.entity, Span::Window(of.window), &of.file)?;
            let due = "UPDATE unit SET due = 'verify: a file is not what it was' WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3";
            tx.execute(due, params![of.entity, from, to]).map(|_| ())
        })
    }

    /// The files of a unit's window.
    pub fn media(&self, unit: Unit) -> Result<Vec<MediaRow>> {
        let (from, to) = days(unit.span);
        self.with(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT call_id, path, size, sha256, content_type FROM media WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
            )?;
            let rows = query.query_map(params![unit.entity.name, from, to], |row| {
                let (call_id, path, size) = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok(MediaRow { call_id, path, size, sha256: row.get(3)?, content_type: row.get(4)? })
            })?;
            rows.collect()
        })
    }

    /// Records a file that is whole in the output. If its call had one under another path, that one is to be removed; the path itself
    /// is not any more, if it was.
    pub fn note_media(&self, unit: Unit, row: &MediaRow) -> Result<()> {
        let name = &unit.entity.name;
        self.with(|tx| {
            let discard = "INSERT OR REPLACE INTO discarded SELECT path FROM media WHERE entity = ?1 AND call_id = ?2";
            tx.execute(discard, params![name, row.call_id])?;
            tx.execute("DELETE FROM discarded WHERE path = ?1", params![row.path])?;
            put(tx, name, unit.span, row)
        })
    }
}

/// Forgets a file that is to be removed from the output, if it is still this unit's: its call may have moved to another window, and
/// the file with it.
pub fn discard(tx: &Transaction, entity: &str, at: Span, row: &MediaRow) -> rusqlite::Result<()> {
    if forget(tx, entity, at, row)? {
        tx.execute("INSERT OR REPLACE INTO discarded VALUES (?1)", params![row.path])?;
    }
    Ok(())
}

/// Forgets one file, if it is that of this window; true if it was.
fn forget(tx: &Transaction, entity: &str, at: Span, row: &MediaRow) -> rusqlite::Result<bool> {
    let (from, to) = days(at);
    let delete = "DELETE FROM media WHERE entity = ?1 AND call_id = ?2 AND from_day = ?3 AND to_day = ?4 AND path = ?5";
    Ok(tx.execute(delete, params![entity, row.call_id, from, to, row.path])? > 0)
}

/// Writes one file.
pub fn put(tx: &Transaction, entity: &str, at: Span, row: &MediaRow) -> rusqlite::Result<()> {
    let (from, to) = days(at);
    let insert = "INSERT OR REPLACE INTO media VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let (size, kind) = (row.size, &row.content_type);
    tx.execute(insert, params![entity, row.call_id, from, to, row.path, size, row.sha256, kind]).map(|_| ())
}
