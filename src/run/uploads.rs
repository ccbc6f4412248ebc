//! The ledger as the memory of uploads in parts: what a killed run left of one is aborted by the next.

use std::sync::Arc;

use super::session::Session;
use crate::error::Result;
use crate::sink::{Unfinished, UploadLog};
use crate::state::{Ledger, UploadRow};

/// Keeps uploads in the ledger.
pub struct LedgerUploads {
    ledger: Arc<Ledger>,
}

impl LedgerUploads {
    /// A memory in that ledger.
    pub fn new(ledger: Arc<Ledger>) -> LedgerUploads {
        LedgerUploads { ledger }
    }
}

impl UploadLog for LedgerUploads {
    fn begun(&self, upload: &Unfinished) -> Result<()> {
        let Unfinished { path, id, mark } = upload.clone();
        self.ledger.note_upload(&UploadRow { id, path, mark })
    }

    fn ended(&self, id: &str) -> Result<()> {
        self.ledger.forget_upload(id)
    }
}

/// Aborts the uploads of runs that ended in them. One that cannot be aborted is told of and tried again by the next run: it takes
/// room, but no reader sees it.
pub async fn abort_left(session: &Session) -> Result<()> {
    for UploadRow { id, path, mark } in session.ledger.uploads()? {
        if let Err(error) = session.store.abort_upload(&Unfinished { path, id, mark }).await {
            session.tally.warn(format!("{error}; it takes room, and the next run tries again"));
        }
    }
    Ok(())
}
