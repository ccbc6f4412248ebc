//! Units that others replace, over the same days cut otherwise; their objects, and media files without a call, until they are out of the
//! output.

use chrono::{DateTime, Utc};
use rusqlite::params;

use super::{Ledger, days, facts, micros};
use crate::error::Result;
use crate::unit::Span;

impl Ledger {
    /// Forgets units whose days are read anew in other windows, in one transaction: from then on their objects are no longer current,
    /// and are to be removed. The open units `new` take their place, and are marked as the only ones that have those days.
    pub fn supersede(&self, entity: &str, old: &[Span], new: &[i64], at: DateTime<Utc>) -> Result<()> {
        self.with(|tx| {
            let sequence = facts::next_sequence(tx)?;
            for span in old {
                let (from, to) = days(*span);
                let of_unit = "FROM unit WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3 AND object IS NOT NULL";
                let discard = format!("INSERT OR REPLACE INTO discarded SELECT object {of_unit}");
                tx.execute(&discard, params![entity, from, to])?;
                let removed = format!("INSERT OR REPLACE INTO removed SELECT object, ?4, ?5 {of_unit}");
                tx.execute(&removed, params![entity, from, to, sequence, micros(at)])?;
                for table in ["unit", "row_digest", "missing"] {
                    let delete = format!("DELETE FROM {table} WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3");
                    tx.execute(&delete, params![entity, from, to])?;
                }
            }
            for id in new {
                tx.execute("UPDATE open_unit SET replaces = 1 WHERE id = ?1", params![id])?;
            }
            Ok(())
        })
    }

    /// Paths of objects and files that are to be removed.
    pub fn discarded(&self) -> Result<Vec<String>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached("SELECT path FROM discarded ORDER BY path")?;
            query.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// Notes that an object is out of the output.
    pub fn forget_discarded(&self, path: &str) -> Result<()> {
        self.with(|tx| tx.execute("DELETE FROM discarded WHERE path = ?1", params![path]).map(|_| ()))
    }
}
