//! Where objects go: a folder or a bucket. An object appears whole or not at all.
//!
//! On disk a new object is written under `_gong_elt/tmp/`, synced and renamed, because nothing unfinished may lie under an
//! entity's folder. In a bucket one put is atomic by itself.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::bucket::Bucket;
use super::disk::{self, PROBE, TEMPORARY};
use super::incoming::Incoming;
use super::opening::{Made, unwritable};
use super::told::Told;
use super::upload::{Destination, PART, Unfinished, Upload, UploadLog};
use crate::error::{Error, Kind, Result};

/// The output.
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    place: Place,
    shown: String,
    /// The setting that names it.
    pub(super) key: &'static str,
    /// Of files in a folder.
    mode: u32,
    /// Told of uploads in parts.
    log: Option<Arc<dyn UploadLog>>,
    run_id: String,
    uploads: AtomicU64,
    /// Folders that go with this.
    pub(super) made: Option<Made>,
}

/// What kind of place it is.
enum Place {
    Folder(PathBuf),
    Bucket { bucket: Bucket, prefix: String },
}

impl Store {
    /// An output that ends with the process: the store that others are measured by.
    pub fn memory() -> Store {
        Store::bucket(Bucket::of(InMemory::new()), "in/memory".to_owned(), "memory".to_owned())
    }

    pub(super) fn bucket(bucket: Bucket, prefix: String, shown: String) -> Store {
        Store::new(bucket.objects.clone(), Place::Bucket { bucket, prefix }, shown)
    }

    pub(super) fn folder(root: &FilePath, shown: String) -> Result<Store> {
        let inner = LocalFileSystem::new_with_prefix(root)
            .map_err(|e| Error::new(Kind::Output, format!("cannot open {shown}")).caused_by(e))?;
        Ok(Store::new(Arc::new(inner), Place::Folder(root.to_owned()), shown))
    }

    fn new(inner: Arc<dyn ObjectStore>, place: Place, shown: String) -> Store {
        let (key, mode, run_id, uploads) = ("output.url", disk::SHARED, String::new(), AtomicU64::new(0));
        Store { inner, place, shown, key, mode, log: None, run_id, uploads, made: None }
    }

    /// The same for one run, with a memory of its uploads beyond the end of the process.
    #[must_use]
    pub fn for_run(self, run_id: &str, log: Arc<dyn UploadLog>) -> Store {
        Store { run_id: run_id.to_owned(), log: Some(log), ..self }
    }

    /// The same, with files that only their owner may read. What a bucket lets others see is the bucket's to say.
    #[must_use]
    pub fn private(self) -> Store {
        Store { mode: disk::PRIVATE, ..self }
    }

    /// The output as the settings name it.
    pub fn url(&self) -> &str {
        &self.shown
    }

    /// Writes or replaces an object in one atomic, durable step; returns its etag.
    ///
    /// # Errors
    /// [`Kind::Output`] naming the object.
    pub async fn put(&self, path: &str, bytes: Bytes) -> Result<Option<String>> {
        self.write(path, bytes, self.mode).await
    }

    /// The same for what only the owner may read on local disk (mode 0600).
    ///
    /// # Errors
    /// [`Kind::Output`] naming the object.
    pub async fn put_private(&self, path: &str, bytes: Bytes) -> Result<Option<String>> {
        self.write(path, bytes, disk::PRIVATE).await
    }

    async fn write(&self, path: &str, bytes: Bytes, mode: u32) -> Result<Option<String>> {
        let failed = || self.failed("write", path);
        match &self.place {
            Place::Folder(root) => {
                let (temporary, target) = (root.join(TEMPORARY), root.join(path));
                let write = move || disk::replace(&temporary, &target, &bytes, mode);
                let done = tokio::task::spawn_blocking(write).await.map_err(|e| failed().caused_by(e))?;
                done.map_err(|e| failed().caused_by(e).hint("check space, owner and mode of the output folder"))?;
                Ok(self.inner.head(&self.at(path)).await.ok().and_then(|meta| meta.e_tag))
            }
            Place::Bucket { bucket, .. } if bytes.len() > PART => {
                let mut upload = Upload::begin(self.destination(bucket, path, None)).await?;
                let done = send(&mut upload, bytes).await;
                if done.is_err() {
                    upload.abort().await;
                }
                done
            }
            Place::Bucket { .. } => {
                let done = self.inner.put(&self.at(path), PutPayload::from_bytes(bytes)).await;
                done.map(|put| put.e_tag).map_err(|e| failed().caused_by(Told::from(e)))
            }
        }
    }

    /// A place for bytes that come piece by piece, outside the reach of readers until they are kept.
    pub fn incoming(&self, path: &str) -> Result<Incoming> {
        match &self.place {
            Place::Folder(root) => {
                Incoming::to_file(&root.join(TEMPORARY), root.join(path), format!("{path} below {}", self.shown))
            }
            Place::Bucket { bucket, .. } => Ok(Incoming::to_bucket(self.destination(bucket, path, None))),
        }
    }

    /// Aborts an upload of a run that ended in it. Only for the holder of the run's lock.
    ///
    /// # Errors
    /// [`Kind::Output`] if the store does not answer or does not allow it.
    pub async fn abort_upload(&self, upload: &Unfinished) -> Result<()> {
        let Place::Bucket { bucket, .. } = &self.place else { return Ok(()) };
        self.destination(bucket, &upload.path, Some(&upload.mark)).abort(&upload.id).await
    }

    fn destination(&self, bucket: &Bucket, path: &str, mark: Option<&str>) -> Destination {
        let number = || self.uploads.fetch_add(1, Ordering::Relaxed);
        Destination {
            bucket: bucket.clone(),
            log: self.log.clone(),
            at: self.at(path),
            path: path.to_owned(),
            mark: mark.map_or_else(|| format!("{}-{}", self.run_id, number()), str::to_owned),
            shown: self.shown.clone(),
        }
    }

    /// Removes an object; one that is not there is fine.
    pub async fn remove(&self, path: &str) -> Result<()> {
        let removed = self.inner.delete(&self.at(path)).await;
        if let Some(root) = self.root() {
            disk::sync_removal(&root.join(path)).map_err(|e| self.failed("remove", path).caused_by(e))?;
        }
        match removed {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed("remove", path).caused_by(Told::from(e))),
        }
    }

    /// The whole object, or `None` if there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let failed = |e| self.failed("read", path).caused_by(Told::from(e));
        match self.inner.get(&self.at(path)).await {
            Ok(found) => found.bytes().await.map(Some).map_err(failed),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(failed(e)),
        }
    }

    /// Size of an object, or `None` if there is none.
    pub async fn size(&self, path: &str) -> Result<Option<u64>> {
        match self.inner.head(&self.at(path)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("look at", path).caused_by(Told::from(e))),
        }
    }

    /// Paths of all objects under a folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>> {
        Ok(self.stored(folder).await?.into_iter().map(|stored| stored.path).collect())
    }

    /// Writes and removes a small object, to know that the output is writable before anything is asked of the vendor.
    pub async fn probe(&self) -> Result<()> {
        let path = &format!("_gong_elt/{PROBE}");
        self.put(path, Bytes::from_static(b"gong-elt\n")).await?;
        self.remove(path).await
    }

    pub(super) fn at(&self, path: &str) -> Path {
        self.prefix().map_or_else(|| Path::from(path), |prefix| Path::from(format!("{prefix}/{path}")))
    }

    pub(super) fn prefix(&self) -> Option<&str> {
        match &self.place {
            Place::Bucket { prefix, .. } if !prefix.is_empty() => Some(prefix),
            _ => None,
        }
    }

    /// The bucket and the prefix in it, if the output is one.
    pub(super) fn in_bucket(&self) -> Option<(&Bucket, &str)> {
        match &self.place {
            Place::Bucket { bucket, prefix } => Some((bucket, prefix)),
            Place::Folder(_) => None,
        }
    }

    pub(super) fn objects(&self) -> &dyn ObjectStore {
        self.inner.as_ref()
    }

    /// The folder, if the output is on local disk.
    pub(super) fn root(&self) -> Option<&FilePath> {
        match &self.place {
            Place::Folder(root) => Some(root),
            Place::Bucket { .. } => None,
        }
    }

    /// True for a folder on local disk.
    pub fn is_local(&self) -> bool {
        self.root().is_some()
    }

    /// Removes unfinished files that a killed run left on disk. Only for the holder of the run's lock.
    pub fn sweep(&self) -> Result<()> {
        let Some(root) = self.root() else { return Ok(()) };
        disk::sweep(root).map_err(|e| unwritable(self.key, &self.shown).caused_by(e))
    }
}

/// All of an object in parts.
async fn send(upload: &mut Upload, bytes: Bytes) -> Result<Option<String>> {
    for from in (0..bytes.len()).step_by(PART) {
        upload.send(bytes.slice(from..bytes.len().min(from + PART))).await?;
    }
    upload.finish().await
}
