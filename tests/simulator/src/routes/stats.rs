//! Statistics by user: aggregate, day by day, interaction (API reference, sections 8 to 10).

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::pages::numeric;
use super::{Context, Refusal, Reply, filter};
use crate::stamp;
use crate::world::{Days, World};

/// The vendor's title of the 404; its text was never published.
pub(super) const NO_STATS: &str = "No stats found for the specified period";

type Made = fn(&World, Days, DateTime<Utc>) -> Vec<Value>;

pub(super) fn aggregate(context: &Context<'_>) -> Reply {
    list(context, "usersAggregateActivityStats", World::truth_aggregate, true)
}

pub(super) fn day_by_day(context: &Context<'_>) -> Reply {
    list(context, "usersDetailedActivities", World::truth_day_by_day, false)
}

pub(super) fn interaction(context: &Context<'_>) -> Reply {
    list(context, "peopleInteractionStats", World::truth_interaction, true)
}

/// A page of users who did something; `framed` answers say the range and the company's zone.
fn list(context: &Context<'_>, key: &str, made: Made, framed: bool) -> Reply {
    let given = context.filter()?;
    let days = days(context, given)?;
    let ids = filter::list(given, "userIds")?;
    let created_from = filter::instant(given, "createdFromDateTime")?;
    let created_to = filter::instant(given, "createdToDateTime")?;
    let world = context.shared.world();
    let known = |id: &String| world.users.iter().any(|user| user.row.id == *id);
    if ids.as_ref().is_some_and(|ids| !ids.iter().any(known)) {
        return Err(Refusal::missing("User not found"));
    }
    let fits = |record: &Value| {
        let id = record["userId"].as_str().unwrap_or_default();
        let created = world.users.iter().find(|user| user.row.id == id).map(|user| user.created);
        ids.as_ref().is_none_or(|ids| ids.iter().any(|wanted| wanted == id))
            && created_from.is_none_or(|from| created.is_some_and(|at| from <= at))
            && created_to.is_none_or(|to| created.is_some_and(|at| at < to))
    };
    let records = made(&world, days, context.now);
    let keyed = records.iter().filter(|record| fits(record));
    let text = |record: &Value| (record["userId"].as_str().unwrap_or_default().to_owned(), record.to_string());
    let mut rows: Vec<(String, String)> = keyed.map(text).collect();
    rows.sort_by(|(a, _), (b, _)| numeric(a).cmp(&numeric(b)));
    let mut answer = context.page_of(key, &rows, NO_STATS)?;
    if framed {
        let zone = world.spec.zone;
        let (from, to) = world.instants(days);
        // The vendor shows this zone under its older name.
        let name = if zone == chrono_tz::America::Los_Angeles { "US/Pacific" } else { zone.name() };
        answer.add("fromDateTime", &json!(stamp::seconds(from, zone)));
        answer.add("toDateTime", &json!(stamp::seconds(to, zone)));
        answer.add("timeZone", &json!(name));
    }
    Ok(answer)
}

/// Both days are wanted, and the end, which is exclusive, is today in the company's zone at the latest.
fn days(context: &Context<'_>, given: &Value) -> Result<Days, Refusal> {
    let need = |name: &str| -> Result<NaiveDate, Refusal> {
        filter::day(given, name)?.ok_or_else(|| Refusal::bad(format!("filter.{name}: may not be null")))
    };
    let (from, to) = (need("fromDate")?, need("toDate")?);
    if from >= to {
        return Err(Refusal::bad("filter.fromDate: must be before toDate"));
    }
    let zone = context.shared.world().spec.zone;
    if to > stamp::day_of(context.now, zone) {
        return Err(Refusal::bad("filter.toDate: must not be later than today"));
    }
    Ok((from, to))
}
