//! Tokens, and what is asked of the place that keeps them. The ledger is that place; `run` puts the two together.

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;

use crate::error::Result;

/// An access token is refreshed that long before its end, and never earlier than in the last tenth of its life.
const MARGIN: TimeDelta = TimeDelta::minutes(5);

/// The tokens of one answer.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// For the next refresh, once.
    pub refresh: SecretString,
    /// Goes with each request.
    pub access: SecretString,
    /// When they were asked for.
    pub issued_at: DateTime<Utc>,
    /// When the access token dies.
    pub expires_at: DateTime<Utc>,
    /// The customer's host, if the vendor named one.
    pub base_url: Option<String>,
}

impl Tokens {
    /// When the access token is to be replaced: shortly before its end.
    pub fn renew_at(&self) -> DateTime<Utc> {
        self.expires_at - MARGIN.min((self.expires_at - self.issued_at) / 10)
    }
}

/// What is kept of the tokens that descend from the configured refresh token.
#[derive(Debug, Default)]
pub struct Stored {
    /// The newest; `None` before the first refresh.
    pub tokens: Option<Tokens>,
    /// The refresh token was sent then, and no answer has been stored since.
    pub sent_at: Option<DateTime<Utc>>,
}

/// Gives the right to refresh back when dropped.
pub type Turn = Box<dyn Send + Sync>;

/// Where tokens outlive the process, for all processes. What it takes is on disk when a call returns.
pub trait TokenStore: Send + Sync {
    /// What is kept under `origin`.
    fn load(&self, origin: &str) -> Result<Stored>;
    /// Replaces the tokens, and forgets that the old refresh token was sent.
    fn store(&self, origin: &str, tokens: &Tokens) -> Result<()>;
    /// Notes that the refresh token is sent and not answered, or with `None` that it was not used up.
    fn note_sent(&self, origin: &str, at: Option<DateTime<Utc>>) -> Result<()>;
    /// Takes the right to refresh; `None` while another process has it.
    fn turn(&self) -> Result<Option<Turn>>;
}
