//! Bytes that come piece by piece and become an object when they are whole: media files. Memory holds one piece.

use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path as FilePath;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, WriteMultipart};
use tempfile::NamedTempFile;

use super::disk;
use crate::error::{Error, Kind, Result};

/// Size of a part of an upload. S3 allows 10,000 parts, so the largest file is 160 GB.
const PART: usize = 16 << 20;
/// Parts of one upload under way at once.
const PARTS_AT_ONCE: usize = 2;

/// Bytes on their way into the output, in a temporary file.
pub struct Incoming(NamedTempFile);

impl Incoming {
    /// A temporary file in `folder`, or where the system has them.
    pub(super) fn new(folder: Option<&FilePath>) -> Result<Incoming> {
        let made = folder.map_or_else(NamedTempFile::new, NamedTempFile::new_in);
        made.map(Incoming).map_err(|e| Error::new(Kind::Output, "cannot make a temporary file").caused_by(e))
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        let hint = "make room; what is whole is kept";
        self.0
            .write_all(bytes)
            .map_err(|e| Error::new(Kind::Output, "cannot write a temporary file").caused_by(e).hint(hint))
    }

    /// Becomes the file `target`, durably.
    pub(super) fn rename(self, target: &FilePath) -> std::io::Result<()> {
        disk::persist(self.0, target)
    }

    /// Is uploaded in parts; a failed upload is aborted and leaves nothing.
    pub(super) async fn upload(mut self, store: &dyn ObjectStore, path: &Path) -> object_store::Result<()> {
        let file = |e: std::io::Error| object_store::Error::Generic { store: "temporary file", source: e.into() };
        self.0.rewind().map_err(file)?;
        let mut upload = WriteMultipart::new_with_chunk_size(store.put_multipart(path).await?, PART);
        let mut piece = vec![0; PART];
        loop {
            match self.0.read(&mut piece) {
                Ok(0) => return upload.finish().await.map(|_| ()),
                Ok(read) => {
                    if let Err(error) = upload.wait_for_capacity(PARTS_AT_ONCE).await {
                        upload.abort().await?;
                        return Err(error);
                    }
                    upload.write(&piece[..read]);
                }
                Err(error) => {
                    upload.abort().await?;
                    return Err(file(error));
                }
            }
        }
    }
}
