//! The company's time zone: set, or learned from one of the vendor's answers and kept in the ledger.

use chrono::{DateTime, Days, Duration, Offset as _, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::session::Session;
use crate::config::Config;
use crate::entity::Entity;
use crate::error::Result;
use crate::plan::today;
use crate::source::{Failure, Inputs, Page, Refusal, Reply, build};
use crate::state::Ledger;

/// The fact that keeps it.
pub const FACT: &str = "time_zone";

/// Statistics of so many days back are asked until one answer comes: a quiet month has none.
const LOOK_BACK: [u64; 2] = [31, 366];

/// The company's zone, if it is set or was learned.
pub fn known(config: &Config, ledger: &Ledger) -> Result<Option<Tz>> {
    let name = match &config.source.time_zone {
        Some(name) => Some(name.clone()),
        None => ledger.fact(FACT)?,
    };
    Ok(name.and_then(|name| name.parse().ok()))
}

/// Learns the zone if one of `entities` has company days and nothing is known. Without an answer it stays unknown, and days are UTC's.
pub async fn learn(session: &Session, entities: &[&'static Entity]) -> Result<()> {
    if let Some(zone) = known(&session.config, &session.ledger)? {
        session.set_zone(zone);
        return Ok(());
    }
    if !entities.iter().any(|e| e.has_company_days()) {
        return Ok(());
    }
    // The vendor refuses an end after the company's today: where it is not known, today is that of the last zone to see it.
    let to = today(session.now - Duration::hours(12), Tz::UTC);
    for entity in session.catalog.all().filter(|e| e.page.zone.is_some()) {
        for days in LOOK_BACK {
            let from = to.checked_sub_days(Days::new(days)).unwrap_or(to);
            let subject = "the company's time zone".to_owned();
            let inputs = Inputs { days: Some((from, to)), subject, ..Inputs::default() };
            match session.source.ask(entity, &build(entity, &inputs, None), false).await {
                Ok(Reply::Page(page)) => {
                    let name = page.envelope_text(entity.page.zone.as_deref());
                    if let Some(zone) = name.as_deref().and_then(|name| name.parse::<Tz>().ok()) {
                        session.ledger.set_fact(FACT, zone.name())?;
                        session.set_zone(zone);
                        return Ok(());
                    }
                }
                Ok(_) => {}
                Err(Failure::Ledger(error)) => return Err(error),
                Err(Failure::Stopped) => return Ok(()),
                // The run will say so itself.
                Err(Failure::Refused(Refusal::Redirect(_), _)) => return Ok(()),
                // Refused or failing: the other kind of statistics may answer.
                Err(Failure::Refused(..) | Failure::Exhausted(_)) => break,
            }
        }
    }
    session.tally.warn("the company's time zone could not be learned from its statistics: days are taken as UTC's; set source.time_zone".to_owned());
    Ok(())
}

/// Compares the zone that an answer names with the run's. Where the settings name none, the new one is kept: what was cut by other days
/// is due in the next run, which cuts by these.
pub fn compare(session: &Session, entity: &Entity, page: &Page) -> Result<()> {
    let Some(name) = page.envelope_text(entity.page.zone.as_deref()) else { return Ok(()) };
    let (ours, Ok(theirs)) = (session.zone(), name.parse::<Tz>()) else { return Ok(()) };
    if alike(ours, theirs, session.now) {
        return Ok(());
    }
    if session.config.source.time_zone.is_some() {
        session
            .tally
            .warn(format!("source.time_zone is {ours}, but Gong counts days in {theirs}: set it right, or remove it"));
        return Ok(());
    }
    if session.ledger.fact(FACT)?.as_deref() != Some(theirs.name()) {
        session.ledger.set_fact(FACT, theirs.name())?;
        session.tally.warn(format!(
            "the company's time zone is {theirs} now: the next run reads again what was read in the days of {ours}"
        ));
    }
    Ok(())
}

/// True if the two have the same midnights for a year back: the vendor names some zones by older names.
fn alike(a: Tz, b: Tz, now: DateTime<Utc>) -> bool {
    let offset = |zone: Tz, at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    (0..53).map(|week| now - Duration::weeks(week)).all(|at| offset(a, at) == offset(b, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_alike_if_their_midnights_are() {
        let now = DateTime::UNIX_EPOCH + Duration::days(20_500);
        let zone = |name: &str| name.parse::<Tz>().expect("a zone");
        assert!(alike(zone("US/Pacific"), zone("America/Los_Angeles"), now));
        assert!(!alike(zone("America/Phoenix"), zone("America/Denver"), now), "the same in winter only");
        assert!(!alike(Tz::UTC, zone("Europe/London"), now));
    }
}
