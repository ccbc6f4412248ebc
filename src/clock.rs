//! The time of day, passed in: planning uses one fixed "now" per run, the rate and the budget use this clock.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};

/// Where the time of day comes from.
pub trait Clock: Send + Sync {
    /// The current instant.
    fn now(&self) -> DateTime<Utc>;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[cfg(not(debug_assertions))]
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    #[cfg(debug_assertions)]
    fn now(&self) -> DateTime<Utc> {
        Utc::now() + chrono::Duration::seconds(LEAPT.load(Ordering::SeqCst))
    }
}

/// How far the machine's clock leapt for a test, in seconds.
#[cfg(debug_assertions)]
static LEAPT: AtomicI64 = AtomicI64::new(0);

/// From now on the machine's clock is ahead: a long run need not take long in a test.
#[cfg(debug_assertions)]
pub fn leap(seconds: i64) {
    LEAPT.fetch_add(seconds, Ordering::SeqCst);
}

/// A clock that stands still until it is moved: for tests.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at`.
    pub fn new(at: DateTime<Utc>) -> Self {
        ManualClock(AtomicI64::new(at.timestamp_micros()))
    }

    /// Moves the clock by `step`, backward if negative.
    pub fn advance(&self, step: chrono::Duration) {
        let micros = step.num_microseconds().unwrap_or(i64::MAX);
        self.0.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.0.load(Ordering::SeqCst)).unwrap_or_default()
    }
}
