//! The simulated account's clock.
//!
//! Visibility of data, the life of cursors, the daily quota and "today" of the statistics follow this clock, so a test
//! can move the account by a night without waiting for one. The limit per second does not: it judges real arrivals.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use chrono::{DateTime, TimeDelta, Utc};

/// A clock that is frozen or runs, and can be set and advanced. Clones share the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    at: DateTime<Utc>,
    /// The real moment at which the clock showed `at`; `None` while frozen.
    since: Option<Instant>,
}

impl Clock {
    /// A clock that stands still at `at`.
    pub fn frozen(at: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new(State { at, since: None })))
    }

    /// A clock that shows `at` now and goes on in real time.
    pub fn running(at: DateTime<Utc>) -> Self {
        let since = Some(Instant::now());
        Self(Arc::new(Mutex::new(State { at, since })))
    }

    /// The simulated time.
    pub fn now(&self) -> DateTime<Utc> {
        self.state().now()
    }

    /// Sets the time; the clock stays frozen or running.
    pub fn set(&self, at: DateTime<Utc>) {
        let mut state = self.state();
        state.at = at;
        state.since = state.since.map(|_| Instant::now());
    }

    /// Moves the time on (or back, for a negative step).
    pub fn advance(&self, step: TimeDelta) {
        let now = self.now();
        self.set(now + step);
    }

    /// Stops the clock at the time it shows.
    pub fn freeze(&self) {
        let mut state = self.state();
        state.at = state.now();
        state.since = None;
    }

    /// Lets the clock go on in real time.
    pub fn run(&self) {
        let mut state = self.state();
        state.at = state.now();
        state.since = Some(Instant::now());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave two plain fields half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn now(&self) -> DateTime<Utc> {
        let passed = self.since.map(|since| since.elapsed()).unwrap_or_default();
        self.at + TimeDelta::from_std(passed).unwrap_or_default()
    }
}
