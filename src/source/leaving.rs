//! When a counted request left: later than it was counted, if it had to set up a connection first.

use std::sync::Arc;
use std::time::Duration;

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
    /// No more than so many leave ...
    pub most: u32,
    /// ... in any time of this length.
    pub within: Duration,
}

impl Leaving {
    /// Does `work`; a connection that is set up for it meanwhile says when the request leaves.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        SENDING.scope(self.clone(), work).await
    }

    /// It has left by now, and not before.
    pub fn now(&self) {
        // Nothing to do about a ledger that fails here: the next request asks it, and says so.
        if let Err(error) = self.meter.left(self.number) {
            tracing::debug!("cannot note when a request left: {error}");
        }
    }

    /// Waits until it may leave. That is at once, unless its connection took so long that others have used up the rate meanwhile.
    async fn again(&self) {
        loop {
            match self.meter.again(self.number, self.most, self.within) {
                Ok(Some(wait)) => tokio::time::sleep(wait).await,
                Ok(None) => return,
                // As above.
                Err(error) => return tracing::debug!("cannot note when a request leaves: {error}"),
            }
        }
    }
}

/// A connection stands: what goes through it first leaves now, and not when it was counted. With TLS that is some round trips later.
///
/// # Errors
/// None; a layer around connectors may have some.
pub async fn connected<C>(connection: C) -> Result<C, Box<dyn std::error::Error + Send + Sync>> {
    // A connection for which its request did not wait any more is set up by no request.
    if let Ok(leaving) = SENDING.try_with(Leaving::clone) {
        leaving.again().await;
    }
    Ok(connection)
}

#[cfg(test)]
#[path = "leaving_tests.rs"]
mod tests;
