//! Marks on committed units: read again early, not believed, damaged. The next commit of the unit clears them.

use rusqlite::params;

use super::{Ledger, UNKNOWN, days};
use crate::error::Result;
use crate::unit::{Span, Unit};

impl Ledger {
    /// Keeps the old facts and object of a unit whose new reading is not believed.
    pub fn mark_suspect(&self, open_id: i64, unit: Unit, why: &str) -> Result<()> {
        let (from, to) = days(unit.span);
        self.with(|tx| {
            tx.execute(
                "UPDATE unit SET suspect = ?4 WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
                params![unit.entity.name, from, to, why],
            )?;
            tx.execute("DELETE FROM open_unit WHERE id = ?1", params![open_id]).map(|_| ())
        })
    }

    /// Marks a unit whose object is not what the ledger says: it is due, and its next reading writes it, changed or not.
    pub fn mark_damaged(&self, entity: &str, at: Span, why: &str) -> Result<()> {
        let (from, to) = days(at);
        self.with(|tx| {
            tx.execute(
                "UPDATE unit SET due = ?4, digest = ?5 WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
                params![entity, from, to, why, UNKNOWN],
            )
            .map(|_| ())
        })
    }
}
