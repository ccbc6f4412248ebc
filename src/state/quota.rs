//! The gate that every request of every process passes, and the count of the day.

use chrono::{DateTime, Duration, Utc};
use rusqlite::{Transaction, params};

use super::{Ledger, instant, micros};
use crate::error::Result;

/// What the gate says to a request that wants to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is counted and may leave now.
    Go,
    /// Not before this instant; ask again then.
    Wait(DateTime<Utc>),
    /// The vendor closed the gate until this instant.
    Closed(DateTime<Utc>),
    /// The day's budget is used up.
    Spent,
}

/// A `next_free` further ahead than this comes from a clock that was set back.
const FURTHEST_AHEAD_SECONDS: i64 = 120;

impl Ledger {
    /// Asks for one request at the time that `clock` shows: at most `budget` a day, and none before `spacing` has passed since the last.
    ///
    /// The count is taken before the request leaves, so that a crash never loses one.
    pub fn pass(&self, clock: impl FnOnce() -> DateTime<Utc>, spacing: Duration, budget: u32) -> Result<Gate> {
        self.with_relaxed(|tx| {
            // Read inside the transaction: another process may have made us wait for it.
            let now = clock();
            let (next_free, closed): (i64, i64) =
                tx.query_row("SELECT next_free, closed_until FROM gate", [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if instant(closed) > now {
                return Ok(Gate::Closed(instant(closed)));
            }
            if used(tx, now)? >= budget {
                return Ok(Gate::Spent);
            }
            let stale = instant(next_free) > now + Duration::seconds(FURTHEST_AHEAD_SECONDS);
            if instant(next_free) > now && !stale {
                return Ok(Gate::Wait(instant(next_free)));
            }
            tx.execute("UPDATE gate SET next_free = ?1", params![micros(now + spacing)])?;
            tx.execute(
                "INSERT INTO quota VALUES (?1, 1) ON CONFLICT (day) DO UPDATE SET requests = requests + 1",
                params![day(now)],
            )?;
            Ok(Gate::Go)
        })
    }

    /// Closes the gate for every process until `until`; never opens it earlier than it was.
    pub fn close_gate(&self, until: DateTime<Utc>) -> Result<()> {
        self.with_relaxed(|tx| {
            let update = "UPDATE gate SET closed_until = max(closed_until, ?1)";
            tx.execute(update, params![micros(until)]).map(|_| ())
        })
    }

    /// Requests made on the day of `now`.
    pub fn requests_today(&self, now: DateTime<Utc>) -> Result<u32> {
        self.with(|tx| used(tx, now))
    }
}

/// The vendor does not say when its day begins; ours is the UTC day.
fn day(now: DateTime<Utc>) -> String {
    now.date_naive().to_string()
}

fn used(tx: &Transaction, now: DateTime<Utc>) -> rusqlite::Result<u32> {
    tx.query_row("SELECT coalesce(sum(requests), 0) FROM quota WHERE day = ?1", params![day(now)], |row| row.get(0))
}
