//! Signing in with OAuth: who refreshes the tokens, and when.
//!
//! A refresh token can be used once, and its answer is the only copy of the next one: losing it locks the customer out until somebody
//! authorises the app again. Hence: one refresher at a time, in all processes; what another one has stored is used; the sending and the
//! store happen on a thread of their own, which neither a stop of the run nor a dropped task can interrupt; the tokens are durable
//! before they are used. `docs/decisions/0008-refresh-tokens.md` has the whole protocol and what remains.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::advice;
use super::auth::Access;
use super::grant::Endpoint;
use super::line::Line;
use super::refresh::{Chain, Refresher};
use super::retry::{Failure, Story};
use super::tokens::{Stored, TokenStore, Tokens, Turn};
use crate::clock::Clock;
use crate::config::{OAuthClient, api_host};
use crate::error::{Error, Kind, Result};

/// While another process refreshes, its turn is asked for this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The tokens of one OAuth app.
pub struct OAuth {
    chain: Arc<Chain>,
    refresher: Refresher,
    base_url: String,
    current: RwLock<Option<(Arc<Access>, DateTime<Utc>)>>,
    /// One task at a time; holds what the last one failed with, for those that waited for it.
    turn: tokio::sync::Mutex<Option<Failed>>,
}

impl OAuth {
    /// The app's tokens, kept in `store`; requests go to `base_url` if the vendor names no host.
    pub fn new(
        app: &OAuthClient,
        base_url: &str,
        store: Arc<dyn TokenStore>,
        clock: Arc<dyn Clock>,
        timeout: Duration,
    ) -> Result<OAuth> {
        let endpoint = Endpoint::new(app, timeout)?;
        let (configured, origin) = (app.refresh_token.clone(), digest(&app.refresh_token));
        let chain = Arc::new(Chain { endpoint, store, clock, configured, origin });
        let refresher = Refresher::new(chain.clone());
        let (base_url, current, turn) = (base_url.to_owned(), RwLock::default(), tokio::sync::Mutex::default());
        Ok(OAuth { chain, refresher, base_url, current, turn })
    }

    /// The access token of now; refreshed first if it is about to end.
    ///
    /// # Errors
    /// There is none to be had, or the run stops.
    pub async fn access(&self, line: &Line) -> std::result::Result<Arc<Access>, Failure> {
        let access = self.get(line, None, true).await?;
        access.ok_or_else(|| Failure::Ledger(Error::new(Kind::Credentials, "there is no access token")))
    }

    /// Sees to it that the next access is another one than `refused`; false if there is none. A token that this process got itself and that
    /// has never worked is not worth another refresh.
    ///
    /// # Errors
    /// As for [`OAuth::access`].
    pub async fn renew(&self, refused: &Access, line: &Line) -> std::result::Result<bool, Failure> {
        Ok(self.get(line, Some(refused), refused.is_accepted()).await?.is_some())
    }

    /// The error for an access that stays refused.
    pub fn refusal(&self, story: &Story) -> Error {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let base = current.as_ref().map_or(self.base_url.as_str(), |(access, _)| access.base.as_str());
        advice::refused_access(base, &self.base_url, None, story)
    }

    /// The error for an access whose host sends on to another.
    pub fn redirected(&self, access: &Access, host: &str, story: &Story) -> Error {
        advice::refused_access(&access.base, &self.base_url, Some(host), story)
    }

    /// An access other than `refused`: the current one, the ledger's, or a new one.
    async fn get(
        &self,
        line: &Line,
        refused: Option<&Access>,
        may_refresh: bool,
    ) -> std::result::Result<Option<Arc<Access>>, Failure> {
        if let Some(access) = self.current(refused) {
            return Ok(Some(access));
        }
        let begun = Instant::now();
        let mut failed = line.limiter.or_stop(self.turn.lock()).await?;
        if let Some(access) = self.current(refused) {
            return Ok(Some(access));
        }
        if let Some(failure) = failed.as_ref().and_then(|failed| failed.shared(begun)) {
            return Err(failure);
        }
        let result = self.obtain(line, refused, may_refresh).await;
        *failed = result.as_ref().err().and_then(Failed::of);
        result
    }

    fn current(&self, refused: Option<&Access>) -> Option<Arc<Access>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let (access, renew_at) = current.as_ref()?;
        let good =
            self.chain.clock.now() < *renew_at && refused.is_none_or(|r| r.authorization != access.authorization);
        good.then(|| access.clone())
    }

    async fn obtain(
        &self,
        line: &Line,
        refused: Option<&Access>,
        may_refresh: bool,
    ) -> std::result::Result<Option<Arc<Access>>, Failure> {
        // Mostly the ledger has what is needed, and reading it takes no turn.
        let stored = self.stored()?;
        if let Some(access) = self.take_up(&stored, refused)? {
            return Ok(Some(access));
        }
        if !may_refresh {
            return Ok(None);
        }
        let turn = self.take_turn(line).await?;
        let stored = self.stored()?;
        if let Some(access) = self.take_up(&stored, refused)? {
            return Ok(Some(access));
        }
        let before = stored.tokens.as_ref().and_then(|tokens| tokens.base_url.clone());
        let tokens = self.refresher.refresh(line, stored, turn).await?;
        let access = self.make(&tokens).map_err(Failure::Ledger)?;
        let moved = before.is_some() && before != tokens.base_url;
        tracing::info!(host = access.base, moved, "the OAuth tokens were refreshed");
        Ok(Some(self.set(access, &tokens)))
    }

    fn stored(&self) -> std::result::Result<Stored, Failure> {
        self.chain.store.load(&self.chain.origin).map_err(Failure::Ledger)
    }

    /// Makes the stored tokens the current ones, if they are good.
    fn take_up(&self, stored: &Stored, refused: Option<&Access>) -> std::result::Result<Option<Arc<Access>>, Failure> {
        let Some(tokens) = stored.tokens.as_ref().filter(|t| self.chain.clock.now() < t.renew_at()) else {
            return Ok(None);
        };
        let access = self.make(tokens).map_err(Failure::Ledger)?;
        if refused.is_some_and(|r| r.authorization == access.authorization) {
            return Ok(None);
        }
        // It was good for somebody, or will be refreshed once.
        access.accept();
        Ok(Some(self.set(access, tokens)))
    }

    fn make(&self, tokens: &Tokens) -> Result<Access> {
        let base = tokens.base_url.as_deref().unwrap_or(&self.base_url);
        api_host(base).map_err(|rule| advice::bad_host(&rule))?;
        Access::bearer(base, &tokens.access)
    }

    fn set(&self, access: Access, tokens: &Tokens) -> Arc<Access> {
        let access = Arc::new(access);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some((access.clone(), tokens.renew_at()));
        access
    }

    /// Waits until no other process refreshes.
    async fn take_turn(&self, line: &Line) -> std::result::Result<Arc<Turn>, Failure> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            if let Some(turn) = self.chain.store.turn().map_err(Failure::Ledger)? {
                return Ok(Arc::new(turn));
            }
            // The other one waits and tries no longer than we would.
            if begun.elapsed() > 2 * line.longest {
                return Err(Failure::Ledger(advice::waited_in_vain(begun.elapsed())));
            }
            if !told {
                tracing::warn!("another process refreshes the OAuth tokens; waiting for it");
                told = true;
            }
            line.limiter.pause(LOOK_EVERY).await?;
        }
    }
}

/// What a refresh failed with, for the tasks that waited for it.
enum Failed {
    /// No other refresh of this process would fare better.
    ForGood(Kind, String, Option<String>),
    /// At that moment.
    Passing(Instant, Story),
}

impl Failed {
    fn of(failure: &Failure) -> Option<Failed> {
        match failure {
            Failure::Ledger(e) => Some(Failed::ForGood(e.kind(), e.to_string(), e.advice().map(str::to_owned))),
            Failure::Exhausted(story) => Some(Failed::Passing(Instant::now(), *story.clone())),
            Failure::Stopped | Failure::Refused(..) => None,
        }
    }

    /// The same failure for a task that has waited since `begun`.
    fn shared(&self, begun: Instant) -> Option<Failure> {
        match self {
            Failed::ForGood(kind, message, hint) => {
                let error = Error::new(*kind, message.as_str());
                Some(Failure::Ledger(match hint {
                    Some(hint) => error.hint(hint.as_str()),
                    None => error,
                }))
            }
            Failed::Passing(at, story) => (*at > begun).then(|| Failure::Exhausted(Box::new(story.clone()))),
        }
    }
}

/// Names a configured token without holding it.
fn digest(token: &SecretString) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(token.expose_secret()).iter().map(|b| format!("{b:02x}")).collect()
}
