//! `plan`: what a run would read and cost.

use std::sync::Arc;

use super::backfill::{budget, dated, range};
use super::context::Context;
use super::{print, signals};
use crate::cli::{Cli, PlanArgs, PlanWhat};
use crate::entity::Catalog;
use crate::error::{Error, Kind, Result};
use crate::plan::{Ask, Planned, Rules};
use crate::report::plan_text;
use crate::run;
use crate::sink::Store;
use crate::source::{Failure, Refusal};
use crate::state::Ledger;

/// Prints the plan. Asks Gong nothing, but for `--probe`.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &PlanArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let entities = context.entities(&args.entities)?;
    let mut ask = match &args.what {
        Some(PlanWhat::Backfill(wanted)) => {
            let force = wanted.force.then(run::Forced::default);
            let range = range(wanted, context.now)?;
            run::ask_backfill(catalog, dated(entities, &args.entities, wanted.force)?, range, force)
        }
        Some(PlanWhat::Sync) | None => run::ask_sync(entities, context.start_date()?, context.now),
    };
    context.fetch_if_absent().await?;
    // What is asked of Gong is counted, and its totals are kept.
    let (ledger, _folder) = if args.probe { (context.ledger()?, None) } else { context.ledger_to_look()? };
    ask.forced_since = run::forced_since(&ledger, &ask)?;
    // A ledger that a run would refuse has no plan.
    context.compare(&ledger, &Store::to_look(&context.config.output)?).await?;
    if matches!(args.what, Some(PlanWhat::Backfill(_))) {
        budget(&context, &ledger)?;
    }
    let rules = run::rules_of(&context.config, context.now, context.zone(&ledger)?);
    let plan = || run::planned(catalog, &ledger, &context.config, &rules, &ask);
    let mut planned = plan()?;
    if args.probe {
        probe(&context, &ledger, &rules, (&ask, &planned)).await?;
        planned = plan()?;
    }
    let made = run::to_learn(&ledger, &context.config, catalog, &ask)?;
    let report = run::plan_report(&ledger, &context.config, catalog, context.now, (&ask, &planned), made)?;
    print(args.format, &report, || plan_text(&report))?;
    Ok(0)
}

async fn probe(
    context: &Context,
    ledger: &Arc<Ledger>,
    rules: &Rules,
    (ask, planned): (&Ask, &[Planned]),
) -> Result<()> {
    let source = context.source(ledger, context.config.limits.daily_budget(), None)?;
    signals::listen(&context.stop)?;
    let account = run::Account { ledger, source: &source, config: &context.config, catalog: context.catalog };
    // Totals of another company or of no workspace would stay in the ledger.
    run::own_company(account).await?;
    run::check_workspaces(account, &context.file, &ask.entities).await?;
    match run::probe(&source, ledger, (&context.config, context.catalog, rules), planned).await {
        Ok(asked) => {
            tracing::info!(asked, "Gong was asked for the totals of months");
            Ok(())
        }
        Err(Failure::Ledger(error)) => Err(error),
        Err(Failure::Stopped) => Err(context.stopped()),
        Err(Failure::Refused(Refusal::Credentials, story)) => {
            Err(source.credentials_error(&context.config.source.base_url, &story))
        }
        Err(Failure::Refused(_, story) | Failure::Exhausted(story)) => Err(Error::new(Kind::Vendor, story.to_string())),
    }
}
