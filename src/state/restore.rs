//! Facts that are taken from elsewhere than a reading: from the output itself, or from a look at it.

use std::collections::HashSet;

use rusqlite::{Transaction, params};

use super::calls::{self, ListedCall, Missing};
use super::media::MediaOf;
use super::units::{RemovedRow, UnitRow, write_row};
use super::{Digest, Ledger, days, facts, micros, span};
use crate::error::Result;
use crate::unit::{Span, Window};

/// No rows have this digest, so that a unit which has it is written again by its next reading.
pub const UNKNOWN: Digest = [0; 16];

/// Facts that an output proves.
#[derive(Debug, Default)]
pub struct Restored {
    /// The ledger's id.
    pub ledger_id: String,
    /// The newest commit.
    pub sequence: i64,
    /// Units as they are now.
    pub units: Vec<UnitRow>,
    /// All units that there are; others are forgotten.
    pub keep: HashSet<(String, Span)>,
    /// The calls of windows.
    pub listings: Vec<(Window, Vec<ListedCall>)>,
    /// Ids that units miss.
    pub missing: Vec<(String, Span, Vec<Missing>)>,
    /// Media files.
    pub media: Vec<MediaOf>,
    /// Objects that are no longer current.
    pub removed: Vec<RemovedRow>,
    /// Names and values of the ledger itself.
    pub facts: Vec<(String, String)>,
}

impl Ledger {
    /// Takes over what an output proves, in one transaction.
    pub fn restore(&self, restored: &Restored) -> Result<()> {
        self.with(|tx| {
            facts::set(tx, "ledger_id", &restored.ledger_id)?;
            facts::set(tx, "sequence", &restored.sequence.to_string())?;
            for (name, value) in &restored.facts {
                facts::set(tx, name, value)?;
            }
            forget_others(tx, &restored.keep)?;
            for row in &restored.units {
                let (from, to) = days(row.span);
                let digests = "DELETE FROM row_digest WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3";
                tx.execute(digests, params![row.entity, from, to])?;
                write_row(tx, row, restored.sequence)?;
            }
            for (window, listing) in &restored.listings {
                calls::put(tx, Span::Window(*window), listing)?;
            }
            for (entity, at, missing) in &restored.missing {
                calls::replace_missing(tx, entity, *at, missing)?;
            }
            for of in &restored.media {
                super::media::put(tx, &of.entity, Span::Window(of.window), &of.file)?;
            }
            for gone in &restored.removed {
                let insert = "INSERT OR REPLACE INTO removed VALUES (?1, ?2, ?3)";
                tx.execute(insert, params![gone.path, gone.sequence, micros(gone.at)])?;
            }
            // What is current is neither gone nor to be removed, whatever an older copy of the ledger says.
            tx.execute(
                "DELETE FROM discarded WHERE path IN (SELECT path FROM media UNION SELECT object FROM unit)",
                [],
            )?;
            tx.execute("DELETE FROM removed WHERE path IN (SELECT object FROM unit)", []).map(|_| ())
        })
    }
}

/// Forgets units that are none any more, with what hangs on them.
fn forget_others(tx: &Transaction, keep: &HashSet<(String, Span)>) -> rusqlite::Result<()> {
    let mut query = tx.prepare("SELECT entity, from_day, to_day FROM unit")?;
    let all = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let all: Vec<(String, String, String)> = all.collect::<rusqlite::Result<_>>()?;
    for (entity, from, to) in all.iter().filter(|(e, from, to)| !keep.contains(&(e.clone(), span(from, to)))) {
        for table in ["unit", "row_digest", "missing", "media"] {
            let delete = format!("DELETE FROM {table} WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3");
            tx.execute(&delete, params![entity, from, to])?;
        }
    }
    Ok(())
}
