//! The history of runs, and the backfills that are under way.

use chrono::{DateTime, Utc};
use rusqlite::{OptionalExtension, params};

use super::{Ledger, days, instant, micros, span};
use crate::error::Result;
use crate::unit::{Span, Window};

/// A finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// Sorts by time.
    pub id: String,
    /// `sync` or `backfill`.
    pub command: String,
    /// When it ended.
    pub ended: DateTime<Utc>,
    /// Its exit code.
    pub exit_code: u8,
}

/// A backfill that was begun and not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backfill {
    /// Key.
    pub id: i64,
    /// The range asked for.
    pub window: Window,
    /// Names of the entities asked for.
    pub entities: Vec<String>,
    /// The run that began it, if it reads again what is covered.
    pub forced_by: Option<String>,
}

impl Ledger {
    /// Notes that a run began, with its plan.
    pub fn begin_run(
        &self,
        id: &str,
        command: &str,
        as_of: DateTime<Utc>,
        at: DateTime<Utc>,
        plan: &str,
    ) -> Result<()> {
        self.with(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO run (id, command, as_of, started, plan) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![id, command, micros(as_of), micros(at), plan],
            )
            .map(|_| ())
        })
    }

    /// Notes how a run ended.
    pub fn end_run(&self, id: &str, at: DateTime<Utc>, exit_code: u8, requests: u64, report: &str) -> Result<()> {
        self.with(|tx| {
            tx.execute(
                "UPDATE run SET ended = ?2, exit_code = ?3, requests = ?4, report = ?5 WHERE id = ?1",
                params![id, micros(at), exit_code, requests, report],
            )
            .map(|_| ())
        })
    }

    /// The newest run that ended.
    pub fn last_run(&self) -> Result<Option<RunRow>> {
        self.with(|tx| {
            let query =
                "SELECT id, command, ended, exit_code FROM run WHERE ended IS NOT NULL ORDER BY id DESC LIMIT 1";
            tx.query_row(query, [], |row| {
                Ok(RunRow {
                    id: row.get(0)?,
                    command: row.get(1)?,
                    ended: instant(row.get(2)?),
                    exit_code: row.get(3)?,
                })
            })
            .optional()
        })
    }

    /// Requests of the newest `sync` that ended, for what a backfill leaves untouched.
    pub fn last_sync_requests(&self) -> Result<Option<u32>> {
        self.with(|tx| {
            let query =
                "SELECT requests FROM run WHERE ended IS NOT NULL AND command = 'sync' ORDER BY id DESC LIMIT 1";
            tx.query_row(query, [], |row| row.get(0)).optional()
        })
    }

    /// Notes a backfill; the same range and entities again, forced or not as before, is the same backfill.
    pub fn begin_backfill(
        &self,
        window: Window,
        entities: &[String],
        forced_by: Option<&str>,
        at: DateTime<Utc>,
    ) -> Result<()> {
        let same = |known: &Backfill| {
            known.window == window && known.entities == entities && known.forced_by.is_some() == forced_by.is_some()
        };
        if self.backfills()?.iter().any(same) {
            return Ok(());
        }
        let (from, to) = days(Span::Window(window));
        let entities = serde_json::Value::from(entities.to_vec()).to_string();
        self.with(|tx| {
            let insert =
                "INSERT INTO backfill (from_day, to_day, entities, forced_by, begun) VALUES (?1, ?2, ?3, ?4, ?5)";
            tx.execute(insert, params![from, to, entities, forced_by, micros(at)]).map(|_| ())
        })
    }

    /// Backfills that are under way, oldest first.
    pub fn backfills(&self) -> Result<Vec<Backfill>> {
        self.with(|tx| {
            let mut query =
                tx.prepare_cached("SELECT id, from_day, to_day, entities, forced_by FROM backfill ORDER BY id")?;
            let rows = query.query_map([], |row| {
                let (from, to, entities): (String, String, String) = (row.get(1)?, row.get(2)?, row.get(3)?);
                let window = span(&from, &to).window();
                let forced_by = row.get(4)?;
                Ok(window.map(|window| Backfill {
                    forced_by,
                    id: row.get::<_, i64>(0).unwrap_or_default(),
                    window,
                    entities: serde_json::from_str(&entities).unwrap_or_default(),
                }))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter().flatten().collect())
        })
    }

    /// Forgets a backfill: finished or cancelled.
    pub fn end_backfill(&self, id: i64) -> Result<()> {
        self.with(|tx| tx.execute("DELETE FROM backfill WHERE id = ?1", params![id]).map(|_| ()))
    }
}
