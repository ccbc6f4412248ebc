//! Large objects go in parts: memory holds two of them, and readers see nothing before the last step.
//!
//! The parts of an upload that is neither completed nor aborted take room and cannot be seen. So each upload is recorded before its
//! first part, and what a killed run left is aborted by the next.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::multipart::PartId;
use object_store::path::Path;
use object_store::{Attribute, Error as StoreError, GetOptions, PutMultipartOptions, PutPayload};
use tokio::task::JoinHandle;

use super::bucket::Bucket;
use super::told::Told;
use crate::error::{Error, Kind, Result};
use crate::failpoint;

/// Size of a part. S3 allows 10,000 of them, so the largest object is 80 GB; each must pass within the library's 30 seconds.
pub const PART: usize = 8 << 20;

/// The longest that a run waits for the abort of an upload.
const ABORT: Duration = Duration::from_secs(10);

/// The object says which upload made it. So after a lost answer it can be told whether the upload was completed.
const MARK: &str = "gong-elt-upload";

/// An upload that was begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The object, below the output.
    pub path: String,
    /// The store's id of the upload.
    pub id: String,
    /// Like no other upload's; the finished object carries it.
    pub mark: String,
}

/// Remembers uploads beyond the end of the process.
pub trait UploadLog: Send + Sync {
    /// An upload was begun. On disk when this returns.
    fn begun(&self, upload: &Unfinished) -> Result<()>;
    /// An upload was completed or aborted.
    fn ended(&self, id: &str) -> Result<()>;
}

/// Where an object goes, and who must know.
#[derive(Clone)]
pub struct Destination {
    pub(super) bucket: Bucket,
    pub(super) log: Option<Arc<dyn UploadLog>>,
    /// Within the bucket.
    pub(super) at: Path,
    /// Below the output.
    pub(super) path: String,
    pub(super) mark: String,
    /// The output, for messages.
    pub(super) shown: String,
}

/// An upload under way.
pub struct Upload {
    place: Destination,
    id: String,
    done: Vec<PartId>,
    sending: Option<JoinHandle<object_store::Result<PartId>>>,
}

impl Upload {
    /// Begins an upload and records it.
    pub async fn begin(place: Destination) -> Result<Upload> {
        let attributes = [(Attribute::Metadata(MARK.into()), place.mark.clone())].into_iter().collect();
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        let begun = match place.bucket.parts.create_multipart_opts(&place.at, options).await {
            // Azure takes no metadata here. Without the mark, a lost answer to the last step is a failed upload.
            Err(StoreError::NotSupported { .. }) => place.bucket.parts.create_multipart(&place.at).await,
            begun => begun,
        };
        let id = begun.map_err(|e| place.failed().caused_by(Told::from(e)))?;
        let mut upload = Upload { place, id, done: Vec::new(), sending: None };
        let recorded = upload.place.log.as_ref().map_or(Ok(()), |log| log.begun(&upload.place.unfinished(&upload.id)));
        if let Err(error) = recorded {
            upload.abort().await;
            return Err(error);
        }
        failpoint::reached(failpoint::UPLOAD_BEGUN);
        Ok(upload)
    }

    /// Sends the next part, once the one before has arrived. All parts but the last are of one size.
    pub async fn send(&mut self, part: Bytes) -> Result<()> {
        self.settle().await?;
        let (place, id, number) = (self.place.clone(), self.id.clone(), self.done.len());
        let send = async move { place.bucket.parts.put_part(&place.at, &id, number, PutPayload::from(part)).await };
        self.sending = Some(tokio::spawn(send));
        Ok(())
    }

    async fn settle(&mut self) -> Result<()> {
        // Taken only when it has ended: whoever gives up this wait can still abort what is under way.
        let Some(sending) = self.sending.as_mut() else { return Ok(()) };
        let sent = sending.await;
        self.sending = None;
        let sent = sent.map_err(|e| self.place.failed().caused_by(e))?;
        self.done.push(sent.map_err(|e| self.place.failed().caused_by(Told::from(e)))?);
        failpoint::reached(failpoint::UPLOAD_PART);
        Ok(())
    }

    /// Makes the parts an object, in one step; returns its etag. If this fails or is given up, [`Upload::abort`] it.
    pub async fn finish(&mut self) -> Result<Option<String>> {
        self.settle().await?;
        failpoint::reached(failpoint::UPLOAD_PARTS);
        let done = std::mem::take(&mut self.done);
        let etag = match self.place.bucket.finish.complete_multipart(&self.place.at, &self.id, done).await {
            Ok(put) => put.e_tag,
            // A repetition after a lost answer finds no upload any more.
            Err(error) => match self.place.completed(&self.place.mark).await {
                Ok(Some(etag)) => etag,
                Ok(None) | Err(_) => return Err(self.place.failed().caused_by(Told::from(error))),
            },
        };
        failpoint::reached(failpoint::UPLOADED);
        self.place.forget(&self.id)?;
        Ok(etag)
    }

    /// Drops what was sent. An upload that cannot be aborted now stays recorded, and the next run tries again.
    pub async fn abort(&mut self) {
        if let Some(sending) = self.sending.take() {
            // A part that arrives after the abort would stay: its connection is closed first.
            sending.abort();
            let _ = sending.await;
        }
        // Whoever stops a run whose network is gone should not have to wait for it.
        match tokio::time::timeout(ABORT, self.place.abort(&self.id)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!("{error}; the next run tries again"),
            Err(_) => tracing::warn!(
                "an upload of {} could not be aborted in time; the next run tries again",
                self.place.path
            ),
        }
    }
}

impl Destination {
    /// Aborts an upload and forgets it; one that is completed or gone is only forgotten.
    pub async fn abort(&self, id: &str) -> Result<()> {
        let failed = |e: StoreError| {
            Error::new(Kind::Output, format!("cannot abort an upload of {} below {}", self.path, self.shown))
                .caused_by(e)
        };
        match self.bucket.parts.abort_multipart(&self.at, &id.to_owned()).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => {}
            // Not every server says "not found" of an upload that was completed.
            Err(error) if self.completed(&self.mark).await.map_err(failed)?.is_none() => return Err(failed(error)),
            Err(_) => {}
        }
        self.forget(id)
    }

    /// The etag of the object, if the upload of that mark made it.
    async fn completed(&self, mark: &str) -> object_store::Result<Option<Option<String>>> {
        match self.bucket.objects.get_opts(&self.at, GetOptions::new().with_head(true)).await {
            Ok(found) => {
                let is_ours = found.attributes.get(&Attribute::Metadata(MARK.into())).is_some_and(|m| &**m == mark);
                Ok(is_ours.then_some(found.meta.e_tag))
            }
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn forget(&self, id: &str) -> Result<()> {
        self.log.as_ref().map_or(Ok(()), |log| log.ended(id))
    }

    fn unfinished(&self, id: &str) -> Unfinished {
        Unfinished { path: self.path.clone(), id: id.to_owned(), mark: self.mark.clone() }
    }

    pub(super) fn failed(&self) -> Error {
        Error::new(Kind::Output, format!("cannot write {} below {}", self.path, self.shown))
    }
}
