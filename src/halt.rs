//! Why a run stops before its plan is done, told to every task at once.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::Instant;

/// A run that a signal ends is over within two seconds: so long may an object take that is under way.
const GRACE: Duration = Duration::from_secs(1);

/// Why the run stops early. The first reason stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// SIGINT or SIGTERM.
    Signal,
    /// The vendor's quota or our budget: nothing can be asked before this instant.
    Quota(DateTime<Utc>),
    /// `--max-requests` is used up.
    MaxRequests,
    /// The vendor refused the credentials, or something else that ends every unit; the text is the message.
    Fatal,
}

/// The run's stop: any task can pull it, every task sees it.
#[derive(Debug, Clone)]
pub struct Stop {
    reason: Arc<watch::Sender<Option<Reason>>>,
    /// When it was pulled.
    at: Arc<OnceLock<Instant>>,
}

impl Default for Stop {
    fn default() -> Self {
        Stop { reason: Arc::new(watch::Sender::new(None)), at: Arc::default() }
    }
}

impl Stop {
    /// Stops the run, unless it was stopped before.
    pub fn pull(&self, reason: Reason) {
        self.reason.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                self.at.get_or_init(Instant::now);
                *current = Some(reason);
            }
            first
        });
    }

    /// Why the run stops; `None` while it goes on.
    pub fn reason(&self) -> Option<Reason> {
        self.reason.borrow().clone()
    }

    /// Ends when the run is stopped.
    pub async fn pulled(&self) -> Reason {
        self.seen(Option::is_some).await
    }

    /// Ends when the run is stopped for a reason that does not let it wait for answers under way. They are paid for: a run that
    /// only must not ask for more takes them.
    pub async fn cut_short(&self) -> Reason {
        self.seen(|reason| matches!(reason, Some(Reason::Signal | Reason::Fatal))).await
    }

    /// True once answers under way are not waited for any more.
    pub fn is_cut_short(&self) -> bool {
        matches!(self.reason(), Some(Reason::Signal | Reason::Fatal))
    }

    /// Ends a little after the run was cut short: what is nearly done is finished first.
    pub async fn out_of_time(&self) {
        self.cut_short().await;
        let at = self.at.get_or_init(Instant::now);
        tokio::time::sleep_until(*at + GRACE).await;
    }

    /// Ends so long after a signal stopped the run.
    pub async fn signalled(&self, ago: Duration) {
        self.seen(|reason| *reason == Some(Reason::Signal)).await;
        let at = self.at.get_or_init(Instant::now);
        tokio::time::sleep_until(*at + ago).await;
    }

    async fn seen(&self, wanted: impl FnMut(&Option<Reason>) -> bool) -> Reason {
        let mut receiver = self.reason.subscribe();
        let seen = receiver.wait_for(wanted).await;
        // The sender lives in `self`, so waiting cannot fail.
        seen.ok().and_then(|reason| reason.clone()).unwrap_or(Reason::Signal)
    }
}
