//! Coaching: one manager in one workspace (API reference, section 15). Its parameters are in kebab-case.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Context, Refusal, Reply};
use crate::stamp;

pub(super) fn list(context: &Context<'_>) -> Reply {
    let workspace = digits(context, "workspace-id")?;
    let manager = digits(context, "manager-id")?;
    let from = instant(context, "from")?;
    let to = instant(context, "to")?;
    let world = context.shared.world();
    // Somebody without reports is no error.
    let rows = world.truth_coaching(workspace, manager, from, to, context.now);
    let count = rows.len();
    Ok(context.ok(&[("coachingData", &Value::Array(rows).to_string())], count))
}

fn parameter<'a>(context: &'a Context<'_>, name: &str) -> Result<&'a str, Refusal> {
    context.request.parameter(name).ok_or_else(|| Refusal::bad(format!("{name} parameter is missing")))
}

fn digits<'a>(context: &'a Context<'_>, name: &str) -> Result<&'a str, Refusal> {
    let text = parameter(context, name)?;
    let number = text.bytes().all(|byte| byte.is_ascii_digit());
    if number { Ok(text) } else { Err(Refusal::bad(format!("{name}: must be a number"))) }
}

/// A date alone is refused, the opposite of the statistics.
fn instant(context: &Context<'_>, name: &str) -> Result<DateTime<Utc>, Refusal> {
    let text = parameter(context, name)?;
    stamp::parse(text).ok_or_else(|| Refusal::bad(format!("{name}: invalid date-time")))
}
