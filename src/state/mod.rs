//! The ledger: one SQLite file of facts.
//!
//! It stores what was asked, what came and what was written; coverage and watermarks are computed from that elsewhere. Each call
//! here is one short transaction. Knows no vendor, no planner and no file format.

mod backup;
mod calls;
mod discarded;
mod facts;
mod lock;
mod marks;
mod media;
mod migrations;
mod open_units;
mod partial;
mod quota;
mod restore;
mod runs;
mod tokens;
mod units;
mod uploads;
mod visibility;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, NaiveDate, Utc};
use rusqlite::{Connection, Transaction};

pub use calls::{ListedCall, MOVED, Missing, NEW_CALLS};
pub use lock::{Lock, Owner};
pub use media::{MediaOf, MediaRow};
pub use open_units::{OpenUnit, Reading, StagedPage};
pub use partial::{Partial, PartialHead, Partials};
pub use quota::{Gate, Pace};
pub use restore::{Restored, UNKNOWN};
pub use runs::{Backfill, RunRow};
pub use tokens::{TokenLock, TokenRow, TokenState};
pub use units::{Commit, Digest, ObjectRow, RemovedRow, UnitRow};
pub use uploads::UploadRow;
pub use visibility::Visibility;

use crate::error::{Error, Kind, Result};
use crate::unit::{Span, Window};

/// The ledger's file, open.
///
/// Its connections sit behind one lock: statements take well under ten milliseconds, so tasks wait for them in place.
#[derive(Debug)]
pub struct Ledger {
    connections: Mutex<Connections>,
    path: PathBuf,
}

/// Two ways to commit to the same file.
#[derive(Debug)]
struct Connections {
    /// Survives a power cut: intents, commits, facts.
    durable: Connection,
    /// Survives the death of the process: staged answers and the request count, which a power cut may set back a moment.
    relaxed: Connection,
}

impl Ledger {
    /// Opens the file, makes it and its folder if absent (mode 0600), and brings its tables up to date.
    ///
    /// # Errors
    /// [`Kind::Ledger`] if the file cannot be opened, is damaged, is no ledger or is of a newer program.
    pub fn open(path: &Path) -> Result<Ledger> {
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| no_folder(path, e))?;
        }
        let closed = |e: std::io::Error| ledger_error(path, "cannot open it").caused_by(e);
        create(path).map_err(closed)?;
        // A file that is not ours is refused before anything of it is changed, its mode included.
        migrations::recognise(path, &connect(path).map_err(|e| sql(path, e))?)?;
        restrict(path).map_err(closed)?;
        check(path)?;
        let mut durable = connect(path).and_then(|c| prepare(c, "FULL")).map_err(|e| sql(path, e))?;
        migrations::apply(path, &mut durable)?;
        let relaxed = connect(path).and_then(|c| prepare(c, "NORMAL")).map_err(|e| sql(path, e))?;
        Ok(Ledger { connections: Mutex::new(Connections { durable, relaxed }), path: path.to_owned() })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `work` in one transaction that is on disk when this returns.
    fn with<T>(&self, work: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T> {
        transaction(&mut self.lock().durable, work).map_err(|e| sql(&self.path, e))
    }

    /// Runs `work` in one transaction that a power cut may undo, whole.
    fn with_relaxed<T>(&self, work: impl FnOnce(&Transaction) -> rusqlite::Result<T>) -> Result<T> {
        transaction(&mut self.lock().relaxed, work).map_err(|e| sql(&self.path, e))
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn transaction<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let tx = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let value = work(&tx)?;
    tx.commit()?;
    Ok(value)
}

/// Creates the file with mode 0600 before SQLite does, because it will hold staged answers.
fn create(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// Takes other people's rights to a file that was copied or restored with them.
fn restrict(path: &Path) -> std::io::Result<()> {
    #[cfg(unix)]
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

/// Refuses a file whose pages do not fit together: a run must not build on facts that may be half of another moment.
fn check(path: &Path) -> Result<()> {
    let verdict = connect(path).and_then(|c| c.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
    match verdict.map_err(|e| sql(path, e))?.as_str() {
        "ok" => Ok(()),
        _ => Err(ledger_error(path, DAMAGED.0).hint(DAMAGED.1)),
    }
}

/// What is said of a file that is no ledger any more, and what to do.
const DAMAGED: (&str, &str) = (
    "the file is damaged or no SQLite database",
    "restore it from a backup, or move it away and run `gong-elt state rebuild`: the output holds what is needed",
);

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(30))?;
    Ok(connection)
}

fn prepare(connection: Connection, synchronous: &str) -> rusqlite::Result<Connection> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn ledger_error(path: &Path, what: impl std::fmt::Display) -> Error {
    Error::new(Kind::Ledger, format!("the ledger {}: {what}", path.display()))
}

fn no_folder(path: &Path, error: std::io::Error) -> Error {
    ledger_error(path, "cannot make its folder").caused_by(error).hint("name another file in state.path")
}

fn sql(path: &Path, error: rusqlite::Error) -> Error {
    use rusqlite::ErrorCode;
    let (what, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => DAMAGED,
        Some(ErrorCode::DiskFull) => {
            ("the disk is full", "make room and run again; nothing that was committed is lost")
        }
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
            ("it cannot be written", "check the owner and mode of the file and its folder")
        }
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            ("another program holds it", "wait for the other program; the ledger must not lie on a network file system")
        }
        _ => ("SQLite failed", "run again; nothing that was committed is lost"),
    };
    ledger_error(path, what).caused_by(error).hint(hint)
}

// Forms in which values are stored.

fn micros(at: DateTime<Utc>) -> i64 {
    at.timestamp_micros()
}

fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

fn days(span: Span) -> (String, String) {
    match span {
        Span::Snapshot => (String::new(), String::new()),
        Span::Window(window) => (window.from.to_string(), window.to.to_string()),
    }
}

fn span(from: &str, to: &str) -> Span {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    match (day(from), day(to)) {
        (Some(from), Some(to)) => Span::Window(Window { from, to }),
        _ => Span::Snapshot,
    }
}
