//! Facts that are taken from elsewhere than a reading: from the output itself, or from a look at it.

use rusqlite::params;

use super::{Digest, Ledger, days};
use crate::error::Result;
use crate::unit::Span;

/// No rows have this digest, so that a unit which has it is written again by its next reading.
pub const UNKNOWN: Digest = [0; 16];

impl Ledger {
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
