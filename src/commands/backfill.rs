//! `backfill`: a range of the past.

use super::context::Context;
use super::{print, signals};
use crate::cli::{BackfillArgs, Cli, Range};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::report::run_text;
use crate::run;
use crate::unit::Window;

/// A backfill leaves at least this many requests of the day to the next `sync`.
const LEAST_FOR_SYNC: u32 = 200;

/// Runs it; the exit code is the report's.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &BackfillArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let run_id = run::new_run_id(context.clock.now());
    if args.range.cancel {
        return cancel(&context, &run_id, args).await;
    }
    let entities = dated(context.entities(&args.selection.entities)?)?;
    let range = range(&args.range)?;
    signals::listen(&context.stop)?;
    let _lock = context.lock("backfill", &run_id, args.bounds.wait).await?;
    let ledger = context.ledger()?;
    let names: Vec<String> = entities.iter().map(|e| e.name.clone()).collect();
    let for_sync = ledger.last_sync_requests()?.unwrap_or(0).max(LEAST_FOR_SYNC);
    let budget = context.config.limits.daily_budget().saturating_sub(for_sync);
    let source = context.source(&ledger, budget, args.bounds.max_requests)?;
    let session = context.session(ledger, source, run_id, args.accept_shrink).await?;
    if !args.range.force {
        session.ledger.begin_backfill(range, &names, context.clock.now())?;
    }
    let ask = run::ask_backfill(entities, range, args.range.force);
    let report = run::run(&session, &ask, "backfill").await?;
    print(args.format.format, &report, || run_text(&report));
    Ok(report.exit_code)
}

async fn cancel(context: &Context, run_id: &str, args: &BackfillArgs) -> Result<u8> {
    let _lock = context.lock("backfill --cancel", run_id, args.bounds.wait).await?;
    let ledger = context.ledger()?;
    let backfills = ledger.backfills()?;
    for backfill in &backfills {
        ledger.end_backfill(backfill.id)?;
    }
    println!("{} unfinished backfills forgotten; what they read stays", backfills.len());
    Ok(0)
}

/// The asked range of days.
///
/// # Errors
/// [`Kind::Config`] if it is empty.
pub fn range(args: &Range) -> Result<Window> {
    match (args.from, args.to) {
        (Some(from), Some(to)) if from < to => Ok(Window { from, to }),
        (Some(from), Some(to)) => {
            let what = format!("--to {to} must be after --from {from}: it is the day after the last one");
            Err(Error::new(Kind::Config, what))
        }
        _ => Err(Error::new(Kind::Config, "--from and --to are needed")),
    }
}

/// The entities that have dates.
///
/// # Errors
/// [`Kind::Config`] if none has.
pub fn dated(entities: Vec<&'static Entity>) -> Result<Vec<&'static Entity>> {
    let dated: Vec<&Entity> = entities.iter().copied().filter(|e| !e.is_snapshot()).collect();
    if dated.is_empty() {
        let names: Vec<&str> = entities.iter().map(|e| e.name.as_str()).collect();
        let what = format!("nothing to backfill: Gong gives {} only as they are now", names.join(", "));
        return Err(Error::new(Kind::Config, what).hint("`gong-elt sync` reads them"));
    }
    Ok(dated)
}
