//! The ledger as the memory of uploads in parts: what a killed run left of one is aborted by the next.

use std::sync::Arc;

use chrono::Duration;

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

/// An upload below the output that the ledger does not know is nobody's when it is this old: its ledger was lost.
const STRAY_HOURS: i64 = 1;

/// Aborts the uploads of runs that ended in them. One that cannot be aborted is told of and tried again by the next run: it takes
/// room, but no reader sees it.
pub async fn abort_left(session: &Session) -> Result<()> {
    for UploadRow { id, path, mark } in session.ledger.uploads()? {
        if let Err(error) = session.store.abort_upload(&Unfinished { path, id, mark }).await {
            session.tally.warn(format!("{error}; it takes room, and the next run tries again"));
        }
    }
    let strays = session.store.abort_strays(session.clock.now() - Duration::hours(STRAY_HOURS)).await;
    if strays > 0 {
        tracing::info!("{strays} unfinished uploads that no ledger remembers were aborted");
    }
    Ok(())
}
