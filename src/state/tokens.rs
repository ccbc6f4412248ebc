//! OAuth tokens, and the lock of whoever refreshes them.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, Row, params};
use secrecy::{ExposeSecret, SecretString};

use super::{Ledger, instant, ledger_error, micros};
use crate::error::Result;

/// The tokens of one answer of the vendor.
#[derive(Debug, Clone)]
pub struct TokenRow {
    /// For the next refresh, once.
    pub refresh_token: SecretString,
    /// Goes with each request.
    pub access_token: SecretString,
    /// When they were asked for.
    pub issued_at: DateTime<Utc>,
    /// When the access token dies.
    pub expires_at: DateTime<Utc>,
    /// The customer's host, as the vendor named it.
    pub base_url: Option<String>,
}

/// What is known of the tokens that descend from one configured refresh token.
#[derive(Debug, Clone, Default)]
pub struct TokenState {
    /// The newest; `None` before the first refresh.
    pub tokens: Option<TokenRow>,
    /// The refresh token was sent then, and no answer has been stored since.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Held by the one process that refreshes.
#[derive(Debug)]
pub struct TokenLock {
    _file: File,
}

impl Ledger {
    /// The tokens that descend from the configured token with digest `origin`.
    pub fn tokens(&self, origin: &str) -> Result<TokenState> {
        self.with(|tx| {
            let query = "SELECT refresh_token, access_token, issued_at, expires_at, base_url, sent_at FROM token WHERE origin = ?1";
            Ok(tx.query_row(query, params![origin], state).optional()?.unwrap_or_default())
        })
    }

    /// Stores the answer to a refresh. On disk when this returns.
    pub fn set_tokens(&self, origin: &str, row: &TokenRow) -> Result<()> {
        let values = params![
            origin,
            row.refresh_token.expose_secret(),
            row.access_token.expose_secret(),
            micros(row.issued_at),
            micros(row.expires_at),
            row.base_url,
        ];
        let replace = "INSERT OR REPLACE INTO token VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL)";
        self.with(|tx| tx.execute(replace, values).map(|_| ()))
    }

    /// Notes that the refresh token is sent and its answer not yet stored, or with `None` that it was not used up. On disk when this returns.
    pub fn set_token_sent(&self, origin: &str, sent_at: Option<DateTime<Utc>>) -> Result<()> {
        let upsert =
            "INSERT INTO token (origin, sent_at) VALUES (?1, ?2) ON CONFLICT (origin) DO UPDATE SET sent_at = ?2";
        self.with(|tx| tx.execute(upsert, params![origin, sent_at.map(micros)]).map(|_| ()))
    }

    /// Takes the right to refresh; `None` while somebody else has it. The kernel gives it back, however the holder ends.
    pub fn token_lock(&self) -> Result<Option<TokenLock>> {
        let mut name = self.path().as_os_str().to_owned();
        name.push(".token-lock");
        let path = PathBuf::from(name);
        let failed = |e| ledger_error(self.path(), format!("cannot lock {}", path.display())).caused_by(e);
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(TokenLock { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(failed(e)),
        }
    }
}

fn state(row: &Row) -> rusqlite::Result<TokenState> {
    let secret = |n| row.get::<_, Option<String>>(n).map(|text| text.map(SecretString::from));
    let at = |n| row.get::<_, Option<i64>>(n).map(|at| at.map(instant));
    let tokens = match (secret(0)?, secret(1)?, at(2)?, at(3)?) {
        (Some(refresh_token), Some(access_token), Some(issued_at), Some(expires_at)) => {
            Some(TokenRow { refresh_token, access_token, issued_at, expires_at, base_url: row.get(4)? })
        }
        _ => None,
    };
    Ok(TokenState { tokens, sent_at: at(5)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str) -> TokenRow {
        TokenRow {
            refresh_token: format!("refresh-{name}").into(),
            access_token: format!("access-{name}").into(),
            issued_at: DateTime::UNIX_EPOCH,
            expires_at: instant(7),
            base_url: Some("https://us-1.api.gong.io".to_owned()),
        }
    }

    #[test]
    fn each_configured_token_has_its_own_descendants_and_the_newest_counts() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("a ledger");
        assert!(ledger.tokens("one").expect("a ledger").tokens.is_none());
        ledger.set_token_sent("one", Some(instant(5))).expect("a ledger");
        let state = ledger.tokens("one").expect("a ledger");
        assert!(state.tokens.is_none() && state.sent_at == Some(instant(5)));
        for name in ["1", "2"] {
            ledger.set_tokens("one", &row(name)).expect("a ledger");
        }
        ledger.set_tokens("two", &row("3")).expect("a ledger");
        let state = ledger.tokens("one").expect("a ledger");
        let tokens = state.tokens.expect("tokens");
        assert_eq!(tokens.refresh_token.expose_secret(), "refresh-2");
        assert_eq!((tokens.expires_at, state.sent_at), (instant(7), None));
        // A note about sending leaves the tokens, and taking it back leaves nothing.
        ledger.set_token_sent("one", Some(instant(5))).expect("a ledger");
        ledger.set_token_sent("one", None).expect("a ledger");
        let state = ledger.tokens("one").expect("a ledger");
        assert!(state.tokens.is_some() && state.sent_at.is_none());
        assert!(!format!("{state:?}").contains("refresh-2"), "{state:?}");
    }

    #[test]
    fn one_refreshes_at_a_time() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let ledger = Ledger::open(&folder.path().join("ledger.db")).expect("a ledger");
        let held = ledger.token_lock().expect("a lock file");
        assert!(held.is_some());
        assert!(ledger.token_lock().expect("a lock file").is_none());
        drop(held);
        assert!(ledger.token_lock().expect("a lock file").is_some());
    }
}
