//! Users: list, get, and the filtered list (API reference, section 1).

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::pages::numeric;
use super::{Context, PARSE_ERROR, Refusal, Reply, filter};
use crate::world::{User, user_extensive};

pub(super) const NO_USERS: &str = "No users found corresponding to the provided filters";

pub(super) fn list(context: &Context<'_>) -> Reply {
    let avatars = context.request.parameter("includeAvatars") == Some("true");
    let rows = rows(context, |user| avatars || !user.avatar, |record| record);
    context.page_of("users", &rows, NO_USERS)
}

pub(super) fn get(context: &Context<'_>) -> Reply {
    let world = context.shared.world();
    let user = world.users.iter().find(|user| user.row.id == context.id());
    let record = user.and_then(|user| user.row.at(context.now));
    let record = record.ok_or_else(|| Refusal::missing("User not found"))?;
    Ok(context.ok(&[("user", &record.to_string())], 1))
}

/// The helper that filters by creation date; it shows some fields otherwise than the list (section 1.6).
pub(super) fn extensive(context: &Context<'_>) -> Reply {
    let given = context.filter()?;
    let from: Option<DateTime<Utc>> = filter::instant(given, "createdFromDateTime")?;
    let to = filter::instant(given, "createdToDateTime")?;
    filter::range(from, to)?;
    let ids = filter::list(given, "userIds")?;
    if ids.iter().flatten().any(|id| id.parse::<i64>().is_err()) {
        return Err(Refusal::bad(PARSE_ERROR));
    }
    let avatars = given["includeAvatars"] == Value::Bool(true);
    let fits = |user: &User| {
        (avatars || !user.avatar)
            && from.is_none_or(|from| from <= user.created)
            && to.is_none_or(|to| user.created < to)
            && ids.as_ref().is_none_or(|ids| ids.contains(&user.row.id))
    };
    let rows = rows(context, fits, user_extensive);
    context.page_of("users", &rows, NO_USERS)
}

/// Users by numeric id, as their cursor has it (section E.6).
fn rows(context: &Context<'_>, fits: impl Fn(&User) -> bool, form: impl Fn(Value) -> Value) -> Vec<(String, String)> {
    let world = context.shared.world();
    let shown = world.users.iter().filter(|user| fits(user));
    let records = shown.filter_map(|user| Some((user.row.id.clone(), user.row.at(context.now)?)));
    let mut rows: Vec<_> = records.map(|(id, record)| (id, form(record).to_string())).collect();
    rows.sort_by(|(a, _), (b, _)| numeric(a).cmp(&numeric(b)));
    rows
}
