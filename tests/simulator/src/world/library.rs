//! The library: folders, and the calls and snippets in them (API reference, sections 13 and 14).

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::ids::Ids;
use super::timed::Timed;
use super::{User, World};
use crate::random::{chance, hash, pick, stream};
use crate::spec::WorldSpec;
use crate::stamp;

/// A folder; the record does not say its workspace.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The record.
    pub row: Timed,
    /// Its workspace's id.
    pub workspace: String,
}

/// A call or a part of one in a folder.
#[derive(Clone, Debug)]
pub struct FolderItem {
    /// The folder's id.
    pub folder: String,
    /// The record; its id is the call's, which may be in a folder several times.
    pub row: Timed,
}

const NAMES: [&str; 6] = ["Public Folders", "Win/Loss", "Onboarding", "Übungen", "Empty for now", "Objections"];

/// The folders of each workspace, the root first.
pub(super) fn folders(spec: &WorldSpec, users: &[User], workspaces: &[Timed], ids: &mut Ids) -> Vec<Folder> {
    let mut folders: Vec<Folder> = Vec::new();
    for workspace in workspaces {
        let root = folders.len();
        for (number, name) in NAMES.iter().take(spec.folders.max(1)).enumerate() {
            let mut rng = stream(spec.seed, "folder", hash(&workspace.id) ^ number as u64);
            let id = ids.any(&mut rng);
            let parent = match number {
                0 => Value::Null,
                // One lies deeper.
                5 => json!(folders[root + 1].row.id),
                _ => json!(folders[root].row.id),
            };
            let by = if number < 2 { Value::Null } else { json!(pick(&mut rng, users).row.id) };
            let updated = spec.now - TimeDelta::microseconds(rng.i64(1_000_000_000..80_000_000_000_000));
            let record = json!({
                "id": id,
                "name": name,
                "parentFolderId": parent,
                "createdBy": by,
                "updated": stamp::micros(updated, spec.zone),
            });
            let row = Timed::new(id, record, DateTime::UNIX_EPOCH);
            folders.push(Folder { row, workspace: workspace.id.clone() });
        }
    }
    folders
}

/// One call in thirty is in a folder, some of them as several snippets.
pub(super) fn items(world: &World) -> Vec<FolderItem> {
    let mut items = Vec::new();
    for call in &world.calls {
        let mut rng = stream(world.spec.seed, "library", call.number);
        if !chance(&mut rng, 3.0) {
            continue;
        }
        let own: Vec<&Folder> = world.folders.iter().filter(|folder| folder.workspace == call.workspace).collect();
        let fit = |folder: &&&Folder| {
            folder.row.base["name"] != "Empty for now" && !folder.row.base["parentFolderId"].is_null()
        };
        let fitting: Vec<&&Folder> = own.iter().filter(fit).collect();
        if fitting.is_empty() {
            continue;
        }
        let folder = pick(&mut rng, &fitting).row.id.clone();
        let added = call.listed_at + TimeDelta::seconds(rng.i64(600..900_000));
        for n in 0..rng.i64(1..3) {
            let whole = n == 0 && chance(&mut rng, 50.0);
            let from = rng.u32(..call.duration.max(2) / 2);
            let snippet = (!whole).then(|| (from, from + 30));
            let record = item(world, call.id.as_str(), added + TimeDelta::seconds(n), snippet, rng.u8(..4));
            items.push(FolderItem { folder: folder.clone(), row: Timed::new(call.id.clone(), record, added) });
        }
    }
    items
}

fn item(world: &World, call: &str, at: DateTime<Utc>, snippet: Option<(u32, u32)>, kind: u8) -> Value {
    let mut url = format!("https://us-55616.app.gong.io/call?id={call}");
    if let Some((from, to)) = snippet {
        url.push_str(&format!("&highlights=%5B%7B%22to%22%3A{to}%2C%22from%22%3A{from}%7D%5D"));
    }
    let user = &world.users[hash(call) as usize % world.users.len()];
    let mut record = json!({
        "id": call,
        "title": format!("Saved: {call}"),
        "addedBy": user.row.id,
        "created": stamp::seconds(at, world.spec.zone),
        "url": url,
    });
    match snippet {
        Some((from, to)) => record["snippet"] = json!({"fromSec": from, "toSec": to}),
        None if kind < 2 => record["snippet"] = Value::Null,
        None => {}
    }
    if kind.is_multiple_of(2) {
        record["note"] = json!("Good handling of the discount question");
    }
    record
}

impl World {
    /// The calls of a folder as `GET /v2/library/folder-content` shows them; those of calls that are gone are not.
    pub(crate) fn folder_content(&self, folder: &str, now: DateTime<Utc>) -> Vec<Value> {
        let inside = self.folder_items.iter().filter(|item| item.folder == folder);
        let there = inside.filter(|item| self.call(&item.row.id).is_some_and(|call| call.listed(now)));
        there.filter_map(|item| item.row.at(now)).collect()
    }

    /// Puts a call, or a snippet of it (from and to second), into a folder.
    pub fn add_folder_item(&mut self, folder: &str, call: &str, at: DateTime<Utc>, snippet: Option<(u32, u32)>) {
        let record = item(self, call, at, snippet, 0);
        self.folder_items.push(FolderItem { folder: folder.to_owned(), row: Timed::new(call.to_owned(), record, at) });
    }

    /// Adds a folder under the root of a workspace.
    pub fn add_folder(&mut self, workspace: &str, id: &str, name: &str, at: DateTime<Utc>) {
        let root = self.folders.iter().find(|folder| folder.workspace == workspace).map(|folder| folder.row.id.clone());
        let updated = stamp::micros(at, self.spec.zone);
        let record = json!({"id": id, "name": name, "parentFolderId": root, "createdBy": null, "updated": updated});
        self.folders.push(Folder { row: Timed::new(id.to_owned(), record, at), workspace: workspace.to_owned() });
    }
}
