//! Committed units: coverage, objects and the commit itself.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::calls::{self, ListedCall, Missing};
use super::media::{self, MediaRow};
use super::{Ledger, days, facts, instant, micros, span};
use crate::error::Result;
use crate::failpoint;
use crate::unit::{Span, Unit};

/// Digest of a key, a row or a unit: the first half of a SHA-256.
pub type Digest = [u8; 16];

/// A committed unit.
#[derive(Debug, Clone, PartialEq)]
pub struct UnitRow {
    /// Name of the entity.
    pub entity: String,
    /// Its span.
    pub span: Span,
    /// The now of the newest reading.
    pub read_at: DateTime<Utc>,
    /// Rows on disk.
    pub rows: u64,
    /// Rows left out as private.
    pub private: u64,
    /// Asked ids that did not come.
    pub missing: u64,
    /// The vendor's count.
    pub vendor_total: Option<u64>,
    /// Records that the vendor counted and did not give, with no explanation.
    pub unexplained: u64,
    /// Readings in a row that had some.
    pub unexplained_readings: u32,
    /// Of all rows.
    pub digest: Digest,
    /// Of the settings that shape the rows.
    pub fingerprint: String,
    /// Of the entity file.
    pub schema_version: u32,
    /// Whether private calls were kept.
    pub include_private: bool,
    /// The zone whose days it was read in; `None` for UTC days.
    pub time_zone: Option<String>,
    /// The object; `None` when there are no rows.
    pub object: Option<ObjectRow>,
    /// Why it is to be read again early.
    pub due: Option<String>,
    /// Why the newest reading was not believed.
    pub suspect: Option<String>,
    /// The run that read it last.
    pub run_id: String,
}

/// A current object.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectRow {
    /// Below the output.
    pub path: String,
    /// The reading that wrote it.
    pub read_at: DateTime<Utc>,
    /// Size.
    pub bytes: u64,
    /// Of the whole object, in hex.
    pub sha256: String,
    /// As the store gave it.
    pub etag: Option<String>,
    /// Commit number of its content.
    pub sequence: i64,
}

/// An object that is no longer current.
#[derive(Debug, Clone, PartialEq)]
pub struct RemovedRow {
    /// Below the output.
    pub path: String,
    /// Commit number of its removal.
    pub sequence: i64,
    /// When.
    pub at: DateTime<Utc>,
}

/// What one commit records.
#[derive(Debug)]
pub struct Commit<'a> {
    /// The open unit that it closes.
    pub open_id: i64,
    /// The new facts. `object.sequence` is set by the commit where `rewritten`.
    pub row: UnitRow,
    /// The object was written, replaced or removed by this reading.
    pub rewritten: bool,
    /// Key and row digests; empty for a settled unit.
    pub digests: &'a [(Digest, Digest)],
    /// The listing, for the entity that lists calls.
    pub listing: Option<&'a [ListedCall]>,
    /// Ids that did not come.
    pub missing: &'a [Missing],
    /// Media files whose calls are not the unit's any more: nothing would make it due again for their sake.
    pub strays: &'a [MediaRow],
    /// Names and values of what else the reading tells.
    pub facts: &'a [(String, String)],
    /// The real time.
    pub at: DateTime<Utc>,
}

const COLUMNS: &str =
    "entity, from_day, to_day, read_at, rows, private, missing, vendor_total, digest, fingerprint, schema_version,
    include_private, object, object_read_at, bytes, sha256, etag, sequence, run_id, due, suspect, time_zone, unexplained,
    unexplained_readings";

impl Ledger {
    /// Every committed unit, by entity and window.
    pub fn units(&self) -> Result<Vec<UnitRow>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM unit ORDER BY entity, from_day"))?;
            query.query_map([], read_row)?.collect()
        })
    }

    /// One committed unit.
    pub fn unit(&self, unit: Unit) -> Result<Option<UnitRow>> {
        let (from, to) = days(unit.span);
        self.with(|tx| {
            let query = format!("SELECT {COLUMNS} FROM unit WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3");
            tx.query_row(&query, params![unit.entity.name, from, to], read_row).optional()
        })
    }

    /// Digests of a unit's rows, by the digest of their key; empty if none are kept.
    pub fn row_digests(&self, unit: Unit) -> Result<HashMap<Digest, Digest>> {
        let (from, to) = days(unit.span);
        self.with(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT key, digest FROM row_digest WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
            )?;
            query.query_map(params![unit.entity.name, from, to], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Commits a reading: the unit's facts, its listing and missing ids, and the end of its open unit, in one transaction.
    ///
    /// The object must be durable before.
    pub fn commit(&self, commit: &Commit) -> Result<UnitRow> {
        self.with(|tx| {
            let sequence = facts::next_sequence(tx)?;
            let mut row = commit.row.clone();
            if let (true, Some(object)) = (commit.rewritten, row.object.as_mut()) {
                object.sequence = sequence;
            }
            note_removed(tx, commit, &row, sequence)?;
            write_row(tx, &row, sequence)?;
            write_digests(tx, &row, commit.digests)?;
            if let Some(listing) = commit.listing {
                calls::replace(tx, row.span, listing)?;
            }
            calls::replace_missing(tx, &row.entity, row.span, commit.missing)?;
            for stray in commit.strays {
                media::discard(tx, &row.entity, row.span, stray)?;
            }
            for (name, value) in commit.facts {
                facts::set(tx, name, value)?;
            }
            tx.execute("DELETE FROM open_unit WHERE id = ?1", params![commit.open_id])?;
            failpoint::reached(failpoint::CLEARING);
            Ok(row)
        })
    }

    /// Objects that are no longer current, by path; those removed before `since` are forgotten.
    pub fn removed(&self, since: DateTime<Utc>) -> Result<Vec<RemovedRow>> {
        self.with(|tx| {
            tx.execute("DELETE FROM removed WHERE at < ?1", params![micros(since)])?;
            let mut query = tx.prepare_cached("SELECT path, sequence, at FROM removed ORDER BY path")?;
            let rows = query.query_map([], |row| {
                Ok(RemovedRow { path: row.get(0)?, sequence: row.get(1)?, at: instant(row.get(2)?) })
            })?;
            rows.collect()
        })
    }
}

fn read_row(row: &Row) -> rusqlite::Result<UnitRow> {
    let (from, to): (String, String) = (row.get(1)?, row.get(2)?);
    let path: Option<String> = row.get(12)?;
    let object = match path {
        None => None,
        Some(path) => Some(ObjectRow {
            path,
            read_at: instant(row.get(13)?),
            bytes: row.get(14)?,
            sha256: row.get(15)?,
            etag: row.get(16)?,
            sequence: row.get(17)?,
        }),
    };
    Ok(UnitRow {
        entity: row.get(0)?,
        span: span(&from, &to),
        read_at: instant(row.get(3)?),
        rows: row.get(4)?,
        private: row.get(5)?,
        missing: row.get(6)?,
        vendor_total: row.get(7)?,
        digest: row.get(8)?,
        fingerprint: row.get(9)?,
        schema_version: row.get(10)?,
        include_private: row.get(11)?,
        object,
        run_id: row.get(18)?,
        due: row.get(19)?,
        suspect: row.get(20)?,
        time_zone: row.get(21)?,
        unexplained: row.get(22)?,
        unexplained_readings: row.get(23)?,
    })
}

pub(super) fn write_row(tx: &Transaction, row: &UnitRow, sequence: i64) -> rusqlite::Result<()> {
    let (from, to) = days(row.span);
    let object = row.object.as_ref();
    tx.prepare_cached(&format!(
        "INSERT OR REPLACE INTO unit ({COLUMNS})
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
         ?22, ?23, ?24)"
    ))?
    .execute(params![
        row.entity,
        from,
        to,
        micros(row.read_at),
        row.rows,
        row.private,
        row.missing,
        row.vendor_total,
        row.digest,
        row.fingerprint,
        row.schema_version,
        row.include_private,
        object.map(|o| &o.path),
        object.map(|o| micros(o.read_at)),
        object.map_or(0, |o| o.bytes),
        object.map(|o| &o.sha256),
        object.and_then(|o| o.etag.as_ref()),
        object.map_or(sequence, |o| o.sequence),
        row.run_id,
        row.due,
        row.suspect,
        row.time_zone,
        row.unexplained,
        row.unexplained_readings,
    ])
    .map(|_| ())
}

fn write_digests(tx: &Transaction, row: &UnitRow, digests: &[(Digest, Digest)]) -> rusqlite::Result<()> {
    let (from, to) = days(row.span);
    tx.execute(
        "DELETE FROM row_digest WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
        params![row.entity, from, to],
    )?;
    let mut insert = tx.prepare_cached("INSERT INTO row_digest VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (key, digest) in digests {
        insert.execute(params![row.entity, from, to, key, digest])?;
    }
    Ok(())
}

/// A unit that had an object and now has no rows removed it; a path that is written again is current again.
fn note_removed(tx: &Transaction, commit: &Commit, row: &UnitRow, sequence: i64) -> rusqlite::Result<()> {
    let (from, to) = days(row.span);
    let before: Option<Option<String>> = tx
        .query_row(
            "SELECT object FROM unit WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
            params![row.entity, from, to],
            |r| r.get(0),
        )
        .optional()?;
    match (&row.object, before.flatten()) {
        (Some(object), _) => tx.execute("DELETE FROM removed WHERE path = ?1", params![object.path])?,
        (None, Some(path)) => tx.execute(
            "INSERT OR REPLACE INTO removed VALUES (?1, ?2, ?3)",
            params![path, sequence, micros(commit.at)],
        )?,
        (None, None) => 0,
    };
    Ok(())
}
