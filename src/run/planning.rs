//! Settings and ledger translated for the planner, and its plan for people.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;

use super::backfills::{ask_again, goes_on};
use super::members;
use super::part::LIST;
use super::publish::text;
use super::session::{Session, fingerprint};
use super::zone;
use crate::config::{CallsFrom, Config, Span as Time};
use crate::entity::spec::Read;
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::plan::{self, Ask, AskKind, Begun, Facts, Known, Planned, Rates, Reason, Rules, Sample};
use crate::report::{PlanCost, PlanReport, PlanUnit, VERSION};
use crate::state::{Ledger, OpenUnit, UnitRow};
use crate::unit::{Window, next};

/// Snapshots older than this are read again by default: once by each nightly run, not by each hourly one.
pub const EVERY: Time = Time::seconds(20 * 3600);
/// Share of the daily budget that one run may spend on listing settled windows again.
const RECHECK_SHARE: f64 = 0.02;

/// The entities that are meant by names, with their parents, in catalog order. `all` is every one that is not named by itself.
pub fn selected(catalog: &'static Catalog, names: &[String]) -> Vec<&'static Entity> {
    let all = names.iter().any(|name| name == "all");
    let is_media = |entity: &Entity| matches!(entity.read, Read::Media { .. });
    let named = |entity: &Entity| (all && !is_media(entity)) || names.contains(&entity.name);
    let mut wanted: BTreeSet<&str> = catalog.all().filter(|e| named(e)).map(|e| e.name.as_str()).collect();
    loop {
        let needed = catalog.all().filter(|e| wanted.contains(e.name.as_str())).flat_map(sources);
        let more: Vec<&str> = needed.filter(|name| !wanted.contains(name)).collect();
        if more.is_empty() {
            return catalog.all().filter(|e| wanted.contains(e.name.as_str())).collect();
        }
        wanted.extend(more);
    }
}

/// The entities whose ids an entity asks for.
fn sources(entity: &Entity) -> Vec<&str> {
    let each = entity.each().iter().map(|name| members::source_of(name));
    entity.parent().into_iter().chain(each).collect()
}

/// What `sync` asks for: everything from the start date to now.
pub fn ask_sync(entities: Vec<&'static Entity>, start: NaiveDate, now: DateTime<Utc>) -> Ask {
    // A day more than UTC's: the company's may have begun. Each entity cuts it at its own today.
    let to = next(next(plan::today(now, Tz::UTC))).max(start);
    Ask { entities, range: Window { from: start, to }, kind: AskKind::Sync, lists: Vec::new(), forced_since: None }
}

/// What `verify --repair` asks for: units that are marked, wherever they are.
pub fn ask_due(entities: Vec<&'static Entity>) -> Ask {
    let nothing = Window { from: NaiveDate::MIN, to: NaiveDate::MIN };
    Ask { entities, range: nothing, kind: AskKind::Due, lists: Vec::new(), forced_since: None }
}

/// The settings that decide what is due.
pub fn rules_of(config: &Config, now: DateTime<Utc>, zone: Tz) -> Rules {
    let ages = |spans: &[Time]| spans.iter().map(|s| s.chrono()).collect::<Vec<_>>();
    let mut by_entity = BTreeMap::from([(String::new(), ages(&config.sync.reread))]);
    let mut every = BTreeMap::from([(String::new(), EVERY.chrono())]);
    for (name, settings) in &config.entities {
        by_entity.extend(settings.reread.as_ref().map(|spans| (name.clone(), ages(spans))));
        every.extend(settings.every.map(|span| (name.clone(), span.chrono())));
    }
    let periods = config.entities.iter().filter_map(|(name, settings)| Some((name.clone(), settings.period?)));
    Rules {
        now,
        zone,
        periods: periods.collect(),
        window: config.sync.window,
        ages: by_entity,
        every,
        recheck_every: config.sync.recheck_every.chrono(),
        recheck_requests: (f64::from(config.limits.daily_budget()) * RECHECK_SHARE) as u64,
    }
}

/// The rules of a run.
pub fn rules(session: &Session) -> Rules {
    rules_of(&session.config, session.now, session.zone())
}

/// What the ledger knows, for the planner. A unit read with private calls that are no longer wanted is due at once, and one that was
/// cut by another zone's days.
pub fn facts(ledger: &Ledger, config: &Config, catalog: &Catalog, zone: Tz) -> Result<Facts> {
    let units = ledger.units()?;
    let begun = ledger.open_units()?.into_iter().filter(|open| !is_overlapped(&units, open));
    let begun = begun.map(|open| {
        let staged = ledger.staged_index(open.id)?;
        let total = staged.iter().find(|page| page.part == LIST && page.page == 0).and_then(|page| page.total);
        let (staged, written) = (staged.len() as u64, open.written || open.replaces);
        Ok(Begun { entity: open.entity, span: open.span, staged, total, written })
    });
    let begun = begun.collect::<Result<Vec<Begun>>>()?;
    let today: HashMap<&str, String> = catalog.all().map(|e| (e.name.as_str(), fingerprint(config, e))).collect();
    let known = units.into_iter().map(|row| {
        let other_settings = today.get(row.entity.as_str()) != Some(&row.fingerprint);
        let unwanted = row.include_private && !config.sync.include_private;
        let due = row.due.or_else(|| unwanted.then(|| "private calls are no longer wanted".to_owned()));
        let other = row.time_zone.filter(|read_in| read_in != zone.name());
        let due = due.or_else(|| other.map(|other| format!("read in the days of {other}, not of {zone}")));
        let (entity, span, rows, private) = (row.entity, row.span, row.rows, row.private);
        Known { entity, span, read_at: row.read_at, rows, private, due, run_id: row.run_id, other_settings }
    });
    let samples = ledger.probes()?.into_iter().map(|(_, window, rows)| Sample { window, rows });
    Ok(Facts { known: known.collect(), begun, samples: samples.collect() })
}

/// Plans what was asked, and after it the rest of unfinished backfills if the settings say so.
pub fn planned(
    catalog: &'static Catalog,
    ledger: &Ledger,
    config: &Config,
    rules: &Rules,
    ask: &Ask,
) -> Result<Vec<Planned>> {
    let facts = facts(ledger, config, catalog, rules.zone)?;
    refuse_other_periods(rules, ask, &facts)?;
    let find = |name: &str| catalog.get(name);
    let mut planned = plan::plan(ask, rules, &facts, find);
    for backfill in if ask.kind == AskKind::Sync { ledger.backfills()? } else { Vec::new() } {
        let rest = plan::plan(&ask_again(catalog, &backfill), rules, &facts, find);
        for one in rest.into_iter().filter(|one| goes_on(config, &backfill, one)) {
            let twice =
                planned.iter().any(|p| p.unit.entity.name == one.unit.entity.name && p.unit.span == one.unit.span);
            if !twice {
                planned.push(Planned { reason: Reason::Backfill, ..one });
            }
        }
    }
    Ok(planned)
}

/// Refuses a changed period, whose windows would overlap those on disk, unless all of those are asked for again.
fn refuse_other_periods(rules: &Rules, ask: &Ask, facts: &Facts) -> Result<()> {
    for entity in ask.entities.iter().filter(|e| e.is_period()) {
        let period = rules.period_of(entity);
        let known = facts.known.iter().filter(|k| k.entity == entity.name).filter_map(|k| k.span.window());
        let others = known.filter(|window| plan::periods::period_of(window.from, period) != *window);
        let Some(whole) = others.reduce(|a, b| Window { from: a.from.min(b.from), to: a.to.max(b.to) }) else {
            continue;
        };
        if ask.kind == AskKind::Force && ask.range.holds(&whole) {
            continue;
        }
        let (name, Window { from, to }) = (&entity.name, whole);
        let what = format!(
            "entities.{name}.period: the ledger holds other periods from {from} to {to}: rows of two lengths would overlap"
        );
        let hint = format!(
            "set the period back, or read {name} whole in the new one: `gong-elt backfill --force --entities {name} --from {from} --to {to}`"
        );
        return Err(Error::new(Kind::Config, what).hint(hint));
    }
    Ok(())
}

/// True if days of a begun unit are on disk in other windows, which it is to replace: nothing of it was written yet.
pub fn is_overlapped(units: &[UnitRow], open: &OpenUnit) -> bool {
    let Some(window) = open.span.window() else { return false };
    let other = |row: &UnitRow| row.entity == open.entity && row.span != open.span;
    units.iter().any(|row| other(row) && row.span.window().is_some_and(|w| w.overlaps(&window)))
}

/// The request that learns the company's zone, where it is not known and an entity goes by its days.
pub fn to_learn(
    ledger: &Ledger,
    config: &Config,
    catalog: &'static Catalog,
    ask: &Ask,
) -> Result<BTreeMap<String, u64>> {
    let known = zone::known(config, ledger)?.is_some() || !ask.entities.iter().any(|e| e.has_company_days());
    let asked = catalog.all().find(|e| e.page.zone.is_some()).filter(|_| !known);
    Ok(asked.map(|entity| (entity.name.clone(), 1)).into_iter().collect())
}

/// A plan with its cost, for people and the history. `made` are requests that the plan itself takes.
pub fn plan_report(
    ledger: &Ledger,
    config: &Config,
    catalog: &Catalog,
    now: DateTime<Utc>,
    (ask, planned): (&Ask, &[Planned]),
    made: BTreeMap<String, u64>,
) -> Result<PlanReport> {
    let per_day = match ask.kind {
        AskKind::Sync | AskKind::Due => config.limits.daily_budget(),
        // It leaves the reserve and the next sync's requests of each day.
        AskKind::Backfill | AskKind::Force => config.limits.backfill_budget(ledger.last_sync_requests()?.unwrap_or(0)),
    };
    let units = ledger.units()?;
    let mut seen: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for row in &units {
        let (bytes, rows) = seen.entry(row.entity.clone()).or_default();
        *bytes += row.object.as_ref().map_or(0, |o| o.bytes);
        *rows = rows.saturating_add(row.rows).saturating_add(row.private);
    }
    let rates = Rates {
        per_second: config.limits.requests_per_second,
        per_day,
        members: members::counts(ledger, config, catalog)?,
        through_details: config.entity(plan::LISTING).calls_from == CallsFrom::Details,
        made,
        bytes_per_row: seen
            .into_iter()
            .map(|(name, (bytes, rows))| (name, bytes as f64 / rows.max(1) as f64))
            .collect(),
    };
    let estimate = plan::estimate(planned, &rates);
    let stale =
        units.iter().filter(|u| catalog.get(&u.entity).is_some_and(|e| fingerprint(config, e) != u.fingerprint));
    let cost = |c: plan::Cost| PlanCost { units: c.units, requests: c.requests, bytes: c.bytes };
    let unit = |p: &Planned| PlanUnit {
        entity: p.unit.entity.name.clone(),
        from: p.unit.span.window().map(|w| w.from.to_string()),
        to: p.unit.span.window().map(|w| w.to.to_string()),
        reason: p.reason.to_string(),
    };
    Ok(PlanReport {
        version: VERSION,
        as_of: text(now),
        requests: estimate.requests,
        seconds: (estimate.seconds * 10.0).round() / 10.0,
        quota_days: (estimate.quota_days * 10_000.0).round() / 10_000.0,
        unknown: estimate.unknown,
        entities: estimate.entities.into_iter().map(|(name, c)| (name, cost(c))).collect(),
        units: planned.iter().map(unit).collect(),
        other_settings: stale.count() as u64,
    })
}
