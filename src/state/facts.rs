//! Names and values of the ledger itself.

use rusqlite::{OptionalExtension, Transaction, params};

use super::Ledger;
use crate::error::Result;

impl Ledger {
    /// The value of a fact.
    pub fn fact(&self, name: &str) -> Result<Option<String>> {
        self.with(|tx| get(tx, name))
    }

    /// Sets a fact.
    pub fn set_fact(&self, name: &str, value: &str) -> Result<()> {
        self.with(|tx| set(tx, name, value))
    }

    /// The ledger's id, made from `fresh` when it is asked for the first time.
    pub fn id(&self, fresh: impl FnOnce() -> String) -> Result<String> {
        self.with(|tx| match get(tx, "ledger_id")? {
            Some(id) => Ok(id),
            None => {
                let id = fresh();
                set(tx, "ledger_id", &id)?;
                Ok(id)
            }
        })
    }

    /// The number of the newest commit.
    pub fn sequence(&self) -> Result<i64> {
        self.with(|tx| Ok(get(tx, "sequence")?.and_then(|n| n.parse().ok()).unwrap_or(0)))
    }
}

/// The number of the commit that this transaction makes.
pub fn next_sequence(tx: &Transaction) -> rusqlite::Result<i64> {
    next(tx, "sequence", 0)
}

/// The next number of a series that gives none twice, above `least`.
pub fn next(tx: &Transaction, series: &str, least: i64) -> rusqlite::Result<i64> {
    let last = get(tx, series)?.and_then(|n| n.parse::<i64>().ok()).unwrap_or(0);
    let next = last.max(least) + 1;
    set(tx, series, &next.to_string())?;
    Ok(next)
}

fn get(tx: &Transaction, name: &str) -> rusqlite::Result<Option<String>> {
    tx.query_row("SELECT value FROM fact WHERE name = ?1", params![name], |row| row.get(0)).optional()
}

pub(super) fn set(tx: &Transaction, name: &str, value: &str) -> rusqlite::Result<()> {
    tx.execute("INSERT INTO fact VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", params![name, value])?;
    Ok(())
}
