//! What holds of every plan: it tiles what was asked, leaves committed boundaries alone, is done once it is carried out, and is in order.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::{Days, TimeDelta};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::*;
use crate::entity::Catalog;
use crate::entity::spec::Read;

static CATALOG: LazyLock<&'static Catalog> =
    LazyLock::new(|| Catalog::load(None).expect("the embedded files are valid"));

/// A ledger, settings and a question by chance.
struct Case {
    catalog: &'static Catalog,
    ask: Ask,
    rules: Rules,
    facts: Facts,
}

fn kind_of(chance: &mut StdRng) -> AskKind {
    *[AskKind::Sync, AskKind::Sync, AskKind::Backfill, AskKind::Force].choose(chance).expect("one of three")
}

impl Case {
    fn new(seed: u64) -> Case {
        let chance = &mut StdRng::seed_from_u64(seed);
        let catalog = *CATALOG;
        let zones = [Tz::UTC, Tz::America__Los_Angeles, Tz::Pacific__Kiritimati, Tz::Asia__Kolkata];
        let zone = *zones.choose(chance).expect("one of four");
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000) + TimeDelta::seconds(chance.gen_range(0..40_000_000));
        let ages: Vec<Duration> = (1..20).filter(|_| chance.gen_bool(0.3)).map(Duration::days).collect();
        let periods = [Period::Day, Period::Week, Period::Month];
        let period = *periods.choose(chance).expect("one of three");
        let names = ["stats_activity_aggregate", "stats_interaction", "coaching"];
        let rules = Rules {
            now,
            zone,
            window: *[WindowSize::Auto, WindowSize::Day, WindowSize::Month].choose(chance).expect("one of three"),
            ages: BTreeMap::from([(String::new(), ages)]),
            every: BTreeMap::from([(String::new(), Duration::hours(chance.gen_range(1..40)))]),
            periods: names.iter().map(|name| ((*name).to_owned(), period)).collect(),
            recheck_every: Duration::days(chance.gen_range(1..60)),
            recheck_requests: *[0, 3, u64::MAX].choose(chance).expect("one of three"),
        };
        let from = today(now, zone) - Days::new(chance.gen_range(0..100));
        let to = from + Days::new(chance.gen_range(1..130));
        let all: Vec<&'static Entity> = catalog.all().filter(|e| e.page.link.is_none()).collect();
        let ask = Ask {
            entities: all.clone(),
            range: Window { from, to },
            kind: kind_of(chance),
            lists: Vec::new(),
            forced_since: None,
        };
        let mut case = Case { catalog, ask, rules, facts: Facts::default() };
        for entity in all {
            case.remember(entity, chance);
        }
        case
    }

    /// Units of an entity that were committed or begun.
    fn remember(&mut self, entity: &'static Entity, chance: &mut StdRng) {
        let spans: Vec<Span> = match &entity.read {
            Read::Snapshot { .. } => vec![Span::Snapshot],
            // They follow their parent's windows.
            Read::ById { of } | Read::Media { of, .. } => {
                self.facts.known.iter().filter(|k| k.entity == *of).map(|k| k.span).collect()
            }
            Read::Period { .. } => {
                let before = Window { from: self.ask.range.from - Days::new(40), to: self.rules.now.date_naive() };
                periods::periods(before, self.rules.period_of(entity)).into_iter().map(Span::Window).collect()
            }
            Read::Window { .. } => self.cells(chance).into_iter().map(Span::Window).collect(),
        };
        for span in spans {
            if chance.gen_bool(0.4) {
                let read_at = self.rules.now - TimeDelta::hours(chance.gen_range(-30..2000));
                let due = chance.gen_bool(0.05).then(|| "a fact".to_owned());
                let rows = chance.gen_range(0..9000);
                self.facts.known.push(Known { due, ..read(entity.name.clone(), span, read_at, rows) });
            }
            if chance.gen_bool(0.1) && entity.parent().is_none() {
                self.facts.begun.push(Begun {
                    entity: entity.name.clone(),
                    span,
                    staged: 0,
                    total: None,
                    written: true,
                });
            }
        }
    }

    /// Cells around the range as runs of other settings cut them.
    fn cells(&self, chance: &mut StdRng) -> Vec<Window> {
        let mut at = self.ask.range.from - Days::new(40);
        let mut cells = Vec::new();
        while at < self.rules.now.date_naive() {
            let to = at + Days::new(chance.gen_range(1..50));
            let size = *[WindowSize::Day, WindowSize::Month, WindowSize::Auto].choose(chance).expect("one of three");
            cells.extend(grid::cells(Window { from: at, to }, NaiveDate::MAX, size, |_| None));
            at = to;
        }
        cells
    }

    fn plan(&self) -> Vec<Planned> {
        plan(&self.ask, &self.rules, &self.facts, |name| self.catalog.get(name))
    }

    /// Windows of an entity that are on disk.
    fn committed(&self, name: &str) -> BTreeSet<Window> {
        self.facts.known.iter().filter(|k| k.entity == name).filter_map(|k| k.span.window()).collect()
    }

    /// Carries out units at this now.
    fn carry_out(&mut self, planned: &[Planned], chance: &mut StdRng) {
        for Planned { unit, .. } in planned {
            let (entity, span) = (unit.entity.name.clone(), unit.span);
            self.facts.begun.retain(|b| (&b.entity, b.span) != (&entity, span));
            let known = self.facts.known.iter_mut().find(|k| (&k.entity, k.span) == (&entity, span));
            let (read_at, rows) = (self.rules.now, chance.gen_range(0..9000));
            match known {
                // What was read at a later now stays as it is; the run leaves the older reading out.
                Some(known) if known.read_at > read_at => {}
                Some(known) => {
                    *known = read(entity, span, read_at, rows);
                }
                None => self.facts.known.push(read(entity, span, read_at, rows)),
            }
        }
    }
}

/// Fails unless each day that was asked and can be read lies in one window that is committed or planned, and no two windows overlap.
fn assert_tiled(case: &Case, planned: &[Planned], seed: u64) {
    for entity in case.ask.entities.iter().filter(|e| matches!(e.read, Read::Window { .. } | Read::Period { .. })) {
        let mut windows = case.committed(&entity.name);
        let of_entity = planned.iter().filter(|p| p.unit.entity.name == entity.name);
        windows.extend(of_entity.filter_map(|p| p.unit.span.window()));
        let sorted: Vec<Window> = windows.iter().copied().collect();
        for pair in sorted.windows(2) {
            assert!(pair[0].to <= pair[1].from, "seed {seed}: {} {} and {} overlap", entity.name, pair[0], pair[1]);
        }
        let end = case.ask.range.to.min(readable(entity, &case.rules));
        if case.ask.range.from < end {
            let range = Window { from: case.ask.range.from, to: end };
            assert_eq!(coverage::gaps(range, &sorted), [], "seed {seed}: {} {range}", entity.name);
        }
    }
}

fn assert_ordered(planned: &[Planned], seed: u64) {
    let late = |p: &Planned| p.unit.entity.private.is_some();
    let fresh: Vec<&Planned> = planned.iter().filter(|p| p.reason != Reason::Begun && !late(p)).collect();
    let first_window = fresh.iter().position(|p| p.unit.span != Span::Snapshot).unwrap_or(fresh.len());
    assert!(fresh[first_window..].iter().all(|p| p.unit.span != Span::Snapshot), "seed {seed}: snapshots first");
    for rank in 0..4 {
        let ends: Vec<NaiveDate> =
            fresh.iter().filter(|p| p.reason.rank() == rank).filter_map(|p| Some(p.unit.span.window()?.to)).collect();
        assert!(ends.is_sorted_by(|a, b| a >= b), "seed {seed}: newest first, {ends:?}");
    }
    let begun = planned.iter().filter(|p| !late(p)).position(|p| p.reason != Reason::Begun).unwrap_or(planned.len());
    assert!(planned.iter().filter(|p| !late(p)).skip(begun).all(|p| p.reason != Reason::Begun), "seed {seed}");
    let first_late = planned.iter().position(late).unwrap_or(planned.len());
    assert!(planned[first_late..].iter().all(late), "seed {seed}: what calls decide comes after them");
    let units: BTreeSet<_> = planned.iter().map(|p| (&p.unit.entity.name, p.unit.span)).collect();
    assert_eq!(units.len(), planned.len(), "seed {seed}: a unit is planned twice");
}

#[test]
fn plans_tile_what_was_asked_and_end() {
    for seed in 0..200 {
        let mut case = Case::new(seed);
        let chance = &mut StdRng::seed_from_u64(seed);
        let planned = case.plan();
        assert_tiled(&case, &planned, seed);
        assert_ordered(&planned, seed);
        // Killed on the way: some are done, and of the others one may have been begun.
        let mut done: Vec<Planned> = planned.iter().filter(|_| chance.gen_bool(0.5)).cloned().collect();
        // What follows a listing is committed after it.
        let listed = done.clone();
        let is_of = |one: &Planned, of: &str, span| one.unit.entity.name == of && one.unit.span == span;
        done.retain(|one| {
            let Some(of) = one.unit.entity.parent() else { return true };
            let waits = planned.iter().any(|p| is_of(p, of, one.unit.span));
            !waits || listed.iter().any(|p| is_of(p, of, one.unit.span))
        });
        case.carry_out(&done, chance);
        if case.ask.kind == AskKind::Force {
            // What is forced is forced again; what it read is covered.
            case.ask.kind = AskKind::Backfill;
        }
        let rest = case.plan();
        assert_tiled(&case, &rest, seed);
        let again =
            |p: &&Planned| done.iter().any(|d| d.unit.entity.name == p.unit.entity.name && d.unit.span == p.unit.span);
        let later = |p: &&Planned| {
            let known = case.facts.known.iter().find(|k| k.entity == p.unit.entity.name && k.span == p.unit.span);
            known.is_some_and(|k| k.read_at > case.rules.now)
        };
        let twice: Vec<&Planned> = rest.iter().filter(again).filter(|p| !later(p)).collect();
        assert!(twice.is_empty(), "seed {seed}: planned again at the same now: {twice:?}");
        case.carry_out(&rest, chance);
        let left = case.plan();
        // Each run lists only so many settled windows again.
        let left: Vec<&Planned> = left.iter().filter(|p| !matches!(p.reason, Reason::Recheck(_))).collect();
        assert!(left.is_empty(), "seed {seed}: {left:?}");
        assert_tiled(&case, &[], seed);
    }
}

#[test]
fn a_repair_plans_what_a_fact_asks_for_and_nothing_else() {
    for seed in 0..300 {
        let mut case = Case::new(seed);
        case.ask.kind = AskKind::Due;
        for one in case.plan() {
            assert!(matches!(one.reason, Reason::Begun | Reason::Early(_)), "seed {seed}: {one:?}");
        }
    }
}

#[test]
fn numbers_of_the_vendor_that_no_account_has_break_no_plan() {
    let mut case = Case::new(1);
    case.ask.kind = AskKind::Sync;
    case.facts.known.iter_mut().for_each(|known| known.rows = u64::MAX);
    case.facts.samples.push(Sample { window: case.ask.range, rows: u64::MAX });
    let planned = case.plan();
    let rates = Rates { per_second: 3.0, per_day: 10_000, ..Rates::default() };
    assert!(estimate(&planned, &rates).requests > 0);
}

/// A unit as a run under today's settings leaves it.
fn read(entity: String, span: Span, read_at: DateTime<Utc>, rows: u64) -> Known {
    Known { entity, span, read_at, rows, private: 0, due: None, run_id: String::new(), other_settings: false }
}
