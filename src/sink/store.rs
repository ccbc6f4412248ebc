//! Where objects go: a folder or S3. An object appears whole or not at all.
//!
//! On disk a new object is written under `_gong_elt/tmp/`, synced and renamed, because nothing unfinished may lie under an
//! entity's folder. On S3 one put is atomic by itself.

use std::io::Write as _;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use secrecy::ExposeSecret;

use super::incoming::Incoming;
use crate::config::{OutputSettings, S3Settings};
use crate::error::{Error, Kind, Result};

/// Unfinished objects on disk.
const TEMPORARY: &str = "_gong_elt/tmp";

/// Name of the object that shows whether the output is writable, and the longest that one takes.
const PROBE: &str = "probe";
const PROBE_LIFE: std::time::Duration = std::time::Duration::from_secs(60);

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
                let inner = s3(bucket, &settings.s3)
                    .map_err(|e| Error::new(Kind::Output, format!("cannot open {shown}")).caused_by(e))?;
                Ok(Store { inner: Arc::new(inner), prefix: prefix.trim_matches('/').to_owned(), folder: None, shown })
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
        let failed = || Error::new(Kind::Output, format!("cannot write {path} below {}", self.shown));
        if let Some(root) = &self.folder {
            let target = root.join(path);
            let temporary = root.join(TEMPORARY);
            let write = move || replace(&temporary, &target, &bytes);
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
        let failed = || Error::new(Kind::Output, format!("cannot write {path} below {}", self.shown));
        match &self.folder {
            Some(root) => {
                let target = root.join(path);
                let folder = target.parent().unwrap_or(root).to_owned();
                let place = move || make_folder(&folder).and_then(|()| incoming.rename(&target));
                let done = tokio::task::spawn_blocking(place).await.map_err(|e| failed().caused_by(e))?;
                done.map_err(|e| failed().caused_by(e))
            }
            None => incoming.upload(self.inner.as_ref(), &self.at(path)).await.map_err(|e| failed().caused_by(e)),
        }
    }

    /// Removes an object; one that is not there is fine.
    pub async fn remove(&self, path: &str) -> Result<()> {
        let removed = self.inner.delete(&self.at(path)).await;
        if let Some(folder) = self.folder.as_ref().and_then(|root| root.join(path).parent().map(FilePath::to_path_buf))
        {
            // A removal that a power cut undoes would bring rows back.
            let synced = std::fs::File::open(folder).and_then(|folder| folder.sync_all());
            if let Err(e) = synced.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) }) {
                return Err(Error::new(Kind::Output, format!("cannot remove {path} below {}", self.shown)).caused_by(e));
            }
        }
        match removed {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(e) => Err(Error::new(Kind::Output, format!("cannot remove {path} below {}", self.shown)).caused_by(e)),
        }
    }

    /// The whole object, or `None` if there is none.
    pub async fn get(&self, path: &str) -> Result<Option<Bytes>> {
        let failed = |e| Error::new(Kind::Output, format!("cannot read {path} below {}", self.shown)).caused_by(e);
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
            Err(e) => Err(Error::new(Kind::Output, format!("cannot look at {path} below {}", self.shown)).caused_by(e)),
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
            Ok(paths) => Ok(paths.iter().filter_map(|p| p.as_ref().get(skip..).map(str::to_owned)).collect()),
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

    fn at(&self, path: &str) -> Path {
        if self.prefix.is_empty() { Path::from(path) } else { Path::from(format!("{}/{path}", self.prefix)) }
    }

    /// Removes what a killed run left unfinished. Only for the holder of the run's lock.
    pub fn sweep(&self) -> Result<()> {
        let Some(root) = &self.folder else { return Ok(()) };
        let clear = || {
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
        };
        clear().map_err(|e: std::io::Error| unwritable(&self.shown).caused_by(e))
    }
}

/// A fresh probe is that of a `check` beside this run, which takes no lock.
fn is_anothers(temporary: &FilePath) -> bool {
    let is_probe = temporary.file_name().is_some_and(|name| name.to_string_lossy().starts_with(PROBE));
    let age = temporary.metadata().and_then(|m| m.modified()).ok().and_then(|at| at.elapsed().ok());
    is_probe && age.is_none_or(|age| age < PROBE_LIFE)
}

fn unwritable(shown: &str) -> Error {
    Error::new(Kind::Output, format!("output.url: {shown} cannot be written"))
        .hint("check that the folder can be made and written, or name another")
}

/// Temporary file, sync, rename, sync of the folder: after a power cut either the old object is there or the new one.
fn replace(temporary: &FilePath, target: &FilePath, bytes: &[u8]) -> std::io::Result<()> {
    let folder = target.parent().unwrap_or(temporary);
    make_folder(folder)?;
    let name = target.file_name().unwrap_or_default();
    let mut file = tempfile::Builder::new().prefix(name).tempfile_in(temporary)?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    file.as_file().set_permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))?;
    file.as_file().sync_all()?;
    file.persist(target).map_err(|e| e.error)?;
    std::fs::File::open(folder)?.sync_all()
}

/// Makes a folder and its parents, each durably.
fn make_folder(folder: &FilePath) -> std::io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = folder.parent().unwrap_or(folder);
    make_folder(parent)?;
    match std::fs::create_dir(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    std::fs::File::open(parent)?.sync_all()
}

fn s3(bucket: &str, settings: &S3Settings) -> object_store::Result<impl ObjectStore> {
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_allow_http(settings.allow_http)
        .with_virtual_hosted_style_request(settings.virtual_hosted_style);
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let (Some(id), Some(secret)) = (&settings.access_key_id, &settings.secret_access_key) {
        builder = builder.with_access_key_id(id.expose_secret()).with_secret_access_key(secret.expose_secret());
    }
    builder.build()
}
