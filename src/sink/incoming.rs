//! Bytes that come piece by piece and become an object when they are whole: media files. On disk they wait in a temporary file; to
//! a bucket they go in parts as they come, so that memory never holds the whole.

use std::io::Write as _;
use std::path::{Path as FilePath, PathBuf};

use object_store::{ObjectStoreExt as _, PutPayload};
use tempfile::NamedTempFile;

use super::disk;
use super::told::Told;
use super::upload::{Destination, PART, Upload};
use crate::error::{Error, Kind, Result};

/// An object on its way into the output. Dropped, it leaves at most an upload that the next run aborts.
pub struct Incoming(Way);

enum Way {
    File { file: Option<NamedTempFile>, target: PathBuf, shown: String },
    Parts { place: Destination, waiting: Vec<u8>, upload: Option<Box<Upload>> },
}

impl Incoming {
    /// Through a temporary file in `folder` to the file `target`.
    pub(super) fn to_file(folder: &FilePath, target: PathBuf, shown: String) -> Result<Incoming> {
        let file = NamedTempFile::new_in(folder)
            .map_err(|e| Error::new(Kind::Output, "cannot make a temporary file").caused_by(e))?;
        Ok(Incoming(Way::File { file: Some(file), target, shown }))
    }

    /// In parts to `place`.
    pub(super) fn to_bucket(place: Destination) -> Incoming {
        Incoming(Way::Parts { place, waiting: Vec::new(), upload: None })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`Kind::Output`] if they cannot be written; then [`Incoming::discard`] it.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.0 {
            Way::File { file, .. } => file.as_mut().map_or(Ok(()), |file| file.write_all(bytes)).map_err(|e| {
                let hint = "make room; what is whole is kept";
                Error::new(Kind::Output, "cannot write a temporary file").caused_by(e).hint(hint)
            }),
            Way::Parts { place, waiting, upload } => {
                let mut bytes = bytes;
                while !bytes.is_empty() {
                    if waiting.len() == PART {
                        let part = std::mem::take(waiting);
                        let upload = match upload {
                            Some(upload) => upload,
                            None => upload.insert(Box::new(Upload::begin(place.clone()).await?)),
                        };
                        upload.send(part.into()).await?;
                    }
                    // Room for one part at once: growing by doubling would take two.
                    waiting.reserve_exact(PART - waiting.len());
                    let (now, rest) = bytes.split_at(bytes.len().min(PART - waiting.len()));
                    waiting.extend_from_slice(now);
                    bytes = rest;
                }
                Ok(())
            }
        }
    }

    /// Makes what came into an object, whole and durable. If this fails or is given up, [`Incoming::discard`] it.
    ///
    /// # Errors
    /// [`Kind::Output`] naming the object.
    pub async fn keep(&mut self) -> Result<()> {
        match &mut self.0 {
            Way::File { file, target, shown } => {
                let (file, target) = (file.take(), target.clone());
                let place = move || {
                    disk::make_folder(target.parent().unwrap_or(&target))?;
                    file.map_or(Ok(()), |file| disk::persist(file, &target, disk::SHARED))
                };
                let failed = || Error::new(Kind::Output, format!("cannot write {shown}"));
                let done = tokio::task::spawn_blocking(place).await.map_err(|e| failed().caused_by(e))?;
                done.map_err(|e| failed().caused_by(e))
            }
            Way::Parts { place, waiting, upload: None } => {
                let put = place.bucket.objects.put(&place.at, PutPayload::from(std::mem::take(waiting))).await;
                put.map(drop).map_err(|e| place.failed().caused_by(Told::from(e)))
            }
            Way::Parts { waiting, upload: Some(upload), .. } => {
                upload.send(std::mem::take(waiting).into()).await?;
                upload.finish().await.map(drop)
            }
        }
    }

    /// Drops what came.
    pub async fn discard(self) {
        if let Way::Parts { upload: Some(mut upload), .. } = self.0 {
            upload.abort().await;
        }
    }
}
