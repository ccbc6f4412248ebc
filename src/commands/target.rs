//! Where a download goes: stdout, or a file that appears whole or not at all.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::stdout::printed;
use crate::error::{Error, Kind, Result};

/// Where a download goes.
pub enum Target {
    /// stdout.
    Stdout,
    /// A file: a temporary one beside it until the last byte has come. It goes away when this is dropped.
    File {
        /// The bytes so far.
        temporary: NamedTempFile,
        /// The file's name, unless it follows from what comes.
        path: Option<PathBuf>,
    },
}

impl Target {
    /// Opens it; `-` is stdout, and without a name it will be a file in this folder.
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there.
    pub fn open(output: Option<&Path>) -> Result<Target> {
        if output == Some(Path::new("-")) {
            return Ok(Target::Stdout);
        }
        let shown = output.unwrap_or(Path::new(".")).display();
        if output.is_some_and(|path| path.is_dir() || path.file_name().is_none()) {
            return Err(Error::new(Kind::Output, format!("--output: {shown} is a folder, not a file")));
        }
        let named = output.and_then(Path::parent).filter(|folder| !folder.as_os_str().is_empty());
        let folder = named.unwrap_or(Path::new("."));
        if !folder.is_dir() {
            return Err(Error::new(Kind::Output, format!("--output: there is no folder {}", folder.display())));
        }
        let mut builder = tempfile::Builder::new();
        // The usual mode of new files: the umask still counts.
        builder.prefix(".gong-elt-").suffix(".part").permissions(std::fs::Permissions::from_mode(0o666));
        let temporary = builder.tempfile_in(folder).map_err(|e| {
            Error::new(Kind::Output, format!("cannot write {shown}"))
                .caused_by(e)
                .hint("name another file with --output")
        })?;
        Ok(Target::File { temporary, path: output.map(Path::to_owned) })
    }

    /// Adds bytes; false if nobody reads any more.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub fn write(&mut self, bytes: &[u8]) -> Result<bool> {
        match self {
            Target::Stdout => printed(std::io::stdout().write_all(bytes)),
            Target::File { temporary, .. } => match temporary.write_all(bytes) {
                Ok(()) => Ok(true),
                Err(e) => {
                    Err(Error::new(Kind::Output, "cannot write the download").caused_by(e).hint("check free space"))
                }
            },
        }
    }

    /// Everything has come: gives the file its name, `name` unless it has one; its path, if it is one.
    ///
    /// # Errors
    /// [`Kind::Output`].
    pub fn keep(self, name: &str) -> Result<Option<PathBuf>> {
        let (temporary, path) = match self {
            Target::Stdout => return printed(std::io::stdout().flush()).map(|_| None),
            Target::File { temporary, path } => (temporary, path.unwrap_or_else(|| PathBuf::from(name))),
        };
        let failed =
            |e: std::io::Error| Error::new(Kind::Output, format!("cannot write {}", path.display())).caused_by(e);
        temporary.as_file().sync_all().map_err(failed)?;
        temporary.persist(&path).map_err(|e| failed(e.error))?;
        Ok(Some(path))
    }
}
