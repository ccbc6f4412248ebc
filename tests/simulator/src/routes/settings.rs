//! Scorecards and keyword trackers: everything in one answer, empty or not (API reference, sections 11 and 12).

use serde_json::Value;

use super::{Context, Refusal, Reply};
use crate::record::literal;

pub(super) fn scorecards(context: &Context<'_>) -> Reply {
    let world = context.shared.world();
    let rows: Vec<Value> = world.scorecards.iter().filter_map(|row| row.at(context.now)).collect();
    let count = rows.len();
    Ok(context.ok(&[("scorecards", &literal(Value::Array(rows).to_string()))], count))
}

pub(super) fn trackers(context: &Context<'_>) -> Reply {
    let world = context.shared.world();
    let wanted = context.request.parameter("workspaceId");
    let exists = |id: &str| world.workspaces.iter().any(|row| row.id == id && row.at(context.now).is_some());
    if wanted.is_some_and(|id| !exists(id)) {
        return Err(Refusal::missing("Workspace not found"));
    }
    // Company-wide trackers belong to every workspace.
    let fits = |record: &Value| wanted.is_none_or(|id| record["workspaceId"].is_null() || record["workspaceId"] == id);
    let rows: Vec<Value> = world.trackers.iter().filter_map(|row| row.at(context.now)).filter(fits).collect();
    let count = rows.len();
    Ok(context.ok(&[("keywordTrackers", &Value::Array(rows).to_string())], count))
}
