//! Units begun and not yet committed, with the answers that were received for them.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{Ledger, days, facts, instant, micros, span};
use crate::error::{Error, Kind, Result};
use crate::unit::{Span, Unit};

/// zstd level of staged answers: they live for minutes.
const STAGING_LEVEL: i32 = 1;

/// A unit that was begun: the intent that precedes an object's first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUnit {
    /// Key of the row, by which pages are staged. No other unit of this ledger has or had it.
    pub id: i64,
    /// Name of the entity.
    pub entity: String,
    /// Its span.
    pub span: Span,
    /// The now it was begun with; the reading time it will have.
    pub read_at: DateTime<Utc>,
    /// Of the settings it was begun under.
    pub fingerprint: String,
    /// The zone whose days it was begun with; `None` for UTC days.
    pub time_zone: Option<String>,
    /// The run that began it first. If that was another one, it may have written the object.
    pub run_id: String,
    /// Units of other windows gave way to it: nothing else holds its days.
    pub replaces: bool,
    /// Its object was about to be written or removed: it may be there, or not be.
    pub written: bool,
    /// That was done with the answers that are staged now, which a run had believed by then.
    pub believed: bool,
}

/// Under what a unit is read.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    /// The now of the reading.
    pub at: DateTime<Utc>,
    /// Of the settings.
    pub fingerprint: &'a str,
    /// The zone of company days.
    pub time_zone: Option<&'a str>,
}

/// One answer of the vendor, staged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StagedPage {
    /// `list`, or the name of a batch of ids.
    pub part: String,
    /// From 0.
    pub page: u32,
    /// The answer's body.
    pub body: Vec<u8>,
    /// Cursor of the next page; `None` on the last.
    pub cursor: Option<String>,
    /// When that cursor dies.
    pub expires: Option<DateTime<Utc>>,
    /// The batch of ids that was asked.
    pub ids: Option<Vec<String>>,
    /// The vendor's count of the whole part.
    pub total: Option<u64>,
    /// Records in the answer; 0 for an end without a page.
    pub records: Option<u64>,
    /// The run that asked for it had seen a call by then: its credentials were not blind.
    pub sighted: bool,
}

/// `written` of a unit whose object holds what is staged.
const WRITTEN: i64 = 1;
/// The same of answers that others have replaced since.
const WRITTEN_BEFORE: i64 = 2;

const COLUMNS: &str = "id, entity, from_day, to_day, read_at, fingerprint, time_zone, run_id, replaces, written";

fn read_row(row: &Row) -> rusqlite::Result<OpenUnit> {
    let (from, to): (String, String) = (row.get(2)?, row.get(3)?);
    Ok(OpenUnit {
        id: row.get(0)?,
        entity: row.get(1)?,
        span: span(&from, &to),
        read_at: instant(row.get(4)?),
        fingerprint: row.get(5)?,
        time_zone: row.get(6)?,
        run_id: row.get(7)?,
        replaces: row.get(8)?,
        written: row.get(9)?,
        believed: row.get::<_, i64>(9)? == WRITTEN,
    })
}

impl Ledger {
    /// Every open unit, oldest first.
    pub fn open_units(&self) -> Result<Vec<OpenUnit>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached(&format!("SELECT {COLUMNS} FROM open_unit ORDER BY id"))?;
            query.query_map([], read_row)?.collect()
        })
    }

    /// Begins a unit, or returns the one that was begun before.
    pub fn begin(&self, unit: Unit, reading: &Reading, run_id: &str) -> Result<OpenUnit> {
        let (from, to) = days(unit.span);
        let name = &unit.entity.name;
        let query = format!("SELECT {COLUMNS} FROM open_unit WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3");
        self.with(|tx| {
            let find = || tx.query_row(&query, params![name, from, to], read_row).optional();
            if let Some(open) = find()? {
                return Ok(open);
            }
            let insert =
                "INSERT INTO open_unit (id, entity, from_day, to_day, object, read_at, fingerprint, run_id, time_zone)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let (id, at, zone) = (next_id(tx)?, micros(reading.at), reading.time_zone);
            tx.execute(insert, params![id, name, from, to, unit.object(), at, reading.fingerprint, run_id, zone])?;
            tx.query_row(&query, params![name, from, to], read_row)
        })
    }

    /// Drops an open unit's staged answers and gives it a new reading time and another id: it starts again.
    pub fn restart(&self, id: i64, reading: &Reading) -> Result<()> {
        self.with(|tx| {
            tx.execute("DELETE FROM staged WHERE unit_id = ?1", params![id])?;
            let update = "UPDATE open_unit SET id = ?2, read_at = ?3, fingerprint = ?4, time_zone = ?5,
                 written = iif(written = 0, 0, ?6) WHERE id = ?1";
            let (new, at) = (next_id(tx)?, micros(reading.at));
            let (fingerprint, zone) = (reading.fingerprint, reading.time_zone);
            tx.execute(update, params![id, new, at, fingerprint, zone, WRITTEN_BEFORE]).map(|_| ())
        })
    }

    /// Notes that an open unit's object is about to be written or removed, in the reading whose answers are staged. Outlives a power cut, for
    /// the object may do so too.
    pub fn writes(&self, id: i64) -> Result<()> {
        let update = "UPDATE open_unit SET written = ?2 WHERE id = ?1";
        self.with(|tx| tx.execute(update, params![id, WRITTEN]).map(|_| ()))
    }

    /// Forgets an open unit. What a killed run may have written of it is found by the look around its window.
    pub fn abandon(&self, id: i64) -> Result<()> {
        self.with(|tx| tx.execute("DELETE FROM open_unit WHERE id = ?1", params![id]).map(|_| ()))
    }

    /// Stages one answer with the cursor of the next page, in one transaction.
    pub fn stage(&self, unit_id: i64, page: &StagedPage) -> Result<()> {
        let body = zstd::bulk::compress(&page.body, STAGING_LEVEL)
            .map_err(|e| Error::new(Kind::Ledger, "cannot compress an answer").caused_by(e))?;
        let ids = page.ids.as_ref().map(|ids| serde_json::Value::from(ids.clone()).to_string());
        self.with_relaxed(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO staged VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
                params![
                    unit_id,
                    page.part,
                    page.page,
                    body,
                    page.cursor,
                    page.expires.map(micros),
                    ids,
                    page.total,
                    page.records,
                    page.sighted
                ],
            )
            .map(|_| ())
        })
    }

    /// What is staged for a unit, without the bodies, by part and page.
    pub fn staged_index(&self, unit_id: i64) -> Result<Vec<StagedPage>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT part, page, cursor, expires, ids, total, records, sighted FROM staged WHERE unit_id = ?1 ORDER BY part, page",
            )?;
            let rows = query.query_map(params![unit_id], |row| {
                let (expires, ids): (Option<i64>, Option<String>) = (row.get(3)?, row.get(4)?);
                Ok(StagedPage {
                    part: row.get(0)?,
                    page: row.get(1)?,
                    body: Vec::new(),
                    cursor: row.get(2)?,
                    expires: expires.map(instant),
                    ids: ids.and_then(|text| serde_json::from_str(&text).ok()),
                    total: row.get(5)?,
                    records: row.get(6)?,
                    sighted: row.get(7)?,
                })
            })?;
            rows.collect()
        })
    }

    /// The body of one staged answer.
    pub fn staged_body(&self, unit_id: i64, part: &str, page: u32) -> Result<Option<Vec<u8>>> {
        let stored: Option<Vec<u8>> = self.with(|tx| {
            let query = "SELECT body FROM staged WHERE unit_id = ?1 AND part = ?2 AND page = ?3";
            tx.query_row(query, params![unit_id, part, page], |row| row.get(0)).optional()
        })?;
        let unpacked = stored.map(|body| zstd::stream::decode_all(body.as_slice())).transpose();
        unpacked.map_err(|e| Error::new(Kind::Ledger, "a staged answer is damaged").caused_by(e))
    }

    /// Drops the staged answers of one part.
    pub fn unstage(&self, unit_id: i64, part: &str) -> Result<()> {
        self.with(|tx| {
            tx.execute("DELETE FROM staged WHERE unit_id = ?1 AND part = ?2", params![unit_id, part]).map(|_| ())
        })
    }
}

/// The id of a unit that begins. None is given twice: answers that are held in memory outlive their row, and must not pass for another's.
fn next_id(tx: &Transaction) -> rusqlite::Result<i64> {
    // Ledgers of older programs have no such series.
    let largest = tx.query_row("SELECT coalesce(max(id), 0) FROM open_unit", [], |row| row.get(0))?;
    facts::next(tx, "open_unit", largest)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::entity::Catalog;
    use crate::unit::Span;

    #[test]
    fn an_id_of_an_open_unit_is_given_once() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("ledger.db");
        let ledger = Ledger::open(&path).expect("a ledger");
        let entity = Catalog::load(None).expect("a catalog").get("calls").expect("an entity");
        let unit = Unit { entity, span: Span::Snapshot };
        let reading = Reading { at: DateTime::UNIX_EPOCH, fingerprint: "f", time_zone: None };
        let begin = |ledger: &Ledger| ledger.begin(unit, &reading, "run").expect("a unit");
        // One that goes on keeps its id.
        let first = begin(&ledger);
        assert_eq!(begin(&ledger), first);
        let mut given = vec![first.id];
        // One that starts again, or that begins when the table is empty, also for another process, has another one.
        ledger.restart(first.id, &reading).expect("a unit");
        given.push(begin(&ledger).id);
        ledger.abandon(given[1]).expect("a unit");
        given.push(begin(&ledger).id);
        ledger.mark_suspect(given[2], unit, "why").expect("a unit");
        drop(ledger);
        given.push(begin(&Ledger::open(&path).expect("a ledger")).id);
        let unique: std::collections::BTreeSet<i64> = given.iter().copied().collect();
        assert_eq!(unique.len(), given.len(), "{given:?}");
    }
}
