//! The output on local disk: temporary name, sync, rename, sync of the folder. After a power cut the old object is there or the new one.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use crate::failpoint;

/// Unfinished objects, apart from the entities' folders because nothing unfinished may lie there.
pub const TEMPORARY: &str = "_gong_elt/tmp";

/// Start of the name of the object that shows whether the output is writable, and the longest that one takes.
pub const PROBE: &str = "probe";
const PROBE_LIFE: std::time::Duration = std::time::Duration::from_secs(60);

/// Mode of what everybody may read: the output.
pub const SHARED: u32 = 0o644;
/// Mode of what only the owner may read: copies of the ledger.
pub const PRIVATE: u32 = 0o600;

/// Writes `bytes` to `target` in one atomic, durable step. `temporary` is a folder of the same file system.
pub fn replace(temporary: &Path, target: &Path, bytes: &[u8], mode: u32) -> std::io::Result<()> {
    let folder = target.parent().unwrap_or(temporary);
    make_folder(folder)?;
    // A trial beside this may have taken it away with what it made.
    make_folder(temporary)?;
    let name = target.file_name().unwrap_or_default();
    let mut file = tempfile::Builder::new().prefix(name).tempfile_in(temporary)?;
    file.write_all(bytes)?;
    persist(file, target, mode)
}

/// Gives a written temporary file its mode and its name, durably.
pub fn persist(file: tempfile::NamedTempFile, target: &Path, mode: u32) -> std::io::Result<()> {
    #[cfg(unix)]
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    file.as_file().sync_all()?;
    failpoint::reached(failpoint::TEMPORARY);
    file.persist(target).map_err(|e| e.error)?;
    failpoint::reached(failpoint::RENAMED);
    File::open(target.parent().unwrap_or(target))?.sync_all()
}

/// Makes a folder and its parents, each durably.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder);
    make_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    File::open(parent)?.sync_all()
}

/// Makes the removal of `gone` durable: one that a power cut undoes would bring rows back.
pub fn sync_removal(gone: &Path) -> std::io::Result<()> {
    match File::open(gone.parent().unwrap_or(gone)).and_then(|folder| folder.sync_all()) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Keeps other processes from conditional writes until it is dropped. The lock is on the folder itself, so it leaves no file.
pub fn lock_conditions(root: &Path) -> std::io::Result<File> {
    let folder = File::open(root.join(TEMPORARY))?;
    folder.lock()?;
    Ok(folder)
}

/// Removes what a killed run left unfinished. Only for the holder of the run's lock.
pub fn sweep(root: &Path) -> std::io::Result<()> {
    for entry in std::fs::read_dir(root.join(TEMPORARY))? {
        let path = entry?.path();
        if is_anothers(&path) {
            continue;
        }
        match std::fs::remove_file(path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// A fresh probe is that of a `check` beside this run, which takes no lock.
fn is_anothers(temporary: &Path) -> bool {
    let is_probe = temporary.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PROBE));
    let age = temporary.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
    is_probe && age.is_none_or(|age| age < PROBE_LIFE)
}
