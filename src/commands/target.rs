//! Where a download goes: stdout, a device or pipe, or a file that appears whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::stdout::printed;
use crate::error::{Error, Kind, Result};

/// More links one behind the other than this lead nowhere; the kernel follows no more either.
const MOST_LINKS: usize = 40;

/// Where a download goes.
pub enum Target {
    /// stdout.
    Stdout,
    /// Something that is there and no file, such as a FIFO: written straight through, for a file in its place would be something else.
    Through(File),
    /// A file: a temporary one beside it until the last byte has come. It goes away when this is dropped.
    File {
        /// The bytes so far.
        temporary: NamedTempFile,
        /// The file's name, unless it follows from what comes.
        path: Option<PathBuf>,
    },
}

impl Target {
    /// Opens it; `-` is stdout, and without a name it will be a file in this folder. Links are followed to what they name.
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there.
    pub fn open(output: Option<&Path>) -> Result<Target> {
        if output == Some(Path::new("-")) {
            return Ok(Target::Stdout);
        }
        let shown = output.unwrap_or(Path::new(".")).display();
        let failed = |e: std::io::Error| {
            Error::new(Kind::Output, format!("cannot write {shown}"))
                .caused_by(e)
                .hint("name another file with --output")
        };
        if output.is_some_and(|path| path.is_dir() || path.file_name().is_none()) {
            return Err(Error::new(Kind::Output, format!("--output: {shown} is a folder, not a file")));
        }
        if let Some(path) = output.filter(|path| is_no_file(path)) {
            return OpenOptions::new().write(true).open(path).map(Target::Through).map_err(failed);
        }
        let path = output.map(followed).transpose().map_err(failed)?;
        let named = path.as_deref().and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let folder = named.unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Error::new(Kind::Output, format!("--output: there is no folder {}", folder.display())));
        }
        let mut builder = tempfile::Builder::new();
        // The usual mode of new files: the umask still counts.
        builder.prefix(".gong-elt-").suffix(".part").permissions(std::fs::Permissions::from_mode(0o666));
        let temporary = builder.tempfile_in(folder).map_err(failed)?;
        Ok(Target::File { temporary, path })
    }

    /// Adds bytes; false if nobody reads any more.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        let failed =
            |e| Err(Error::new(Kind::Output, "cannot write the download").caused_by(e).hint("check free space"));
        match self {
            Target::Stdout => printed(std::io::stdout().write_all(bytes)),
            Target::Through(to) => match to.write_all(bytes) {
                Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
                written => written.map(|()| true).or_else(failed),
            },
            Target::File { temporary, .. } => temporary.write_all(bytes).map(|()| true).or_else(failed),
        }
    }

    /// Everything has come: gives the file its name, `name` unless it has one; its path, if it is one.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub fn keep(self, name: &str) -> Result<Option<PathBuf>> {
        let (temporary, path) = match self {
            Target::Stdout => return printed(std::io::stdout().flush()).map(|_| None),
            Target::Through(_) => return Ok(None),
            Target::File { temporary, path } => (temporary, path.unwrap_or_else(|| PathBuf::from(name))),
        };
        let failed =
            |e: std::io::Error| Error::new(Kind::Output, format!("cannot write {}", path.display())).caused_by(e);
        // Only with a name of its own is a link followed, and that name was looked at before.
        if path.is_symlink() || is_no_file(&path) {
            let what = format!("cannot write {}: what is there is no file", path.display());
            return Err(Error::new(Kind::Output, what).hint("name it, or another one, with --output"));
        }
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&path).map_err(|e| failed(e.error))?;
        Ok(Some(path))
    }
}

/// True if something is there that is neither a file nor absent.
fn is_no_file(path: &Path) -> bool {
    path.metadata().is_ok_and(|there| !there.is_file())
}

/// The path that a chain of links ends at, whether something is there or not.
fn followed(path: &Path) -> std::io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(next) = path.read_link() else { return Ok(path) };
        path = path.parent().unwrap_or(Path::new("")).join(next);
    }
    Err(std::io::Error::other("too many links, one behind the other"))
}
