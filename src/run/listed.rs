//! Units that are listed: snapshots, windows of company days, periods, each by one listing or one per member of a fan-out.

use chrono_tz::Tz;
use futures::StreamExt as _;

use super::land::{self, Landing};
use super::members::{self, Member};
use super::part::{LIST, Part};
use super::session::Session;
use super::trouble::Trouble;
use super::{pins, privacy};
use crate::decode::{StampValue, Stamps};
use crate::entity::Entity;
use crate::entity::spec::Stamp;
use crate::plan::today;
use crate::source::Inputs;
use crate::state::OpenUnit;
use crate::unit::{Unit, Window, next};

/// Reads one unit.
pub async fn read(session: &Session, unit: Unit) -> Result<(), Trouble> {
    let (open, members) = fetch(session, unit).await?;
    let stamps = |part: &str| {
        let member = members.iter().find(|member| part_name(member) == part);
        stamps(session, unit, &open, member)
    };
    // The semaphore is never closed.
    let _one = session.landing.acquire().await;
    let pages = land::decode(session, unit, &open, stamps)?;
    if unit.entity.name == pins::COMPANY {
        pins::check_company(session, &pages)?;
    }
    let hidden = privacy::hidden(session, unit, &pages).await?;
    let landing = Landing { hidden: hidden.as_ref(), ..Landing::default() };
    members::note(session, unit, &pages)?;
    land::land(session, unit, &open, pages, landing).await.map(|_| ())
}

/// Begins one unit, or takes it up, and asks for what is missing of it.
pub async fn fetch(session: &Session, unit: Unit) -> Result<(OpenUnit, Vec<Member>), Trouble> {
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
        stamps.all.insert(Stamp::FromDate, StampValue::Day(window.from));
        stamps.all.insert(Stamp::ToDate, StampValue::Day(window.to));
        stamps.all.insert(Stamp::ThroughDate, StampValue::Day(through(session, unit.entity, open, window)));
        stamps.all.insert(Stamp::TimeZone, StampValue::Text(session.zone().name().to_owned()));
    }
    stamps
}
