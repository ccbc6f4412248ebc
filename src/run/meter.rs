//! The ledger as the limiter's meter: one count and one gate for all processes.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::error::Result;
use crate::source::{Meter, Pass};
use crate::state::{Gate, Ledger, Pace};

/// A request that leaves so much later than it was counted is noted again.
const LATE_MS: i64 = 4;

/// Counts requests in the ledger.
pub struct LedgerMeter {
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    budget: AtomicU32,
}

impl LedgerMeter {
    /// A meter that lets `budget` requests a day pass.
    pub fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>, budget: u32) -> LedgerMeter {
        LedgerMeter { ledger, clock, budget: budget.into() }
    }
}

impl Meter for LedgerMeter {
    fn pass(&self, most: u32, within: Duration) -> Result<Pass> {
        let pace = pace(most, within);
        let asked = Cell::new(None);
        let now = || {
            let now = self.clock.now();
            asked.set(Some(now));
            now
        };
        let gate = self.ledger.pass(now, pace, self.budget.load(Ordering::SeqCst))?;
        let left = self.clock.now();
        // The file was slow to take it: what counts is when the request leaves.
        let late = asked.get().is_some_and(|asked| left - asked > chrono::Duration::milliseconds(LATE_MS));
        if let (Gate::Go(number), true) = (gate, late) {
            self.ledger.left_late(number, left)?;
        }
        Ok(match gate {
            Gate::Go(number) => Pass::Go(number),
            Gate::Wait(until) => Pass::Wait(until),
            Gate::Closed(until) => Pass::Closed(until),
            Gate::Spent(until) => Pass::Spent(until),
        })
    }

    fn left(&self, number: i64) -> Result<()> {
        self.ledger.left_late(number, self.clock.now())
    }

    fn again(&self, number: i64, most: u32, within: Duration) -> Result<Option<Duration>> {
        let now = self.clock.now();
        let until = self.ledger.leave_again(number, now, pace(most, within))?;
        Ok(until.map(|until| (until - now).to_std().unwrap_or_default()))
    }

    fn close(&self, until: DateTime<Utc>) -> Result<()> {
        self.ledger.close_gate(self.clock.now(), until)
    }

    fn lower(&self, budget: u32) {
        self.budget.fetch_min(budget, Ordering::SeqCst);
    }
}

fn pace(most: u32, within: Duration) -> Pace {
    Pace { most, within: chrono::Duration::from_std(within).unwrap_or(chrono::Duration::days(1)) }
}
