//! The report of a run, and the exit code that says the same.

use chrono::{DateTime, Utc};

use super::planning::{facts, planned, rules};
use super::publish::text;
use super::session::Session;
use super::tally::Counts;
use crate::error::{Kind, Result};
use crate::halt::Reason;
use crate::plan::{self, Ask, AskKind, Planned};
use crate::report::{RunReport, VERSION};
use crate::state::Backfill;

/// A first sync over more days than this without a single call is suspicious: a blind credential looks just so (API reference, F.3).
const DAYS_WITHOUT_CALLS: u32 = 30;

/// The report of the run.
pub fn report(session: &Session, ask: &Ask, command: &str, begun: DateTime<Utc>) -> Result<RunReport> {
    let mut counts = session.tally.counts();
    for (name, requests) in session.source.requests_by_entity() {
        counts.entities.entry(name).or_default().requests = requests;
    }
    for entity in counts.entities.values_mut() {
        let done = entity.units.committed + entity.units.failed;
        entity.units.left = entity.units.planned.saturating_sub(done);
    }
    if blind(session, ask)? {
        let days = ask.range.days();
        counts.warnings.push(match session.config.entity("calls").workspace_id {
            Some(workspace) => format!(
                "no call of workspace {workspace} in {days} days: if there are some, entities.calls.workspace_id names another workspace, or the credentials cannot see them"
            ),
            None => format!(
                "no call in {days} days: if the company has calls, the credentials cannot see them; ask Gong's administrator"
            ),
        });
        counts.suspect += 1;
    }
    if counts.unlisted > 0 {
        counts.warnings.push(format!("and {} warnings more", counts.unlisted));
    }
    let stop = session.stop.reason();
    let left: u64 = counts.entities.values().map(|e| e.units.left).sum();
    if stop == Some(Reason::MaxRequests) {
        let made = session.source.requests();
        let next = going_on(session, ask);
        counts.warnings.push(format!("stopped at --max-requests after {made} requests, {left} units are left; {next}"));
    }
    if ask.kind == AskKind::Force && counts.entities.values().all(|e| e.units.planned == 0) {
        let now = text(session.now);
        counts.warnings.push(format!("nothing was read again: no window of that range was read before {now}"));
    }
    if let Some((_, message)) = &counts.fatal {
        counts.warnings.insert(0, message.clone());
    }
    let resume_at = match (&stop, &counts.fatal) {
        (Some(Reason::Quota(at)), None) => Some(text(*at)),
        _ => None,
    };
    Ok(RunReport {
        version: VERSION,
        run_id: session.run_id.clone(),
        command: command.to_owned(),
        as_of: text(session.now),
        exit_code: exit_code(stop.as_ref(), &counts),
        resume_at,
        requests: session.source.requests(),
        retries: session.source.retries(),
        seconds: (session.clock.now() - begun).num_milliseconds() as f64 / 1000.0,
        entities: counts.entities,
        objects: counts.objects,
        warnings: counts.warnings,
    })
}

/// What goes on with a run that was stopped. Another period that is half read keeps every other run from planning; what is read again by
/// force is no other command's plan.
fn going_on(session: &Session, ask: &Ask) -> &'static str {
    let sync = Ask { kind: AskKind::Sync, ..ask.clone() };
    let plan = planned(session.catalog, &session.ledger, &session.config, &rules(session), &sync);
    match (ask.kind, plan) {
        (AskKind::Force, Err(error)) if error.kind() == Kind::Config => {
            "the same command goes on; until it is through, `gong-elt sync` is refused"
        }
        (AskKind::Force, _) => "the same command goes on",
        _ => "the next run goes on",
    }
}

/// What ends the process says it: a fatal error first, then a signal, then the quota, then units that failed.
pub fn exit_code(stop: Option<&Reason>, counts: &Counts) -> u8 {
    if let Some((kind, _)) = &counts.fatal {
        return kind.exit_code();
    }
    let failed = counts.entities.values().any(|e| e.units.failed > 0);
    match stop {
        Some(Reason::Signal) => Kind::Interrupted.exit_code(),
        Some(Reason::Quota(_)) => Kind::Quota.exit_code(),
        _ if failed || counts.suspect > 0 || counts.unfinished > 0 || !counts.refused.is_empty() => 1,
        Some(Reason::MaxRequests) | None => 0,
        Some(Reason::Fatal) => 1,
    }
}

/// True for a first sync over a long range that found no call at all.
fn blind(session: &Session, ask: &Ask) -> Result<bool> {
    let asked = ask.kind == AskKind::Sync && ask.entities.iter().any(|e| e.name == "calls");
    if !asked || ask.range.days() <= DAYS_WITHOUT_CALLS || session.stop.reason().is_some() {
        return Ok(false);
    }
    if session.ledger.last_run()?.is_some() {
        return Ok(false);
    }
    let units = session.ledger.units()?;
    let mut calls = units.iter().filter(|u| u.entity == "calls").peekable();
    Ok(calls.peek().is_some() && calls.all(|u| u.rows + u.private == 0))
}

/// Forgets backfills that have nothing left to read. A forced one that was not stopped has tried everything: the same command begins anew.
pub fn end_backfills(session: &Session, asked: &Ask) -> Result<()> {
    let is_tried = |backfill: &Backfill| {
        let same = asked.range == backfill.window && super::backfills::names(asked) == backfill.entities;
        asked.kind == AskKind::Force && backfill.forced_by.is_some() && same && session.stop.reason().is_none()
    };
    let facts = facts(&session.ledger, &session.config, session.catalog, session.zone())?;
    for backfill in session.ledger.backfills()? {
        let ask = super::backfills::ask_again(session.catalog, &backfill);
        let rest = plan::plan(&ask, &rules(session), &facts, |name| session.catalog.get(name));
        let is_read = |p: &Planned| p.unit.span.window().is_none_or(|w| !w.overlaps(&backfill.window));
        if is_tried(&backfill) || rest.iter().all(is_read) {
            session.ledger.end_backfill(backfill.id)?;
        }
    }
    Ok(())
}
