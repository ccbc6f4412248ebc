//! Judgement over attempts: what failed decides whether it is tried again; attempts and time bound it.

use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use super::classify::{Page, Refusal, Told, Verdict};
use super::limiter::Halted;
use super::request::Request;
use super::transport::SendError;
use crate::entity::spec::Method;

/// First delay; doubles with every failed attempt.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Longest delay between two attempts.
pub const LONGEST_DELAY: Duration = Duration::from_secs(60);
/// A 429 costs no attempt, for the request was not served; but no request waits for ever.
const MOST_THROTTLED: u32 = 50;

/// What a request came to, after all its attempts.
#[derive(Debug)]
pub enum Reply {
    /// Records.
    Page(Page),
    /// No rows.
    Empty,
    /// The listing must start again.
    CursorDead(Told),
}

/// Why a request came to nothing.
#[derive(Debug)]
pub enum Failure {
    /// The run stops.
    Stopped,
    /// The ledger failed, or there is no way left to sign in: no other request would fare better.
    Ledger(crate::error::Error),
    /// The vendor refused.
    Refused(Refusal, Box<Story>),
    /// Failed to the end of the attempts.
    Exhausted(Box<Story>),
}

/// What was tried and what came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Story {
    method: &'static str,
    path: String,
    subject: String,
    attempts: u32,
    elapsed: Duration,
    /// The last answer.
    pub told: Told,
}

impl std::fmt::Display for Story {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (method, path, subject, told) = (self.method, &self.path, &self.subject, &self.told);
        write!(f, "{method} {path} for {subject}: {told}")?;
        let seconds = Duration::from_secs(self.elapsed.as_secs());
        match self.attempts {
            1 => write!(f, ", after 1 attempt"),
            n if seconds.is_zero() => write!(f, ", after {n} attempts"),
            n => write!(f, ", after {n} attempts in {}", humantime::format_duration(seconds)),
        }
    }
}

impl From<Halted> for Failure {
    fn from(halted: Halted) -> Self {
        match halted {
            Halted::Stopped => Failure::Stopped,
            Halted::Failed(error) => Failure::Ledger(error),
        }
    }
}

/// The delays of one request: exponential, with jitter from a seed.
pub struct Delays {
    policy: ExponentialBackoff,
    chance: StdRng,
}

impl Delays {
    /// Delays whose jitter follows from `seed`.
    pub fn new(seed: u64) -> Delays {
        let policy = ExponentialBackoff {
            current_interval: FIRST_DELAY,
            initial_interval: FIRST_DELAY,
            multiplier: 2.0,
            // Our own jitter below has a seed; the policy's own has not.
            randomization_factor: 0.0,
            max_interval: LONGEST_DELAY,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Delays { policy, chance: StdRng::seed_from_u64(seed) }
    }

    /// The next delay: between half and all of the policy's.
    pub fn next_delay(&mut self) -> Duration {
        let delay = self.policy.next_backoff().unwrap_or(LONGEST_DELAY);
        delay.mul_f64(self.chance.gen_range(0.5..=1.0))
    }
}

/// Why an attempt decided nothing, so that another one follows.
#[derive(Debug, PartialEq)]
pub enum Undecided {
    /// It failed in a way that may pass: try again after the usual delay.
    Failed(Told),
    /// Close the gate for all, for that long if the vendor said it, and try again.
    Throttled(Option<Duration>, Told),
}

/// Judges one attempt. Pure.
pub fn next(outcome: Result<Verdict, SendError>) -> Result<Verdict, Undecided> {
    match outcome {
        Ok(Verdict::Transient(told)) => Err(Undecided::Failed(told)),
        Ok(Verdict::Throttled(wait, told)) => Err(Undecided::Throttled(wait, told)),
        Ok(verdict) => Ok(verdict),
        Err(SendError::TooLarge) => {
            let told = Told { status: 200, request_id: None, text: SendError::TooLarge.to_string() };
            Ok(Verdict::Refused(Refusal::BadRequest, told))
        }
        Err(error) => Err(Undecided::Failed(Told { status: 0, request_id: None, text: error.to_string() })),
    }
}

/// The count of attempts of one request, and its story.
pub struct Attempts<'r> {
    request: &'r Request,
    begun: tokio::time::Instant,
    sent: tokio::time::Instant,
    made: u32,
    failed: u32,
    throttled: u32,
    throttled_since: Option<tokio::time::Instant>,
}

impl<'r> Attempts<'r> {
    /// Starts counting.
    pub fn new(request: &'r Request) -> Self {
        let now = tokio::time::Instant::now();
        Attempts { request, begun: now, sent: now, made: 0, failed: 0, throttled: 0, throttled_since: None }
    }

    /// Counts an attempt that is about to be made.
    pub fn begin(&mut self) {
        self.made += 1;
        self.sent = tokio::time::Instant::now();
    }

    /// One line about the attempt that was begun last. Query and body stay out of it: they may hold a cursor or ids.
    pub fn tell(&self, status: Option<u16>) {
        let (method, path, subject) = (self.method(), self.path(), &self.request.subject);
        let (attempt, ms) = (self.made, self.sent.elapsed().as_millis() as u64);
        match status {
            Some(status) => tracing::debug!(method, path, status, ms, attempt, "{subject}: HTTP {status}"),
            None => tracing::debug!(method, path, ms, attempt, "{subject}: no whole answer"),
        }
    }

    fn method(&self) -> &'static str {
        match self.request.method {
            Method::Get => "GET",
            Method::Post => "POST",
        }
    }

    /// True if a failed attempt may be followed by another one.
    pub fn may_retry(&mut self, max_retries: u32, longest: Duration) -> bool {
        self.failed += 1;
        let most = self.request.retries.map_or(max_retries, |fewer| fewer.min(max_retries));
        self.failed <= most && self.begun.elapsed() < longest
    }

    /// True if a throttled attempt may be followed by another one after `wait`: no more than `longest` is waited from the first on.
    pub fn may_wait(&mut self, wait: Duration, longest: Duration) -> bool {
        self.throttled += 1;
        let waited = self.throttled_since.map_or(Duration::ZERO, |since| since.elapsed());
        self.throttled_since.get_or_insert_with(tokio::time::Instant::now);
        self.throttled <= MOST_THROTTLED && waited.saturating_add(wait) <= longest
    }

    /// What is asked, for log lines.
    pub fn path(&self) -> &str {
        &self.request.path
    }

    /// Attempts beyond the first.
    pub fn retries(&self) -> u32 {
        self.made.saturating_sub(1)
    }

    /// What was tried and what came back.
    pub fn story(&self, told: Told) -> Box<Story> {
        let method = self.method();
        let (path, subject) = (self.request.path.clone(), self.request.subject.clone());
        let (attempts, elapsed) = (self.made, self.begun.elapsed());
        Box::new(Story { method, path, subject, attempts, elapsed, told })
    }
}
