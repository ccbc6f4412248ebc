//! What a run holds from its start to its end: the lock beside the ledger, the ledger, and with `state.backup` the lease between machines.

use std::sync::Arc;

use super::context::Context;
use crate::config::Span;
use crate::error::Result;
use crate::run::{self, Backup, Holder, Lease};
use crate::sink::{Preconditions, Store};
use crate::state::{Ledger, Lock};

/// Held until the run ends.
pub struct Held {
    /// Facts.
    pub ledger: Arc<Ledger>,
    /// Of the run; sorts by time.
    pub run_id: String,
    /// Where copies of the ledger go.
    pub backup: Option<Arc<Backup>>,
    /// Between machines.
    pub lease: Option<Arc<Lease>>,
    /// What a person should read.
    pub warnings: Vec<String>,
    _lock: Lock,
}

impl Held {
    /// Gives back what other machines wait for. The rest ends with the process.
    pub async fn release(&self) {
        if let Some(lease) = &self.lease {
            lease.release().await;
        }
    }
}

impl Context {
    /// Takes everything that only one run may have, waiting up to `wait`, and brings the ledger up to the newest that is known of it.
    ///
    /// # Errors
    /// [`Kind::Locked`] with the holder; failures of ledger, output and backup.
    pub async fn hold(&self, command: &str, wait: Span) -> Result<Held> {
        run::unless_signalled(&self.stop, self.take(command, wait, true)).await
    }

    /// The same with the ledger as it lies here.
    ///
    /// # Errors
    /// As [`Context::hold`].
    pub async fn hold_as_is(&self, command: &str, wait: Span) -> Result<Held> {
        run::unless_signalled(&self.stop, self.take(command, wait, false)).await
    }

    async fn take(&self, command: &str, wait: Span, newest: bool) -> Result<Held> {
        let run_id = run::new_run_id(self.clock.now());
        let lock = self.lock(command, &run_id, wait).await?;
        let Some(backup) = Backup::open(&self.config)?.map(Arc::new) else {
            let ledger = self.ledger()?;
            return Ok(Held { ledger, run_id, backup: None, lease: None, warnings: Vec::new(), _lock: lock });
        };
        let mut warnings = Vec::new();
        let store = backup.store();
        let lease = match store.preconditions(&run::new_id()).await? {
            Preconditions::Honoured => {
                let taken = Lease::take(
                    store,
                    holder(self, command, &run_id),
                    self.clock.clone(),
                    self.stop.clone(),
                    wait.std(),
                );
                Some(Arc::new(taken.await?))
            }
            found => {
                warnings.push(no_lease(found).to_owned());
                None
            }
        };
        let ledger = if newest { self.ledger_with(&backup).await } else { self.ledger() };
        match (ledger, lease) {
            (Ok(ledger), lease) => Ok(Held { ledger, run_id, backup: Some(backup), lease, warnings, _lock: lock }),
            (Err(error), lease) => {
                if let Some(lease) = lease {
                    lease.release().await;
                }
                Err(error)
            }
        }
    }

    /// The ledger, fetched from its backup where there is none here, or an older one.
    async fn ledger_with(&self, backup: &Backup) -> Result<Arc<Ledger>> {
        let path = &self.config.state.path;
        let output = Store::to_look(&self.config.output)?;
        let manifest = run::read_manifest(&output).await?.map(|(manifest, _)| manifest);
        let behind = match path.exists() {
            false => true,
            true => {
                let sequence = self.ledger()?.sequence()?;
                manifest.as_ref().is_some_and(|manifest| manifest.sequence > sequence)
            }
        };
        let fetched = behind && backup.fetch(path).await?;
        let ledger = self.ledger()?;
        backup.fetch_tokens(&ledger).await?;
        // A run that died after its last copy wrote objects that the copy does not know.
        let id = ledger.fact("ledger_id")?;
        if let (true, Some(id)) = (fetched, id) {
            let ours = manifest.as_ref().filter(|manifest| manifest.ledger_id == id);
            let known = run::Output {
                store: &output,
                catalog: self.catalog,
                config: &self.config,
                now: self.clock.now(),
                manifest: ours,
            };
            let report = run::catch_up(&known, &ledger, &id).await?;
            tracing::info!(
                newer = report.newer,
                lost = report.lost.len(),
                "the fetched ledger was compared with the output"
            );
        }
        Ok(ledger)
    }

    /// Fetches a ledger for a command that only looks, if there is none here and the settings name a backup.
    ///
    /// # Errors
    /// Failures of the store or the disk.
    pub async fn fetch_if_absent(&self) -> Result<()> {
        let path = &self.config.state.path;
        if path.exists() {
            return Ok(());
        }
        let Some(backup) = Backup::to_look(&self.config)? else { return Ok(()) };
        if backup.fetch(path).await? {
            backup.fetch_tokens(&*self.ledger()?).await?;
        }
        Ok(())
    }
}

/// Why there is no lease on such a store.
pub fn no_lease(found: Preconditions) -> &'static str {
    match found {
        Preconditions::Ignored => {
            "state.backup accepts if-match and ignores it, so there is no lease: see that one machine at a time runs"
        }
        _ => "state.backup has no conditional writes, so there is no lease: see that one machine at a time runs",
    }
}

/// Two processes are the same machine only if they share the kernel and the path, where the lock beside the ledger keeps them apart.
fn holder(context: &Context, command: &str, run_id: &str) -> Holder {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).ok();
    let host = read("/proc/sys/kernel/hostname").or_else(|| std::env::var("HOSTNAME").ok());
    let host = host.unwrap_or_else(|| "an unnamed host".to_owned());
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let place = std::fs::canonicalize(&context.config.state.path).unwrap_or_else(|_| context.config.state.path.clone());
    let since = run::text(context.clock.now());
    Holder {
        shown: format!("process {} on {host} ({command}, run {run_id}, since {since})", std::process::id()),
        machine: run::short_digest(&format!("{host} {boot} {}", place.display())),
    }
}
