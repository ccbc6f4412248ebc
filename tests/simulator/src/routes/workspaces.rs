//! Workspaces: all of them in one answer without `records` (API reference, section 6).

use serde_json::Value;

use super::{Context, Reply};

pub(super) fn list(context: &Context<'_>) -> Reply {
    let world = context.shared.world();
    let rows: Vec<Value> = world.workspaces.iter().filter_map(|workspace| workspace.at(context.now)).collect();
    let count = rows.len();
    Ok(context.ok(&[("workspaces", &Value::Array(rows).to_string())], count))
}
