//! When a counted request left: later than it was counted, if it had to set up a connection first.

use std::sync::Arc;

use super::limiter::Meter;

tokio::task_local! {
    /// The request that this task sends.
    static SENDING: Leaving;
}

/// One counted request, until it has left.
#[derive(Clone)]
pub struct Leaving {
    /// What the meter counted it as.
    pub number: i64,
    /// Where it is counted.
    pub meter: Arc<dyn Meter>,
}

impl Leaving {
    /// Does `work`; a connection that is set up for it meanwhile says when the request left.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        SENDING.scope(self.clone(), work).await
    }

    /// It has not left before now.
    pub fn now(&self) {
        // Nothing to do about a ledger that fails here: the next request asks it, and says so.
        if let Err(error) = self.meter.left(self.number) {
            tracing::debug!("cannot note when a request left: {error}");
        }
    }
}

/// A connection stands: what goes through it first leaves now, and not when it was counted. With TLS that is some round trips later.
pub fn connected<C>(connection: C) -> C {
    // A connection for which its request did not wait any more is set up by no request.
    let _ = SENDING.try_with(Leaving::now);
    connection
}

#[cfg(test)]
#[path = "leaving_tests.rs"]
mod tests;
