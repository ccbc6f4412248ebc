//! `state rebuild`: the ledger anew from its output.

use super::context::Context;
use super::hold::Held;
use super::{print, signals};
use crate::cli::{Cli, RebuildArgs};
use crate::entity::Catalog;
use crate::error::{Kind, Result};
use crate::report::{RebuildReport, rebuild_text};
use crate::run;
use crate::sink::Store;

/// Makes an empty or absent ledger anew; asks Gong nothing.
pub async fn rebuild(cli: &Cli, catalog: &'static Catalog, args: &RebuildArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    signals::listen(&context.stop)?;
    let held = context.hold_as_is("state rebuild", args.wait).await?;
    let result = anew(&context, &held).await;
    held.release().await;
    let report = result?;
    print(args.format.format, &report, || rebuild_text(&report))?;
    Ok(0)
}

async fn anew(context: &Context, held: &Held) -> Result<RebuildReport> {
    let (catalog, ledger) = (context.catalog, &held.ledger);
    let store = Store::to_look(&context.config.output)?;
    let manifest = run::read_manifest(&store).await?.map(|(manifest, _)| manifest);
    let output = run::Output {
        store: &store,
        catalog,
        config: &context.config,
        now: context.clock.now(),
        manifest: manifest.as_ref(),
    };
    let mut report = run::rebuild(&output, ledger, context.clock.now()).await?;
    if let Ok(start) = context.start_date() {
        let ask = run::ask_sync(context.entities(&[])?, start, context.now);
        let rules = run::rules_of(&context.config, context.now, context.zone(ledger)?);
        match run::planned(catalog, ledger, &context.config, &rules, &ask) {
            Ok(planned) => report.to_read = Some(planned.len() as u64),
            // The ledger is made anew all the same: what the settings want of it is the next run's matter.
            Err(error) if error.kind() == Kind::Config => report.sync_refused = Some(run::with_hint(&error)),
            Err(error) => return Err(error),
        }
    }
    if let Some(backup) = &held.backup {
        backup.save(ledger, context.clock.now()).await?;
    }
    Ok(report)
}
