//! One run at a time: a lock on a file beside the ledger, held by the kernel and so gone with the process, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::{ledger_error, no_folder};
use crate::error::{Error, Kind, Result};

/// Held for the length of a run.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who holds the lock, as the holder wrote it.
#[derive(Debug, Clone)]
pub struct Owner(pub String);

impl Lock {
    /// Takes the lock and notes `owner` in it; `Ok(Err(_))` if another process holds it.
    ///
    /// # Errors
    /// [`Kind::Ledger`] if the lock file cannot be made or locked.
    pub fn take(ledger: &Path, owner: &str) -> Result<std::result::Result<Lock, Owner>> {
        let path = lock_path(ledger);
        let failed = |e: std::io::Error| {
            ledger_error(ledger, format!("cannot lock {}", path.display()))
                .caused_by(e)
                .hint("check the owner and mode of the file and its folder, and the space that is left")
        };
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|e| no_folder(ledger, e))?;
        }
        let mut file =
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                file.read_to_string(&mut text).map_err(failed)?;
                return Ok(Err(Owner(text.trim().to_owned())));
            }
            Err(TryLockError::Error(e)) => return Err(failed(e)),
        }
        let note = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{owner}")
        };
        note(&mut file).map_err(failed)?;
        Ok(Ok(Lock { _file: file }))
    }
}

impl Owner {
    /// The error of a run that did not get the lock.
    pub fn refused(&self, ledger: &Path) -> Error {
        Error::new(Kind::Locked, format!("the ledger {} is held by {self}", ledger.display()))
            .hint("wait for that run to end, or give --wait 10m")
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A holder that has locked the file may not yet have written its name.
        f.write_str(if self.0.is_empty() { "another process" } else { &self.0 })
    }
}

fn lock_path(ledger: &Path) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
