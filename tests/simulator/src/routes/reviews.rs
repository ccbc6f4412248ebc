//! Answered scorecards: `POST /v2/stats/activity/scorecards` (API reference, section 16).

use chrono::NaiveDate;
use serde_json::Value;

use super::{Context, PARSE_ERROR, Refusal, Reply, filter};
use crate::record::literal;
use crate::stamp;

/// With a full stop at its end, unlike the others (section F.3).
pub(super) const NO_REVIEWS: &str = "No answered scorecards found corresponding to the provided filters.";

pub(super) fn list(context: &Context<'_>) -> Reply {
    let given = context.filter()?;
    let called = span(given, "callFromDate", "callToDate")?;
    let reviewed = span(given, "reviewFromDate", "reviewToDate")?;
    let method = match given["reviewMethod"].as_str() {
        // Automatic reviews are hidden unless asked for.
        None if given["reviewMethod"].is_null() => "MANUAL",
        Some(method @ ("AUTOMATIC" | "MANUAL" | "BOTH")) => method,
        _ => return Err(Refusal::bad(PARSE_ERROR)),
    };
    let hosts = filter::list(given, "reviewedUserIds")?;
    let cards = filter::list(given, "scorecardIds")?;
    let world = context.shared.world();
    let zone = world.spec.zone;
    let mut rows = Vec::new();
    for review in &world.reviews {
        let call = &world.calls()[review.call];
        let host = world.users.get(call.host).map_or("", |user| user.row.id.as_str());
        let fits = within(stamp::day_of(call.started, zone), called)
            && within(stamp::day_of(review.at, zone), reviewed)
            && hosts.as_ref().is_none_or(|hosts| hosts.iter().any(|id| id == host))
            && cards.as_ref().is_none_or(|cards| cards.contains(&review.scorecard));
        let Some(record) = review.row.at(context.now).filter(|_| fits) else { continue };
        if method == "BOTH" || record["reviewMethod"] == method {
            rows.push((String::new(), literal(record.to_string())));
        }
    }
    context.page_of("answeredScorecards", &rows, NO_REVIEWS)
}

type Span = (Option<NaiveDate>, Option<NaiveDate>);

/// Days; equal ones are an empty range, which matches nothing and is no error (section 16.3).
fn span(given: &Value, from: &str, to: &str) -> Result<Span, Refusal> {
    Ok((filter::day(given, from)?, filter::day(given, to)?))
}

fn within(day: NaiveDate, (from, to): Span) -> bool {
    from.is_none_or(|from| from <= day) && to.is_none_or(|to| day < to)
}
