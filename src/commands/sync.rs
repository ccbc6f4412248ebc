//! `sync`: everything up to date.

use std::sync::Arc;

use super::context::Context;
use super::hold::Held;
use super::{print, signals};
use crate::cli::{Cli, SyncArgs};
use crate::entity::Catalog;
use crate::error::Result;
use crate::plan::Ask;
use crate::report::run_text;
use crate::run;

/// Runs it; the exit code is the report's.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &SyncArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let entities = context.entities(&args.selection.entities)?;
    let ask = run::ask_sync(entities, context.start_date()?, context.now);
    signals::listen(&context.stop)?;
    let held = context.hold("sync", args.bounds.wait).await?;
    let code = read(&context, &held, &ask, args).await;
    held.release().await;
    code
}

/// Reads and reports. The report comes before the session ends, which may have to wait for a refresh of tokens under way.
async fn read(context: &Context, held: &Held, ask: &Ask, args: &SyncArgs) -> Result<u8> {
    let budget = context.config.limits.daily_budget();
    let source = context.source(&held.ledger, budget, args.bounds.max_requests)?;
    let session = Arc::new(context.session(held, source, false).await?);
    let report = run::run(&session, ask, "sync").await?;
    print(args.format.format, &report, || run_text(&report))?;
    Ok(report.exit_code)
}
