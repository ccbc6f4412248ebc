//! Brings the ledger's tables up to date: the files of `state/migrations/`, embedded, applied in order.

use std::path::Path;

use rusqlite::{Connection, Transaction};

use super::{ledger_error, sql};
use crate::error::Result;

/// `PRAGMA application_id` of our files, so that a foreign database is recognised.
const APPLICATION_ID: i32 = 0x474f_4e47;

const MIGRATIONS: &[&str] = &[include_str!("../../state/migrations/0001_ledger.sql")];

/// Refuses a file of a newer program or of another application; changes nothing.
pub fn recognise(path: &Path, connection: &Connection) -> Result<()> {
    let (application, version) = (number(path, connection, "application_id")?, version(path, connection)?);
    let empty: bool = connection
        .query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
        .map_err(|e| sql(path, e))?;
    if !empty && application != APPLICATION_ID {
        return Err(
            ledger_error(path, "the file is another program's database").hint("name another file in state.path")
        );
    }
    let known = known();
    if version > known {
        let what = format!("it was written by a newer gong-elt (format {version}; this one knows up to {known})");
        return Err(
            ledger_error(path, what).hint("install the newer gong-elt, or restore an older backup of the ledger")
        );
    }
    Ok(())
}

/// Applies what is missing.
pub fn apply(path: &Path, connection: &mut Connection) -> Result<()> {
    let (version, known) = (version(path, connection)?, known());
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

fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

fn version(path: &Path, connection: &Connection) -> Result<i32> {
    number(path, connection, "user_version")
}

fn number(path: &Path, connection: &Connection, name: &str) -> Result<i32> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|e| sql(path, e))
}
