//! A copy of the ledger that may leave the machine: consistent, without the vendor's answers and without secrets.

use std::path::Path;

use rusqlite::Connection;

use super::{Ledger, ledger_error, sql};
use crate::error::Result;

/// Staged answers belong to this machine's units under way, and a refresh token works once, in one place. What is deleted is not left
/// in free pages either.
const STRIP: &str = "PRAGMA journal_mode = DELETE; PRAGMA secure_delete = ON;
    DELETE FROM staged; DELETE FROM token; VACUUM;";

impl Ledger {
    /// The bytes of a copy as of now. Begun units stay in it, with their boundaries.
    ///
    /// # Errors
    /// [`crate::error::Kind::Ledger`] if there is no space for the copy beside the ledger.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        let failed = |e: std::io::Error| ledger_error(self.path(), "cannot make a copy for the backup").caused_by(e);
        let folder = self.path().parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Mode 0600, like the ledger: for a moment it holds everything.
        let copy = tempfile::Builder::new().prefix(".backup-").tempfile_in(folder).map_err(failed)?;
        let name = copy.path().to_string_lossy().into_owned();
        // SQLite accepts an empty file as the place of the copy.
        let copied = self.lock().durable.execute("VACUUM INTO ?1", [&name]);
        copied.and_then(|_| Connection::open(copy.path())?.execute_batch(STRIP)).map_err(|e| sql(self.path(), e))?;
        std::fs::read(copy.path()).map_err(failed)
    }
}
