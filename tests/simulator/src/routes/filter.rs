//! Reading the filters of requests (API reference, sections 2.1, 3.1, 7.1 and G.2).

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::Value;

use super::{Context, PARSE_ERROR, Refusal};
use crate::stamp;
use crate::world::Matching;

/// A pair of instants, start inclusive and end exclusive.
type Range = (Option<DateTime<Utc>>, Option<DateTime<Utc>>);

/// The call filter of a body.
pub(super) fn calls(context: &Context<'_>) -> Result<Matching, Refusal> {
    let filter = context.filter()?;
    let (from, to) = range(instant(filter, "fromDateTime")?, instant(filter, "toDateTime")?)?;
    let ids = list(filter, "callIds")?;
    for id in ids.iter().flatten() {
        readable(context, id)?;
    }
    let workspace = text(filter, "workspaceId")?;
    let hosts = list(filter, "primaryUserIds")?;
    Ok(Matching { from, to, workspace, ids, hosts, by_start: false })
}

/// The call filter of a query.
pub(super) fn calls_query(context: &Context<'_>) -> Result<Matching, Refusal> {
    let read = |name: &str| match context.request.parameter(name) {
        None => Ok(None),
        Some(text) => stamp::parse(text).map(Some).ok_or_else(|| Refusal::bad(format!("{name}: invalid date-time"))),
    };
    let (from, to) = range(read("fromDateTime")?, read("toDateTime")?)?;
    let workspace = context.request.parameter("workspaceId").map(str::to_owned);
    Ok(Matching { from, to, workspace, ..Matching::default() })
}

/// An instant with an offset; a date alone cannot be read.
pub(super) fn instant(filter: &Value, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Some(text) = text(filter, name)? else {
        return Ok(None);
    };
    stamp::parse(&text).map(Some).ok_or_else(|| Refusal::bad(PARSE_ERROR))
}

/// A day; an instant cannot be read.
pub(super) fn day(filter: &Value, name: &str) -> Result<Option<NaiveDate>, Refusal> {
    let Some(text) = text(filter, name)? else {
        return Ok(None);
    };
    let day = NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok().filter(|_| text.len() == 10);
    day.map(Some).ok_or_else(|| Refusal::bad(PARSE_ERROR))
}

pub(super) fn text(filter: &Value, name: &str) -> Result<Option<String>, Refusal> {
    match &filter[name] {
        Value::Null => Ok(None),
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        _ => Err(Refusal::bad(PARSE_ERROR)),
    }
}

/// A list of ids; an empty one is refused (API reference, section F.2).
pub(super) fn list(filter: &Value, name: &str) -> Result<Option<Vec<String>>, Refusal> {
    let items = match &filter[name] {
        Value::Null => return Ok(None),
        Value::Array(items) => items,
        _ => return Err(Refusal::bad(PARSE_ERROR)),
    };
    if items.is_empty() {
        return Err(Refusal::bad(format!("filter.{name}: must not be empty")));
    }
    let read = |item: &Value| match item {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(Refusal::bad(PARSE_ERROR)),
    };
    items.iter().map(read).collect::<Result<_, _>>().map(Some)
}

pub(super) fn range(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Result<Range, Refusal> {
    match (from, to) {
        (Some(from), Some(to)) if from >= to => Err(Refusal::bad("filter.fromDateTime: must be before toDateTime")),
        range => Ok(range),
    }
}

/// The server reads call ids as 64-bit integers and refuses what does not fit, unless a world has such ids.
fn readable(context: &Context<'_>, id: &str) -> Result<(), Refusal> {
    if id.parse::<i64>().is_ok() || context.shared.world().call(id).is_some() {
        return Ok(());
    }
    Err(Refusal::bad(PARSE_ERROR))
}
