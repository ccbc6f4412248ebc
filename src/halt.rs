//! Why a run stops before its plan is done, told to every task at once.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::watch;

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
pub struct Stop(Arc<watch::Sender<Option<Reason>>>);

impl Default for Stop {
    fn default() -> Self {
        Stop(Arc::new(watch::Sender::new(None)))
    }
}

impl Stop {
    /// Stops the run, unless it was stopped before.
    pub fn pull(&self, reason: Reason) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason);
            }
            first
        });
    }

    /// Why the run stops; `None` while it goes on.
    pub fn reason(&self) -> Option<Reason> {
        self.0.borrow().clone()
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

    async fn seen(&self, wanted: impl FnMut(&Option<Reason>) -> bool) -> Reason {
        let mut receiver = self.0.subscribe();
        let seen = receiver.wait_for(wanted).await;
        // The sender lives in `self`, so waiting cannot fail.
        seen.ok().and_then(|reason| reason.clone()).unwrap_or(Reason::Signal)
    }
}
