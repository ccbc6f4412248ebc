//! `backfill`: a range of the past.

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

use super::context::Context;
use super::hold::Held;
use super::{print, signals};
use crate::cli::{BackfillArgs, Cli, Range};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::plan::Ask;
use crate::report::{VERSION, run_text};
use crate::run;
use crate::state::Ledger;
use crate::unit::Window;

/// Runs it; the exit code is the report's.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &BackfillArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    if args.cancel {
        return cancel(&context, args).await;
    }
    let entities = dated(context.entities(&args.selection.entities)?, &args.selection.entities, args.range.force)?;
    let range = range(&args.range, context.now)?;
    signals::listen(&context.stop)?;
    let held = context.hold("backfill", args.bounds.wait).await?;
    let force = args.range.force.then(run::Forced::default);
    let mut ask = run::ask_backfill(catalog, entities, range, force);
    ask.forced_since = run::forced_since(&held.ledger, &ask)?;
    let code = read(&context, &held, &ask, args).await;
    held.release().await;
    code
}

/// Reads and reports. The report comes before the session ends, which may have to wait for a refresh of tokens under way.
async fn read(context: &Context, held: &Held, ask: &Ask, args: &BackfillArgs) -> Result<u8> {
    let ledger = &held.ledger;
    let names: Vec<String> = ask.entities.iter().map(|e| e.name.clone()).collect();
    let budget = budget(context, ledger)?;
    let source = context.source(ledger, budget, args.bounds.max_requests)?;
    let session = Arc::new(context.session(held, source, args.accept_shrink).await?);
    let forced_by = args.range.force.then_some(session.run_id.as_str());
    ledger.begin_backfill(ask.range, &names, forced_by, context.clock.now())?;
    if let Some(since) = &ask.forced_since {
        tracing::info!("goes on with what run {since} began; `gong-elt backfill --cancel` forgets it");
    }
    let report = run::run(&session, ask, "backfill").await?;
    print(args.format.format, &report, || run_text(&report))?;
    Ok(report.exit_code)
}

/// Requests of the day after which a backfill ends.
///
/// # Errors
/// [`Kind::Config`] if there is none on any day: waiting for the next one would not help.
pub fn budget(context: &Context, ledger: &Ledger) -> Result<u32> {
    let (limits, last_sync) = (&context.config.limits, ledger.last_sync_requests()?.unwrap_or(0));
    let Some(rule) = limits.forbids_backfills(last_sync) else { return Ok(limits.backfill_budget(last_sync)) };
    let raise = "raise limits.requests_per_day or lower limits.reserve";
    let hint = match limits.forbids_backfills(0) {
        Some(_) => raise.to_owned(),
        None => format!("run `gong-elt sync` once more: one that finds less to read leaves more; or {raise}"),
    };
    Err(Error::new(Kind::Config, format!("{}: limits.requests_per_day: {rule}", context.file)).hint(hint))
}

async fn cancel(context: &Context, args: &BackfillArgs) -> Result<u8> {
    let held = context.hold("backfill --cancel", args.bounds.wait).await?;
    let backfills = held.ledger.backfills()?;
    for backfill in &backfills {
        held.ledger.end_backfill(backfill.id)?;
    }
    if let Some(backup) = &held.backup {
        backup.save(&held.ledger, context.clock.now()).await?;
    }
    held.release().await;
    let told = serde_json::json!({ "version": VERSION, "forgotten": backfills.len() });
    print(args.format.format, &told, || {
        format!("{} unfinished backfills forgotten; what they read stays\n", backfills.len())
    })?;
    Ok(0)
}

/// The asked range of days.
///
/// # Errors
/// [`Kind::Config`] if it is empty, or has not begun by `now` in any time zone.
pub fn range(args: &Range, now: DateTime<Utc>) -> Result<Window> {
    let begun = |from: NaiveDate| from <= (now + TimeDelta::days(1)).date_naive();
    match (args.from, args.to) {
        (Some(from), Some(to)) if from < to && begun(from) => Ok(Window { from, to }),
        (Some(from), Some(to)) if from < to => {
            let what = format!("--from {from} is in the future: nothing can be read of {from} to {to} yet");
            Err(Error::new(Kind::Config, what))
        }
        (Some(from), Some(to)) => {
            let what = format!("--to {to} must be after --from {from}: it is the day after the last one");
            Err(Error::new(Kind::Config, what))
        }
        _ => Err(Error::new(Kind::Config, "--from and --to are needed")),
    }
}

/// The entities that have dates. One that has none is read again only if it is named and that is forced.
///
/// # Errors
/// [`Kind::Config`] if none has.
pub fn dated(entities: Vec<&'static Entity>, named: &[String], force: bool) -> Result<Vec<&'static Entity>> {
    if force && !named.is_empty() {
        return Ok(entities);
    }
    let dated: Vec<&Entity> = entities.iter().copied().filter(|e| !e.is_snapshot()).collect();
    if dated.is_empty() {
        let names: Vec<&str> = entities.iter().map(|e| e.name.as_str()).collect();
        let what = format!("nothing to backfill: Gong gives {} only as they are now", names.join(", "));
        return Err(Error::new(Kind::Config, what).hint("`gong-elt sync` reads them, and --force reads them again"));
    }
    Ok(dated)
}
