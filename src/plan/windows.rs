//! Windows of the dated entities: gaps cut into cells, and windows that are due. Children follow the windows of their parent.

use std::collections::BTreeMap;

use chrono::{Duration, NaiveDate};

use super::due::{self, Age};
use super::{Ask, AskKind, Expected, Facts, Known, Planned, Reason, Rules, coverage, density, grid, periods, today};
use crate::entity::Entity;
use crate::entity::spec::Read;
use crate::unit::{Span, Unit, Window, next};

/// Settled windows of this entity are listed again now and then; its children follow where the listing differs.
pub const LISTING: &str = "calls";

/// Plans every dated entity of the request.
pub fn plan(ask: &Ask, rules: &Rules, facts: &Facts) -> Vec<Planned> {
    let mut planned: Vec<Planned> = Vec::new();
    for &entity in &ask.entities {
        match &entity.read {
            Read::Window { .. } | Read::Period { .. } => planned.extend(listed(ask, entity, rules, facts)),
            Read::ById { of } | Read::Media { of, .. } => {
                let parents = planned.iter().filter(|p| p.unit.entity.name == *of);
                let parents = parents.filter_map(|p| Some((p.unit.span.window()?, p))).collect();
                let followed = followed(ask, entity, of, &parents, rules, facts);
                planned.extend(followed);
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
    let expected = nearby(facts, entity);
    let so_far = |window: Window| Some(Expected::About(expected(window)? * passed(window, rules, zone)));
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
        expected: so_far(window),
        staged: 0,
    };
    let gaps = if range.from < range.to { coverage::gaps(range, &covered) } else { Vec::new() };
    let cut = |gap| match entity.read {
        Read::Period { .. } => periods::periods(gap, rules.period_of(entity)),
        _ => grid::cells(gap, unsettled, rules.window, |window| expected(window).map(|rows| rows.ceil() as u64)),
    };
    let mut planned: Vec<Planned> = gaps.into_iter().flat_map(cut).map(fresh).collect();
    let again = again(ask, entity, rules, facts, so_far);
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

/// Share of a window that has passed.
fn passed(window: Window, rules: &Rules, zone: chrono_tz::Tz) -> f64 {
    let (from, to) = (window.starts_at(zone), window.ends_at(zone));
    let share = (rules.now - from).num_seconds() as f64 / (to - from).num_seconds().max(1) as f64;
    share.clamp(0.0, 1.0)
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

/// False for company days that have begun in one zone and not in the rules': nothing of them can be asked.
pub fn has_begun(entity: &Entity, span: Span, rules: &Rules) -> bool {
    !entity.has_company_days() || span.window().is_none_or(|window| window.from < readable(entity, rules))
}

/// Committed windows that are read again. `so_far` gives the rows expected in one that was read before it was over.
fn again(
    ask: &Ask,
    entity: &'static Entity,
    rules: &Rules,
    facts: &Facts,
    so_far: impl Fn(Window) -> Option<Expected>,
) -> Vec<Planned> {
    let mut unchecked = Vec::new();
    let mut planned = Vec::new();
    let readable = readable(entity, rules);
    // A window that has begun in one zone may not have in another.
    for (window, known) in known(facts, &entity.name).filter(|(window, _)| window.from < readable) {
        let unit = Unit { entity, span: Span::Window(window) };
        let counted = Expected::Counted(known.rows.saturating_add(known.private));
        let expected = match so_far(window).filter(|_| known.read_at < window.ends_at(rules.zone_of(entity))) {
            Some(more) if more.rows() > counted.rows() => Some(more),
            _ => Some(counted),
        };
        if let Some(reason) = reason(ask, unit, window, known, rules) {
            planned.push(Planned { unit, reason, expected, staged: 0 });
        } else if ask.kind == AskKind::Sync
            && entity.name == LISTING
            && rules.now - known.read_at >= rules.recheck_every
        {
            let reason = Reason::Recheck(rules.recheck_every);
            unchecked.push((known.read_at, Planned { unit, reason, expected, staged: 0 }));
        }
    }
    unchecked.sort_by_key(|(read_at, _)| *read_at);
    let mut requests = 0_u64;
    for (_, one) in unchecked {
        requests = requests.saturating_add(one.expected.map_or(0, Expected::rows).div_ceil(100).max(1));
        if requests > rules.recheck_requests {
            break;
        }
        planned.push(one);
    }
    planned
}

fn reason(ask: &Ask, unit: Unit, window: Window, known: &Known, rules: &Rules) -> Option<Reason> {
    match ask.kind {
        AskKind::Force => (ask.range.overlaps(&window) && known.is_forced(ask, rules.now)).then_some(Reason::Force),
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
    parents: &BTreeMap<Window, &Planned>,
    rules: &Rules,
    facts: &Facts,
) -> Vec<Planned> {
    let own: BTreeMap<Window, &Known> = known(facts, &entity.name).collect();
    let parent_rows: BTreeMap<Window, &Known> = known(facts, of).collect();
    // What the parent's backfill has begun is the backfill's, with what follows it.
    let first = |b: &&super::Begun| b.entity == of && super::must_finish(ask, b);
    let begun = |window: &Window| facts.begun.iter().filter(first).any(|b| b.span == Span::Window(*window));
    let begun_parents = facts.begun.iter().filter(first).filter_map(|b| b.span.window());
    let mut planned = Vec::new();
    let (samples, share) = (samples_of(facts, of), public_share(facts, of));
    let windows: std::collections::BTreeSet<Window> =
        parents.keys().chain(parent_rows.keys()).copied().chain(begun_parents).collect();
    for window in windows {
        let unit = Unit { entity, span: Span::Window(window) };
        let wanted = ask.kind == AskKind::Sync || ask.range.overlaps(&window);
        let parent = parents.get(&window);
        let reason = match (parent.map(|parent| &parent.reason), own.get(&window)) {
            // Its listing decides whether the family is read; what is due by itself is read either way.
            (Some(Reason::Recheck(_)), Some(known)) => reason(ask, unit, window, known, rules),
            (Some(reason), _) => Some(reason.clone()),
            (None, _) if begun(&window) => Some(Reason::Begun),
            (None, None) if wanted => Some(Reason::New),
            (None, Some(known)) => reason(ask, unit, window, known, rules),
            (None, None) => None,
        };
        // So many ids are asked as the parent has public calls, whether they come or not.
        let counted = parent_rows.get(&window).map(|known| Expected::Counted(known.rows));
        let expected = match parent.and_then(|parent| parent.expected) {
            Some(Expected::About(rows)) => Some(Expected::About(rows * share)),
            _ => counted.or_else(|| Some(Expected::About(density::expected(window, &samples)? * share))),
        };
        planned.extend(reason.map(|reason| Planned { unit, reason, expected, staged: 0 }));
    }
    planned
}

/// Rows expected in a span.
pub fn expected(facts: &Facts, entity: &Entity, span: Span) -> Option<Expected> {
    let (of, child) = (entity.parent().unwrap_or(&entity.name), entity.parent().is_some());
    if let Some(known) = facts.known.iter().find(|k| k.entity == of && k.span == span) {
        return Some(Expected::Counted(known.rows.saturating_add(if child { 0 } else { known.private })));
    }
    let share = if child { public_share(facts, of) } else { 1.0 };
    if let Some(total) = facts.begun.iter().find(|b| b.entity == of && b.span == span).and_then(|b| b.total) {
        return Some(if child { Expected::About(total as f64 * share) } else { Expected::Counted(total) });
    }
    density::expected(span.window()?, &samples_of(facts, of)).map(|rows| Expected::About(rows * share))
}

/// Share of an entity's rows that are not private, as far as they were seen: ids of private calls are not asked.
fn public_share(facts: &Facts, name: &str) -> f64 {
    let add = |sum: (f64, f64), known: &Known| (sum.0 + known.rows as f64, sum.1 + known.private as f64);
    let (public, private) = known(facts, name).fold((0.0, 0.0), |sum, (_, known)| add(sum, known));
    if public + private > 0.0 { public / (public + private) } else { 1.0 }
}

/// Rows expected in a window of an entity: by what was seen of it nearby; where only calls were seen or counted in the window, by how many
/// rows of it there were for each call.
fn nearby(facts: &Facts, entity: &Entity) -> impl Fn(Window) -> Option<f64> {
    let own = samples_of(facts, &entity.name);
    let by_calls = entity.name != LISTING && !entity.is_period() && entity.page.explode.is_none();
    let calls = if by_calls { samples_of(facts, LISTING) } else { Vec::new() };
    let rows = |name: &str| known(facts, name).map(|(_, known)| known.rows as f64 + known.private as f64).sum::<f64>();
    let a_call = rows(&entity.name) / rows(LISTING);
    let seen = |window: &Window, samples: &[density::Sample]| samples.iter().any(|s| s.window.overlaps(window));
    move |window| {
        let by_ratio = !own.is_empty() && a_call.is_finite() && !seen(&window, &own) && seen(&window, &calls);
        let samples = if by_ratio { &calls } else { &own };
        density::expected(window, samples).map(|rows| rows * if by_ratio { a_call } else { 1.0 })
    }
}

/// Rows that the vendor gave, private ones included: they fill pages too.
pub fn samples_of(facts: &Facts, name: &str) -> Vec<density::Sample> {
    // A window that was read before it was over tells nothing of a whole one. Company days end within a day of UTC's.
    let whole = |(window, known): &(Window, &Known)| known.read_at >= window.ends_at(chrono_tz::Tz::UTC);
    let sample =
        |(window, known): (Window, &Known)| density::Sample { window, rows: known.rows.saturating_add(known.private) };
    // Totals that the vendor gave are of the listing.
    let counted = facts.samples.iter().copied().filter(|_| name == LISTING);
    let seen: Vec<density::Sample> = known(facts, name).filter(whole).map(sample).chain(counted).collect();
    if seen.is_empty() { known(facts, name).map(sample).collect() } else { seen }
}
