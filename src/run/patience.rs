//! How long a run that is to end soon waits for a store that does not answer: with all of it, one that a signal ends is over within two
//! seconds. What is left then is as a kill would leave it, which the next run is made for.

use std::time::Duration;

use super::session::Session;
use super::trouble::Trouble;
use crate::error::{Error, Kind, Result};
use crate::halt::Stop;

/// Until then, from the signal on, what is not yet or no unit may go on.
const BESIDE: Duration = Duration::from_secs(1);
/// Until then the manifest and the report may take.
pub const MANIFEST: Duration = Duration::from_millis(1500);
/// Until then the copy of the ledger may take.
pub const COPY: Duration = Duration::from_millis(1700);
/// Until then the lease may take to be given back.
pub const LEASE: Duration = Duration::from_millis(1900);
/// What comes at the end has at least so long, whatever was late before it.
const LEAST: Duration = Duration::from_millis(200);

/// A unit's wait for the output. A store that does not answer is left as a kill would leave it: the unit is open, and the next run goes
/// on with it. A folder answers.
pub async fn of_unit<T>(session: &Session, wait: impl Future<Output = Result<T>>) -> std::result::Result<T, Trouble> {
    tokio::select! {
        biased;
        done = wait => Ok(done?),
        () = session.stop.out_of_time(), if !session.store.is_local() => Err(Trouble::Stopped),
    }
}

/// What a command does before its first unit, or without any.
///
/// # Errors
/// Its own, and [`Kind::Interrupted`] if a signal ended it.
pub async fn unless_signalled<T>(stop: &Stop, work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        biased;
        done = work => done,
        () = stop.signalled(BESIDE) => Err(Error::new(Kind::Interrupted, "stopped by a signal")),
    }
}

/// What comes after the last unit; `None` if its place does not answer until so long after a signal.
pub async fn at_end<T>(stop: &Stop, until: Duration, work: impl Future<Output = T>) -> Option<T> {
    let least = tokio::time::sleep(LEAST);
    tokio::select! {
        biased;
        done = work => Some(done),
        () = async { stop.signalled(until).await; least.await } => None,
    }
}
