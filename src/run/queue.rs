//! Which job begins next: in the order of the plan, none before what it waits for, and by what is known of the density by then.

use std::collections::VecDeque;

use super::family::Family;
use super::listed::{Ahead, FILTERED_AT_ONCE};
use super::pins;
use super::session::Session;
use crate::plan::{Sample, expected, grid, joined};
use crate::unit::{Unit, Window};

/// Jobs under way at once. Each has several requests in flight; the limiter bounds those.
const AT_ONCE: usize = 8;

/// So many more that are no windows of calls: eight of those may all end at once, and last.
const BESIDE: usize = 4;

/// Fewer days say nothing of those beside them: a weekend is quiet everywhere.
const DAYS_THAT_TELL: u32 = 3;

/// What is done at once.
pub enum Job {
    /// One unit.
    Listed(Unit),
    /// Units that are filtered by what `calls` says of privacy: only their answers, while windows of calls are still read.
    Ahead(Vec<Unit>),
    /// The same, filtered and landed once these windows have landed.
    Filtered(Ahead),
    /// A window of calls and what is read by its ids.
    Family(Family),
    /// Days side by side that are asked for together first.
    Days(Vec<Family>),
    /// A window that is now known to hold too much: cut, and not asked for.
    TooLarge(Family, u64),
}

impl Job {
    /// The windows of calls that it reads.
    pub fn windows(&self) -> Vec<Window> {
        match self {
            Job::Family(family) | Job::TooLarge(family, _) => vec![family.window],
            Job::Days(days) => days.iter().map(|family| family.window).collect(),
            Job::Listed(_) | Job::Ahead(_) | Job::Filtered(_) => Vec::new(),
        }
    }
}

/// What others wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Tells whether the ledger is this company's: nothing is written before.
    Company,
    /// A whole list: fan-outs go over its ids.
    Snapshot,
    /// A window of calls, which tells of their privacy.
    Family,
    /// Answers that are filtered later: one such job at a time, because it waits for windows that are cut.
    Ahead,
    /// Nothing waits for it.
    Other,
}

impl Kind {
    /// The kind of a job.
    pub fn of(job: &Job) -> Kind {
        match job {
            Job::Family(_) | Job::Days(_) | Job::TooLarge(..) => Kind::Family,
            Job::Listed(unit) if unit.entity.name == pins::COMPANY => Kind::Company,
            Job::Listed(unit) if unit.entity.is_snapshot() => Kind::Snapshot,
            Job::Ahead(_) => Kind::Ahead,
            Job::Listed(_) | Job::Filtered(_) => Kind::Other,
        }
    }
}

fn is_filtered(unit: &Unit) -> bool {
    unit.entity.private.is_some()
}

/// Jobs that have not begun, the kinds of those that run, and how many calls windows hold as far as they were read.
pub struct Queue {
    jobs: VecDeque<Job>,
    running: Vec<Kind>,
    seen: Vec<Sample>,
}

impl Queue {
    /// The jobs of a plan; `seen` are the windows that were read before.
    pub fn new(mut jobs: Vec<Job>, seen: Vec<Sample>) -> Queue {
        jobs.sort_by_key(|job| Kind::of(job) != Kind::Company);
        Queue { jobs: jobs.into(), running: Vec::new(), seen }
    }

    /// The next job, if it may begin now.
    pub fn start(&mut self) -> Option<Job> {
        let place = self.next()?;
        let job = match self.jobs.remove(place)? {
            Job::Family(family) => self.by_density(family),
            Job::Listed(unit) if is_filtered(&unit) => self.filtered(unit),
            other => other,
        };
        self.running.push(Kind::of(&job));
        Some(job)
    }

    /// The place of the first in line; while that one waits for a list, the first window of calls, which needs none.
    fn next(&self) -> Option<usize> {
        let first = self.jobs.front()?;
        let most = |job: &Job| if Kind::of(job) == Kind::Family { AT_ONCE } else { AT_ONCE + BESIDE };
        if self.runs(Kind::Company) {
            return None;
        }
        if !self.waits(first) {
            return (self.running.len() < most(first)).then_some(0);
        }
        if !self.runs(Kind::Snapshot) || self.running.len() >= AT_ONCE {
            return None;
        }
        self.jobs.iter().position(|job| Kind::of(job) == Kind::Family)
    }

    fn runs(&self, kind: Kind) -> bool {
        self.running.contains(&kind)
    }

    /// True if what a job needs is still under way.
    fn waits(&self, job: &Job) -> bool {
        match job {
            Job::Listed(unit) if is_filtered(unit) => self.runs(Kind::Snapshot) || self.runs(Kind::Ahead),
            Job::Filtered(_) => self.runs(Kind::Family) || self.runs(Kind::Snapshot),
            Job::Listed(unit) => !unit.entity.each().is_empty() && self.runs(Kind::Snapshot),
            Job::Ahead(_) | Job::Family(_) | Job::Days(_) | Job::TooLarge(..) => false,
        }
    }

    /// A unit that is filtered, and those like it that follow.
    fn filtered(&mut self, first: Unit) -> Job {
        let mut units = vec![first];
        while units.len() < FILTERED_AT_ONCE
            && let Some(Job::Listed(unit)) = self.jobs.front()
            && is_filtered(unit)
        {
            units.push(*unit);
            self.jobs.pop_front();
        }
        Job::Ahead(units)
    }

    /// What is known by now may make another job of a window than the plan did.
    fn by_density(&mut self, family: Family) -> Job {
        if family.may_cut && family.window.days() > 1 {
            let rows = self.expected(family.window).map_or(0, |rows| rows.ceil() as u64);
            return if rows > grid::MOST_ROWS { Job::TooLarge(family, rows) } else { Job::Family(family) };
        }
        if !family.may_join {
            return Job::Family(family);
        }
        let others = self.jobs.iter().filter_map(|job| match job {
            Job::Family(other) if other.may_join => Some(other.window),
            _ => None,
        });
        let days: Vec<Window> = std::iter::once(family.window).chain(others).collect();
        let count = joined::together(&days, |window| self.expected(window));
        if count == 0 {
            return Job::Family(family);
        }
        let chosen = &days[1..count];
        let (mut days, mut rest) = (vec![family], VecDeque::new());
        for job in self.jobs.drain(..) {
            match job {
                Job::Family(other) if other.may_join && chosen.contains(&other.window) => days.push(other),
                other => rest.push_back(other),
            }
        }
        self.jobs = rest;
        Job::Days(days)
    }

    /// Calls expected in a window, once enough days were read.
    fn expected(&self, window: Window) -> Option<f64> {
        let days: u32 = self.seen.iter().map(|sample| sample.window.days()).sum();
        if days < DAYS_THAT_TELL { None } else { expected(window, &self.seen) }
    }

    /// Notes the end of a job and puts the windows that it was cut into first in line.
    pub fn ended(&mut self, session: &Session, ended: Ended) {
        let place = self.running.iter().position(|running| *running == ended.kind);
        place.map(|place| self.running.swap_remove(place));
        if !ended.ahead.units.is_empty() {
            self.jobs.push_front(Job::Filtered(ended.ahead));
        }
        // Windows of calls go before what is filtered by them.
        for family in ended.cut.into_iter().rev() {
            self.jobs.push_front(Job::Family(family));
        }
        for unit in ended.listed {
            if let (Some(window), Ok(Some(row))) = (unit.span.window(), session.ledger.unit(unit)) {
                self.seen.retain(|sample| sample.window != window);
                self.seen.push(Sample { window, rows: row.rows + row.private });
            }
        }
    }
}

/// What is left of a job.
pub struct Ended {
    /// Its kind.
    pub kind: Kind,
    /// Smaller windows that take the place of one that held too much.
    pub cut: Vec<Family>,
    /// Listings of calls that it read.
    pub listed: Vec<Unit>,
    /// Units whose answers were fetched ahead.
    pub ahead: Ahead,
}
