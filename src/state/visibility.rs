//! Whether the vendor shows single calls, and as private or not.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::{Ledger, micros};
use crate::error::Result;

/// How the vendor shows a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visibility {
    /// Like any other.
    Public,
    /// Marked private.
    Private,
    /// Not at all.
    Absent,
}

impl Visibility {
    fn name(self) -> &'static str {
        match self {
            Visibility::Public => "public",
            Visibility::Private => "private",
            Visibility::Absent => "absent",
        }
    }
}

impl Ledger {
    /// What is known of these calls: from their window's listing, else from a look-up not older than `since`.
    pub fn visibility(&self, ids: &BTreeSet<String>, since: DateTime<Utc>) -> Result<BTreeMap<String, Visibility>> {
        self.with(|tx| {
            let mut listed = tx.prepare_cached("SELECT private FROM call WHERE id = ?1")?;
            let mut looked_up = tx.prepare_cached("SELECT state FROM visibility WHERE id = ?1 AND at >= ?2")?;
            let mut known = BTreeMap::new();
            for id in ids {
                let private: Option<bool> = listed.query_row(params![id], |row| row.get(0)).optional()?;
                let state = match private {
                    Some(true) => Some(Visibility::Private),
                    Some(false) => Some(Visibility::Public),
                    None => {
                        let name: Option<String> =
                            looked_up.query_row(params![id, micros(since)], |row| row.get(0)).optional()?;
                        let all = [Visibility::Public, Visibility::Private, Visibility::Absent];
                        name.and_then(|name| all.into_iter().find(|v| v.name() == name))
                    }
                };
                known.extend(state.map(|state| (id.clone(), state)));
            }
            Ok(known)
        })
    }

    /// Keeps the result of a look-up.
    pub fn note_visibility(&self, found: &BTreeMap<String, Visibility>, at: DateTime<Utc>) -> Result<()> {
        self.with(|tx| {
            let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO visibility VALUES (?1, ?2, ?3)")?;
            for (id, state) in found {
                insert.execute(params![id, state.name(), micros(at)])?;
            }
            Ok(())
        })
    }
}
