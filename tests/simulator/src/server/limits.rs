//! The company's limits: requests per second and per day, over all its credentials (API reference, section D).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// What is allowed; `None` switches a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// Requests in any one second of real time.
    pub per_second: Option<u32>,
    /// Requests in a day of the simulated clock, from midnight UTC.
    pub per_day: Option<u32>,
}

impl Default for Rates {
    /// The vendor's: 3 a second, 10,000 a day.
    fn default() -> Self {
        Self { per_second: Some(3), per_day: Some(10_000) }
    }
}

impl Rates {
    /// No limit at all.
    pub fn off() -> Self {
        Self { per_second: None, per_day: None }
    }
}

/// What was spent.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    admitted: VecDeque<Instant>,
    day: Option<NaiveDate>,
    today: u32,
}

impl Spent {
    /// Counts a request; an error is the number of seconds to wait.
    ///
    /// Every request spends of the day, refused ones too. The second counts only those let through, so that a client
    /// which waits as told is not refused for ever.
    pub(crate) fn admit(&mut self, rates: Rates, arrived: Instant, now: DateTime<Utc>) -> Result<(), u64> {
        let day = now.date_naive();
        if self.day != Some(day) {
            self.day = Some(day);
            self.today = 0;
        }
        self.today += 1;
        if rates.per_day.is_some_and(|limit| self.today > limit) {
            return Err(until_midnight(now));
        }
        let Some(per_second) = rates.per_second else {
            return Ok(());
        };
        let second = Duration::from_secs(1);
        while self.admitted.front().is_some_and(|first| arrived.saturating_duration_since(*first) >= second) {
            self.admitted.pop_front();
        }
        if self.admitted.len() >= per_second as usize {
            return Err(1);
        }
        self.admitted.push_back(arrived);
        Ok(())
    }

    /// Requests counted on the day that `now` belongs to.
    pub(crate) fn today(&self, now: DateTime<Utc>) -> u32 {
        if self.day == Some(now.date_naive()) { self.today } else { 0 }
    }

    /// Spends of the day without a request of ours: the company's other programs.
    pub(crate) fn spend(&mut self, count: u32, now: DateTime<Utc>) {
        self.today = self.today(now) + count;
        self.day = Some(now.date_naive());
    }
}

fn until_midnight(now: DateTime<Utc>) -> u64 {
    let next = now.date_naive().and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::days(1);
    (next - now).num_seconds().max(0) as u64 + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_in_a_second_waits_one_and_the_day_waits_for_midnight() {
        let mut spent = Spent::default();
        let rates = Rates { per_second: Some(3), per_day: Some(5) };
        let now = "2026-05-20T22:00:00Z".parse().unwrap();
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let verdicts: Vec<_> = [0, 10, 20, 900, 1_000, 2_000].map(|ms| spent.admit(rates, at(ms), now)).into();
        assert_eq!(verdicts, [Ok(()), Ok(()), Ok(()), Err(1), Ok(()), Err(7_201)]);
        assert_eq!(spent.admit(rates, at(4_000), now + TimeDelta::hours(3)), Ok(()));
    }
}
