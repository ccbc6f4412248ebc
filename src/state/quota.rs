//! The gate that every request of every process passes, and the count of the day.

use chrono::{DateTime, Duration, Utc};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Ledger, instant, micros};
use crate::error::Result;

/// What the gate says to a request that wants to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It is counted under this number and may leave now.
    Go(i64),
    /// Not before this instant; ask again then.
    Wait(DateTime<Utc>),
    /// The vendor closed the gate until this instant.
    Closed(DateTime<Utc>),
    /// The day's budget is used up; the next day begins then.
    Spent(DateTime<Utc>),
}

/// How many requests leave in how long a time.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// No more than so many, at least one ...
    pub most: u32,
    /// ... in any time of this length.
    pub within: Duration,
}

/// A request that left further ahead than this did so by a clock that was set back.
const FURTHEST_AHEAD_SECONDS: i64 = 120;
/// No silence is kept for longer than a week; the day beside it is for clocks of other machines.
const FURTHEST_CLOSED_DAYS: i64 = 8;
/// So many of the last requests are remembered at least, for a process with a higher rate.
const REMEMBERED: i64 = 100;

const MINUTES_A_DAY: i64 = 24 * 60;
/// Counts of minutes are kept this long.
const KEPT_MINUTES: i64 = 3 * MINUTES_A_DAY;

/// A `Retry-After` of at least this long is the end of the vendor's day, and not of a second or a passing trouble: 20 minutes were seen for
/// the latter (API reference, section D).
const DAY_IS_OVER_MINUTES: i64 = 60;

/// A 429 within this time of the end of the one before says that somebody else uses the rate too. As long without one, we are a step faster.
const STEP_SECONDS: i64 = 60;
/// Each step is this much slower than the one before.
const STEP: f64 = 1.5;
/// The slowest: an eleventh of the rate.
const MOST_STEPS: i64 = 6;

/// The gate's row.
struct Row {
    closed_until: i64,
    day_begins: i64,
    slowed: i64,
    slowed_at: i64,
}

impl Row {
    fn read(tx: &Transaction) -> rusqlite::Result<Row> {
        tx.query_row("SELECT closed_until, day_begins, slowed, slowed_at FROM gate", [], |row| {
            Ok(Row { closed_until: row.get(0)?, day_begins: row.get(1)?, slowed: row.get(2)?, slowed_at: row.get(3)? })
        })
    }

    /// The end of the silence that holds at `now`. One that is further ahead than any that is kept was noted by a clock that was set back.
    fn closed(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let until = instant(self.closed_until);
        (until > now && until <= now + Duration::days(FURTHEST_CLOSED_DAYS)).then_some(until)
    }

    /// Steps below the rate at `now`: one less for each minute since they were counted.
    fn steps(&self, now: DateTime<Utc>) -> i64 {
        let minutes = (now - instant(self.slowed_at)).num_seconds() / STEP_SECONDS;
        (self.slowed - minutes.max(0)).clamp(0, MOST_STEPS)
    }

    /// The minute in which the day of `now` began.
    fn day(&self, now: DateTime<Utc>) -> i64 {
        let minute = minute(now) - self.day_begins;
        minute.div_euclid(MINUTES_A_DAY) * MINUTES_A_DAY + self.day_begins
    }
}

impl Ledger {
    /// Asks for one request at the time that `clock` shows: at most `budget` a day, and no more in a short time than `pace` says.
    ///
    /// The count is taken before the request leaves, so that a crash never loses one.
    pub fn pass(&self, clock: impl FnOnce() -> DateTime<Utc>, pace: Pace, budget: u32) -> Result<Gate> {
        self.with_relaxed(|tx| {
            // Read inside the transaction: another process may have made us wait for it.
            let now = clock();
            let row = Row::read(tx)?;
            if let Some(until) = row.closed(now) {
                return Ok(Gate::Closed(until));
            }
            if used(tx, row.day(now))? >= budget {
                let next = Duration::minutes(row.day(now) + MINUTES_A_DAY);
                return Ok(Gate::Spent(DateTime::UNIX_EPOCH + next));
            }
            let within = slower(pace.within, row.steps(now));
            let number = match leave(tx, now, pace.most, within)? {
                Ok(number) => number,
                Err(free) => return Ok(Gate::Wait(free)),
            };
            let count = "INSERT INTO spent VALUES (?1, 1) ON CONFLICT (minute) DO UPDATE SET requests = requests + 1";
            tx.execute(count, params![minute(now)])?;
            tx.execute("DELETE FROM spent WHERE minute < ?1", params![minute(now) - KEPT_MINUTES])?;
            Ok(Gate::Go(number))
        })
    }

    /// The request of this number left at `at`, later than it was counted.
    pub fn left_late(&self, number: i64, at: DateTime<Utc>) -> Result<()> {
        let update = "UPDATE sent SET left_at = max(left_at, ?2) WHERE number = ?1";
        self.with_relaxed(|tx| tx.execute(update, params![number, micros(at)]).map(|_| ()))
    }

    /// Asks once more for a request that was counted under this number, and has not left because its connection did not stand: the time at
    /// which it may, if that is not now.
    pub fn leave_again(&self, number: i64, now: DateTime<Utc>, pace: Pace) -> Result<Option<DateTime<Utc>>> {
        self.with_relaxed(|tx| {
            let within = slower(pace.within, Row::read(tx)?.steps(now));
            let full = full_until(tx, now, pace.most, within, number)?;
            if full.is_none() {
                let update = "UPDATE sent SET left_at = max(left_at, ?2) WHERE number = ?1";
                tx.execute(update, params![number, micros(now)])?;
            }
            Ok(full)
        })
    }

    /// Closes the gate for every process until `until`; never opens it earlier than it was. A close that follows soon upon another slows
    /// all processes down, and a long one tells when the vendor's day begins.
    pub fn close_gate(&self, now: DateTime<Utc>, until: DateTime<Utc>) -> Result<()> {
        self.with_relaxed(|tx| {
            let row = Row::read(tx)?;
            // Answers to what was under way when the gate closed say nothing new.
            let closed = row.closed(now);
            let is_news = closed.is_none();
            let wait = until - now;
            // Whole hours are a habit of whoever is overloaded, not the time that is left of a day.
            let is_round = (wait.num_milliseconds() + 500) / 1000 % 3600 == 0;
            let is_day = wait >= Duration::minutes(DAY_IS_OVER_MINUTES) && wait <= Duration::days(1) && !is_round;
            let day_begins = match is_day {
                true => minute(until + Duration::seconds(30)).rem_euclid(MINUTES_A_DAY),
                false => row.day_begins,
            };
            let again = row.closed_until > 0 && now - instant(row.closed_until) < Duration::seconds(STEP_SECONDS);
            let (slowed, slowed_at) = match is_news && again {
                true => ((row.steps(now) + 1).min(MOST_STEPS), micros(until)),
                false => (row.slowed, row.slowed_at),
            };
            tx.execute(
                "UPDATE gate SET closed_until = ?1, day_begins = ?2, slowed = ?3, slowed_at = ?4",
                params![micros(closed.map_or(until, |closed| closed.max(until))), day_begins, slowed, slowed_at],
            )
            .map(|_| ())
        })
    }

    /// Requests made on the day of `now`, and when the next day begins.
    pub fn requests_today(&self, now: DateTime<Utc>) -> Result<(u32, DateTime<Utc>)> {
        self.with(|tx| {
            let day = Row::read(tx)?.day(now);
            Ok((used(tx, day)?, DateTime::UNIX_EPOCH + Duration::minutes(day + MINUTES_A_DAY)))
        })
    }
}

/// Notes that a request leaves, with its number, or tells when it may.
fn leave(
    tx: &Transaction,
    now: DateTime<Utc>,
    most: u32,
    within: Duration,
) -> rusqlite::Result<std::result::Result<i64, DateTime<Utc>>> {
    let furthest = micros(now + Duration::seconds(FURTHEST_AHEAD_SECONDS));
    tx.execute("DELETE FROM sent WHERE left_at > ?1", params![furthest])?;
    let last: i64 = tx.query_row("SELECT coalesce(max(number), 0) FROM sent", [], |row| row.get(0))?;
    if let Some(free) = full_until(tx, now, most, within, last + 1)? {
        return Ok(Err(free));
    }
    tx.execute("INSERT INTO sent VALUES (?1, ?2)", params![last + 1, micros(now)])?;
    let old = last + 1 - REMEMBERED.max(i64::from(most));
    tx.execute("DELETE FROM sent WHERE number <= ?1", params![old])?;
    Ok(Ok(last + 1))
}

/// When there is room for the request of this number, if a time of the length `within` that ends now has its `most` others already. They are
/// taken by when they left, for one that set up a connection may have left after later ones.
fn full_until(
    tx: &Transaction,
    now: DateTime<Utc>,
    most: u32,
    within: Duration,
    number: i64,
) -> rusqlite::Result<Option<DateTime<Utc>>> {
    let query = "SELECT left_at FROM sent WHERE number <> ?1 ORDER BY left_at DESC LIMIT 1 OFFSET ?2";
    let before = tx.query_row(query, params![number, most - 1], |row| row.get(0)).optional()?;
    Ok(before.map(|at| instant(at) + within).filter(|free| *free > now))
}

fn minute(at: DateTime<Utc>) -> i64 {
    at.timestamp().div_euclid(60)
}

fn slower(within: Duration, steps: i64) -> Duration {
    let micros = within.num_microseconds().unwrap_or(0) as f64 * STEP.powi(i32::try_from(steps).unwrap_or(0));
    Duration::microseconds(micros as i64)
}

fn used(tx: &Transaction, since: i64) -> rusqlite::Result<u32> {
    // What a clock that was set back has counted ahead is of no day that is.
    let count = "SELECT coalesce(sum(requests), 0) FROM spent WHERE minute >= ?1 AND minute < ?2";
    tx.query_row(count, params![since, since + MINUTES_A_DAY], |row| row.get(0))
}

#[cfg(test)]
#[path = "quota_tests.rs"]
mod tests;
