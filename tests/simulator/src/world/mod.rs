//! The simulated account: everything in it, past and future. The clock alone decides what of it is visible.

mod activity;
mod cache;
mod call;
mod coaching;
mod ids;
mod library;
mod life;
mod mutate;
mod new_call;
mod night;
mod people;
mod recorded;
mod reviews;
mod schedule;
mod settings;
mod timed;
mod truth;
mod window;

use std::collections::HashMap;
use std::sync::OnceLock;

pub(crate) use activity::Days;
pub use call::{Call, Origin};
pub use library::{Folder, FolderItem};
pub use new_call::NewCall;
pub use people::User;
pub(crate) use people::extensive as user_extensive;
pub use reviews::Review;
pub use timed::{Edit, Timed};
pub use truth::ENTITIES;
pub(crate) use window::{Key, Matching, View};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::random::hash;
use crate::record::NUMBER;
use crate::spec::WorldSpec;

/// A list that is answered whole, at a path and with a scope of its own.
#[derive(Clone, Debug)]
pub struct PlainList {
    /// `/v2/...`, asked with GET.
    pub path: &'static str,
    /// The scope it takes.
    pub scope: &'static str,
    /// The records' place in the answer.
    pub rows: &'static str,
    /// The records.
    pub records: Vec<serde_json::Value>,
}

/// The simulated account.
#[derive(Debug)]
pub struct World {
    /// The recipe it was made from.
    pub spec: WorldSpec,
    /// The users, avatars last.
    pub users: Vec<User>,
    /// The workspaces, the built-in one first.
    pub workspaces: Vec<Timed>,
    /// The scorecards.
    pub scorecards: Vec<Timed>,
    /// The keyword trackers.
    pub trackers: Vec<Timed>,
    /// The library's folders.
    pub folders: Vec<Folder>,
    /// What is in them.
    pub folder_items: Vec<FolderItem>,
    /// Answered scorecards, by the time of review.
    pub reviews: Vec<Review>,
    /// Plain lists that the reference does not have.
    pub(crate) lists: Vec<PlainList>,
    activity: OnceLock<Vec<activity::Act>>,
    pub(crate) calls: Vec<Call>,
    by_id: HashMap<String, usize>,
    order: Vec<window::Slot>,
    cache: cache::Cache,
    /// Where media are downloaded from; the server sets it.
    pub(crate) media_url: String,
    /// Sizes of media set by hand.
    pub(crate) media_bytes: HashMap<String, u64>,
}

impl World {
    /// The world of a recipe. The same recipe gives the same world.
    pub fn generate(spec: WorldSpec) -> Self {
        let mut ids = ids::Ids::default();
        let users = people::users(&spec, &mut ids);
        let workspaces = people::workspaces(&spec, &mut ids);
        let names: Vec<String> = workspaces.iter().map(|workspace| workspace.id.clone()).collect();
        let mut calls = schedule::calls(&spec, &names, &mut ids);
        if spec.oddities.huge_ids {
            // Above 2^63, and beyond 64 bits (API reference, section G.1).
            for (call, id) in calls.iter_mut().zip(["9223372036854775999", "35657219295037524478"]) {
                call.id = id.to_owned();
            }
        }
        let mut world = Self::of(spec, users, workspaces, calls, &mut ids);
        life::live(&mut world);
        world.folder_items = library::items(&world);
        world.reviews = reviews::reviews(&world, &mut ids);
        world
    }

    fn of(spec: WorldSpec, users: Vec<User>, workspaces: Vec<Timed>, calls: Vec<Call>, ids: &mut ids::Ids) -> Self {
        let mut world = Self {
            scorecards: settings::scorecards(&spec, &users, &workspaces, ids),
            trackers: settings::trackers(&spec, &users, &workspaces, ids),
            folders: library::folders(&spec, &users, &workspaces, ids),
            folder_items: Vec::new(),
            reviews: Vec::new(),
            activity: OnceLock::new(),
            spec,
            users,
            workspaces,
            calls: Vec::new(),
            by_id: HashMap::new(),
            order: Vec::new(),
            cache: cache::Cache::default(),
            media_url: "https://media.invalid".to_owned(),
            media_bytes: HashMap::new(),
            lists: Vec::new(),
        };
        for call in calls {
            world.by_id.insert(call.id.clone(), world.calls.len());
            world.order.push(world.slot(&call, world.calls.len()));
            world.calls.push(call);
        }
        world.order.sort_unstable();
        world
    }

    fn slot(&self, call: &Call, number: usize) -> window::Slot {
        // Ties are not in the order of ids (API reference, section E.6); recorded ones keep theirs.
        let tie = if call.recorded.is_some() { call.number } else { hash(&call.id) };
        window::Slot { key: (call.scheduled, tie), call: number }
    }

    /// The place of a call that a cursor names.
    pub(crate) fn place(&self, time: DateTime<Utc>, id: &str) -> Key {
        self.number_of(id).map_or((time, hash(id)), |number| self.slot(&self.calls[number], number).key)
    }

    /// After a change of what users did.
    fn forget_activity(&mut self) {
        self.activity = OnceLock::new();
    }

    /// Every call, visible or not, in the order of its making.
    pub fn calls(&self) -> &[Call] {
        &self.calls
    }

    /// A call by id.
    pub fn call(&self, id: &str) -> Option<&Call> {
        self.by_id.get(id).map(|number| &self.calls[*number])
    }

    pub(crate) fn number_of(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }
}

/// An id on the wire of the scorecard endpoints: a string, or behind a switch the number that the vendor's description
/// declares (API reference, section G.1).
fn wire_id(spec: &WorldSpec, id: &str) -> Value {
    if !spec.oddities.numeric_ids {
        return json!(id);
    }
    match id.parse::<i64>() {
        Ok(number) => json!(number),
        Err(_) => json!(format!("{NUMBER}{id}")),
    }
}
