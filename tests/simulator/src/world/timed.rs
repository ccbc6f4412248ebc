//! A record with a life: it appears, is edited and goes, all at instants of the clock.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::record::merge;

/// A change of a record that holds from an instant on.
#[derive(Clone, Debug)]
pub struct Edit {
    /// When it takes effect.
    pub at: DateTime<Utc>,
    /// Merged into the record: objects key by key, anything else replaces. [`REMOVE`](crate::REMOVE) removes a key.
    pub patch: Value,
}

/// A record of a small entity (user, workspace, scorecard, folder, ...).
#[derive(Clone, Debug)]
pub struct Timed {
    /// The record's key.
    pub id: String,
    /// The record at its birth.
    pub base: Value,
    /// From when on the API shows it.
    pub visible_at: DateTime<Utc>,
    /// From when on the API has forgotten it.
    pub deleted_at: Option<DateTime<Utc>>,
    /// Its changes, ascending.
    pub edits: Vec<Edit>,
}

impl Timed {
    /// A record that is there from `visible_at` on and does not change.
    pub fn new(id: String, base: Value, visible_at: DateTime<Utc>) -> Self {
        Self { id, base, visible_at, deleted_at: None, edits: Vec::new() }
    }

    /// Adds a change.
    pub fn edit(&mut self, at: DateTime<Utc>, patch: Value) {
        push(&mut self.edits, Edit { at, patch });
    }

    /// The record as the API shows it, if it does.
    pub fn at(&self, now: DateTime<Utc>) -> Option<Value> {
        if self.visible_at > now || self.deleted_at.is_some_and(|at| at <= now) {
            return None;
        }
        let mut record = self.base.clone();
        for edit in self.edits.iter().take_while(|edit| edit.at <= now) {
            merge(&mut record, &edit.patch);
        }
        Some(record)
    }
}

/// Inserts an edit behind those of the same instant or earlier.
pub(crate) fn push(edits: &mut Vec<Edit>, edit: Edit) {
    let place = edits.partition_point(|other| other.at <= edit.at);
    edits.insert(place, edit);
}
