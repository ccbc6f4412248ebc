//! Windows of the dated entities: gaps cut into cells, and windows that are due. Children follow the windows of their parent.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};

use super::due::{self, Age};
use super::{Ask, AskKind, Facts, Known, Planned, Reason, Rules, coverage, density, grid, periods, today};
use crate::entity::Entity;
use crate::entity::spec::Read;
use crate::unit::{Span, Unit, Window, next};

/// Settled windows of this entity are listed again now and then; its children follow where the listing differs.
const LISTING: &str = "calls";

/// Plans every dated entity of the request.
pub fn plan(ask: &Ask, rules: &Rules, facts: &Facts) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    for &entity in &ask.entities {
        match &entity.read {
            Read::Window { .. } | Read::Period { .. } => planned.extend(listed(ask, entity, rules, facts)),
            Read::ById { of } | Read::Media { of, .. } => {
                let parents: BTreeMap<Window, Reason> = planned
                    .iter()
                    .filter(|p| p.unit.entity.name == *of)
                    .filter_map(|p| Some((p.unit.span.window()?, p.reason.clone())))
                    .collect();
                planned.extend(followed(ask, entity, of, &parents, rules, facts));
            }
            Read::Snapshot { .. } => {}
        }
    }
    planned
}

fn known<'f>(facts: &'f Facts, name: &'f str) -> impl Iterator<Item = (Window, &'f Known)> {
    facts.known.iter().filter(move |k| k.entity == name).filter_map(|k| Some((k.span.window()?, k)))
}

/// Windows of an entity that is listed by window.
fn listed(ask: &Ask, entity: &'static Entity, rules: &Rules, facts: &Facts) -> Vec<Planned> {
    let zone = rules.zone_of(entity);
    let range = Window { from: ask.range.from, to: ask.range.to.min(readable(entity, rules)) };
    let samples = samples(facts, entity);
    let expected = |window| density::expected(window, &samples);
    let last_age = rules.ages_of(entity).last().copied().unwrap_or(Duration::zero());
    let unsettled = today(rules.now - last_age, zone);
    // A begun unit keeps its boundaries, so its days are no gap.
    let begun = facts.begun.iter().filter(|b| b.entity == entity.name).filter_map(|b| b.span.window());
    let replaced = others(ask, entity, rules, facts);
    let covered = known(facts, &entity.name).map(|(w, _)| w).filter(|w| !replaced.contains(w));
    let covered: Vec<Window> = covered.chain(begun).collect();
    let reason = if replaced.is_empty() { Reason::New } else { Reason::Period };
    let fresh = |window| Planned {
        unit: Unit { entity, span: Span::Window(window) },
        reason: reason.clone(),
        expected: expected(window),
    };
    let gaps = if range.from < range.to { coverage::gaps(range, &covered) } else { Vec::new() };
    let cut = |gap| match entity.read {
        Read::Period { .. } => periods::periods(gap, rules.period_of(entity)),
        _ => grid::cells(gap, unsettled, rules.window, expected),
    };
    let mut planned: Vec<Planned> = gaps.into_iter().flat_map(cut).map(fresh).collect();
    let again = again(ask, entity, rules, facts);
    planned.extend(again.into_iter().filter(|one| one.unit.span.window().is_none_or(|w| !replaced.contains(&w))));
    planned
}

/// Windows of other periods than the settings name, which are replaced if all of them are asked for again.
fn others(ask: &Ask, entity: &Entity, rules: &Rules, facts: &Facts) -> Vec<Window> {
    if ask.kind != AskKind::Force || !entity.is_period() {
        return Vec::new();
    }
    let period = rules.period_of(entity);
    known(facts, &entity.name).map(|(window, _)| window).filter(|w| periods::period_of(w.from, period) != *w).collect()
}

/// The first day that cannot be read yet: today where the vendor gives finished days only.
pub fn readable(entity: &Entity, rules: &Rules) -> NaiveDate {
    let zone = rules.zone_of(entity);
    if entity.finished_days_only() {
        return today(rules.now, zone);
    }
    // At midnight to the microsecond nothing of the new day is past, and the vendor refuses an empty window.
    next(today(rules.now - Duration::microseconds(1), zone))
}

/// Committed windows that are read again.
fn again(ask: &Ask, entity: &'static Entity, rules: &Rules, facts: &Facts) -> Vec<Planned> {
    let mut unchecked = Vec::new();
    let mut planned = Vec::new();
    let readable = readable(entity, rules);
    // A window that has begun in one zone may not have in another: nothing of it can be asked.
    for (window, known) in known(facts, &entity.name).filter(|(window, _)| window.from < readable) {
        let unit = Unit { entity, span: Span::Window(window) };
        let expected = Some(known.rows);
        if let Some(reason) = reason(ask, unit, window, known, rules) {
            planned.push(Planned { unit, reason, expected });
        } else if ask.kind == AskKind::Sync
            && entity.name == LISTING
            && rules.now - known.read_at >= rules.recheck_every
        {
            unchecked.push((known.read_at, Planned { unit, reason: Reason::Recheck(rules.recheck_every), expected }));
        }
    }
    unchecked.sort_by_key(|(read_at, _)| *read_at);
    let mut requests = 0_u64;
    for (_, one) in unchecked {
        requests = requests.saturating_add(one.expected.unwrap_or(0).div_ceil(100).max(1));
        if requests > rules.recheck_requests {
            break;
        }
        planned.push(one);
    }
    planned
}

fn reason(ask: &Ask, unit: Unit, window: Window, known: &Known, rules: &Rules) -> Option<Reason> {
    match ask.kind {
        AskKind::Force => (ask.range.overlaps(&window) && rules.now >= known.read_at).then_some(Reason::Force),
        // Asked as a sync, of which the rest is left out.
        AskKind::Backfill | AskKind::Due => None,
        AskKind::Sync if rules.now < known.read_at => None,
        AskKind::Sync if rules.now == known.read_at && known.due.is_none() => None,
        AskKind::Sync => {
            let end = window.ends_at(rules.zone_of(unit.entity));
            match (&known.due, due::by_age(end, known.read_at, rules.now, rules.ages_of(unit.entity))) {
                (Some(why), _) => Some(Reason::Early(why.clone())),
                (None, Some(Age::Passed(age))) => Some(Reason::Age(age)),
                (None, Some(Age::Unfinished)) if rests(unit.entity, known, rules) => None,
                (None, Some(Age::Unfinished)) => Some(Reason::Unfinished),
                (None, None) => None,
            }
        }
    }
}

/// True for a running window of which nothing more can be read yet, or that is read only now and then.
fn rests(entity: &Entity, known: &Known, rules: &Rules) -> bool {
    let zone = rules.zone_of(entity);
    let same_day = today(rules.now, zone) == today(known.read_at, zone);
    let every = rules.every_of(entity).filter(|_| matches!(entity.read, Read::Period { .. }));
    (entity.finished_days_only() && same_day) || every.is_some_and(|every| rules.now - known.read_at < every)
}

/// Windows of an entity that is read by its parent's ids: with its parent, or alone where it lags behind.
fn followed(
    ask: &Ask,
    entity: &'static Entity,
    of: &str,
    parents: &BTreeMap<Window, Reason>,
    rules: &Rules,
    facts: &Facts,
) -> Vec<Planned> {
    let own: BTreeMap<Window, &Known> = known(facts, &entity.name).collect();
    let parent_rows: BTreeMap<Window, &Known> = known(facts, of).collect();
    let begun = |window: &Window| facts.begun.iter().any(|b| b.entity == of && b.span == Span::Window(*window));
    let begun_parents = facts.begun.iter().filter(|b| b.entity == of).filter_map(|b| b.span.window());
    let mut planned = Vec::new();
    let windows: std::collections::BTreeSet<Window> =
        parents.keys().chain(parent_rows.keys()).copied().chain(begun_parents).collect();
    for window in windows {
        let unit = Unit { entity, span: Span::Window(window) };
        let wanted = ask.kind == AskKind::Sync || ask.range.overlaps(&window);
        let reason = match (parents.get(&window), own.get(&window)) {
            // Its listing decides whether the family is read; what is due by itself is read either way.
            (Some(Reason::Recheck(_)), Some(known)) => reason(ask, unit, window, known, rules),
            (Some(reason), _) => Some(reason.clone()),
            (None, _) if begun(&window) => Some(Reason::Begun),
            (None, None) if wanted => Some(Reason::New),
            (None, Some(known)) => reason(ask, unit, window, known, rules),
            (None, None) => None,
        };
        let expected = own.get(&window).map(|k| k.rows).or_else(|| parent_rows.get(&window).map(|k| k.rows));
        let expected = expected.or_else(|| density::expected(window, &samples_of(facts, of)));
        planned.extend(reason.map(|reason| Planned { unit, reason, expected }));
    }
    planned
}

/// Rows expected in a span.
pub fn expected(facts: &Facts, entity: &Entity, span: Span) -> Option<u64> {
    let of = entity.parent().unwrap_or(&entity.name);
    let known = facts.known.iter().find(|k| k.entity == of && k.span == span).map(|k| k.rows);
    known.or_else(|| density::expected(span.window()?, &samples_of(facts, of)))
}

fn samples(facts: &Facts, entity: &Entity) -> Vec<density::Sample> {
    samples_of(facts, &entity.name)
}

fn samples_of(facts: &Facts, name: &str) -> Vec<density::Sample> {
    let seen = known(facts, name).map(|(window, known)| density::Sample { window, rows: known.rows });
    // Totals that the vendor gave are of the listing.
    let counted = facts.samples.iter().copied().filter(|_| name == LISTING);
    seen.chain(counted).collect()
}
