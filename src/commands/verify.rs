//! `verify`: the output against the ledger, and the ledger against Gong.

use std::sync::Arc;

use super::context::Context;
use super::hold::Held;
use super::{print, signals};
use crate::cli::{Cli, VerifyArgs};
use crate::entity::{Catalog, Entity};
use crate::error::Result;
use crate::halt::Reason;
use crate::report::{Finding, FindingKind, VERSION, VerifyReport, verify_text};
use crate::run::{self, Session};
use crate::sink::Store;
use crate::state::{Ledger, UnitRow};

/// Runs it; exit code 1 if something is found that was not repaired.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &VerifyArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    signals::listen(&context.stop)?;
    let held = context.hold("verify", args.bounds.wait).await?;
    let result = look(&context, &held, args).await;
    held.release().await;
    let (code, report) = result?;
    print(args.format.format, &report, || verify_text(&report))?;
    let left = report.findings.len() as u64 > report.repaired;
    Ok(if code == 0 { u8::from(left) } else { code })
}

/// Compares, and repairs on request; returns the exit code of what was asked of Gong, and the findings.
async fn look(context: &Context, held: &Held, args: &VerifyArgs) -> Result<(u8, VerifyReport)> {
    let ledger = &held.ledger;
    let looked = async {
        let (store, _) = context.output(ledger, &held.run_id).await?;
        run::verify(ledger, &store, context.catalog, args.deep).await.map(|verified| (store, verified))
    };
    let (store, verified) = run::unless_signalled(&context.stop, looked).await?;
    let mut report = VerifyReport {
        version: VERSION,
        deep: args.deep,
        checked: verified.checked,
        findings: verified.findings,
        ..VerifyReport::default()
    };
    let mut code = 0;
    if args.source || args.repair {
        let budget = context.config.limits.daily_budget();
        let source = context.source(ledger, budget, args.bounds.max_requests)?;
        let session = Arc::new(context.session(held, source, false).await?);
        // What is another company's would look like findings, and be marked as damaged.
        if args.source || !report.findings.is_empty() {
            run::sure_company(&session).await?;
        }
        if args.source {
            let (windows, findings) = run::verify_source(&session).await?;
            report.checked.windows = windows;
            report.findings.extend(findings);
        }
        code = run::exit_code(session.stop.reason().as_ref(), &session.tally.counts());
        if args.repair && code == 0 && !report.findings.is_empty() {
            code = repair(&session, ledger, &store, &mut report).await?;
        }
        report.warnings.extend(session.tally.counts().warnings);
    }
    Ok((code, report))
}

/// Reads the units concerned again and looks once more; returns the run's exit code.
async fn repair(session: &Arc<Session>, ledger: &Arc<Ledger>, store: &Store, report: &mut VerifyReport) -> Result<u8> {
    run::mark(ledger, &report.findings)?;
    let tidied = async {
        // What is to be removed must not be taken over: its days are another unit's.
        run::remove_discarded(session).await?;
        run::tidy_all(session).await?;
        let unknown = report.findings.iter().filter(|f| f.kind == FindingKind::Unknown);
        for path in unknown.filter_map(|f| f.path.as_ref()).filter(|path| run::is_media_file(path)) {
            store.remove(path).await?;
        }
        Ok(())
    };
    run::unless_signalled(&session.stop, tidied).await?;
    let names: Vec<String> = report.findings.iter().filter_map(|f| f.entity.clone()).collect();
    let entities: Vec<&'static Entity> = run::selected(session.catalog, &names);
    let ended = run::run(session, &run::ask_due(entities), "verify").await?;
    report.run_id = Some(ended.run_id);
    if session.stop.reason() == Some(Reason::Signal) {
        // There is no time for a second look.
        return Ok(ended.exit_code);
    }
    let again = run::verify(ledger, store, session.catalog, report.deep);
    let again = run::unless_signalled(&session.stop, again).await?.findings;
    let due: Vec<UnitRow> =
        ledger.units()?.into_iter().filter(|unit| unit.due.is_some() || unit.suspect.is_some()).collect();
    let is_left = |finding: &Finding| {
        let same = |other: &Finding| other.path.is_some() && other.path == finding.path;
        let from = |unit: &UnitRow| unit.span.window().map(|w| w.from.to_string());
        let unread = due.iter().any(|unit| Some(&unit.entity) == finding.entity.as_ref() && from(unit) == finding.from);
        again.iter().any(same) || unread
    };
    report.repaired = report.findings.iter().filter(|finding| !is_left(finding)).count() as u64;
    Ok(ended.exit_code)
}
