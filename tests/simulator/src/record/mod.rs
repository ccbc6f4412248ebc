//! Records as the API writes them, made on demand from a call's skeleton.
//!
//! A record is held as the JSON text of its blocks, so that numbers keep their literal digits, recorded answers are
//! served unchanged, and a page is put together without building a tree.

mod cast;
mod comments;
mod content;
mod context;
mod interaction;
mod merge;
mod metadata;
mod narrow;
mod oddity;
mod parties;
mod selector;
mod transcript;
pub(crate) mod words;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::Value;

pub(crate) use cast::cast;
pub(crate) use comments::posts;
pub(crate) use context::context;
pub use merge::exact;
pub(crate) use merge::{NUMBER, literal, merge, merge_text};
pub(crate) use selector::{Selector, Timing};
pub(crate) use transcript::transcript;

use crate::world::{Call, World};

/// In an edit: the key is removed. (A plain `null` sets the value null, which the API also does.)
pub const REMOVE: &str = "\u{1}remove";

/// The blocks of a calls/extensive record, media apart, as JSON text by path (`metaData`, `content.brief`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Record {
    pub(crate) blocks: BTreeMap<String, String>,
}

impl Record {
    /// The record of a call as it reads at `now`.
    pub(crate) fn of(world: &World, call: &Call, now: DateTime<Utc>) -> Self {
        let mut record = match &call.recorded {
            Some(recorded) => Self::clone(recorded),
            None => Self::made(world, call, now),
        };
        record.live(call, now);
        record
    }

    /// The plain record alone, which is most of what is ever asked for.
    pub(crate) fn basic(world: &World, call: &Call, now: DateTime<Utc>) -> String {
        let mut record = match &call.recorded {
            Some(recorded) => Self::clone(recorded),
            None => {
                let mut record = Self::default();
                record.set("metaData", &metadata::metadata(world, call, &cast(world, call)));
                oddity::apply(world, call, &mut record);
                record
            }
        };
        record.live(call, now);
        record.blocks.remove("metaData").unwrap_or_default()
    }

    /// What has become of it by now.
    fn live(&mut self, call: &Call, now: DateTime<Utc>) {
        if !call.privacy.is_empty() {
            self.patch(&serde_json::json!({"metaData": {"isPrivate": call.is_private(now)}}));
        }
        for edit in call.edits_until(now) {
            self.patch(&edit.patch);
        }
    }

    fn made(world: &World, call: &Call, now: DateTime<Utc>) -> Self {
        let cast = cast(world, call);
        let mut record = Self::default();
        record.set("metaData", &metadata::metadata(world, call, &cast));
        record.set("context", &context::context(world, call, &cast, 0));
        if !cast.unknown {
            record.set("parties", &parties::parties(world, call, &cast));
        }
        for (path, block) in content::content(world, call, &cast, call.analysed(now)) {
            record.set(path, &block);
        }
        for (path, block) in interaction::interaction(world, call, &cast) {
            record.set(path, &block);
        }
        let comments = comments::comments(world, call);
        if comments.as_array().is_some_and(|list| !list.is_empty()) {
            record.set("collaboration.publicComments", &comments);
        }
        oddity::apply(world, call, &mut record);
        record
    }

    fn set(&mut self, path: &str, block: &Value) {
        self.blocks.insert(path.to_owned(), literal(block.to_string()));
    }

    /// Merges a change into the blocks it names.
    pub(crate) fn patch(&mut self, patch: &Value) {
        for (key, change) in patch.as_object().into_iter().flatten() {
            let prefix = format!("{key}.");
            let divided = matches!(key.as_str(), "content" | "interaction" | "collaboration");
            match change {
                Value::String(text) if text == REMOVE => {
                    self.blocks.retain(|path, _| path != key && !path.starts_with(&prefix));
                }
                Value::Object(parts) if divided => {
                    for (name, part) in parts {
                        self.patch_block(&format!("{prefix}{name}"), part);
                    }
                }
                _ => self.patch_block(key, change),
            }
        }
    }

    fn patch_block(&mut self, path: &str, change: &Value) {
        if change.as_str() == Some(REMOVE) {
            self.blocks.remove(path);
            return;
        }
        let merged = merge_text(self.blocks.get(path).map(String::as_str), change);
        self.blocks.insert(path.to_owned(), merged);
    }
}
