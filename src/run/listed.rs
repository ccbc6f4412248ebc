//! Units that are listed: snapshots, windows of company days, periods, each by one listing or one per member of a fan-out.

use std::collections::BTreeSet;

use chrono_tz::Tz;
use futures::StreamExt as _;

use super::land::{self, Landing};
use super::members::{self, Member};
use super::part::{LIST, Part};
use super::session::Session;
use super::trouble::Trouble;
use super::{pins, privacy, staging};
use crate::decode::{StampValue, Stamps};
use crate::entity::Entity;
use crate::entity::spec::Stamp;
use crate::plan::today;
use crate::source::Inputs;
use crate::state::OpenUnit;
use crate::unit::{Unit, Window, next};

/// Why a unit is read again early that was asked for the members of a list in doubt.
pub const DOUBTFUL: &str = "the list that it goes over was not whole";

/// Units that are filtered by what `calls` says of privacy are read so many at a time, with one look-up for all.
pub const FILTERED_AT_ONCE: usize = 32;

/// What was fetched of a unit.
pub type Fetched = (OpenUnit, Vec<Member>);

/// Reads one unit.
pub async fn read(session: &Session, unit: Unit) -> Result<(), Trouble> {
    let fetched = fetch(session, unit).await?;
    land(session, unit, fetched).await
}

/// Units whose rows name calls, fetched and not landed.
#[derive(Default)]
pub struct Ahead {
    /// The units.
    pub units: Vec<(Unit, Fetched)>,
    /// Calls that they name and that were looked up.
    asked: BTreeSet<String>,
}

/// Asks for units whose rows name calls, several at once, and looks up together those calls that neither the ledger nor the windows know
/// that are read just now. Second, what failed.
pub async fn fetch_ahead(session: &Session, units: Vec<Unit>) -> (Ahead, Vec<(Unit, Trouble)>) {
    // All of them: the limiter says how many are asked at once, and a long chain of pages must not hold up the others.
    let fetches = units.iter().map(|unit| async { (*unit, fetch(session, *unit).await) });
    let fetched = futures::future::join_all(fetches).await;
    let (mut ahead, mut failed) = (Ahead::default(), Vec::new());
    let mut ids = BTreeSet::new();
    for (unit, fetched) in fetched {
        let named = match &fetched {
            Ok(fetched) => named(session, unit, fetched),
            Err(_) => Ok(BTreeSet::new()),
        };
        match (fetched, named) {
            (Ok(fetched), Ok(named)) => {
                ids.extend(named);
                ahead.units.push((unit, fetched));
            }
            (Err(trouble), _) | (_, Err(trouble)) => failed.push((unit, trouble)),
        }
    }
    tokio::select! {
        unlisted = session.under_way.unlisted(ids) => ahead.asked = unlisted,
        _ = session.stop.pulled() => {}
    }
    if let Err(trouble) = look_up(session, &ahead.units, &ahead.asked).await {
        failed.extend(all_for(trouble, std::mem::take(&mut ahead.units)));
    }
    (ahead, failed)
}

/// Lands them. Calls of windows that did not land after all are looked up now.
pub async fn land_filtered(session: &Session, ahead: Ahead) -> Vec<(Unit, Result<(), Trouble>)> {
    let mut ids = BTreeSet::new();
    for (unit, fetched) in &ahead.units {
        match named(session, *unit, fetched) {
            Ok(named) => ids.extend(named),
            Err(trouble) => return all_for(trouble, ahead.units).map(|(unit, trouble)| (unit, Err(trouble))).collect(),
        }
    }
    let ids = ids.difference(&ahead.asked).cloned().collect();
    if let Err(trouble) = look_up(session, &ahead.units, &ids).await {
        return all_for(trouble, ahead.units).map(|(unit, trouble)| (unit, Err(trouble))).collect();
    }
    let mut done = Vec::new();
    for (unit, fetched) in ahead.units {
        done.push((unit, land(session, unit, fetched).await));
    }
    done
}

async fn look_up(session: &Session, units: &[(Unit, Fetched)], ids: &BTreeSet<String>) -> Result<(), Trouble> {
    match units.first() {
        Some((first, _)) => privacy::look_up(session, *first, ids).await,
        None => Ok(()),
    }
}

/// One of the units says what happened; the others wait with it.
fn all_for(trouble: Trouble, units: Vec<(Unit, Fetched)>) -> impl Iterator<Item = (Unit, Trouble)> {
    let troubles = std::iter::once(trouble).chain(std::iter::repeat_with(|| Trouble::Stopped));
    units.into_iter().map(|(unit, _)| unit).zip(troubles)
}

/// The calls that a unit's rows name.
fn named(session: &Session, unit: Unit, (open, _): &Fetched) -> Result<BTreeSet<String>, Trouble> {
    let mut ids = BTreeSet::new();
    let note = |page| ids.extend(privacy::named(unit.entity, &[page]));
    // One page at a time takes no memory, so this waits for nobody.
    staging::decode_each(session, unit, open, |_| Stamps::default(), note)?;
    Ok(ids)
}

/// Begins one unit, or takes it up, and asks for what is missing of it.
pub async fn fetch(session: &Session, unit: Unit) -> Result<Fetched, Trouble> {
    if session.tally.is_refused(&unit.entity.name) {
        return Err(Trouble::Stopped);
    }
    let open = land::begin(session, unit)?;
    let members = members::of(session, unit.entity)?;
    let asks = members.iter().map(|member| ask(session, unit, &open, member));
    let mut answers = futures::stream::iter(asks).buffer_unordered(session.config.limits.max_in_flight);
    let mut trouble = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(()) => {}
            // The others would be refused too.
            Err(refused @ (Trouble::NotPermitted(_) | Trouble::Fatal(_))) => return Err(refused),
            // What else was asked is paid for, and staged.
            Err(other) => trouble = trouble.or(Some(other)),
        }
    }
    drop(answers);
    match trouble {
        Some(trouble) => Err(trouble),
        None => Ok((open, members)),
    }
}

/// Lands what was fetched of a unit; nothing is asked.
pub async fn land(session: &Session, unit: Unit, (open, members): Fetched) -> Result<(), Trouble> {
    let stamps = |part: &str| {
        let member = members.iter().find(|member| part_name(member) == part);
        stamps(session, unit, &open, member)
    };
    // The semaphore is never closed.
    let _one = session.landing.acquire().await;
    let pages = staging::decode(session, unit, &open, stamps)?;
    if unit.entity.name == pins::COMPANY
        && let Err(error) = pins::check_company(session, &pages)
    {
        // Another company's answer must not be there when the right credentials are back.
        session.ledger.abandon(open.id)?;
        return Err(error.into());
    }
    let hidden = privacy::hidden(session, unit, &pages)?;
    // What the last reading by age went over must be whole: nothing reads the unit again by itself.
    let last = land::is_settled(session, unit, &open) && members::are_doubtful(session, unit.entity)?;
    let facts = members::told(unit, &pages);
    let landing = Landing { hidden: hidden.as_ref(), facts, due: last.then_some(DOUBTFUL), ..Landing::default() };
    land::land(session, unit, &open, pages, landing).await.map(|_| ())
}

async fn ask(session: &Session, unit: Unit, open: &OpenUnit, member: &Member) -> Result<(), Trouble> {
    let days = unit.span.window().map(|window| (window.from, through(session, unit.entity, open, window)));
    if days.is_some_and(|(from, to)| from >= to) {
        return Ok(());
    }
    let zone = zone(session, unit.entity);
    let end = |window: Window| window.ends_at(zone).min(open.read_at);
    let inputs = Inputs {
        instants: unit.span.window().map(|window| (window.starts_at(zone), end(window))),
        days,
        named: member.inputs.clone(),
        subject: unit.to_string(),
        ..Inputs::default()
    };
    Part { session, unit, open, name: part_name(member), inputs }.fetch(None).await.map(|_| ())
}

fn part_name(member: &Member) -> String {
    format!("{LIST}{}", member.name)
}

fn zone(session: &Session, entity: &Entity) -> Tz {
    if entity.has_company_days() { session.zone() } else { Tz::UTC }
}

/// The day after the last one that is asked: the window's end, or as far as the vendor gives days.
fn through(session: &Session, entity: &Entity, open: &OpenUnit, window: Window) -> chrono::NaiveDate {
    let today = today(open.read_at, zone(session, entity));
    let readable = if entity.finished_days_only() { today } else { next(today) };
    window.to.min(readable)
}

/// What the request knows of each row.
fn stamps(session: &Session, unit: Unit, open: &OpenUnit, member: Option<&Member>) -> Stamps {
    let mut stamps = Stamps::default();
    stamps.all.extend(member.into_iter().flat_map(|member| member.stamps.iter().cloned()));
    if let Some(window) = unit.span.window() {
        stamps.zone = Some(session.zone());
        stamps.all.insert(Stamp::FromDate, StampValue::Day(window.from));
        stamps.all.insert(Stamp::ToDate, StampValue::Day(window.to));
        stamps.all.insert(Stamp::ThroughDate, StampValue::Day(through(session, unit.entity, open, window)));
        stamps.all.insert(Stamp::TimeZone, StampValue::Text(session.zone().name().to_owned()));
    }
    stamps
}
