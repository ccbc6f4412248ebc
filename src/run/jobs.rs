//! A plan carried out: jobs in order, several at once, until they are done or the run stops.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::task::{JoinError, JoinSet};

use super::family::{self, Done, Family};
use super::listed::Ahead;
use super::planning::facts;
use super::queue::{Ended, Job, Kind, Queue};
use super::session::Session;
use super::sight::{self, Verdict};
use super::tally::with_hint;
use super::trouble::{Trouble, stop_for};
use super::{backup, listed, publish, quiet};
use crate::error::Result;
use crate::halt;
use crate::plan::{LISTING, Planned, Reason, Sample, grid, samples_of};
use crate::unit::{Unit, Window};

/// Carries out a plan. What fails is counted and left for the next run.
///
/// Each job has a thread: one that decodes or waits for the disk does not keep the others from asking.
pub async fn execute(session: &Arc<Session>, planned: &[Planned]) {
    for one in planned {
        session.tally.entity(&one.unit.entity.name, |e| e.units.planned += 1);
    }
    let jobs = match jobs(session, planned) {
        Ok(jobs) => jobs,
        // What the ledger does not tell must not be guessed: a window might be cut whose object is there.
        Err(error) => {
            session.tally.fatal(&error);
            return session.stop.pull(halt::Reason::Fatal);
        }
    };
    let mut queue = Queue::new(jobs, seen(session));
    let mut running = JoinSet::new();
    loop {
        while session.stop.reason().is_none() {
            let Some(job) = queue.start() else { break };
            let (session, runtime) = (session.clone(), Handle::current());
            // Before its thread begins: another one may ask what is under way.
            session.under_way.begin(&job.windows());
            running.spawn_blocking(move || runtime.block_on(one_job(&session, job)));
        }
        let Some(ended) = running.join_next().await else { break };
        queue.ended(session, ended.unwrap_or_else(|error| panicked(session, error)));
        publish::now_and_then(session).await;
        backup::now_and_then(session).await;
    }
}

/// A thread is not aborted, so it has ended by a panic: it goes on here, and the other threads end, for the runtime waits for them.
fn panicked(session: &Session, error: JoinError) -> Ended {
    session.stop.pull(halt::Reason::Fatal);
    std::panic::resume_unwind(error.into_panic())
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
                one.open_ids.iter().try_for_each(|id| session.ledger.mark_suspect(*id, unit, &why))
            }
            Verdict::Blind(_) => one.open_ids.iter().try_for_each(|id| session.ledger.abandon(*id)),
        };
        if let Err(error) = ended {
            settle(session, unit, Err(error.into()));
        }
    }
}

/// How many calls windows held. Without a ledger that answers nothing is read anyway.
fn seen(session: &Session) -> Vec<Sample> {
    let facts = facts(&session.ledger, &session.config, session.catalog, session.zone()).unwrap_or_default();
    session.catalog.get(LISTING).map(|calls| samples_of(&facts, &calls.name)).unwrap_or_default()
}

/// Runs one job.
async fn one_job(session: &Session, job: Job) -> Ended {
    let windows = job.windows();
    let mut ended = Ended { kind: Kind::of(&job), cut: Vec::new(), listed: Vec::new(), ahead: Ahead::default() };
    match job {
        Job::Listed(unit) => {
            let refused = session.tally.is_refused(&unit.entity.name);
            let result = if refused { Err(Trouble::Stopped) } else { listed::read(session, unit).await };
            settle(session, unit, result);
        }
        Job::Ahead(units) => {
            let (ahead, failed) = listed::fetch_ahead(session, units).await;
            for (unit, trouble) in failed {
                settle(session, unit, Err(trouble));
            }
            ended.ahead = ahead;
        }
        Job::Filtered(ahead) => {
            for (unit, result) in listed::land_filtered(session, ahead).await {
                settle(session, unit, result);
            }
        }
        Job::TooLarge(family, expected) => {
            tracing::info!(window = %family.window, expected, "the window is expected to hold too many calls: it is cut");
            ended.cut = smaller(session, &family);
        }
        Job::Family(family) if may_read(session, &family) => {
            ended.listed.extend(family.parent);
            let whole = Family { children: family.children.clone(), if_changed: Vec::new(), ..family };
            let done = family::read(session, family).await;
            ended.cut = settle_all(session, done, &whole);
        }
        Job::Days(days) if days.first().is_some_and(|family| may_read(session, family)) => {
            ended.listed.extend(days.iter().filter_map(|family| family.parent));
            for done in quiet::read(session, days).await {
                for (unit, result) in done.units {
                    settle(session, unit, result);
                }
            }
        }
        Job::Family(_) | Job::Days(_) => {}
    }
    // What takes a window's place is under way before the window is not.
    session.under_way.begin(&ended.cut.iter().map(|family| family.window).collect::<Vec<_>>());
    session.under_way.end(&windows);
    ended
}

fn may_read(session: &Session, family: &Family) -> bool {
    !family.parent.is_some_and(|unit| session.tally.is_refused(&unit.entity.name))
}

/// Notes what became of a family; returns the smaller windows that take its place if it held too much.
fn settle_all(session: &Session, done: Done, family: &Family) -> Vec<Family> {
    for (unit, result) in done.units {
        settle(session, unit, result);
    }
    let (Some(total), Some(parent)) = (done.cut, family.parent) else { return Vec::new() };
    if let Err(error) = session.ledger.set_probe(&parent.entity.name, family.window, total) {
        settle(session, parent, Err(Trouble::from(error)));
        return Vec::new();
    }
    tracing::info!(window = %family.window, total, "the window holds too many calls: it is cut");
    smaller(session, family)
}

/// The smaller cells of the grid that take the place of a window that holds too much.
fn smaller(session: &Session, family: &Family) -> Vec<Family> {
    let Some(parent) = family.parent else { return Vec::new() };
    let cells = grid::smaller(family.window);
    for unit in family.children.iter().chain([&parent]) {
        session.tally.entity(&unit.entity.name, |e| e.units.planned += cells.len() as u64 - 1);
    }
    session.progress.extend((1 + family.children.len() as u64) * cells.len() as u64);
    let cell = |window: Window| Family {
        window,
        parent: Some(family::unit_of(parent.entity, window)),
        children: family.children.iter().map(|child| family::unit_of(child.entity, window)).collect(),
        if_changed: Vec::new(),
        may_cut: true,
        believed: false,
        may_join: false,
        told_empty: false,
    };
    cells.into_iter().rev().map(cell).collect()
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
fn jobs(session: &Session, planned: &[Planned]) -> Result<Vec<Job>> {
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
                may_join: false,
                told_empty: false,
            }));
            jobs.len() - 1
        });
        let Some(Job::Family(family)) = jobs.get_mut(place) else { continue };
        if unit.entity.parent().is_some() {
            family.children.push(unit);
            continue;
        }
        family.parent = Some(unit);
        let known = session.ledger.unit(unit)?;
        // What was begun keeps its boundaries: answers of it are staged, and its object may be there.
        family.may_cut = known.is_none()
            && one.reason != Reason::Begun
            && session.config.sync.window == crate::config::WindowSize::Auto;
        // A day that held calls is listed again for itself.
        let was_empty = known.is_none_or(|row| row.rows + row.private == 0);
        let by_age = matches!(one.reason, Reason::New | Reason::Unfinished | Reason::Age(_));
        family.may_join = was_empty && by_age && window.days() == 1;
        if matches!(one.reason, Reason::Recheck(_)) {
            family.if_changed = relatives(session, unit, window)?;
        }
    }
    Ok(jobs)
}

/// True if other entities are read by this one's ids.
fn has_children(session: &Session, unit: Unit) -> bool {
    session.catalog.all().any(|e| e.parent() == Some(&unit.entity.name))
}

/// The committed units that follow a listing.
fn relatives(session: &Session, parent: Unit, window: Window) -> Result<Vec<Unit>> {
    let mut committed = Vec::new();
    for entity in session.catalog.all().filter(|e| e.parent() == Some(&parent.entity.name)) {
        let unit = family::unit_of(entity, window);
        if session.ledger.unit(unit)?.is_some() {
            committed.push(unit);
        }
    }
    Ok(committed)
}
