//! Where objects go: a folder or a bucket. An object appears whole or not at all.
//!
//! On disk a new object is written under `_gong_elt/tmp/`, synced and renamed, because nothing unfinished may lie under an
//! entity's folder. In a bucket one put is atomic by itself.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

use super::bucket;
use super::disk::{self, PROBE, TEMPORARY};
use super::incoming::Incoming;
use crate::config::OutputSettings;
use crate::error::{Error, Kind, Result};

/// The output.
pub struct Store {
    inner: Arc<dyn ObjectStore>,
    prefix: String,
    folder: Option<PathBuf>,
    shown: String,
}

impl Store {
    /// Opens the output; a folder is made if absent.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be opened or made.
    pub fn open(settings: &OutputSettings) -> Result<Store> {
        let shown = settings.url.clone();
        match settings.url.strip_prefix("s3://") {
            Some(place) => {
                let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
                let inner = bucket::s3(bucket, &settings.s3)
                    .map_err(|e| Error::new(Kind::Output, format!("cannot open {shown}")).caused_by(e))?;
                Ok(Store { inner, prefix: prefix.trim_matches('/').to_owned(), folder: None, shown })
            }
            None => Store::folder(FilePath::new(&settings.url), shown),
        }
    }

    fn folder(root: &FilePath, shown: String) -> Result<Store> {
        let failed = |e: std::io::Error| unwritable(&shown).caused_by(e);
        std::fs::create_dir_all(root.join(TEMPORARY)).map_err(failed)?;
        let inner = LocalFileSystem::new_with_prefix(root)
            .map_err(|e| Error::new(Kind::Output, format!("cannot open {shown}")).caused_by(e))?;
        Ok(Store { inner: Arc::new(inner), prefix: String::new(), folder: Some(root.to_owned()), shown: shown.clone() })
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
        let failed = || self.failed("write", path);
        if let Some(root) = &self.folder {
            let target = root.join(path);
            let temporary = root.join(TEMPORARY);
            let write = move || disk::replace(&temporary, &target, &bytes);
            let done = tokio::task::spawn_blocking(write).await.map_err(|e| failed().caused_by(e))?;
            done.map_err(|e| failed().caused_by(e).hint("check space, owner and mode of the output folder"))?;
        } else {
            let done = self.inner.put(&self.at(path), PutPayload::from_bytes(bytes)).await;
            return done.map(|put| put.e_tag).map_err(|e| failed().caused_by(e));
        }
        Ok(self.inner.head(&self.at(path)).await.ok().and_then(|meta| meta.e_tag))
    }

    /// A place for bytes that come piece by piece, outside the reach of readers. It is gone unless [`Store::keep`] takes it.
    pub fn incoming(&self) -> Result<Incoming> {
        Incoming::new(self.folder.as_ref().map(|root| root.join(TEMPORARY)).as_deref())
    }

    /// Makes what came into an object, whole and durable.
    pub async fn keep(&self, incoming: Incoming, path: &str) -> Result<()> {
        let failed = || self.failed("write", path);
        match &self.folder {
            Some(root) => {
                let target = root.join(path);
                let folder = target.parent().unwrap_or(root).to_owned();
                let place = move || disk::make_folder(&folder).and_then(|()| incoming.rename(&target));
                let done = tokio::task::spawn_blocking(place).await.map_err(|e| failed().caused_by(e))?;
                done.map_err(|e| failed().caused_by(e))
            }
            None => incoming.upload(self.inner.as_ref(), &self.at(path)).await.map_err(|e| failed().caused_by(e)),
        }
    }

    /// Removes an object; one that is not there is fine.
    pub async fn remove(&self, path: &str) -> Result<()> {
        let removed = self.inner.delete(&self.at(path)).await;
        if let Some(root) = &self.folder {
            disk::sync_removal(&root.join(path)).map_err(|e| self.failed("remove", path).caused_by(e))?;
        }
        match removed {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(self.failed("remove", path).caused_by(e)),
        }
    }

    /// The whole object, or `None` if there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let failed = |e| self.failed("read", path).caused_by(e);
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
            Err(e) => Err(self.failed("look at", path).caused_by(e)),
        }
    }

    /// Paths of all objects under a folder.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>> {
        use futures::TryStreamExt as _;
        let prefix = self.at(folder);
        let found: std::result::Result<Vec<_>, _> =
            self.inner.list(Some(&prefix)).map_ok(|meta| meta.location).try_collect().await;
        let skip = if self.prefix.is_empty() { 0 } else { self.prefix.len() + 1 };
        match found {
            Ok(paths) => {
                let below = paths.iter().filter_map(|p| p.as_ref().get(skip..));
                Ok(below.filter(|p| !p.starts_with(TEMPORARY)).map(str::to_owned).collect())
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(e) => Err(Error::new(Kind::Output, format!("cannot list {folder} below {}", self.shown)).caused_by(e)),
        }
    }

    /// Writes and removes a small object, to know that the output is writable before anything is asked of the vendor.
    pub async fn probe(&self) -> Result<()> {
        let path = &format!("_gong_elt/{PROBE}");
        self.put(path, Bytes::from_static(b"gong-elt\n")).await?;
        self.remove(path).await
    }

    pub(super) fn at(&self, path: &str) -> Path {
        if self.prefix.is_empty() { Path::from(path) } else { Path::from(format!("{}/{path}", self.prefix)) }
    }

    pub(super) fn objects(&self) -> &dyn ObjectStore {
        self.inner.as_ref()
    }

    /// The folder, if the output is on local disk.
    pub(super) fn root(&self) -> Option<&FilePath> {
        self.folder.as_deref()
    }

    /// Removes what a killed run left unfinished. Only for the holder of the run's lock.
    pub fn sweep(&self) -> Result<()> {
        let Some(root) = &self.folder else { return Ok(()) };
        disk::sweep(root).map_err(|e| unwritable(&self.shown).caused_by(e))
    }
}

fn unwritable(shown: &str) -> Error {
    Error::new(Kind::Output, format!("output.url: {shown} cannot be written"))
        .hint("check that the folder can be made and written, or name another")
}
