//! `status`: how far every entity is.

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

use super::context::Context;
use super::print;
use crate::cli::{Cli, StatusArgs};
use crate::entity::{Catalog, Entity};
use crate::error::Result;
use crate::plan::{Planned, Reason, Rules, coverage, due, readable, today};
use crate::report::{
    StatusDue, StatusEntity, StatusQuota, StatusReport, StatusSuspect, StatusWindow, VERSION, status_text,
};
use crate::run::{self, text};
use crate::sink::Store;
use crate::state::{Ledger, UnitRow};
use crate::unit::{Window, midnight, next};

/// Prints it; exit code 1 if an entity is older than `--max-age`.
pub async fn run(cli: &Cli, catalog: &'static Catalog, args: &StatusArgs) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    context.fetch_if_absent().await?;
    let (ledger, _folder) = context.ledger_to_look()?;
    // A ledger that a run would refuse says nothing of the output.
    context.compare(&ledger, &Store::to_look(&context.config.output)?).await?;
    let units = ledger.units()?;
    let rules = run::rules_of(&context.config, context.now, context.zone(&ledger)?);
    let selected = context.entities(&[])?;
    let limits = &context.config.limits;
    let (used, resets_at) = ledger.requests_today(context.clock.now())?;
    let mut report = StatusReport {
        version: VERSION,
        quota: StatusQuota {
            used,
            limit: limits.requests_per_day,
            reserve: limits.reserve(),
            reserve_binds_sync: limits.reserve.is_some(),
            resets_at: text(resets_at),
        },
        last_run: ledger
            .last_run()?
            .map(|r| format!("{} {}, exit code {}, ended {}", r.command, r.id, r.exit_code, text(r.ended))),
        ..StatusReport::default()
    };
    let due = due_again(&context, catalog, &ledger, &rules)?;
    let since = ledger.missing_since()?;
    let mut stale = false;
    for entity in catalog.all() {
        let own: Vec<&UnitRow> = units.iter().filter(|u| u.entity == entity.name).collect();
        let wanted = selected.iter().any(|e| e.name == entity.name);
        if own.is_empty() && !wanted {
            continue;
        }
        let (mut status, frontier) = one(entity, &own, &rules, context.config.sync.start_date);
        status.missing_since = since.get(&entity.name).map(|at| text(*at));
        status.suspect_windows = own.iter().filter_map(|unit| not_believed(&context, entity, unit)).collect();
        status.due = due.iter().filter(|p| p.unit.entity.name == entity.name).map(why).collect();
        let oldest = args.max_age.map(|age| context.now - age.chrono());
        let current = frontier.map(|at| current_until(entity, at, &rules));
        status.stale = oldest.map(|oldest| wanted && current.is_none_or(|at| at < oldest));
        stale |= status.stale == Some(true);
        report.entities.insert(entity.name.clone(), status);
    }
    print(args.format.format, &report, || status_text(&report))?;
    Ok(u8::from(stale))
}

/// What the next `sync` reads that was read or begun before: what was never read is a gap.
fn due_again(context: &Context, catalog: &'static Catalog, ledger: &Ledger, rules: &Rules) -> Result<Vec<Planned>> {
    let Some(start) = context.config.sync.start_date else { return Ok(Vec::new()) };
    let ask = run::ask_sync(context.entities(&[])?, start, context.now);
    // A plan that is refused, for a changed period, is `sync`'s to explain.
    let planned = run::planned(catalog, ledger, &context.config, rules, &ask).unwrap_or_default();
    Ok(planned.into_iter().filter(|one| one.reason != Reason::New).collect())
}

fn why(planned: &Planned) -> StatusDue {
    let window = planned.unit.span.window();
    StatusDue {
        from: window.map(|w| w.from.to_string()),
        to: window.map(|w| w.to.to_string()),
        reason: planned.reason.to_string(),
    }
}

/// A unit whose newest reading was not believed, and how to take it over.
fn not_believed(context: &Context, entity: &Entity, unit: &UnitRow) -> Option<StatusSuspect> {
    let window = unit.span.window();
    Some(StatusSuspect {
        from: window.map(|w| w.from.to_string()),
        to: window.map(|w| w.to.to_string()),
        reason: unit.suspect.clone()?,
        accept: run::accept_command(context.catalog, &context.config, context.now, entity, unit.span),
    })
}

/// One entity's state, and its frontier.
fn one(
    entity: &Entity,
    units: &[&UnitRow],
    rules: &Rules,
    start: Option<NaiveDate>,
) -> (StatusEntity, Option<DateTime<Utc>>) {
    let mut status = StatusEntity {
        missing: units.iter().map(|u| u.missing).sum(),
        unexplained: units.iter().map(|u| u.unexplained).sum(),
        rows: units.iter().map(|u| u.rows).sum(),
        suspect: units.iter().filter(|u| u.suspect.is_some()).count() as u64,
        last_run: units.iter().map(|u| u.read_at).max().map(text),
        ..StatusEntity::default()
    };
    if entity.is_snapshot() {
        let read_at = units.iter().map(|u| u.read_at).max();
        status.watermark = read_at.map(text);
        status.frontier = read_at.map(text);
        return (status, read_at);
    }
    let zone = rules.zone_of(entity);
    let windows: Vec<(Window, &UnitRow)> = units.iter().filter_map(|u| Some((u.span.window()?, *u))).collect();
    let is_settled =
        |(window, unit): &&(Window, &UnitRow)| due::settled(window.ends_at(zone), unit.read_at, rules.ages_of(entity));
    let covered: Vec<Window> = windows.iter().map(|(w, _)| *w).collect();
    let settled: Vec<Window> = windows.iter().filter(is_settled).map(|(w, _)| *w).collect();
    status.unsettled = (covered.len() - settled.len()) as u64;
    status.without = windows.iter().filter(is_settled).map(|(_, unit)| unit.missing).sum();
    let Some(start) = start.or_else(|| covered.iter().map(|w| w.from).min()) else { return (status, None) };
    let range = Window { from: start, to: readable(entity, rules).max(start) };
    let gaps = if range.from < range.to { coverage::gaps(range, &covered) } else { Vec::new() };
    status.gaps = gaps.iter().map(|w| StatusWindow { from: w.from.to_string(), to: w.to.to_string() }).collect();
    let reached = |windows: &[Window]| (!units.is_empty()).then(|| coverage::reach(start, windows));
    let frontier = reached(&covered).map(|day| read_until(day, entity, zone, &windows));
    status.watermark = reached(&settled).map(|day| text(midnight(day, zone)));
    status.frontier = frontier.map(text);
    (status, frontier)
}

/// The end of the run of windows that reaches `day`; within the window in progress, how far that was read, in finished days where the vendor
/// gives no others.
fn read_until(day: NaiveDate, entity: &Entity, zone: Tz, windows: &[(Window, &UnitRow)]) -> DateTime<Utc> {
    let end = midnight(day, zone);
    let Some((_, unit)) = windows.iter().find(|(window, _)| window.to == day) else { return end };
    let read = if entity.finished_days_only() { midnight(today(unit.read_at, zone), zone) } else { unit.read_at };
    end.min(read)
}

/// Until when an entity that was read up to `frontier` lacked nothing that it should have: a finished day can be read when the next one is over, and
/// what is read only now and then is due when that time has passed.
fn current_until(entity: &Entity, frontier: DateTime<Utc>, rules: &Rules) -> DateTime<Utc> {
    let zone = rules.zone_of(entity);
    let readable = match entity.finished_days_only() {
        true => midnight(next(today(frontier, zone)), zone),
        false => frontier,
    };
    let pause = rules.every_of(entity).filter(|every| *every > Duration::days(1));
    readable + pause.unwrap_or(Duration::zero())
}
