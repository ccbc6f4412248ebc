//! A permit per attempt, retries included: the rate, the gate that a 429 closes, and the day's budget.
//!
//! `governor` paces this process; the meter, which lives in the ledger, keeps processes and restarts apart and counts the day.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Days, NaiveTime, Utc};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::clock::Clock;
use crate::config::LimitSettings;
use crate::error::Result;
use crate::halt::{Reason, Stop};

/// Requests are spaced a little wider than the rate, so that a late packet does not put one too many into a second of the vendor's.
const SPACING: f64 = 1.04;

/// What the meter says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is counted and may leave now.
    Go,
    /// Another process has just sent one; ask again then.
    Wait(DateTime<Utc>),
    /// The vendor closed the gate until then.
    Closed(DateTime<Utc>),
    /// The day's budget is used up.
    Spent,
}

/// The count and the gate that all processes share.
pub trait Meter: Send + Sync {
    /// Counts one request, if it may leave now.
    fn pass(&self, spacing: Duration) -> Result<Pass>;
    /// Closes the gate for every process.
    fn close(&self, until: DateTime<Utc>) -> Result<()>;
}

/// Leave to send one attempt; gives its place back when dropped.
pub struct Permit<'a> {
    _place: SemaphorePermit<'a>,
}

/// Hands out permits.
pub struct Limiter {
    pace: DefaultDirectRateLimiter,
    spacing: Duration,
    places: Semaphore,
    meter: Arc<dyn Meter>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    max_wait: Duration,
    max_requests: Option<u64>,
    sent: AtomicU64,
}

impl Limiter {
    /// A limiter for one account; `max_requests` bounds this process.
    pub fn new(
        settings: &LimitSettings,
        max_requests: Option<u64>,
        meter: Arc<dyn Meter>,
        clock: Arc<dyn Clock>,
        stop: Stop,
    ) -> Limiter {
        let spacing = Duration::from_secs_f64(SPACING / settings.requests_per_second);
        let one =
            Quota::with_period(spacing).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(NonZeroU32::MIN);
        Limiter {
            pace: RateLimiter::direct(one),
            spacing,
            places: Semaphore::new(settings.max_in_flight),
            meter,
            clock,
            stop,
            max_wait: settings.max_wait.std(),
            max_requests,
            sent: AtomicU64::new(0),
        }
    }

    /// Requests sent by this process.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    /// Waits until one attempt may leave. Waits longer than `max_wait` stop the run instead.
    ///
    /// # Errors
    /// The reason for which the run stops, or a failure of the ledger.
    pub async fn permit(&self) -> std::result::Result<Permit<'_>, Halted> {
        let place = self.or_stop(self.places.acquire()).await?;
        // The semaphore is never closed.
        let Ok(place) = place else { return Err(Halted::Stopped) };
        self.or_stop(self.pace.until_ready()).await?;
        loop {
            if self.max_requests.is_some_and(|most| self.sent() >= most) {
                return Err(self.halt(Reason::MaxRequests));
            }
            let until = match self.meter.pass(self.spacing).map_err(Halted::Failed)? {
                Pass::Go => break,
                Pass::Wait(until) => until,
                Pass::Closed(until) => until,
                Pass::Spent => return Err(self.halt(Reason::Quota(next_midnight(self.clock.now())))),
            };
            let wait = (until - self.clock.now()).to_std().unwrap_or_default();
            if wait > self.max_wait {
                return Err(self.halt(Reason::Quota(until)));
            }
            self.or_stop(tokio::time::sleep(wait)).await?;
        }
        self.sent.fetch_add(1, Ordering::SeqCst);
        Ok(Permit { _place: place })
    }

    /// Closes the gate for everybody until `wait` from now.
    pub fn close(&self, wait: Duration) -> Result<()> {
        let wait = chrono::Duration::from_std(wait).unwrap_or(chrono::Duration::days(365));
        self.meter.close(self.clock.now() + wait)
    }

    /// Sleeps, unless the run stops.
    pub async fn pause(&self, wait: Duration) -> std::result::Result<(), Halted> {
        self.or_stop(tokio::time::sleep(wait)).await
    }

    /// Waits for `work`, unless the run stops.
    pub async fn or_stop<T>(&self, work: impl Future<Output = T>) -> std::result::Result<T, Halted> {
        tokio::select! {
            biased;
            _ = self.stop.pulled() => Err(Halted::Stopped),
            done = work => Ok(done),
        }
    }

    /// Waits for the answer to a request that has left, unless the run is cut short.
    pub async fn answer<T>(&self, work: impl Future<Output = T>) -> std::result::Result<T, Halted> {
        tokio::select! {
            biased;
            _ = self.stop.cut_short() => Err(Halted::Stopped),
            done = work => Ok(done),
        }
    }

    fn halt(&self, reason: Reason) -> Halted {
        self.stop.pull(reason);
        Halted::Stopped
    }
}

/// Why there is no permit.
#[derive(Debug)]
pub enum Halted {
    /// The run stops; [`Stop::reason`] says why.
    Stopped,
    /// The ledger failed.
    Failed(crate::error::Error),
}

/// The start of the next UTC day, when our own budget is new.
fn next_midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    let tomorrow = now.date_naive().checked_add_days(Days::new(1)).unwrap_or_default();
    tomorrow.and_time(NaiveTime::MIN).and_utc()
}
