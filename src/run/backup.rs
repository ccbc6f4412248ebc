//! State that travels: a copy of the ledger in a store, so that a machine with an empty disk goes on where another one ended.
//!
//! Three objects: the copy itself, the lease, and with OAuth the newest refresh token, which works once and so cannot be in a copy that
//! is minutes old.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use super::session::Session;
use crate::config::{Config, OutputSettings};
use crate::error::{Error, Kind, Result};
use crate::sink::Store;
use crate::state::{Ledger, TokenRow};

/// The setting that names the place.
const KEY: &str = "state.backup";
/// Name of the copy.
const COPY: &str = "gong-elt.db";
/// Between two copies of a long run.
const EVERY_SECONDS: i64 = 300;
const TOKEN: &str = "token-";

/// The place of the copies.
pub struct Backup {
    store: Arc<Store>,
    saved_at: AtomicI64,
}

/// A refresh token, as its object holds it.
#[derive(Serialize, Deserialize)]
struct Kept {
    origin: String,
    refresh_token: String,
    issued_at: DateTime<Utc>,
    base_url: Option<String>,
}

impl Backup {
    /// The place that the settings name, if they name one.
    ///
    /// # Errors
    /// [`Kind::Output`] if it cannot be opened.
    pub fn open(config: &Config) -> Result<Option<Backup>> {
        Backup::of(config, |settings| Store::open_as(KEY, settings))
    }

    /// The same to fetch from it alone: nothing is made there.
    ///
    /// # Errors
    /// As [`Backup::open`].
    pub fn to_look(config: &Config) -> Result<Option<Backup>> {
        Backup::of(config, Store::to_look)
    }

    /// The same to try it: nothing stays there.
    ///
    /// # Errors
    /// As [`Backup::open`].
    pub fn trial(config: &Config) -> Result<Option<Backup>> {
        Backup::of(config, |settings| Store::trial(KEY, settings))
    }

    fn of(config: &Config, open: impl FnOnce(&OutputSettings) -> Result<Store>) -> Result<Option<Backup>> {
        let Some(url) = config.state.backup.clone() else { return Ok(None) };
        let store = Arc::new(open(&OutputSettings { url, ..config.output.clone() })?.private());
        Ok(Some(Backup { store, saved_at: AtomicI64::new(0) }))
    }

    /// The store itself, for the lease.
    pub fn store(&self) -> Arc<Store> {
        self.store.clone()
    }

    /// Puts the newest copy there.
    ///
    /// # Errors
    /// Failures of the ledger or the store.
    pub async fn save(&self, ledger: &Ledger, now: DateTime<Utc>) -> Result<()> {
        self.saved_at.store(now.timestamp(), Ordering::Relaxed);
        self.store.put(COPY, ledger.snapshot()?.into()).await.map(|_| ())
    }

    /// Fetches the newest copy if it is further than the ledger at `path`, or if there is none there; true if it did. The lock must
    /// be held, and the ledger not be open.
    ///
    /// # Errors
    /// Failures of the store or the disk; a copy that is no ledger of ours.
    pub async fn fetch(&self, path: &Path) -> Result<bool> {
        let Some(copy) = self.store.get(COPY).await? else { return Ok(false) };
        let failed = |e: std::io::Error| {
            let what = format!("cannot put the ledger's copy from {} to {}", self.store.url(), path.display());
            Error::new(Kind::Ledger, what).caused_by(e)
        };
        let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(failed)?;
        let file = tempfile::Builder::new().prefix(".fetched-").tempfile_in(folder).map_err(failed)?;
        std::fs::write(file.path(), &copy).map_err(failed)?;
        let theirs = position(file.path())?;
        if path.exists() && !is_further(&theirs, &position(path)?) {
            return Ok(false);
        }
        for rest in ["-wal", "-shm"] {
            let mut name = path.as_os_str().to_owned();
            name.push(rest);
            let removed = std::fs::remove_file(&name);
            if let Err(error) =
                removed.or_else(|e| if e.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(e) })
            {
                return Err(failed(error));
            }
        }
        file.as_file().sync_all().map_err(failed)?;
        file.persist(path).map_err(|e| failed(e.error))?;
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
        tracing::info!("the ledger was fetched from {}", self.store.url());
        Ok(true)
    }

    /// Puts a refresh token there, before it or its access token is used.
    ///
    /// # Errors
    /// Failures of the store.
    pub async fn keep_token(&self, origin: &str, row: &TokenRow) -> Result<()> {
        let kept = Kept {
            origin: origin.to_owned(),
            refresh_token: row.refresh_token.expose_secret().to_owned(),
            issued_at: row.issued_at,
            base_url: row.base_url.clone(),
        };
        // Plain data of our own always serialises.
        let text = serde_json::to_vec(&kept).unwrap_or_default();
        self.store.put(&token_path(origin), text.into()).await.map(|_| ())
    }

    /// Takes over refresh tokens that are newer than the ledger's.
    ///
    /// # Errors
    /// Failures of the store or the ledger.
    pub async fn fetch_tokens(&self, ledger: &Ledger) -> Result<()> {
        for path in self.store.list("").await?.iter().filter(|path| path.starts_with(TOKEN)) {
            let Some(bytes) = self.store.get(path).await? else { continue };
            let Ok(kept) = serde_json::from_slice::<Kept>(&bytes) else { continue };
            let known = ledger.tokens(&kept.origin)?.tokens;
            if known.is_none_or(|known| known.issued_at < kept.issued_at) {
                let row = TokenRow {
                    refresh_token: kept.refresh_token.into(),
                    // Not kept, so that it must be asked anew.
                    access_token: SecretString::from(String::new()),
                    issued_at: kept.issued_at,
                    expires_at: kept.issued_at,
                    base_url: kept.base_url,
                };
                ledger.set_tokens(&kept.origin, &row)?;
            }
        }
        Ok(())
    }
}

fn token_path(origin: &str) -> String {
    let safe: String = origin.chars().filter(char::is_ascii_alphanumeric).take(32).collect();
    format!("{TOKEN}{safe}.json")
}

/// How far a ledger is: its id, its commits, its runs.
fn position(path: &Path) -> Result<(Option<String>, i64, Option<String>)> {
    let ledger = Ledger::open(path)?;
    Ok((ledger.fact("ledger_id")?, ledger.sequence()?, ledger.last_run()?.map(|run| run.id)))
}

/// True if the first is the same ledger, later; or the second knows nothing yet.
fn is_further(theirs: &(Option<String>, i64, Option<String>), ours: &(Option<String>, i64, Option<String>)) -> bool {
    let nothing = ours.1 == 0 && ours.2.is_none();
    nothing || (theirs.0 == ours.0 && (theirs.1, &theirs.2) > (ours.1, &ours.2))
}

/// Puts the last copy of a run there.
///
/// # Errors
/// As [`Backup::save`], with what it means.
pub async fn at_end(session: &Session) -> Result<()> {
    let Some(backup) = &session.backup else { return Ok(()) };
    let hint = "what the run read is committed and safe; only the copy of the ledger in state.backup is older";
    backup.save(&session.ledger, session.clock.now()).await.map_err(|error| error.hint(hint))
}

/// Puts a copy there if the last one is some minutes old. A failure is a warning here; the end of the run tries again.
pub async fn now_and_then(session: &Session) {
    let Some(backup) = &session.backup else { return };
    let now = session.clock.now();
    if now.timestamp() - backup.saved_at.load(Ordering::Relaxed) < EVERY_SECONDS || session.stop.is_cut_short() {
        return;
    }
    let saved = tokio::select! {
        biased;
        saved = backup.save(&session.ledger, now) => saved,
        // The end of the run tries again.
        () = session.stop.out_of_time() => return,
    };
    if let Err(error) = saved {
        session.tally.warn(format!("the ledger could not be copied to state.backup: {error}"));
    }
}
