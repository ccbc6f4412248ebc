//! The lease: an object beside the backup that keeps two machines from running at once.
//!
//! Taken, renewed and given back with the store's own preconditions. A holder that dies leaves it to run out; the same machine takes
//! its own back at once, because the lock beside the ledger has told that the holder is gone.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::patience;
use super::publish::text;
use crate::clock::Clock;
use crate::error::{Error, Kind, Result};
use crate::halt::{Reason, Stop};
use crate::sink::{Expected, Store, Version, Written};

/// Name of the object.
const LEASE: &str = "lease.json";
/// A holder that was not heard of for so long is dead.
const LIFE: chrono::Duration = chrono::Duration::seconds(120);
/// Between two renewals.
const RENEWAL: Duration = Duration::from_secs(30);
/// Between two looks at a lease that is waited for.
const LOOK: Duration = Duration::from_secs(1);

/// Who wants the lease.
#[derive(Debug, Clone)]
pub struct Holder {
    /// For people: host, process, command, run.
    pub shown: String,
    /// The same for two processes only if the lock beside the ledger keeps them apart.
    pub machine: String,
}

/// What the object says.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Text {
    owner: String,
    machine: String,
    expires_at: DateTime<Utc>,
    /// Makes each write unlike every other, so that a lost answer can be told from a lost race.
    nonce: String,
}

struct Held {
    version: Version,
    expires_at: DateTime<Utc>,
    lost: Option<Error>,
}

/// A lease that is held and renewed until it is given back.
pub struct Lease {
    store: Arc<Store>,
    holder: Holder,
    clock: Arc<dyn Clock>,
    stop: Stop,
    held: Arc<Mutex<Held>>,
    renewal: tokio::task::JoinHandle<()>,
}

impl Lease {
    /// Takes the lease, waiting up to `wait` for its holder.
    ///
    /// # Errors
    /// [`Kind::Locked`] with the holder; failures of the store.
    pub async fn take(
        store: Arc<Store>,
        holder: Holder,
        clock: Arc<dyn Clock>,
        stop: Stop,
        wait: Duration,
    ) -> Result<Lease> {
        let deadline = tokio::time::Instant::now() + wait;
        let held = loop {
            let found = store.get_version(LEASE).await?;
            let theirs = found.as_ref().and_then(|(bytes, _)| serde_json::from_slice::<Text>(bytes).ok());
            let alive = theirs.filter(|t| t.expires_at > clock.now() && t.machine != holder.machine);
            if let Some(theirs) = alive {
                if tokio::time::Instant::now() >= deadline {
                    return Err(refused(&store, &theirs));
                }
                tokio::select! {
                    _ = stop.pulled() => return Err(Error::new(Kind::Interrupted, "stopped while waiting for the lease")),
                    () = tokio::time::sleep(LOOK) => continue,
                }
            }
            let expires_at = clock.now() + LIFE;
            let expected = Expected::of(found.as_ref().map(|(_, version)| version));
            match store.put_if(LEASE, written(&holder, expires_at), &expected).await? {
                Written::Won(version) => break Held { version, expires_at, lost: None },
                // Somebody was quicker: look who.
                Written::Lost => {}
                Written::Unsupported => {
                    let what = format!("{} has no conditional writes, and a lease needs them", store.url());
                    return Err(Error::new(Kind::Output, what));
                }
            }
        };
        let held = Arc::new(Mutex::new(held));
        let renewal = renew(store.clone(), holder.clone(), clock.clone(), stop.clone(), held.clone());
        Ok(Lease { store, holder, clock, stop, held, renewal: tokio::spawn(renewal) })
    }

    /// Why the lease is no longer this run's, if it is not.
    pub fn lost(&self) -> Option<Error> {
        lock(&self.held).lost.take()
    }

    /// Gives the lease back. A failure only makes the next machine wait for its end, and a place that does not answer is not waited for
    /// after a signal.
    pub async fn release(&self) {
        self.renewal.abort();
        let version = lock(&self.held).version.clone();
        let expected = Expected::Is(version);
        let back = self.store.put_if(LEASE, written(&self.holder, self.clock.now()), &expected);
        match patience::at_end(&self.stop, patience::LEASE, back).await {
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::warn!("the lease could not be given back: {error}"),
            None => tracing::warn!("the lease is left to run out: its place does not answer"),
        }
    }
}

async fn renew(store: Arc<Store>, holder: Holder, clock: Arc<dyn Clock>, stop: Stop, held: Arc<Mutex<Held>>) {
    loop {
        tokio::time::sleep(RENEWAL).await;
        let (version, until) = {
            let held = lock(&held);
            (held.version.clone(), held.expires_at)
        };
        let expires_at = clock.now() + LIFE;
        let why = match store.put_if(LEASE, written(&holder, expires_at), &Expected::Is(version)).await {
            Ok(Written::Won(version)) => {
                let mut held = lock(&held);
                (held.version, held.expires_at) = (version, expires_at);
                continue;
            }
            Ok(Written::Lost | Written::Unsupported) => "another machine has taken it".to_owned(),
            Err(error) if clock.now() < until => {
                tracing::warn!("the lease could not be renewed, it is tried again: {error}");
                continue;
            }
            Err(error) => format!("it has run out, and could not be renewed: {error}"),
        };
        let what = format!("the lease {LEASE} below {} is lost: {why}", store.url());
        let hint = "what was committed is safe; the machine that has the lease goes on";
        lock(&held).lost = Some(Error::new(Kind::Locked, what).hint(hint));
        stop.pull(Reason::Fatal);
        return;
    }
}

fn written(holder: &Holder, expires_at: DateTime<Utc>) -> Bytes {
    let text =
        Text { owner: holder.shown.clone(), machine: holder.machine.clone(), expires_at, nonce: super::new_id() };
    // Plain data of our own always serialises.
    serde_json::to_vec_pretty(&text).unwrap_or_default().into()
}

fn refused(store: &Store, theirs: &Text) -> Error {
    let what = format!("another machine works on this ledger: {} (lease {LEASE} below {})", theirs.owner, store.url());
    let hint =
        format!("wait for it to end, or give --wait 10m; if it is dead, its lease ends at {}", text(theirs.expires_at));
    Error::new(Kind::Locked, what).hint(hint)
}

fn lock(held: &Mutex<Held>) -> std::sync::MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
