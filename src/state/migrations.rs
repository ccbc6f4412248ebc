//! Brings the ledger's tables up to date: the files of `state/migrations/`, embedded, applied in order.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::{ledger_error, sql};
use crate::error::Result;

/// `PRAGMA application_id` of our files, so that a foreign database is recognised.
const APPLICATION_ID: i32 = 0x474f_4e47;

const MIGRATIONS: &[&str] = &[
    include_str!("../../state/migrations/0001_ledger.sql"),
    include_str!("../../state/migrations/0002_tokens.sql"),
    include_str!("../../state/migrations/0003_media.sql"),
    include_str!("../../state/migrations/0004_uploads.sql"),
    include_str!("../../state/migrations/0005_limits.sql"),
    include_str!("../../state/migrations/0006_counts.sql"),
    include_str!("../../state/migrations/0007_zones_and_periods.sql"),
    include_str!("../../state/migrations/0008_sight.sql"),
    include_str!("../../state/migrations/0009_sent.sql"),
    include_str!("../../state/migrations/0010_no_overlap.sql"),
    include_str!("../../state/migrations/0011_replaces.sql"),
    include_str!("../../state/migrations/0012_backfills.sql"),
    include_str!("../../state/migrations/0013_sent_by_time.sql"),
];

/// Refuses a file of a newer program or of another application; changes nothing.
pub fn recognise(path: &Path, connection: &Connection) -> Result<()> {
    // One snapshot: another process may be making the file just now.
    let read = |tx: Transaction| {
        let empty: bool = tx.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((empty, number(&tx, "application_id")?, number(&tx, "user_version")?))
    };
    let (empty, application, version) = connection.unchecked_transaction().and_then(read).map_err(|e| sql(path, e))?;
    if !empty && application != APPLICATION_ID {
        return Err(
            ledger_error(path, "the file is another program's database").hint("name another file in state.path")
        );
    }
    let known = MIGRATIONS.len();
    if usize::try_from(version).is_ok_and(|version| version > known) {
        let what = format!("it was written by a newer gong-elt (format {version}; this one knows up to {known})");
        return Err(
            ledger_error(path, what).hint("install the newer gong-elt, or restore an older backup of the ledger")
        );
    }
    Ok(())
}

/// Applies what is missing.
pub fn apply(path: &Path, connection: &mut Connection) -> Result<()> {
    while step(connection).map_err(|e| sql(path, e))? {}
    Ok(())
}

/// Applies the next one; false if there is none.
fn step(connection: &mut Connection) -> rusqlite::Result<bool> {
    // The version is read under the lock: two processes may open a new ledger at once.
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = number(&tx, "user_version")?;
    let Some(text) = usize::try_from(version).ok().and_then(|version| MIGRATIONS.get(version)) else {
        return Ok(false);
    };
    tx.execute_batch(text)?;
    tx.pragma_update(None, "application_id", APPLICATION_ID)?;
    tx.pragma_update(None, "user_version", version + 1)?;
    tx.commit().map(|()| true)
}

fn number(connection: &Connection, name: &str) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Ledger;

    #[test]
    fn a_ledger_of_every_older_format_is_brought_up_to_date_and_keeps_its_facts() {
        for format in 1..MIGRATIONS.len() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("ledger.db");
            let older = Connection::open(&path).expect("a file");
            older.execute_batch(&MIGRATIONS[..format].concat()).expect("valid SQL");
            older.execute("INSERT INTO fact VALUES ('kept', 'yes')", []).expect("a table");
            older.pragma_update(None, "application_id", APPLICATION_ID).expect("a file of ours");
            older.pragma_update(None, "user_version", format as i64).expect("a file of ours");
            drop(older);
            let ledger = Ledger::open(&path).unwrap_or_else(|e| panic!("format {format}: {e}"));
            assert_eq!(ledger.fact("kept").expect("a ledger").as_deref(), Some("yes"), "format {format}");
            let newest = number(&ledger.lock().durable, "user_version").expect("a number");
            assert_eq!(usize::try_from(newest), Ok(MIGRATIONS.len()), "format {format}");
        }
    }
}
