//! The vendor: requests out, judged pages back.
//!
//! Inside out: transport (one attempt) < limiter (a permit per attempt) < retry < pager. Knows no ledger, no file and no table; a
//! page leaves as the vendor's text.

mod advice;
mod auth;
mod classify;
mod download;
mod grant;
mod leaving;
mod limiter;
mod line;
mod mask;
mod media;
mod oauth;
mod pager;
mod range;
mod refresh;
mod request;
mod retry;
mod tokens;
mod transport;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

pub use auth::{Access, Auth};
pub use classify::{Page, Refusal, Told};
pub use download::{Download, Fetched, Mark};
use limiter::Rank;
pub use limiter::{Limiter, Meter, Pass};
pub use line::Line;
pub use media::{Body, Link, MediaClient, MediaError};
pub use oauth::OAuth;
pub use pager::{Pager, Step};
pub use range::ByteRange;
pub use request::{Inputs, Request, build};
pub use retry::{Failure, Reply, Story};
pub use tokens::{Stored, TokenStore, Tokens, Turn};
pub use transport::{Answer, Http, SendError, Transport};

use crate::clock::Clock;
use crate::entity::Entity;
use crate::error::Error;
use crate::failpoint;
use classify::{Verdict, classify};
use retry::{Attempts, next};

/// Everything that is between a unit and the vendor.
pub struct Source {
    transport: Box<dyn Transport>,
    auth: Auth,
    line: Line,
    clock: Arc<dyn Clock>,
    answered: Mutex<BTreeSet<String>>,
    by_entity: Mutex<BTreeMap<String, u64>>,
}

impl Source {
    /// A source over `transport`, which signs in with `auth`; each attempt waits in `line`.
    pub fn new(transport: Box<dyn Transport>, auth: Auth, line: Line, clock: Arc<dyn Clock>) -> Source {
        let (answered, by_entity) = (Mutex::default(), Mutex::default());
        Source { transport, auth, line, clock, answered, by_entity }
    }

    /// Requests sent, retries and refreshes of tokens included.
    pub fn requests(&self) -> u64 {
        self.line.limiter.sent()
    }

    /// From now on at most so many requests of the day may have been made.
    pub fn lower_budget(&self, budget: u32) {
        self.line.limiter.lower(budget);
    }

    /// Requests sent by entity, retries included.
    pub fn requests_by_entity(&self) -> BTreeMap<String, u64> {
        self.by_entity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Attempts beyond the first of each request.
    pub fn retries(&self) -> u64 {
        self.line.retries()
    }

    /// Entities of which a request was answered as asked: the credentials were good then.
    pub fn answered(&self) -> BTreeSet<String> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The error for credentials that the vendor refuses, whatever it is asked.
    pub fn credentials_error(&self, base_url: &str, story: &Story) -> Error {
        self.auth.refusal(story).unwrap_or_else(|| advice::refused_credentials(base_url, story))
    }

    /// One request, with as many attempts as it takes and is allowed.
    ///
    /// # Errors
    /// [`Failure`], with the story of the attempts.
    pub async fn ask(&self, entity: &Entity, request: &Request, paging: bool) -> Result<Reply, Failure> {
        let mut attempts = Attempts::new(request);
        let mut delays = self.line.delays();
        let rank = if paging { Rank::NextPage } else { Rank::Any };
        let mut renewed = false;
        loop {
            let access = self.auth.access(&self.line).await?;
            let permit = self.line.permit(&mut attempts, rank).await?;
            self.count(entity);
            failpoint::reached(failpoint::ASKING);
            let outcome =
                self.line.limiter.answer(permit.leaving.during(self.transport.send(request, &access))).await?;
            failpoint::reached(failpoint::ANSWERED);
            attempts.tell(outcome.as_ref().ok().map(|answer| answer.status));
            let mut verdict = outcome.map(|answer| classify(entity, &answer, paging, self.clock.now()));
            if let Some(told) = verdict.as_mut().ok().and_then(Verdict::told_mut) {
                told.text = access.redact(&told.text);
                told.request_id = told.request_id.take().map(|id| access.redact(&id));
            }
            let next = next(verdict);
            if let Err(undecided) = &next {
                self.line.heed(&mut attempts, &mut delays, undecided)?;
            }
            drop(permit);
            match next {
                Err(undecided) => self.line.wait(&mut attempts, &mut delays, undecided).await?,
                // An access that is refused may have ended before its time, or the customer may have moved: another one is tried, once.
                Ok(verdict) if !renewed && verdict.doubts_access() && self.auth.renew(&access, &self.line).await? => {
                    renewed = true;
                }
                Ok(verdict) => return self.reply(entity, verdict, &access, &attempts),
            }
        }
    }

    fn count(&self, entity: &Entity) {
        let mut counts = self.by_entity.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry(entity.name.clone()).or_default() += 1;
    }

    fn reply(&self, entity: &Entity, verdict: Verdict, access: &Access, attempts: &Attempts) -> Result<Reply, Failure> {
        if !verdict.doubts_access() {
            access.accept();
        }
        if matches!(verdict, Verdict::Page(_) | Verdict::Empty) {
            self.answered.lock().unwrap_or_else(PoisonError::into_inner).insert(entity.name.clone());
        }
        match verdict {
            Verdict::Page(page) => Ok(Reply::Page(page)),
            Verdict::Empty => Ok(Reply::Empty),
            Verdict::CursorDead(told) => Ok(Reply::CursorDead(told)),
            Verdict::Refused(refusal, told) => Err(self.refused(refusal, access, attempts.story(told))),
            // `next` gives neither of these two.
            Verdict::Transient(told) | Verdict::Throttled(_, told) => Err(Failure::Exhausted(attempts.story(told))),
        }
    }

    /// A refusal; of a redirect with the advice that fits the way of signing in.
    fn refused(&self, refusal: Refusal, access: &Access, story: Box<Story>) -> Failure {
        let error = match &refusal {
            Refusal::Redirect(host) => self.auth.redirected(access, host, &story),
            _ => None,
        };
        error.map_or(Failure::Refused(refusal, story), Failure::Ledger)
    }
}

#[cfg(test)]
mod verdict_tests;
