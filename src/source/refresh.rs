//! One refresh: attempts until the token endpoint grants or refuses, and the store of what it granted.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use chrono::{DateTime, Utc};
use secrecy::SecretString;

use super::advice;
use super::grant::{Endpoint, Judged, judge};
use super::limiter::Rank;
use super::line::Line;
use super::request::Request;
use super::retry::{Attempts, Failure};
use super::tokens::{Stored, TokenStore, Tokens, Turn};
use crate::clock::Clock;
use crate::entity::spec::Method;
use crate::error::{Error, Kind, Result};
use crate::failpoint;

/// Pauses before the store is tried again, if it fails: nothing else can save the tokens.
const STORE_AGAIN: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(2), Duration::from_secs(10)];

/// Since when an answer may have been lost, if one may.
type Lost = Option<DateTime<Utc>>;

/// The tokens that descend from one configured token: where they come from and where they are kept.
pub struct Chain {
    /// The token endpoint.
    pub endpoint: Endpoint,
    /// Keeps the tokens.
    pub store: Arc<dyn TokenStore>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
    /// The first refresh token.
    pub configured: SecretString,
    /// What the tokens are kept under: a digest of the first one.
    pub origin: String,
}

/// Refreshes a chain of tokens.
pub struct Refresher {
    chain: Arc<Chain>,
    /// The newest attempt.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Refresher {
    /// A refresher of `chain`.
    pub fn new(chain: Arc<Chain>) -> Refresher {
        Refresher { chain, thread: Mutex::default() }
    }

    /// New tokens in place of the stored ones. They are kept when this returns.
    ///
    /// # Errors
    /// The refresh token or the app was refused, the attempts are used up, the store failed, or the run stops.
    pub async fn refresh(&self, line: &Line, stored: Stored, turn: Arc<Turn>) -> std::result::Result<Tokens, Failure> {
        let endpoint = &self.chain.endpoint;
        let (path, subject) = (endpoint.path().to_owned(), "new OAuth tokens".to_owned());
        let request = Request { method: Method::Post, path, query: Vec::new(), body: None, subject, retries: None };
        let (mut attempts, mut delays) = (Attempts::new(&request), line.delays());
        let first = stored.tokens.is_none();
        let token = stored.tokens.map_or_else(|| self.chain.configured.clone(), |tokens| tokens.refresh);
        let mut lost = stored.sent_at;
        loop {
            let permit = line.permit(&mut attempts, Rank::Any).await?;
            let judged = self.attempt(line, &token, lost, &turn).await?;
            attempts.tell(judged.0.status());
            if let Judged::Undecided { why, .. } = &judged.0 {
                line.heed(&mut attempts, &mut delays, why)?;
            }
            drop(permit);
            lost = judged.1;
            match judged.0 {
                Judged::Granted(tokens) => return Ok(tokens),
                Judged::Undecided { why, .. } => line.wait(&mut attempts, &mut delays, why).await?,
                Judged::Refused(why, told) => {
                    let story = attempts.story(told);
                    let refused = advice::refused_grant(&why, &story, first, lost, &endpoint.authorize_url());
                    return Err(Failure::Ledger(refused));
                }
            }
        }
    }

    /// One attempt. Once it has begun, nothing but the end of the process can keep its answer from the store.
    async fn attempt(
        &self,
        line: &Line,
        token: &SecretString,
        lost: Lost,
        turn: &Arc<Turn>,
    ) -> std::result::Result<(Judged, Lost), Failure> {
        let attempt = Attempt { chain: self.chain.clone(), token: token.clone(), lost, _turn: turn.clone() };
        let (sender, receiver) = tokio::sync::oneshot::channel();
        // Nobody may be there any more to receive the result; it is stored all the same.
        let work = move || drop(sender.send(attempt.run()));
        let failed =
            |e| Failure::Ledger(Error::new(Kind::Config, "cannot start a thread for the refresh").caused_by(e));
        let thread = std::thread::Builder::new().name("refresh".to_owned()).spawn(work).map_err(failed)?;
        *self.thread.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        let gone = |_| Error::new(Kind::Config, "the thread of the refresh has failed");
        line.limiter.answer(receiver).await?.map_err(gone).flatten().map_err(Failure::Ledger)
    }
}

impl Drop for Refresher {
    /// The process must not end between an answer and its store.
    fn drop(&mut self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // It ends within the time-out of a request.
        let _ = thread.map(JoinHandle::join);
    }
}

/// One attempt on a thread of its own. It keeps the turn until it is over.
struct Attempt {
    chain: Arc<Chain>,
    token: SecretString,
    lost: Lost,
    _turn: Arc<Turn>,
}

impl Attempt {
    /// Sends, judges, stores. Also says since when an answer may have been lost.
    fn run(self) -> Result<(Judged, Lost)> {
        let Chain { endpoint, store, clock, origin, .. } = &*self.chain;
        let exchange = endpoint.prepare(&self.token)?;
        let sent_at = clock.now();
        let since = self.lost.unwrap_or(sent_at);
        store.note_sent(origin, Some(since))?;
        let judged = judge(exchange.run(), &self.token, sent_at);
        let lost = match &judged {
            Judged::Granted(tokens) => {
                failpoint::reached(failpoint::TOKENS_CAME);
                self.keep(tokens)?;
                failpoint::reached(failpoint::TOKENS_STORED);
                return Ok((judged, None));
            }
            Judged::Undecided { lost: true, .. } => Some(since),
            _ => self.lost,
        };
        if lost.is_none() {
            store.note_sent(origin, None)?;
        }
        Ok((judged, lost))
    }

    fn keep(&self, tokens: &Tokens) -> Result<()> {
        let Chain { endpoint, store, origin, .. } = &*self.chain;
        let mut result = store.store(origin, tokens);
        for pause in STORE_AGAIN {
            if result.is_ok() {
                break;
            }
            std::thread::sleep(pause);
            result = store.store(origin, tokens);
        }
        result.map_err(|e| advice::not_stored(e, &endpoint.authorize_url()))
    }
}
