//! Signing in with OAuth: who refreshes the tokens, and when.
//!
//! A refresh token can be used once, and its answer is the only copy of the next one: losing it locks the customer out until somebody
//! authorises the app again. Hence: one refresher at a time, in all processes; what another one has stored is used; the sending and the
//! store happen on a thread of their own, which neither a stop of the run nor a dropped task can interrupt; the tokens are durable
//! before they are used. `docs/decisions/0008-refresh-tokens.md` has the whole protocol and what remains.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::Instant;

use super::auth::Access;
use super::grant::{Endpoint, Judged, Tokens, judge};
use super::line::Line;
use super::request::Request;
use super::retry::{Attempts, Failure, Story};
use super::{advice, grant};
use crate::clock::Clock;
use crate::config::{OAuthClient, api_host};
use crate::entity::spec::Method;
use crate::error::{Error, Kind, Result};
use crate::failpoint;

/// While another process refreshes, the ledger is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Pauses before the store is tried again, if it fails: nothing else can save the tokens.
const STORE_AGAIN: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(10)];

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

/// The tokens of one OAuth app.
pub struct OAuth {
    endpoint: Arc<Endpoint>,
    configured: SecretString,
    origin: String,
    base_url: String,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    current: RwLock<Option<(Arc<Access>, DateTime<Utc>)>>,
    /// One task at a time; holds what the last one failed with, for those that waited for it.
    turn: tokio::sync::Mutex<Option<Failed>>,
    exchange: Mutex<Option<JoinHandle<()>>>,
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
        Ok(OAuth {
            endpoint: Arc::new(Endpoint::new(app, timeout)?),
            configured: app.refresh_token.clone(),
            origin: digest(&app.refresh_token),
            base_url: base_url.to_owned(),
            store,
            clock,
            current: RwLock::default(),
            turn: tokio::sync::Mutex::default(),
            exchange: Mutex::default(),
        })
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
    pub fn refusal(&self, access: &Access, redirect: Option<&str>, story: &Story) -> Error {
        advice::refused_access(&access.base, &self.base_url, redirect, story)
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
        let good = self.clock.now() < *renew_at && refused.is_none_or(|r| r.authorization != access.authorization);
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
        match self.take_up(&stored, refused)? {
            Some(access) => Ok(Some(access)),
            None => self.refresh(line, stored, turn).await.map(Some),
        }
    }

    fn stored(&self) -> std::result::Result<Stored, Failure> {
        self.store.load(&self.origin).map_err(Failure::Ledger)
    }

    /// Makes the stored tokens the current ones, if they are good.
    fn take_up(&self, stored: &Stored, refused: Option<&Access>) -> std::result::Result<Option<Arc<Access>>, Failure> {
        let Some(tokens) = stored.tokens.as_ref().filter(|t| self.clock.now() < t.renew_at()) else { return Ok(None) };
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
            if let Some(turn) = self.store.turn().map_err(Failure::Ledger)? {
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

    async fn refresh(&self, line: &Line, stored: Stored, turn: Arc<Turn>) -> std::result::Result<Arc<Access>, Failure> {
        let path = self.endpoint.path().to_owned();
        let subject = "new OAuth tokens".to_owned();
        let request = Request { method: Method::Post, path, query: Vec::new(), body: None, subject };
        let (mut attempts, mut delays) = (Attempts::new(&request), line.delays());
        let before = stored.tokens.as_ref().and_then(|t| t.base_url.clone());
        let first = stored.tokens.is_none();
        let refresh = stored.tokens.map_or_else(|| self.configured.clone(), |t| t.refresh);
        let mut lost = stored.sent_at;
        loop {
            let judged = {
                let _permit = line.permit(&mut attempts).await?;
                self.exchange(line, &refresh, lost, &turn).await?
            };
            match judged {
                (Judged::Granted(tokens), _) => {
                    let access = self.make(&tokens).map_err(Failure::Ledger)?;
                    let moved = before.is_some() && before != tokens.base_url;
                    tracing::info!(host = access.base, moved, "the OAuth tokens were refreshed");
                    return Ok(self.set(access, &tokens));
                }
                (Judged::Undecided { why, .. }, since) => {
                    lost = since;
                    line.wait(&mut attempts, &mut delays, why).await?;
                }
                (Judged::Refused(why, told), since) => {
                    let story = attempts.story(told);
                    let refused = advice::refused_grant(&why, &story, first, since, &self.endpoint.authorize_url());
                    return Err(Failure::Ledger(refused));
                }
            }
        }
    }

    /// One attempt. Once it has begun, nothing but the end of the process can keep its answer from the store.
    async fn exchange(
        &self,
        line: &Line,
        refresh: &SecretString,
        lost: Option<DateTime<Utc>>,
        turn: &Arc<Turn>,
    ) -> std::result::Result<(Judged, Option<DateTime<Utc>>), Failure> {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let attempt = Attempt {
            endpoint: self.endpoint.clone(),
            store: self.store.clone(),
            clock: self.clock.clone(),
            origin: self.origin.clone(),
            refresh: refresh.clone(),
            lost,
            _turn: turn.clone(),
        };
        let failed =
            |e| Failure::Ledger(Error::new(Kind::Config, "cannot start a thread for the refresh").caused_by(e));
        // Nobody may be there any more to receive the result; it is stored all the same.
        let work = move || drop(sender.send(attempt.run()));
        let thread = std::thread::Builder::new().name("refresh".to_owned()).spawn(work).map_err(failed)?;
        *self.exchange.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        let gone = |_| Error::new(Kind::Config, "the thread of the refresh has failed");
        line.limiter.answer(receiver).await?.map_err(gone).flatten().map_err(Failure::Ledger)
    }
}

impl Drop for OAuth {
    /// The process must not end between an answer and its store.
    fn drop(&mut self) {
        let thread = self.exchange.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It ends within the time-out of a request.
        let _ = thread.map(JoinHandle::join);
    }
}

/// One attempt on a thread of its own. It keeps the turn until it is over.
struct Attempt {
    endpoint: Arc<Endpoint>,
    store: Arc<dyn TokenStore>,
    clock: Arc<dyn Clock>,
    origin: String,
    refresh: SecretString,
    lost: Option<DateTime<Utc>>,
    _turn: Arc<Turn>,
}

impl Attempt {
    /// Sends, judges, stores. Also says since when an answer may have been lost.
    fn run(self) -> Result<(Judged, Option<DateTime<Utc>>)> {
        let exchange = self.endpoint.prepare(&self.refresh)?;
        let sent_at = self.clock.now();
        let since = self.lost.unwrap_or(sent_at);
        self.store.note_sent(&self.origin, Some(since))?;
        let judged = judge(exchange.run(), &self.refresh, sent_at);
        let lost = match &judged {
            Judged::Granted(tokens) => {
                failpoint::reached(failpoint::TOKENS_CAME);
                self.keep(tokens)?;
                failpoint::reached(failpoint::TOKENS_STORED);
                None
            }
            Judged::Undecided { lost: true, .. } => Some(since),
            _ => self.lost,
        };
        if lost.is_none() && !matches!(judged, Judged::Granted(_)) {
            self.store.note_sent(&self.origin, None)?;
        }
        Ok((judged, lost))
    }

    fn keep(&self, tokens: &grant::Tokens) -> Result<()> {
        let mut result = self.store.store(&self.origin, tokens);
        for pause in STORE_AGAIN {
            if result.is_ok() {
                break;
            }
            std::thread::sleep(pause);
            result = self.store.store(&self.origin, tokens);
        }
        result.map_err(|e| advice::not_stored(e, &self.endpoint.authorize_url()))
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
