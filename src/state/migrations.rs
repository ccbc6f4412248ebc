//! Brings the ledger's tables up to date: the files of `state/migrations/`, embedded, applied in order.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::{ledger_error, sql};
use crate::error::Result;

/// `PRAGMA application_id` of our files, so that a foreign database is recognised.
const APPLICATION_ID: i32 = 0x474f_4e47;

const MIGRATIONS: &[&str] = &[include_str!("../../state/migrations/0001_ledger.sql")];

/// Applies what is missing; refuses a file of a newer program or of another application.
pub fn apply(path: &Path, connection: &mut Connection) -> Result<()> {
    let number =
        |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i32>(0)).map_err(|e| sql(path, e));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let empty: bool = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|e| sql(path, e))?;
    if !empty && application != APPLICATION_ID {
        return Err(
            ledger_error(path, "the file is another program's database").hint("name another file in state.path")
        );
    }
    let known = i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX);
    if version > known {
        let what = format!("it was written by a newer gong-elt (format {version}; this one knows up to {known})");
        return Err(
            ledger_error(path, what).hint("install the newer gong-elt, or restore an older backup of the ledger")
        );
    }
    for (done, text) in (version..known).zip(&MIGRATIONS[usize::try_from(version).unwrap_or(0)..]) {
        let step = |tx: Transaction| {
            tx.execute_batch(text)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", done + 1)?;
            tx.commit()
        };
        connection.transaction().and_then(step).map_err(|e| sql(path, e))?;
    }
    Ok(())
}
