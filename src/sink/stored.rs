//! What lies in the output, as the store itself tells: for comparing it with the ledger.

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use sha2::{Digest as _, Sha256};

use super::disk::TEMPORARY;
use super::store::Store;
use super::told::Told;
use crate::error::Result;

/// One object of the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Below the output.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// As the store gives it.
    pub etag: Option<String>,
}

impl Store {
    /// All objects under a folder, unfinished ones apart: one request for each thousand on S3.
    ///
    /// # Errors
    /// [`crate::error::Kind::Output`] if the store does not answer.
    pub async fn stored(&self, folder: &str) -> Result<Vec<Stored>> {
        let prefix = self.at(folder);
        let found: std::result::Result<Vec<_>, _> = self.objects().list(Some(&prefix)).try_collect().await;
        let skip = self.prefix().map_or(0, |prefix| prefix.len() + 1);
        match found {
            Ok(metas) => {
                let below = metas.into_iter().filter_map(|meta| {
                    let path = meta.location.as_ref().get(skip..)?.to_owned();
                    Some(Stored { path, bytes: meta.size, etag: meta.e_tag })
                });
                Ok(below.filter(|stored| !stored.path.starts_with(TEMPORARY)).collect())
            }
            Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
            Err(e) => Err(self.failed("list", folder).caused_by(Told::from(e))),
        }
    }

    /// SHA-256 of an object in hex, read piece by piece, and its bytes if they are to be kept; `None` if there is none.
    ///
    /// # Errors
    /// [`crate::error::Kind::Output`] if it cannot be read.
    pub async fn digest(&self, path: &str, keep: bool) -> Result<Option<(String, Bytes)>> {
        let failed = |e| self.failed("read", path).caused_by(Told::from(e));
        let found = match self.objects().get(&self.at(path)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(e) => return Err(failed(e)),
        };
        let (mut pieces, mut hash, mut kept) = (found.into_stream(), Sha256::new(), Vec::new());
        while let Some(piece) = pieces.try_next().await.map_err(failed)? {
            hash.update(&piece);
            if keep {
                kept.extend_from_slice(&piece);
            }
        }
        Ok(Some((hash.finalize().iter().map(|b| format!("{b:02x}")).collect(), kept.into())))
    }
}
