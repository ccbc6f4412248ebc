//! Verbs and flags, and nothing else.

mod direct;

use std::path::PathBuf;

use chrono::{DateTime, NaiveDate, Utc};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config;

pub use direct::{DownloadArgs, Filters, GetArgs, ListArgs, MediaKind};

/// Copies everything a company has in Gong into typed Parquet, incrementally.
#[derive(Debug, Parser)]
#[command(name = "gong-elt", version, about, max_term_width = 110, disable_help_subcommand = true)]
#[command(
    after_help = "Exit codes: 0 done; 1 some units failed, are suspect or not permitted, or check, verify or status found something; 2 usage, configuration, output or ledger; \
3 credentials refused; 4 another run holds the ledger; 75 out of quota, resumable; 130 interrupted, resumable."
)]
pub struct Cli {
    /// Configuration file; the environment's GONG_ELT_CONFIG names another default.
    #[arg(long, global = true, value_name = "PATH", default_value_os_t = config::default_file())]
    pub config: PathBuf,
    /// The run's "now", instead of the clock: 2026-06-15T02:00:00Z.
    #[arg(long, global = true, value_name = "INSTANT", value_parser = instant)]
    pub as_of: Option<DateTime<Utc>>,
    /// Form of log lines on stderr.
    #[arg(long, global = true, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// More log lines: -v for each unit, -vv for each attempt.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
    /// No progress, and only errors.
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub enum Command {
    /// Write a commented configuration file.
    Init,
    /// Check credentials, host, each entity's permission, output and ledger; one line each.
    Check(CheckArgs),
    /// Show what a run would read and cost; writes no data.
    Plan(PlanArgs),
    /// Bring everything up to date: the nightly job.
    Sync(SyncArgs),
    /// Read a range of the past, stoppable at any moment.
    Backfill(BackfillArgs),
    /// Show how far every entity is, and the quota used today.
    Status(StatusArgs),
    /// Compare the output with the ledger, and the ledger with Gong.
    Verify(VerifyArgs),
    /// Work on the ledger itself.
    State(StateArgs),
    /// Print records as Gong sends them, one JSON object a line.
    List(ListArgs),
    /// Print one user or call.
    Get(GetArgs),
    /// Fetch the sound or the pictures of a call.
    Download(DownloadArgs),
    /// Show a table as a readable list of columns.
    Schema {
        /// One entity; all of them if absent.
        entity: Option<String>,
    },
}

/// How a result is printed.
#[derive(Debug, Clone, Args)]
pub struct Format {
    /// Form of the result on stdout.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub format: OutputFormat,
}

/// Check credentials, host, each entity's permission, output and ledger; one line each.
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// Form of the result.
    #[command(flatten)]
    pub format: Format,
}

/// Which entities.
#[derive(Debug, Clone, Args)]
pub struct Selection {
    /// Entities, with commas, instead of sync.entities.
    #[arg(long, value_delimiter = ',', value_name = "NAMES")]
    pub entities: Vec<String>,
}

/// How a run is bounded.
#[derive(Debug, Clone, Args)]
pub struct Bounds {
    /// Stop after so many requests; that alone is no failure.
    #[arg(long, value_name = "N")]
    pub max_requests: Option<u64>,
    /// Wait so long for another run to end.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub wait: config::Span,
}

/// Show what a run would read and cost; writes no data.
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The command to plan for; `sync` if absent.
    #[command(subcommand)]
    pub what: Option<PlanWhat>,
    /// Ask Gong how many calls months hold that were never read, one request each.
    #[arg(long, global = true)]
    pub probe: bool,
    /// Form of the result on stdout.
    #[arg(long, value_enum, default_value_t = OutputFormat::Text, global = true)]
    pub format: OutputFormat,
    /// Entities, with commas, instead of sync.entities.
    #[arg(long, value_delimiter = ',', value_name = "NAMES", global = true)]
    pub entities: Vec<String>,
}

/// The command that is planned.
#[derive(Debug, Clone, Subcommand)]
pub enum PlanWhat {
    /// What `sync` would read.
    Sync,
    /// What `backfill` would read.
    Backfill(Range),
}

/// A range of days.
#[derive(Debug, Clone, Args)]
pub struct Range {
    /// First day.
    #[arg(long, value_name = "DATE", requires = "to")]
    pub from: Option<NaiveDate>,
    /// Day after the last.
    #[arg(long, value_name = "DATE", requires = "from")]
    pub to: Option<NaiveDate>,
    /// Read covered windows again too, widened to whole committed windows.
    #[arg(long, requires = "from")]
    pub force: bool,
}

/// Bring everything up to date: the nightly job.
#[derive(Debug, Clone, Args)]
pub struct SyncArgs {
    /// Which entities.
    #[command(flatten)]
    pub selection: Selection,
    /// How the run is bounded.
    #[command(flatten)]
    pub bounds: Bounds,
    /// Form of the result.
    #[command(flatten)]
    pub format: Format,
}

/// Read a range of the past, stoppable at any moment.
#[derive(Debug, Clone, Args)]
pub struct BackfillArgs {
    /// Which days.
    #[command(flatten)]
    pub range: Range,
    /// Forget unfinished backfills; what they read stays.
    #[arg(long, conflicts_with_all = ["from", "to", "force", "entities", "max_requests"])]
    pub cancel: bool,
    /// Believe a reading that drops more rows than sync.shrink_limit.
    #[arg(long, requires = "force")]
    pub accept_shrink: bool,
    /// Which entities.
    #[command(flatten)]
    pub selection: Selection,
    /// How the run is bounded.
    #[command(flatten)]
    pub bounds: Bounds,
    /// Form of the result.
    #[command(flatten)]
    pub format: Format,
}

/// Show how far every entity is, and the quota used today.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Exit code 1 if an entity lacks for longer what it should have; those are named.
    #[arg(long, value_name = "DURATION")]
    pub max_age: Option<config::Span>,
    /// Form of the result.
    #[command(flatten)]
    pub format: Format,
}

/// Compare the output with the ledger, and the ledger with Gong.
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Read every object: compare its digest and count its rows.
    #[arg(long)]
    pub deep: bool,
    /// Compare settled windows with Gong's counts, one request each.
    #[arg(long)]
    pub source: bool,
    /// Read again just the units concerned; take over or remove objects of this ledger that it does not know. Other files are left.
    #[arg(long)]
    pub repair: bool,
    /// How the run is bounded.
    #[command(flatten)]
    pub bounds: Bounds,
    /// Form of the result.
    #[command(flatten)]
    pub format: Format,
}

/// Work on the ledger itself.
#[derive(Debug, Clone, Args)]
pub struct StateArgs {
    /// What to do.
    #[command(subcommand)]
    pub what: StateWhat,
}

/// What to do with the ledger.
#[derive(Debug, Clone, Subcommand)]
pub enum StateWhat {
    /// Make a lost ledger anew from the output's manifest and objects.
    Rebuild(RebuildArgs),
}

/// Make a lost ledger anew from the output's manifest and objects, without a request to Gong.
#[derive(Debug, Clone, Args)]
pub struct RebuildArgs {
    /// Wait so long for another run to end.
    #[arg(long, value_name = "DURATION", default_value = "0s")]
    pub wait: config::Span,
    /// Form of the result.
    #[command(flatten)]
    pub format: Format,
}

/// Form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    let read = DateTime::parse_from_rfc3339(text);
    read.map(|at| at.with_timezone(&Utc)).map_err(|_| "is not an instant such as 2026-06-15T02:00:00Z".to_owned())
}
