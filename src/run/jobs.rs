//! A plan carried out: jobs in order, several at once, until they are done or the run stops.

use std::collections::{BTreeMap, VecDeque};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use super::family::{self, Family};
use super::session::Session;
use super::sight::{self, Verdict};
use super::tally::with_hint;
use super::trouble::{Trouble, stop_for};
use super::{backup, listed, pins, publish};
use crate::plan::{Planned, Reason, grid};
use crate::unit::{Unit, Window};

/// Units under way at once. Each has several requests in flight; the limiter bounds those.
const AT_ONCE: usize = 8;

enum Job {
    Listed(Unit),
    Family(Family),
}

/// Carries out a plan. What fails is counted and left for the next run.
pub async fn execute(session: &Session, planned: &[Planned]) {
    for one in planned {
        session.tally.entity(&one.unit.entity.name, |e| e.units.planned += 1);
    }
    let mut queue = Queue::new(jobs(session, planned));
    let mut running = FuturesUnordered::new();
    loop {
        while session.stop.reason().is_none() {
            let Some(job) = queue.start() else { break };
            let kind = Kind::of(&job);
            running.push(async move { (kind, one_job(session, job).await) });
        }
        let Some((kind, cut)) = running.next().await else { break };
        queue.ended(kind, cut);
        publish::now_and_then(session).await;
        backup::now_and_then(session).await;
    }
}

/// Decides about empty listings that were held back, and lands those that are believed.
pub async fn end_doubt(session: &Session) {
    let held = session.sight.take();
    let verdict = match sight::decide(session, &held).await {
        Ok(verdict) => verdict,
        // They stay open: the next run asks again.
        Err(trouble) => return held.first().map_or((), |one| settle(session, one.unit, Err(trouble))),
    };
    if let Verdict::Blind(asked) = &verdict {
        session.tally.warn(sight::told(&held, asked));
        session.tally.suspect();
    }
    for one in held {
        let unit = one.unit;
        let ended = match verdict {
            Verdict::Believed => {
                one_job(session, Job::Family(Family { believed: true, ..one.family })).await;
                Ok(())
            }
            Verdict::Blind(_) if one.lost > 0 => {
                let why = format!("all {} calls are gone, and Gong shows no other", one.lost);
                session.ledger.mark_suspect(one.open_id, unit, &why)
            }
            Verdict::Blind(_) => session.ledger.abandon(one.open_id),
        };
        if let Err(error) = ended {
            settle(session, unit, Err(error.into()));
        }
    }
}

/// What others wait for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Tells whether the ledger is this company's: nothing is written before.
    Company,
    /// A whole list: fan-outs go over its ids.
    Snapshot,
    /// A window of calls, which tells of their privacy.
    Family,
    /// Nothing waits for it.
    Other,
}

impl Kind {
    fn of(job: &Job) -> Kind {
        match job {
            Job::Family(_) => Kind::Family,
            Job::Listed(unit) if unit.entity.name == pins::COMPANY => Kind::Company,
            Job::Listed(unit) if unit.entity.is_snapshot() => Kind::Snapshot,
            Job::Listed(_) => Kind::Other,
        }
    }
}

/// Jobs that have not begun, and the kinds of those that run.
struct Queue {
    jobs: VecDeque<Job>,
    running: Vec<Kind>,
}

impl Queue {
    fn new(mut jobs: Vec<Job>) -> Queue {
        jobs.sort_by_key(|job| Kind::of(job) != Kind::Company);
        Queue { jobs: jobs.into(), running: Vec::new() }
    }

    /// The next job, if it may begin now.
    fn start(&mut self) -> Option<Job> {
        let runs = |kind: Kind| self.running.contains(&kind);
        let waits = runs(Kind::Company)
            || match self.jobs.front()? {
                Job::Listed(unit) if unit.entity.private.is_some() && runs(Kind::Family) => true,
                Job::Listed(unit) => !unit.entity.each().is_empty() && runs(Kind::Snapshot),
                Job::Family(_) => false,
            };
        if waits || self.running.len() >= AT_ONCE {
            return None;
        }
        let job = self.jobs.pop_front()?;
        self.running.push(Kind::of(&job));
        Some(job)
    }

    /// Notes the end of a job and puts the windows that it was cut into first in line.
    fn ended(&mut self, kind: Kind, cut: Vec<Family>) {
        let place = self.running.iter().position(|running| *running == kind);
        place.map(|place| self.running.swap_remove(place));
        for family in cut.into_iter().rev() {
            self.jobs.push_front(Job::Family(family));
        }
    }
}

/// Runs one job; returns the smaller windows that take the place of one that held too much.
async fn one_job(session: &Session, job: Job) -> Vec<Family> {
    match job {
        Job::Listed(unit) => {
            let refused = session.tally.is_refused(&unit.entity.name);
            let result = if refused { Err(Trouble::Stopped) } else { listed::read(session, unit).await };
            settle(session, unit, result);
            Vec::new()
        }
        Job::Family(family) => {
            if family.parent.is_some_and(|unit| session.tally.is_refused(&unit.entity.name)) {
                return Vec::new();
            }
            let (window, parent, children) = (family.window, family.parent, family.children.clone());
            let done = family::read(session, family).await;
            for (unit, result) in done.units {
                settle(session, unit, result);
            }
            match (done.cut, parent) {
                (Some(total), Some(parent)) => cut(session, window, total, parent, &children),
                _ => Vec::new(),
            }
        }
    }
}

/// Replaces a window that holds too much by the smaller cells of the grid.
fn cut(session: &Session, window: Window, total: u64, parent: Unit, children: &[Unit]) -> Vec<Family> {
    if let Err(error) = session.ledger.set_probe(&parent.entity.name, window, total) {
        settle(session, parent, Err(Trouble::from(error)));
        return Vec::new();
    }
    let cells = grid::smaller(window);
    tracing::info!(%window, total, cells = cells.len(), "the window holds too many calls: it is cut");
    for unit in children.iter().chain([&parent]) {
        session.tally.entity(&unit.entity.name, |e| e.units.planned += cells.len() as u64 - 1);
    }
    session.progress.extend((1 + children.len() as u64) * cells.len() as u64);
    let family = |window: Window| Family {
        window,
        parent: Some(family::unit_of(parent.entity, window)),
        children: children.iter().map(|child| family::unit_of(child.entity, window)).collect(),
        if_changed: Vec::new(),
        may_cut: true,
        believed: false,
    };
    cells.into_iter().rev().map(family).collect()
}

/// Notes what became of a unit.
pub fn settle(session: &Session, unit: Unit, result: Result<(), Trouble>) {
    let name = &unit.entity.name;
    let trouble = match result {
        Ok(()) => return,
        Err(trouble) => trouble,
    };
    stop_for(session, &trouble);
    match trouble {
        Trouble::Stopped => {}
        Trouble::Failed(error) => {
            session.tally.entity(name, |e| e.units.failed += 1);
            session.tally.warn(with_hint(&error));
        }
        Trouble::NotPermitted(error) => {
            // Several units are under way when the first is refused; one warning says it.
            if session.tally.refuse(name) {
                session.tally.warn(format!("{name} is not permitted: {}", with_hint(&error)));
            }
        }
        Trouble::Fatal(error) => session.tally.fatal(&error),
    }
}

/// Units of one window and family become one job; the order of the plan stays.
fn jobs(session: &Session, planned: &[Planned]) -> Vec<Job> {
    let mut jobs: Vec<Job> = Vec::new();
    let mut places: BTreeMap<Window, usize> = BTreeMap::new();
    for one in planned {
        let unit = one.unit;
        let family = unit.entity.parent().is_some() || has_children(session, unit);
        let Some(window) = unit.span.window().filter(|_| family) else {
            jobs.push(Job::Listed(unit));
            continue;
        };
        let place = *places.entry(window).or_insert_with(|| {
            jobs.push(Job::Family(Family {
                window,
                parent: None,
                children: Vec::new(),
                if_changed: Vec::new(),
                may_cut: false,
                believed: false,
            }));
            jobs.len() - 1
        });
        let Some(Job::Family(family)) = jobs.get_mut(place) else { continue };
        if unit.entity.parent().is_some() {
            family.children.push(unit);
            continue;
        }
        family.parent = Some(unit);
        let known = session.ledger.unit(unit).ok().flatten().is_some();
        family.may_cut = !known && session.config.sync.window == crate::config::WindowSize::Auto;
        if matches!(one.reason, Reason::Recheck(_)) {
            family.if_changed = relatives(session, unit, window);
        }
    }
    jobs
}

/// True if other entities are read by this one's ids.
fn has_children(session: &Session, unit: Unit) -> bool {
    session.catalog.all().any(|e| e.parent() == Some(&unit.entity.name))
}

/// The committed units that follow a listing.
fn relatives(session: &Session, parent: Unit, window: Window) -> Vec<Unit> {
    let children = session.catalog.all().filter(|e| e.parent() == Some(&parent.entity.name));
    let units = children.map(|entity| family::unit_of(entity, window));
    units.filter(|unit| session.ledger.unit(*unit).ok().flatten().is_some()).collect()
}
