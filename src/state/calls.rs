//! What the ledger knows of single calls: their window, their place in its listing, their privacy, and what of them is missing.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};
use rusqlite::{Transaction, params};

use super::{Ledger, days, instant, micros, span};
use crate::error::Result;
use crate::unit::{Span, Window};

/// Why what is read by a window's ids is due: its listing has calls that it was not asked for.
pub const NEW_CALLS: &str = "its window has new calls";

/// What is read by the ids of a window's calls, for a list in SQL.
const CHILDREN: &str = "'calls_extensive', 'call_transcripts', 'call_audio', 'call_video'";

/// Why a window is read again whose call was listed in another one.
pub const MOVED: &str = "a call moved to another window";

/// A call as its window's newest listing gave it, in the order of the listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedCall {
    /// The vendor's id.
    pub id: String,
    /// Actual start, if the vendor gave one that can be read.
    pub started: Option<DateTime<Utc>>,
    /// Listed as private.
    pub private: bool,
}

/// An id that was asked and did not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The vendor's id.
    pub id: String,
    /// Why.
    pub reason: String,
    /// Since which reading.
    pub since: DateTime<Utc>,
}

impl Ledger {
    /// The calls of a committed window, in the order of its listing.
    pub fn listing(&self, window: Window) -> Result<Vec<ListedCall>> {
        let (from, to) = days(Span::Window(window));
        self.with(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT id, started, private FROM call WHERE from_day = ?1 AND to_day = ?2 ORDER BY position",
            )?;
            let rows = query.query_map(params![from, to], |row| {
                let started: Option<i64> = row.get(1)?;
                Ok(ListedCall { id: row.get(0)?, started: started.map(instant), private: row.get(2)? })
            })?;
            rows.collect()
        })
    }

    /// Ids that an entity misses, with the first reading that missed them.
    pub fn missing_of(&self, entity: &str, at: Span) -> Result<Vec<Missing>> {
        let (from, to) = days(at);
        self.with(|tx| {
            let mut query = tx.prepare_cached(
                "SELECT id, reason, since FROM missing WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3",
            )?;
            let rows = query.query_map(params![entity, from, to], |row| {
                Ok(Missing { id: row.get(0)?, reason: row.get(1)?, since: instant(row.get(2)?) })
            })?;
            rows.collect()
        })
    }

    /// The first reading that missed an id that is still missing, by entity.
    pub fn missing_since(&self) -> Result<HashMap<String, DateTime<Utc>>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached("SELECT entity, min(since) FROM missing GROUP BY entity")?;
            query.query_map([], |row| Ok((row.get(0)?, instant(row.get(1)?))))?.collect()
        })
    }

    /// Every id that is missing, by unit.
    pub fn all_missing(&self) -> Result<HashMap<(String, Span), Vec<Missing>>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached("SELECT entity, from_day, to_day, id, reason, since FROM missing")?;
            let mut rows = query.query([])?;
            let mut all: HashMap<(String, Span), Vec<Missing>> = HashMap::new();
            while let Some(row) = rows.next()? {
                let (from, to): (String, String) = (row.get(1)?, row.get(2)?);
                let missing = Missing { id: row.get(3)?, reason: row.get(4)?, since: instant(row.get(5)?) };
                all.entry((row.get(0)?, span(&from, &to))).or_default().push(missing);
            }
            Ok(all)
        })
    }

    /// Keeps a window's total that led to smaller windows, so that the next plan knows the density.
    pub fn set_probe(&self, entity: &str, window: Window, total: u64) -> Result<()> {
        let (from, to) = days(Span::Window(window));
        self.with(|tx| {
            let insert = "INSERT OR REPLACE INTO probe VALUES (?1, ?2, ?3, ?4)";
            tx.execute(insert, params![entity, from, to, total]).map(|_| ())
        })
    }

    /// The vendor's totals of windows that were cut into smaller ones, by entity.
    pub fn probes(&self) -> Result<Vec<(String, Window, u64)>> {
        self.with(|tx| {
            let mut query = tx.prepare_cached("SELECT entity, from_day, to_day, total FROM probe")?;
            let rows = query.query_map([], |row| {
                let (from, to): (String, String) = (row.get(1)?, row.get(2)?);
                Ok(span(&from, &to).window().map(|window| (row.get(0), window, row.get(3))))
            })?;
            let mut probes = Vec::new();
            for row in rows {
                if let Some((entity, window, total)) = row? {
                    probes.push((entity?, window, total?));
                }
            }
            Ok(probes)
        })
    }
}

/// Replaces a window's calls. A call that stood in another window makes that window due, with what is read by its ids: it was moved.
pub fn replace(tx: &Transaction, at: Span, listing: &[ListedCall]) -> rusqlite::Result<()> {
    let (from, to) = days(at);
    let create = "CREATE TEMP TABLE IF NOT EXISTS listed (id TEXT PRIMARY KEY, private INTEGER)";
    tx.prepare_cached(create)?.execute([])?;
    tx.prepare_cached("DELETE FROM temp.listed")?.execute([])?;
    let mut note = tx.prepare_cached("INSERT OR IGNORE INTO temp.listed VALUES (?1, ?2)")?;
    for call in listing {
        note.execute(params![call.id, call.private])?;
    }
    mark_followers(tx, at, listing)?;
    tx.execute("DELETE FROM call WHERE from_day = ?1 AND to_day = ?2", params![from, to])?;
    let moved = format!(
        "UPDATE unit SET due = ?1 WHERE entity IN ('calls', {CHILDREN}) AND (from_day, to_day) IN
         (SELECT from_day, to_day FROM call JOIN temp.listed USING (id))"
    );
    tx.prepare_cached(&moved)?.execute([MOVED])?;
    // What a listing tells is newer than a look-up.
    tx.prepare_cached("DELETE FROM visibility WHERE id IN (SELECT id FROM temp.listed)")?.execute([])?;
    put(tx, at, listing)
}

/// Writes a window's calls, and nothing else.
pub fn put(tx: &Transaction, at: Span, listing: &[ListedCall]) -> rusqlite::Result<()> {
    let (from, to) = days(at);
    tx.execute("DELETE FROM call WHERE from_day = ?1 AND to_day = ?2", params![from, to])?;
    let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO call VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for (position, call) in listing.iter().enumerate() {
        let position = i64::try_from(position).unwrap_or(i64::MAX);
        insert.execute(params![call.id, from, to, position, call.started.map(micros), call.private])?;
    }
    Ok(())
}

/// A call that turned private or vanished makes everything due that holds something of it: what is read by the window's ids, folder
/// contents, and, for a private one, reviews from its day on. What is read in the same run is no longer due when it commits.
fn mark_followers(tx: &Transaction, at: Span, listing: &[ListedCall]) -> rusqlite::Result<()> {
    let (from, to) = days(at);
    let now: HashSet<&str> = listing.iter().map(|call| call.id.as_str()).collect();
    let mut query = tx.prepare_cached("SELECT id FROM call WHERE from_day = ?1 AND to_day = ?2")?;
    let before: HashSet<String> =
        query.query_map(params![from, to], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    let gone = before.iter().any(|id| !now.contains(id.as_str()));
    if now.iter().any(|id| !before.contains(*id)) {
        // Those that are read with this listing are no longer due when they commit; those that are not must be asked for the new ones.
        let update = format!(
            "UPDATE unit SET due = ?3 WHERE from_day = ?1 AND to_day = ?2 AND due IS NULL AND entity IN ({CHILDREN})"
        );
        tx.execute(&update, params![from, to, NEW_CALLS])?;
    }
    let hidden = hidden_since(tx, &from)?;
    if hidden.is_some() || gone {
        let why = "a call turned private or vanished";
        let update = format!("UPDATE unit SET due = ?3 WHERE from_day = ?1 AND to_day = ?2 AND entity IN ({CHILDREN})");
        tx.execute(&update, params![from, to, why])?;
        tx.execute("UPDATE unit SET due = ?1 WHERE entity = 'library_folder_content'", params![why])?;
        if let Some(since) = hidden {
            let reviews = "UPDATE unit SET due = ?1 WHERE entity = 'stats_activity_scorecards' AND to_day >= ?2";
            tx.execute(reviews, params![why, since])?;
        }
    }
    Ok(())
}

/// The day from which a call that is now listed as private may have been reviewed, if it was known as another: from its window, which may be one
/// that it has left, or from a look-up.
fn hidden_since(tx: &Transaction, from: &str) -> rusqlite::Result<Option<String>> {
    let listed = "SELECT min(min(call.from_day), ?1) FROM call JOIN temp.listed AS now USING (id) WHERE now.private AND NOT call.private";
    let since: Option<String> = tx.prepare_cached(listed)?.query_row(params![from], |row| row.get(0))?;
    let looked_up =
        "SELECT count(*) FROM visibility JOIN temp.listed AS now USING (id) WHERE now.private AND state <> 'private'";
    let count: i64 = tx.prepare_cached(looked_up)?.query_row([], |row| row.get(0))?;
    Ok(since.or((count > 0).then(|| from.to_owned())))
}

/// Replaces what an entity misses in a window; an id that was missing before keeps its date.
pub fn replace_missing(tx: &Transaction, entity: &str, at: Span, missing: &[Missing]) -> rusqlite::Result<()> {
    let (from, to) = days(at);
    tx.execute("DELETE FROM missing WHERE entity = ?1 AND from_day = ?2 AND to_day = ?3", params![entity, from, to])?;
    let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO missing VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?;
    for id in missing {
        insert.execute(params![entity, id.id, from, to, id.reason, micros(id.since)])?;
    }
    Ok(())
}
