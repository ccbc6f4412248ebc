//! `[limits]`: how much of the vendor's quota, memory and patience may be used.

use serde::Deserialize;

use super::Span;

/// Share of the daily quota that is left to others when `reserve` is not set and the daily quota is small.
const RESERVE_SHARE: u32 = 10;

/// A backfill leaves at least this many requests of the day to the next `sync`.
const LEAST_FOR_SYNC: u32 = 200;

/// How much of the vendor's quota may be used (API reference, section D).
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitSettings {
    /// Requests in any second, retries included. The vendor allows 3 for the whole company.
    pub requests_per_second: f64,
    /// Requests in a day. The vendor allows 10,000 for the whole company.
    pub requests_per_day: u32,
    /// Requests of the day that are left to the company's other tools: by every command if it is set, by backfills if it is not; see
    /// [`LimitSettings::reserve`] for the default.
    pub reserve: Option<u32>,
    /// Requests under way at once: enough to keep the rate used when answers take seconds.
    pub max_in_flight: usize,
    /// Longest wait for one answer, body included. A page of 100 calls with all content is several MB.
    pub request_timeout: Span,
    /// Further attempts after a failed one.
    pub max_retries: u32,
    /// Longest wait that is slept through, at once or by one request in all; a longer one ends the run with the time to resume.
    pub max_wait: Span,
}

impl Default for LimitSettings {
    fn default() -> Self {
        LimitSettings {
            requests_per_second: 3.0,
            requests_per_day: 10_000,
            reserve: None,
            max_in_flight: 16,
            request_timeout: Span::seconds(120),
            max_retries: 5,
            max_wait: Span::seconds(300),
        }
    }
}

impl LimitSettings {
    /// Requests of the day that are left to others: 1,000 of the vendor's 10,000 by default, and never more than a tenth unless set.
    pub fn reserve(&self) -> u32 {
        self.reserve.unwrap_or_else(|| 1000.min(self.requests_per_day / RESERVE_SHARE))
    }

    /// Requests that we may make in a day.
    pub fn daily_budget(&self) -> u32 {
        self.requests_per_day.saturating_sub(self.reserve.unwrap_or(0))
    }

    /// Requests that have been made in a day when a backfill must stop: it leaves the reserve, and what the last `sync` used.
    pub fn backfill_budget(&self, last_sync: u32) -> u32 {
        self.requests_per_day.saturating_sub(self.reserve()).saturating_sub(last_sync.max(LEAST_FOR_SYNC))
    }

    /// The rule of `requests_per_day` that forbids every backfill, on any day, while the last `sync` used so much; `None` if one can be made.
    pub fn forbids_backfills(&self, last_sync: u32) -> Option<String> {
        let (most, reserve, sync) = (self.requests_per_day, self.reserve(), last_sync.max(LEAST_FOR_SYNC));
        let rule = || {
            format!(
                "{most} requests a day leave none to a backfill: it leaves limits.reserve ({reserve}) to others, and to the next sync \
                 {sync}, as many as the last one used and at least {LEAST_FOR_SYNC}"
            )
        };
        (self.backfill_budget(last_sync) == 0).then(rule)
    }
}
