//! The ledger as the place where OAuth tokens outlive the process, and where processes take turns.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;

use super::backup::Backup;
use crate::error::Result;
use crate::source::{Stored, TokenStore, Tokens, Turn};
use crate::state::{Ledger, TokenRow};

/// Keeps tokens in the ledger.
pub struct LedgerTokens {
    ledger: Arc<Ledger>,
    backup: Option<(Arc<Backup>, Handle)>,
}

impl LedgerTokens {
    /// A store in that ledger, and beside its backup. To be called in the runtime that the backup is reached with.
    pub fn new(ledger: Arc<Ledger>, backup: Option<Arc<Backup>>) -> LedgerTokens {
        LedgerTokens { ledger, backup: backup.map(|backup| (backup, Handle::current())) }
    }
}

impl TokenStore for LedgerTokens {
    fn load(&self, origin: &str) -> Result<Stored> {
        let state = self.ledger.tokens(origin)?;
        let tokens = |row: TokenRow| Tokens {
            refresh: row.refresh_token,
            access: row.access_token,
            issued_at: row.issued_at,
            expires_at: row.expires_at,
            base_url: row.base_url,
        };
        Ok(Stored { tokens: state.tokens.map(tokens), sent_at: state.sent_at })
    }

    fn store(&self, origin: &str, tokens: &Tokens) -> Result<()> {
        let row = TokenRow {
            refresh_token: tokens.refresh.clone(),
            access_token: tokens.access.clone(),
            issued_at: tokens.issued_at,
            expires_at: tokens.expires_at,
            base_url: tokens.base_url.clone(),
        };
        self.ledger.set_tokens(origin, &row)?;
        match &self.backup {
            // A refresh has a thread of its own, outside the runtime.
            Some((backup, runtime)) => runtime.block_on(backup.keep_token(origin, &row)),
            None => Ok(()),
        }
    }

    fn note_sent(&self, origin: &str, at: Option<DateTime<Utc>>) -> Result<()> {
        self.ledger.set_token_sent(origin, at)
    }

    fn turn(&self) -> Result<Option<Turn>> {
        Ok(self.ledger.token_lock()?.map(|lock| Box::new(lock) as Turn))
    }
}
