//! The library: folders of a workspace, calls of a folder (API reference, sections 13 and 14).

use serde_json::Value;

use super::{Context, Refusal, Reply};

pub(super) const NO_FOLDERS: &str = "No folders found for the specified period";

pub(super) fn folders(context: &Context<'_>) -> Reply {
    let world = context.shared.world();
    let wanted = context.request.parameter("workspaceId");
    let several = world.workspaces.iter().filter(|row| row.at(context.now).is_some()).count() > 1;
    if wanted.is_none() && several && context.shared.options.unknowns.folders_need_workspace {
        return Err(Refusal::bad("workspaceId parameter is missing"));
    }
    let own = world.folders.iter().filter(|folder| wanted.is_none_or(|id| folder.workspace == id));
    let rows: Vec<Value> = own.filter_map(|folder| folder.row.at(context.now)).collect();
    if rows.is_empty() {
        return Err(Refusal::missing(NO_FOLDERS));
    }
    let count = rows.len();
    Ok(context.ok(&[("folders", &Value::Array(rows).to_string())], count))
}

/// The folder itself with its calls inside; an empty folder is no error.
pub(super) fn content(context: &Context<'_>) -> Reply {
    let Some(id) = context.request.parameter("folderId") else {
        return Err(Refusal::bad("folderId parameter is missing"));
    };
    let world = context.shared.world();
    let folder = world.folders.iter().find(|folder| folder.row.id == id);
    let record = folder.and_then(|folder| folder.row.at(context.now));
    let record = record.ok_or_else(|| Refusal::missing(NO_FOLDERS))?;
    let calls = world.folder_content(id, context.now);
    let count = calls.len();
    let text = |key: &str| record[key].to_string();
    let parts = [
        ("id", &*text("id")),
        ("name", &text("name")),
        ("createdBy", &text("createdBy")),
        ("updated", &text("updated")),
        ("calls", &Value::Array(calls).to_string()),
    ];
    Ok(context.ok(&parts, count))
}
