//! `sync`: everything up to date.

use super::context::Context;
use super::{print, signals};
use crate::cli::{Cli, SyncArgs};
use crate::entity::Catalog;
use crate::error::Result;
use crate::report::run_text;
use crate::run;

/// Runs it; the exit code is the report's.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &SyncArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let entities = context.entities(&args.selection.entities)?;
    let ask = run::ask_sync(entities, context.start_date()?, context.now);
    let run_id = run::new_run_id(context.clock.now());
    signals::listen(&context.stop)?;
    let _lock = context.lock("sync", &run_id, args.bounds.wait).await?;
    let ledger = context.ledger()?;
    let budget = context.config.limits.daily_budget();
    let source = context.source(&ledger, budget, args.bounds.max_requests)?;
    let session = context.session(ledger, source, run_id, false).await?;
    let report = run::run(&session, &ask, "sync").await?;
    print(args.format.format, &report, || run_text(&report));
    Ok(report.exit_code)
}
