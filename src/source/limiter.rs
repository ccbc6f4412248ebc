//! A permit per attempt, retries included: the rate, the gate that a 429 closes, and the day's budget.
//!
//! The meter, which lives in the ledger, lets no more than the rate pass in any second, whatever the processes and restarts, and counts
//! the day. `governor` keeps what was delayed from leaving all at once.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, SubsecRound as _, Utc};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use tokio::sync::{Mutex, MutexGuard, Semaphore, SemaphorePermit};

use super::leaving::Leaving;
use super::line::TOLD_FROM;
use crate::clock::Clock;
use crate::config::LimitSettings;
use crate::error::Result;
use crate::halt::{Reason, Stop};

/// A second's requests are counted over this much more than a second, so that a late packet does not put one too many into a second of
/// the vendor's.
const SPREAD: f64 = 1.045;
/// Above this rate, in requests a second ...
const FAST: f64 = 30.0;
/// ... this is the time: of many requests, more are under way whenever a busy machine stands still for a moment.
const FAST_SPREAD: f64 = 1.1;
/// After a delay, requests follow each other so much faster than the rate, until the second has what it may have.
const CATCH_UP: f64 = 2.0;
/// Others wait for the answer to a process's first request, but no longer than this.
const LONGEST_OPENING: Duration = Duration::from_secs(5);

/// What the meter says to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// It is counted under this number and may leave now.
    Go(i64),
    /// The last second has what it may have, whoever sent it; ask again then.
    Wait(DateTime<Utc>),
    /// The vendor closed the gate until then.
    Closed(DateTime<Utc>),
    /// The day's budget is used up; the next day begins then.
    Spent(DateTime<Utc>),
}

/// The count and the gate that all processes share.
pub trait Meter: Send + Sync {
    /// Counts one request, if it may leave now: no more than `most` pass in any time of the length `within`.
    fn pass(&self, most: u32, within: Duration) -> Result<Pass>;
    /// The request that was counted under this number has left by now, and not before.
    fn left(&self, number: i64) -> Result<()>;
    /// Asks again for a request that was counted under this number and has not left yet: how long it waits, if it does.
    fn again(&self, number: i64, most: u32, within: Duration) -> Result<Option<Duration>>;
    /// Closes the gate for every process.
    fn close(&self, until: DateTime<Utc>) -> Result<()>;
    /// Lets this process go no further than so many requests of the day, if that is less than before.
    fn lower(&self, budget: u32);
}

/// Who goes before whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rank {
    /// A request with a cursor: the cursor dies, and its listing has nothing else to ask meanwhile. It passes those that wait.
    NextPage,
    /// Everything else, in the order in which it came.
    Any,
}

/// Leave to send one attempt; gives its place back when dropped.
pub struct Permit<'a> {
    /// The attempt, as it was counted.
    pub leaving: Leaving,
    _place: SemaphorePermit<'a>,
    alone: Option<Alone<'a>>,
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        // Much is slower the first time, here and there. As it is alone, the time of its answer is as good, and is surely late enough.
        if self.alone.is_some() {
            self.leaving.now();
        }
    }
}

/// The first request of a process: dropped with its answer.
struct Alone<'a> {
    opened: &'a AtomicBool,
    _guard: MutexGuard<'a, ()>,
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        self.opened.store(true, Ordering::SeqCst);
    }
}

/// Hands out permits.
pub struct Limiter {
    pace: DefaultDirectRateLimiter,
    most: u32,
    within: Duration,
    /// One request at a time asks the meter, in the order in which they came.
    turn: Mutex<()>,
    /// Where others than next pages wait for their turn.
    queue: Mutex<()>,
    places: Semaphore,
    opened: AtomicBool,
    opening: Mutex<()>,
    meter: Arc<dyn Meter>,
    clock: Arc<dyn Clock>,
    stop: Stop,
    max_wait: Duration,
    max_requests: Option<u64>,
    sent: AtomicU64,
    /// The end of the last wait that was told, in seconds since 1970.
    told: AtomicI64,
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
        let rate = settings.requests_per_second;
        let most = rate.ceil().max(1.0);
        let spread = if rate > FAST { FAST_SPREAD } else { SPREAD };
        let gap = Duration::from_secs_f64(spread / (rate * CATCH_UP));
        // Two, because a task that is woken late must not hold up those behind it.
        let two = NonZeroU32::MIN.saturating_add(1);
        let pace = Quota::with_period(gap).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(two);
        Limiter {
            pace: RateLimiter::direct(pace),
            most: most as u32,
            within: Duration::from_secs_f64(most * spread / rate),
            turn: Mutex::new(()),
            queue: Mutex::new(()),
            places: Semaphore::new(settings.max_in_flight),
            opened: AtomicBool::new(false),
            opening: Mutex::new(()),
            meter,
            clock,
            stop,
            max_wait: settings.max_wait.std(),
            max_requests,
            sent: AtomicU64::new(0),
            told: AtomicI64::new(0),
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
    pub async fn permit(&self, rank: Rank) -> std::result::Result<Permit<'_>, Halted> {
        let alone = self.or_stop(self.first()).await?;
        let _queue = match rank {
            Rank::NextPage => None,
            Rank::Any => Some(self.or_stop(self.queue.lock()).await?),
        };
        let _turn = self.or_stop(self.turn.lock()).await?;
        let place = self.or_stop(self.places.acquire()).await?;
        // The semaphore is never closed.
        let Ok(place) = place else { return Err(Halted::Stopped) };
        self.or_stop(self.pace.until_ready()).await?;
        let number = loop {
            if self.max_requests.is_some_and(|most| self.sent() >= most) {
                return Err(self.halt(Reason::MaxRequests));
            }
            let until = match self.meter.pass(self.most, self.within).map_err(Halted::Failed)? {
                Pass::Go(number) => break number,
                Pass::Wait(until) => until,
                Pass::Closed(until) => until,
                Pass::Spent(until) => return Err(self.halt(Reason::Quota(until))),
            };
            let wait = (until - self.clock.now()).to_std().unwrap_or_default();
            if wait > self.max_wait {
                return Err(self.halt(Reason::Quota(until)));
            }
            self.tell(until, wait);
            self.or_stop(tokio::time::sleep(wait)).await?;
        };
        self.sent.fetch_add(1, Ordering::SeqCst);
        let leaving = Leaving { number, meter: self.meter.clone(), most: self.most, within: self.within };
        Ok(Permit { leaving, _place: place, alone })
    }

    /// One line about a long wait, whichever task comes to it first.
    fn tell(&self, until: DateTime<Utc>, wait: Duration) {
        if wait >= TOLD_FROM && self.told.fetch_max(until.timestamp(), Ordering::SeqCst) < until.timestamp() {
            let at = until.to_rfc3339_opts(SecondsFormat::Secs, true);
            tracing::warn!(wait_seconds = wait.as_secs(), "the vendor asks for silence: going on at {at}");
        }
    }

    /// The first request of a process goes alone: while it sets up the connection it arrives later than those behind it would, and they
    /// would crowd into its second. One that takes long is not waited for.
    async fn first(&self) -> Option<Alone<'_>> {
        if self.opened.load(Ordering::SeqCst) {
            return None;
        }
        let guard = tokio::time::timeout(LONGEST_OPENING, self.opening.lock()).await.ok()?;
        (!self.opened.load(Ordering::SeqCst)).then_some(Alone { opened: &self.opened, _guard: guard })
    }

    /// Closes the gate for everybody until `wait` from now, which it returns.
    pub fn close(&self, wait: Duration) -> Result<DateTime<Utc>> {
        let wait = chrono::Duration::from_std(wait).unwrap_or(chrono::Duration::days(365));
        // To what the ledger keeps, so that the next process names the same instant.
        let until = (self.clock.now() + wait).trunc_subsecs(6);
        self.meter.close(until).map(|()| until)
    }

    /// Closes the gate and stops the run, which may be taken up again then.
    pub fn give_up(&self, wait: Duration) -> Halted {
        match self.close(wait) {
            Ok(until) => self.halt(Reason::Quota(until)),
            Err(error) => Halted::Failed(error),
        }
    }

    /// What follows must leave more of the day: so many requests may have been made in it.
    pub fn lower(&self, budget: u32) {
        self.meter.lower(budget);
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
