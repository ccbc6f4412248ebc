//! The ledger as the limiter's meter: one count and one gate for all processes.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::clock::Clock;
use crate::error::Result;
use crate::source::{Meter, Pass};
use crate::state::{Gate, Ledger};

/// Counts requests in the ledger.
pub struct LedgerMeter {
    ledger: Arc<Ledger>,
    clock: Arc<dyn Clock>,
    budget: u32,
}

impl LedgerMeter {
    /// A meter that lets `budget` requests a day pass.
    pub fn new(ledger: Arc<Ledger>, clock: Arc<dyn Clock>, budget: u32) -> LedgerMeter {
        LedgerMeter { ledger, clock, budget }
    }
}

impl Meter for LedgerMeter {
    fn pass(&self, spacing: Duration) -> Result<Pass> {
        let spacing = chrono::Duration::from_std(spacing).unwrap_or(chrono::Duration::zero());
        let gate = self.ledger.pass(|| self.clock.now(), spacing, self.budget)?;
        Ok(match gate {
            Gate::Go => Pass::Go,
            Gate::Wait(until) => Pass::Wait(until),
            Gate::Closed(until) => Pass::Closed(until),
            Gate::Spent => Pass::Spent,
        })
    }

    fn close(&self, until: DateTime<Utc>) -> Result<()> {
        self.ledger.close_gate(until)
    }
}
