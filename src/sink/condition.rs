//! Writes that hold only if the object is still what the writer saw, so that of two writers one wins.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error as StoreError, ObjectStoreExt as _, PutMode, PutPayload, UpdateVersion};

use super::disk;
use super::store::Store;
use super::told::Told;
use crate::error::{Error, Kind, Result};

/// Attempts of one conditional write, each after a look at what lies there. The library's own retries are inside one attempt.
const ATTEMPTS: u32 = 3;

/// Which content of an object somebody saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version(UpdateVersion);

/// What the object must be for the write to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// There is none.
    Absent,
    /// It is still this one.
    Is(Version),
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It holds; the object is this one now.
    Won(Version),
    /// The object is another's.
    Lost,
    /// The store has no conditional writes and says so; nothing was written.
    Unsupported,
}

/// What a store makes of preconditions. Some accept them and ignore them, so only a trial can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preconditions {
    /// A write whose condition does not hold is refused.
    Honoured,
    /// Such a write is accepted: two writers can both win.
    Ignored,
    /// Any conditional write is refused.
    Unsupported,
}

impl Store {
    /// The whole object and its version, or `None` if there is none.
    ///
    /// # Errors
    /// [`Kind::Output`] naming the object.
    pub async fn get_version(&self, path: &str) -> Result<Option<(Bytes, Version)>> {
        self.look(&self.at(path)).await.map_err(|e| self.failed("read", path).caused_by(Told::from(e)))
    }

    /// Writes an object if it is what the writer expects. `bytes` must be like no other writer's: when an answer is lost on the
    /// way, they tell whether the write was done.
    ///
    /// # Errors
    /// [`Kind::Output`] naming the object, if it cannot be told who won.
    pub async fn put_if(&self, path: &str, bytes: Bytes, expected: &Expected) -> Result<Written> {
        let Some(root) = self.root() else {
            let done = self.put_if_in_bucket(&self.at(path), bytes, expected).await;
            return done.map_err(|e| self.failed("write", path).caused_by(Told::from(e)));
        };
        let failed = |e: std::io::Error| self.failed("write", path).caused_by(e);
        let folder = root.to_owned();
        let lock = tokio::task::spawn_blocking(move || disk::lock_conditions(&folder)).await;
        let _lock = lock.map_err(|e| self.failed("write", path).caused_by(e))?.map_err(failed)?;
        let found = self.get_version(path).await?;
        if !expected.holds(found.as_ref().map(|(_, version)| version)) {
            return Ok(Written::Lost);
        }
        self.put(path, bytes).await?;
        let written = self.get_version(path).await?;
        Ok(written.map_or(Written::Lost, |(_, version)| Written::Won(version)))
    }

    async fn put_if_in_bucket(&self, at: &Path, bytes: Bytes, expected: &Expected) -> object_store::Result<Written> {
        if matches!(expected, Expected::Is(Version(UpdateVersion { e_tag: None, version: None }))) {
            // Some servers give no etag with an object; then there is nothing to compare with.
            return Ok(Written::Unsupported);
        }
        let mut attempt = 1;
        loop {
            let mode = match expected {
                Expected::Absent => PutMode::Create,
                Expected::Is(version) => PutMode::Update(version.0.clone()),
            };
            let error = match self.objects().put_opts(at, PutPayload::from(bytes.clone()), mode.into()).await {
                Ok(put) => return Ok(Written::Won(Version(put.into()))),
                Err(error) if is_unsupported(&error) => return Ok(Written::Unsupported),
                Err(error) => error,
            };
            // The write may have been done and its answer lost: a repetition inside the library then fails on our own object.
            let found = self.look(at).await?;
            match found {
                Some((there, version)) if there == bytes => return Ok(Written::Won(version)),
                found if !expected.holds(found.as_ref().map(|(_, version)| version)) => return Ok(Written::Lost),
                _ if attempt < ATTEMPTS => attempt += 1,
                _ if matches!(error, StoreError::AlreadyExists { .. } | StoreError::Precondition { .. }) => {
                    return Ok(Written::Lost);
                }
                _ => return Err(error),
            }
        }
    }

    async fn look(&self, at: &Path) -> object_store::Result<Option<(Bytes, Version)>> {
        match self.objects().get(at).await {
            Ok(found) => {
                let version = UpdateVersion { e_tag: found.meta.e_tag.clone(), version: found.meta.version.clone() };
                Ok(Some((found.bytes().await?, Version(version))))
            }
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Tries out what the store makes of preconditions, on an object of its own. `name` must be like no other trial's.
    ///
    /// # Errors
    /// [`Kind::Output`] if the output cannot be written.
    pub async fn preconditions(&self, name: &str) -> Result<Preconditions> {
        let path = &format!("_gong_elt/{}-{name}", disk::PROBE);
        let found = self.try_preconditions(path).await;
        self.remove(path).await?;
        found
    }

    async fn try_preconditions(&self, path: &str) -> Result<Preconditions> {
        let put = |text: &'static str, expected: Expected| async move {
            self.put_if(path, Bytes::from_static(text.as_bytes()), &expected).await
        };
        let first = match put("first\n", Expected::Absent).await? {
            Written::Won(first) => first,
            Written::Lost => return Ok(Preconditions::Unsupported),
            Written::Unsupported => return Ok(Preconditions::Unsupported),
        };
        if let Written::Won(_) = put("created again\n", Expected::Absent).await? {
            return Ok(Preconditions::Ignored);
        }
        match put("second\n", Expected::Is(first.clone())).await? {
            Written::Won(_) => {}
            Written::Lost | Written::Unsupported => return Ok(Preconditions::Unsupported),
        }
        match put("third\n", Expected::Is(first)).await? {
            Written::Won(_) => Ok(Preconditions::Ignored),
            Written::Lost => Ok(Preconditions::Honoured),
            Written::Unsupported => Ok(Preconditions::Unsupported),
        }
    }

    pub(super) fn failed(&self, did: &str, path: &str) -> Error {
        let error = Error::new(Kind::Output, format!("cannot {did} {path} below {}", self.url()));
        if self.root().is_some() {
            return error;
        }
        error.hint("check the bucket's name, region and endpoint, and that the credentials may read, write, list and delete below it")
    }
}

impl Expected {
    /// Absent, or the version somebody saw.
    pub fn of(seen: Option<&Version>) -> Expected {
        seen.cloned().map_or(Expected::Absent, Expected::Is)
    }

    fn holds(&self, found: Option<&Version>) -> bool {
        match (self, found) {
            (Expected::Absent, found) => found.is_none(),
            (Expected::Is(_), None) => false,
            // An etag is enough where there is one: a put need not name the version that a get names.
            (Expected::Is(wanted), Some(found)) => match (&wanted.0.e_tag, &found.0.e_tag) {
                (Some(wanted), Some(found)) => wanted == found,
                _ => wanted == found,
            },
        }
    }
}

/// Servers say it with 501 and this code, and the library passes their text on; it says so itself of an object without etag.
fn is_unsupported(error: &StoreError) -> bool {
    match error {
        StoreError::NotImplemented { .. } | StoreError::NotSupported { .. } => true,
        StoreError::Generic { source, .. } => {
            let text = source.to_string();
            ["<Code>NotImplemented</Code>", "501 Not Implemented", "ETag required"]
                .iter()
                .any(|said| text.contains(said))
        }
        _ => false,
    }
}
