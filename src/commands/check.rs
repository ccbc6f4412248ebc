//! `check`: one line each for settings, ledger, output, and what the credentials may read.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::context::Context;
use super::{print, rights, signals};
use crate::cli::{Cli, OutputFormat};
use crate::entity::Catalog;
use crate::error::Result;
use crate::report::VERSION;
use crate::run;
use crate::sink::{Preconditions, Store};
use crate::source::Http;
use crate::state::Ledger;

/// A host that takes no connection for so long is not there, for somebody who waits: two attempts end within ten seconds.
const LONGEST_CONNECT: Duration = Duration::from_secs(4);

/// The result.
#[derive(Debug, Default, Serialize)]
pub struct CheckReport {
    version: u32,
    checks: Vec<Line>,
}

/// One line.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    /// `ok`, `failed`, `not honoured`, `allowed`, `scope missing`, `not in the plan` or `cannot tell`.
    result: &'static str,
    detail: String,
}

/// Checks everything; the exit code is that of the worst finding.
pub async fn run(cli: &Cli, catalog: &'static Catalog, format: OutputFormat) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let mut report = CheckReport { version: VERSION, checks: Vec::new() };
    let mut worst = 0;
    signals::listen(&context.stop)?;
    let ledger = context.ledger()?;
    note(&mut report, "settings", "ok", context.file.clone());
    if let Err(error) = context.start_date() {
        note(&mut report, "sync.start_date", "failed", run::with_hint(&error));
        worst = error.kind().exit_code();
    }
    note(&mut report, "ledger", "ok", context.config.state.path.display().to_string());
    match output(&context, &ledger).await {
        Ok((url, preconditions)) => {
            note(&mut report, "output", "ok", url);
            let (result, detail) = conditional(preconditions);
            note(&mut report, "conditional writes", result, detail.to_owned());
        }
        Err(error) => {
            note(&mut report, "output", "failed", run::with_hint(&error));
            worst = error.kind().exit_code();
        }
    }
    if let Err(error) = backup(&context, &mut report).await {
        note(&mut report, "state backup", "failed", run::with_hint(&error));
        worst = error.kind().exit_code();
    }
    let limits = &context.config.limits;
    let http = Http::impatient(limits.request_timeout.std(), LONGEST_CONNECT)?;
    let source = context.source_over(http, &ledger, limits.daily_budget(), None)?;
    let code = rights::look(&context, &ledger, &source, &mut report).await?;
    worst = worst.max(code);
    print(format, &report, || text(&report))?;
    Ok(worst)
}

async fn output(context: &Context, ledger: &Arc<Ledger>) -> Result<(String, Preconditions)> {
    let store = Store::trial("output.url", &context.config.output)?;
    store.probe().await?;
    run::compare_output(ledger, ledger.path(), &store, &ledger.id(run::new_id)?).await?;
    let preconditions = store.preconditions(&run::new_id()).await?;
    Ok((store.url().to_owned(), preconditions))
}

/// The place of the ledger's copies, if there is one, and whether a lease can keep machines apart there.
async fn backup(context: &Context, report: &mut CheckReport) -> Result<()> {
    let Some(backup) = run::Backup::trial(&context.config)? else { return Ok(()) };
    let store = backup.store();
    store.probe().await?;
    note(report, "state backup", "ok", store.url().to_owned());
    match store.preconditions(&run::new_id()).await? {
        Preconditions::Honoured => note(report, "lease", "ok", "one machine at a time runs".to_owned()),
        found => note(report, "lease", "not honoured", super::hold::no_lease(found).to_owned()),
    }
    Ok(())
}

/// No failure: everything works without, but nothing keeps two machines apart.
fn conditional(found: Preconditions) -> (&'static str, &'static str) {
    match found {
        Preconditions::Honoured => ("ok", "the output honours if-match and if-none-match"),
        Preconditions::Ignored => {
            ("not honoured", "the output accepts if-match and ignores it: see that one machine at a time works on it")
        }
        Preconditions::Unsupported => {
            ("not honoured", "the output has no conditional writes: see that one machine at a time works on it")
        }
    }
}

/// Adds a line.
pub fn note(report: &mut CheckReport, name: &str, result: &'static str, detail: String) {
    report.checks.push(Line { name: name.to_owned(), result, detail });
}

fn text(report: &CheckReport) -> String {
    let name = report.checks.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let line = |l: &Line| format!("{:<name$}  {:<15}  {}", l.name, l.result, l.detail).trim_end().to_owned() + "\n";
    report.checks.iter().map(line).collect()
}
