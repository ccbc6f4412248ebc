//! Uploads in parts that were begun and neither completed nor aborted.

use rusqlite::params;

use super::Ledger;
use crate::error::Result;

/// An upload under way, or left by a run that was killed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadRow {
    /// The store's id of the upload.
    pub id: String,
    /// Below the output.
    pub path: String,
    /// Like no other upload's; the finished object carries it.
    pub mark: String,
}

impl Ledger {
    /// The uploads under way.
    pub fn uploads(&self) -> Result<Vec<UploadRow>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached("SELECT id, path, mark FROM upload ORDER BY path")?;
            let rows =
                query.query_map([], |row| Ok(UploadRow { id: row.get(0)?, path: row.get(1)?, mark: row.get(2)? }))?;
            rows.collect()
        })
    }

    /// Records an upload before its first part.
    pub fn note_upload(&self, row: &UploadRow) -> Result<()> {
        self.with(|tx| {
            tx.execute("INSERT OR REPLACE INTO upload VALUES (?1, ?2, ?3)", params![row.id, row.path, row.mark])
                .map(|_| ())
        })
    }

    /// Forgets an upload that was completed or aborted.
    pub fn forget_upload(&self, id: &str) -> Result<()> {
        self.with(|tx| tx.execute("DELETE FROM upload WHERE id = ?1", params![id]).map(|_| ()))
    }
}
