//! What to read: what was asked for, minus what is covered, plus what is due for re-reading.
//!
//! A pure function of settings, facts and now. Knows no vendor, no ledger and no clock.

pub mod coverage;
mod density;
pub mod due;
mod estimate;
pub mod grid;
pub mod joined;
pub mod periods;
mod reason;
mod windows;

use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;

pub use density::{Expected, Sample, expected};
pub use estimate::{Cost, Estimate, Rates, estimate};
pub use reason::Reason;
pub use windows::{LISTING, readable, samples_of};

use crate::config::{Period, WindowSize};
use crate::entity::Entity;
use crate::unit::{Span, Unit, Window};

/// What was asked for.
#[derive(Debug, Clone)]
pub struct Ask {
    /// In catalog order, parents included.
    pub entities: Vec<&'static Entity>,
    /// The days that shall be covered.
    pub range: Window,
    /// Which command asks.
    pub kind: AskKind,
    /// Lists that the entities go over: read first if they never were.
    pub lists: Vec<&'static Entity>,
    /// What this run and those after it committed is not forced again: they went on with it.
    pub forced_since: Option<String>,
}

/// Which command asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AskKind {
    /// Everything up to date: snapshots by age, new windows, and every window that is due.
    Sync,
    /// Windows of the range that are not covered.
    Backfill,
    /// Windows of the range, covered or not.
    Force,
    /// What a fact of the ledger asks for, and nothing else: the repair of `verify`.
    Due,
}

/// The settings that decide what is due.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The run's one now.
    pub now: DateTime<Utc>,
    /// The company's time zone.
    pub zone: Tz,
    /// Size of settled windows.
    pub window: WindowSize,
    /// Ages by entity name, with `""` for the default.
    pub ages: std::collections::BTreeMap<String, Vec<Duration>>,
    /// Snapshots older than this are read again, by entity, with `""` for the default.
    pub every: std::collections::BTreeMap<String, Duration>,
    /// Length of the periods of statistics and coaching, by entity; months if absent.
    pub periods: std::collections::BTreeMap<String, Period>,
    /// Settled windows of calls unchecked for this long are listed again.
    pub recheck_every: Duration,
    /// Requests that one run may spend on that.
    pub recheck_requests: u64,
}

impl Rules {
    /// Ages of an entity; the family takes them from its parent.
    pub fn ages_of(&self, entity: &Entity) -> &[Duration] {
        let name = entity.parent().unwrap_or(&entity.name);
        self.ages.get(name).or_else(|| self.ages.get("")).map_or(&[], Vec::as_slice)
    }

    /// Length of an entity's periods.
    pub fn period_of(&self, entity: &Entity) -> Period {
        self.periods.get(&entity.name).copied().unwrap_or(Period::Month)
    }

    /// How long a running period is left alone between two readings.
    pub fn every_of(&self, entity: &Entity) -> Option<Duration> {
        let weekly = (entity.each().len() > 1).then(|| Duration::days(7));
        self.every.get(&entity.name).copied().or(weekly)
    }

    /// The zone whose midnights cut an entity's days.
    pub fn zone_of(&self, entity: &Entity) -> Tz {
        if entity.has_company_days() { self.zone } else { Tz::UTC }
    }
}

/// A committed unit, as far as planning cares.
#[derive(Debug, Clone)]
pub struct Known {
    /// Name of the entity.
    pub entity: String,
    /// Its span.
    pub span: Span,
    /// The now of its newest reading.
    pub read_at: DateTime<Utc>,
    /// Rows on disk, private ones apart.
    pub rows: u64,
    /// Rows left out as private.
    pub private: u64,
    /// Why it must be read early.
    pub due: Option<String>,
    /// The run that committed its newest reading; ids of runs sort by time.
    pub run_id: String,
    /// It was read under settings that are not today's.
    pub other_settings: bool,
}

impl Known {
    /// True if a forced reading of it is not done yet.
    fn is_forced(&self, ask: &Ask, now: DateTime<Utc>) -> bool {
        let done = |since: &String| self.run_id >= *since && !self.other_settings;
        now >= self.read_at && !ask.forced_since.as_ref().is_some_and(done)
    }
}

/// A unit that was begun by an earlier run and not committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begun {
    /// Name of the entity.
    pub entity: String,
    /// Its span.
    pub span: Span,
    /// Answers that are staged: paid already.
    pub staged: u64,
    /// The vendor's count of its rows, if it is a listing that was begun.
    pub total: Option<u64>,
    /// Its object may have been written, or nothing else holds its days.
    pub written: bool,
}

/// What the ledger knows.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Committed units.
    pub known: Vec<Known>,
    /// Begun units.
    pub begun: Vec<Begun>,
    /// Vendor totals of windows that were cut.
    pub samples: Vec<Sample>,
}

/// One unit to read.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What.
    pub unit: Unit,
    /// Why.
    pub reason: Reason,
    /// Rows expected, if anything is known.
    pub expected: Option<Expected>,
    /// Answers of it that an earlier run paid for.
    pub staged: u64,
}

/// Plans a run: unfinished units, snapshots, then windows from the newest to the oldest.
pub fn plan(
    ask: &Ask,
    rules: &Rules,
    facts: &Facts,
    catalog: impl Fn(&str) -> Option<&'static Entity>,
) -> Vec<Planned> {
    if ask.kind == AskKind::Due {
        // What was begun and not written waits for whoever began it.
        let begun = facts.begun.iter().filter(|begun| begun.written).cloned().collect();
        let facts = Facts { begun, ..facts.clone() };
        let mut due = plan(&Ask { kind: AskKind::Sync, ..ask.clone() }, rules, &facts, catalog);
        due.retain(|one| matches!(one.reason, Reason::Begun | Reason::Early(_)));
        return due;
    }
    let mut planned: Vec<Planned> = Vec::new();
    for begun in facts.begun.iter().filter(|begun| must_finish(ask, begun)) {
        if let Some(entity) = catalog(&begun.entity).filter(|entity| windows::has_begun(entity, begun.span, rules)) {
            let expected = windows::expected(facts, entity, begun.span);
            let unit = Unit { entity, span: begun.span };
            planned.push(Planned { unit, reason: Reason::Begun, expected, staged: begun.staged });
        }
    }
    for &entity in ask.entities.iter().filter(|e| e.is_snapshot()) {
        match ask.kind {
            AskKind::Sync => planned.extend(snapshot(entity, rules, facts)),
            AskKind::Force => planned.extend(forced_snapshot(ask, entity, rules, facts)),
            AskKind::Backfill | AskKind::Due => {}
        }
    }
    let unread = |entity: &&Entity| facts.known.iter().all(|known| known.entity != entity.name);
    planned.extend(ask.lists.iter().copied().filter(unread).filter_map(|list| snapshot(list, rules, facts)));
    planned.extend(windows::plan(ask, rules, facts));
    let mut seen = std::collections::HashSet::new();
    planned.retain(|p| seen.insert((p.unit.entity.name.clone(), p.unit.span)));
    planned.sort_by_key(order);
    planned
}

/// True if a begun unit comes first. What a backfill of earlier days has begun and not written is the backfill's.
fn must_finish(ask: &Ask, begun: &Begun) -> bool {
    let earlier = begun.span.window().is_some_and(|window| window.to <= ask.range.from);
    begun.written || !(ask.kind == AskKind::Sync && earlier)
}

fn forced_snapshot(ask: &Ask, entity: &'static Entity, rules: &Rules, facts: &Facts) -> Option<Planned> {
    let known = facts.known.iter().find(|known| known.entity == entity.name);
    known.is_none_or(|known| known.is_forced(ask, rules.now)).then(|| Planned {
        unit: Unit { entity, span: Span::Snapshot },
        reason: Reason::Force,
        expected: windows::expected(facts, entity, Span::Snapshot),
        staged: 0,
    })
}

/// What was begun first, then snapshots, because others depend on them, then windows from the newest on. What is filtered by what
/// `calls` says of privacy comes after the calls of the run.
fn order(planned: &Planned) -> (u8, std::cmp::Reverse<Option<NaiveDate>>) {
    let to = planned.unit.span.window().map(|window| window.to);
    let group = match (&planned.reason, to) {
        (Reason::Backfill, _) => u8::MAX,
        _ if planned.unit.entity.private.is_some() => u8::MAX - 1,
        (Reason::Begun, _) => 0,
        (_, None) => 1,
        (reason, Some(_)) => 1 + reason.rank(),
    };
    (group, std::cmp::Reverse(to))
}

fn snapshot(entity: &'static Entity, rules: &Rules, facts: &Facts) -> Option<Planned> {
    let known = facts.known.iter().find(|k| k.entity == entity.name);
    let every = *rules.every.get(&entity.name).or_else(|| rules.every.get("")).unwrap_or(&Duration::zero());
    let reason = match known {
        None => Reason::New,
        Some(known) if known.due.is_some() && rules.now >= known.read_at => {
            Reason::Early(known.due.clone().unwrap_or_default())
        }
        Some(known) if rules.now - known.read_at >= every && rules.now > known.read_at => Reason::Every(every),
        Some(_) => return None,
    };
    let expected = known.map(|known| Expected::Counted(known.rows));
    Some(Planned { unit: Unit { entity, span: Span::Snapshot }, reason, expected, staged: 0 })
}

/// The day that has begun at `now` in `zone`.
pub fn today(now: DateTime<Utc>, zone: Tz) -> NaiveDate {
    now.with_timezone(&zone).date_naive()
}

#[cfg(test)]
mod plan_tests;
