//! The vendor: requests out, judged pages back.
//!
//! Inside out: transport (one attempt) < limiter (a permit per attempt) < retry < pager. Knows no ledger, no file and no table; a
//! page leaves as the vendor's text.

mod classify;
mod limiter;
mod pager;
mod request;
mod retry;
mod transport;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub use classify::{Page, Refusal, Told};
pub use limiter::{Limiter, Meter, Pass};
pub use pager::{Pager, Step};
pub use request::{Inputs, Request, build};
pub use retry::{Failure, Reply, Story};
pub use transport::{Answer, Http, SendError, Transport};

use crate::clock::Clock;
use crate::config::LimitSettings;
use crate::entity::Entity;
use classify::{Verdict, classify};
use retry::{Attempts, Delays, Next, next};

/// Everything that is between a unit and the vendor.
pub struct Source {
    transport: Box<dyn Transport>,
    limiter: Limiter,
    clock: Arc<dyn Clock>,
    max_retries: u32,
    longest: Duration,
    seed: u64,
    retries: AtomicU64,
    answered: AtomicU64,
    by_entity: Mutex<BTreeMap<String, u64>>,
}

impl Source {
    /// A source over `transport`; `seed` decides the jitter of delays.
    pub fn new(
        transport: Box<dyn Transport>,
        limiter: Limiter,
        clock: Arc<dyn Clock>,
        settings: &LimitSettings,
        seed: u64,
    ) -> Source {
        Source {
            transport,
            limiter,
            clock,
            max_retries: settings.max_retries,
            longest: settings.max_wait.std() + settings.request_timeout.std(),
            seed,
            retries: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            by_entity: Mutex::new(BTreeMap::new()),
        }
    }

    /// Requests sent, retries included.
    pub fn requests(&self) -> u64 {
        self.limiter.sent()
    }

    /// Requests sent by entity, retries included.
    pub fn requests_by_entity(&self) -> BTreeMap<String, u64> {
        self.by_entity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Attempts beyond the first of each request.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// True once the vendor has answered one request as asked: the credentials are good.
    pub fn has_answered(&self) -> bool {
        self.answered.load(Ordering::Relaxed) > 0
    }

    /// One request, with as many attempts as it takes and is allowed.
    ///
    /// # Errors
    /// [`Failure`], with the story of the attempts.
    pub async fn ask(&self, entity: &Entity, request: &Request, paging: bool) -> Result<Reply, Failure> {
        let mut attempts = Attempts::new(request);
        let mut delays = Delays::new(self.seed ^ self.limiter.sent());
        loop {
            let outcome = {
                let _permit = self.limiter.permit().await?;
                attempts.begin();
                self.count(entity);
                if attempts.retries() > 0 {
                    self.retries.fetch_add(1, Ordering::Relaxed);
                }
                self.limiter.answer(self.transport.send(request)).await?
            };
            let verdict = outcome.map(|answer| classify(entity, &answer, paging, self.clock.now()));
            match next(verdict) {
                Next::Reply(verdict) => return self.reply(*verdict, &attempts),
                Next::Again(told) => {
                    if !attempts.may_retry(self.max_retries, self.longest) {
                        return Err(Failure::Exhausted(attempts.story(told)));
                    }
                    let delay = delays.next_delay();
                    tracing::debug!(path = request.path, delay_ms = delay.as_millis() as u64, "{told}: trying again");
                    self.limiter.pause(delay).await?;
                }
                Next::Throttled(wait, told) => {
                    let wait = wait.unwrap_or_else(|| delays.next_delay());
                    tracing::info!(path = request.path, wait_seconds = wait.as_secs(), "the vendor's limit is reached");
                    self.limiter.close(wait).map_err(Failure::Ledger)?;
                    if !attempts.may_wait() {
                        return Err(Failure::Exhausted(attempts.story(told)));
                    }
                }
            }
        }
    }

    fn count(&self, entity: &Entity) {
        let mut counts = self.by_entity.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(entity.name.clone()).or_default() += 1;
    }

    fn reply(&self, verdict: Verdict, attempts: &Attempts) -> Result<Reply, Failure> {
        if matches!(verdict, Verdict::Page(_) | Verdict::Empty) {
            self.answered.fetch_add(1, Ordering::Relaxed);
        }
        match verdict {
            Verdict::Page(page) => Ok(Reply::Page(page)),
            Verdict::Empty => Ok(Reply::Empty),
            Verdict::CursorDead(told) => Ok(Reply::CursorDead(told)),
            Verdict::Refused(refusal, told) => Err(Failure::Refused(refusal, attempts.story(told))),
            // `next` answers these two with Again and Throttled.
            Verdict::Transient(told) | Verdict::Throttled(_, told) => Err(Failure::Exhausted(attempts.story(told))),
        }
    }
}
