//! What commands have in common: settings, entities, now, and the components made of them.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::hold::Held;
use super::unused;
use crate::cli::Cli;
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, Credentials};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::halt::{Reason, Stop};
use crate::report::Progress;
use crate::run::{self, Backup, LedgerMeter, LedgerTokens, LedgerUploads, Session, Tally};
use crate::sink::{Store, Version};
use crate::source::{Access, Auth, Http, Limiter, Line, OAuth, Source};
use crate::state::{Ledger, Lock};

/// Settings and the facts that follow from them.
pub struct Context {
    /// Settings.
    pub config: Config,
    /// The file they came from, for messages.
    pub file: String,
    /// Entities.
    pub catalog: &'static Catalog,
    /// The run's one now.
    pub now: DateTime<Utc>,
    /// The machine's clock.
    pub clock: Arc<dyn Clock>,
    /// Stops every task.
    pub stop: Stop,
    quiet: bool,
}

impl Context {
    /// Loads and checks the settings.
    ///
    /// # Errors
    /// [`Kind::Config`] naming file, key and rule.
    pub fn load(cli: &Cli, catalog: &'static Catalog) -> Result<Context> {
        let names: Vec<&str> = catalog.all().map(|e| e.name.as_str()).collect();
        let config = config::load(&cli.config, |name| std::env::var(name).ok().filter(|v| !v.is_empty()), &names)?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let now = cli.as_of.unwrap_or_else(|| clock.now());
        if now > clock.now() && !config.is_loopback() {
            let what = format!("--as-of {} is in the future: nothing can be read of it yet", run::text(now));
            return Err(Error::new(Kind::Config, what).hint("leave --as-of out, or give an instant of the past"));
        }
        let file = cli.config.display().to_string();
        if let Some(day) = config.sync.start_date.filter(|day| *day > now.date_naive() + chrono::Days::new(1)) {
            let what = format!("{file}: sync.start_date: {day} is after {}, when this run reads", run::text(now));
            return Err(Error::new(Kind::Config, what).hint("choose the first day of the past to keep"));
        }
        unused::settings(&file, &config, catalog)?;
        Ok(Context { config, file, catalog, now, clock, stop: Stop::default(), quiet: cli.quiet })
    }

    /// The entities of a command: those named on the command line, else those of the settings.
    pub fn entities(&self, named: &[String]) -> Result<Vec<&'static Entity>> {
        let named: Vec<String> = named.iter().map(|name| name.trim().to_owned()).collect();
        for name in named.iter().filter(|name| *name != "all") {
            if self.catalog.get(name).is_none() {
                let names: Vec<&str> = self.catalog.all().map(|e| e.name.as_str()).collect();
                return Err(Error::new(Kind::Config, format!("--entities: {}", config::unknown_entity(name, &names))));
            }
        }
        let names = if named.is_empty() { &self.config.sync.entities } else { &named };
        Ok(run::selected(self.catalog, names))
    }

    /// The error of a command that was stopped: out of quota, or by a signal.
    pub fn stopped(&self) -> Error {
        match self.stop.reason() {
            Some(Reason::Quota(until)) => {
                let what = format!("out of quota; resume_at {}", run::text(until));
                Error::new(Kind::Quota, what).hint("Gong asks for silence until then, or its daily quota or limits.requests_per_day less limits.reserve is used up")
            }
            _ => Error::new(Kind::Interrupted, "stopped by a signal"),
        }
    }

    /// The first day to keep up to date.
    ///
    /// # Errors
    /// [`Kind::Config`] if the settings name none: a silent default would lose history.
    pub fn start_date(&self) -> Result<NaiveDate> {
        self.config.sync.start_date.ok_or_else(|| {
            Error::new(Kind::Config, format!("{}: sync.start_date: is not set, and there is no default", self.file)).hint(
                "choose the first day to keep, for example start_date = \"2024-01-01\"; older days cost more requests once, and `gong-elt plan` shows how many",
            )
        })
    }

    /// The company's time zone, UTC until it is known.
    pub fn zone(&self, ledger: &Ledger) -> Result<Tz> {
        Ok(run::known_zone(&self.config, ledger)?.unwrap_or(Tz::UTC))
    }

    /// Opens the ledger for a command that only looks: if there is none, one that ends with the command.
    ///
    /// # Errors
    /// As [`Ledger::open`].
    pub fn ledger_to_look(&self) -> Result<(Arc<Ledger>, Option<tempfile::TempDir>)> {
        if self.config.state.path.exists() {
            return Ok((self.ledger()?, None));
        }
        let folder = tempfile::tempdir().map_err(|e| {
            Error::new(Kind::Ledger, "cannot make a temporary folder").caused_by(e).hint("check TMPDIR")
        })?;
        Ok((Ledger::open(&folder.path().join("ledger.db")).map(Arc::new)?, Some(folder)))
    }

    /// Opens the ledger.
    pub fn ledger(&self) -> Result<Arc<Ledger>> {
        Ledger::open(&self.config.state.path).map(Arc::new)
    }

    /// Takes the run's lock, waiting up to `wait`.
    ///
    /// # Errors
    /// [`Kind::Locked`] with the holder.
    pub async fn lock(&self, command: &str, run_id: &str, wait: config::Span) -> Result<Lock> {
        let path = &self.config.state.path;
        let owner =
            format!("process {} ({command}, run {run_id}, since {})", std::process::id(), run::text(self.clock.now()));
        let deadline = tokio::time::Instant::now() + wait.std();
        let mut told = false;
        loop {
            let holder = match Lock::take(path, &owner)? {
                Ok(lock) => return Ok(lock),
                Err(holder) => holder,
            };
            if tokio::time::Instant::now() >= deadline {
                return Err(holder.refused(path));
            }
            if !told {
                tracing::warn!("the ledger is held by {holder}; waiting up to {wait} for it");
                told = true;
            }
            tokio::select! {
                _ = self.stop.pulled() => return Err(Error::new(Kind::Interrupted, "stopped while waiting for the ledger")),
                () = tokio::time::sleep(std::time::Duration::from_millis(200)) => {}
            }
        }
    }

    /// The vendor's client, under a daily budget and an optional bound for this process.
    pub fn source(&self, ledger: &Arc<Ledger>, budget: u32, max_requests: Option<u64>) -> Result<Source> {
        self.source_over(Http::new(self.config.limits.request_timeout.std())?, ledger, budget, max_requests)
    }

    /// The same over a transport.
    pub fn source_over(
        &self,
        http: Http,
        ledger: &Arc<Ledger>,
        budget: u32,
        max_requests: Option<u64>,
    ) -> Result<Source> {
        let auth = self.auth(ledger)?;
        let limits = &self.config.limits;
        let meter = Arc::new(LedgerMeter::new(ledger.clone(), self.clock.clone(), budget));
        let limiter = Limiter::new(limits, max_requests, meter, self.clock.clone(), self.stop.clone());
        Ok(Source::new(Box::new(http), auth, Line::new(limiter, limits, rand::random()), self.clock.clone()))
    }

    /// The one way to sign in that the settings have.
    fn auth(&self, ledger: &Arc<Ledger>) -> Result<Auth> {
        let source = &self.config.source;
        let fixed = |access: Access| Auth::Fixed(Arc::new(access));
        match source.credentials().ok_or_else(|| Config::missing_credentials(&self.file))? {
            Credentials::AccessKey(key, secret) => Access::key(&source.base_url, &key, &secret).map(fixed),
            Credentials::Token(token) => Access::bearer(&source.base_url, &token).map(fixed),
            Credentials::OAuth(app) => {
                let backup = Backup::open(&self.config)?.map(Arc::new);
                let store = Arc::new(LedgerTokens::new(ledger.clone(), backup));
                let timeout = self.config.limits.request_timeout.std();
                let oauth = OAuth::new(&app, &source.base_url, store, self.clock.clone(), timeout)?;
                Ok(Auth::OAuth(Box::new(oauth)))
            }
        }
    }

    /// The output, if it is the ledger's, and its manifest's version.
    pub async fn output(&self, ledger: &Arc<Ledger>, run_id: &str) -> Result<(Store, Option<Version>)> {
        let store = Store::to_look(&self.config.output)?;
        let seen = self.compare(ledger, &store).await?;
        // Nothing is made of an output that is refused, and no ledger bound to one that cannot be made.
        let uploads = Arc::new(LedgerUploads::new(ledger.clone()));
        let store = store.to_work(&self.config.output)?.for_run(run_id, uploads);
        run::bind_output(ledger, &store)?;
        Ok((store, seen))
    }

    /// Refuses a ledger and an output that do not belong together; the manifest's version.
    ///
    /// # Errors
    /// [`Kind::Ledger`] with what to do.
    pub async fn compare(&self, ledger: &Ledger, store: &Store) -> Result<Option<Version>> {
        run::compare_output(ledger, &self.config.state.path, store, &ledger.id(run::new_id)?).await
    }

    /// Everything a run works with. The lock must be held.
    pub async fn session(&self, held: &Held, source: Source, accept_shrink: bool) -> Result<Session> {
        let (ledger, run_id) = (held.ledger.clone(), held.run_id.clone());
        let opened = async {
            let opened = self.output(&ledger, &run_id).await?;
            opened.0.probe().await.map(|()| opened)
        };
        let (store, seen) = run::unless_signalled(&self.stop, opened).await?;
        let ledger_id = ledger.id(run::new_id)?;
        let tally = Tally::default();
        held.warnings.iter().for_each(|warning| tally.warn(warning.clone()));
        Ok(Session {
            catalog: self.catalog,
            ledger,
            store,
            source,
            clock: self.clock.clone(),
            stop: self.stop.clone(),
            held: run::Held::default(),
            tally,
            progress: Progress::new(0, self.config.limits.requests_per_second, self.quiet),
            now: self.now,
            run_id,
            ledger_id,
            zone: std::sync::OnceLock::new(),
            sight: run::Sight::default(),
            under_way: run::UnderWay::default(),
            accept_shrink,
            landing: tokio::sync::Semaphore::new(1),
            downloads: tokio::sync::Semaphore::new(run::DOWNLOADS),
            manifest_at: 0.into(),
            manifest_in_doubt: false.into(),
            doubts: run::Doubts::default(),
            manifest_seen: seen.into(),
            company_checked: tokio::sync::Mutex::default(),
            set_aside: run::SetAside::default(),
            backup: held.backup.clone(),
            lease: held.lease.clone(),
            config: self.config.clone(),
            file: self.file.clone(),
        })
    }
}
