//! What every request waits for, whatever it asks: a permit for each attempt, and a pause after one that decided nothing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::limiter::{Limiter, Permit, Rank};
use super::retry::{Attempts, Delays, Failure, LONGEST_DELAY, Undecided};
use crate::config::LimitSettings;

/// Waits from this on are told at any verbosity but `--quiet`.
pub const TOLD_FROM: Duration = Duration::from_secs(5);

/// The limiter, and how much patience there is.
pub struct Line {
    /// Gives a permit for each attempt.
    pub limiter: Limiter,
    /// Longest time from a request's first attempt to its last.
    pub longest: Duration,
    max_wait: Duration,
    max_retries: u32,
    seed: u64,
    retries: AtomicU64,
}

impl Line {
    /// A line before `limiter`; `seed` decides the jitter of delays.
    pub fn new(limiter: Limiter, settings: &LimitSettings, seed: u64) -> Line {
        Line {
            limiter,
            longest: settings.max_wait.std() + settings.request_timeout.std(),
            max_wait: settings.max_wait.std(),
            max_retries: settings.max_retries,
            seed,
            retries: AtomicU64::new(0),
        }
    }

    /// Attempts beyond the first of each request.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// The delays of one request.
    pub fn delays(&self) -> Delays {
        Delays::new(self.seed ^ self.limiter.sent())
    }

    /// Waits until the next attempt may leave, and counts it.
    ///
    /// # Errors
    /// The run stops, or the ledger failed.
    pub async fn permit(&self, attempts: &mut Attempts<'_>, rank: Rank) -> Result<Permit<'_>, Failure> {
        let permit = self.limiter.permit(rank).await?;
        attempts.begin();
        if attempts.retries() > 0 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
        Ok(permit)
    }

    /// Closes the gate if the vendor asks for silence. Called while the permit is held: nobody else may take its place and leave.
    ///
    /// # Errors
    /// The request was throttled for so long that the run stops, or the ledger failed.
    pub fn heed(&self, attempts: &mut Attempts<'_>, delays: &mut Delays, undecided: &Undecided) -> Result<(), Failure> {
        let Undecided::Throttled(named, told) = undecided else { return Ok(()) };
        let wait = named.unwrap_or_else(|| delays.next_delay());
        tracing::info!(path = attempts.path(), wait_seconds = wait.as_secs(), "the vendor's limit is reached");
        // One wait that is too long for the run is the gate's to judge.
        if attempts.may_wait(wait, self.max_wait) || wait > self.max_wait {
            return self.limiter.close(wait).map(|_| ()).map_err(Failure::Ledger);
        }
        tracing::warn!("{}: it stays so, and the run ends", attempts.story(told.clone()));
        // Shorter waits were tried.
        Err(self.limiter.give_up(wait.max(LONGEST_DELAY)).into())
    }

    /// Waits after an attempt that decided nothing.
    ///
    /// # Errors
    /// It was the last attempt, or the run stops.
    pub async fn wait(
        &self,
        attempts: &mut Attempts<'_>,
        delays: &mut Delays,
        undecided: Undecided,
    ) -> Result<(), Failure> {
        match undecided {
            Undecided::Failed(told) => {
                if !attempts.may_retry(self.max_retries, self.longest) {
                    return Err(Failure::Exhausted(attempts.story(told)));
                }
                let delay = delays.next_delay();
                let (path, delay_ms) = (attempts.path(), delay.as_millis() as u64);
                // Nobody shall wonder what a silent run waits for.
                match delay < TOLD_FROM {
                    true => tracing::debug!(path, delay_ms, "{told}: trying again"),
                    false => tracing::warn!(path, delay_ms, "{told}: trying again"),
                }
                self.limiter.pause(delay).await?;
            }
            // The gate is closed for as long as that takes.
            Undecided::Throttled(..) => {}
        }
        Ok(())
    }
}
