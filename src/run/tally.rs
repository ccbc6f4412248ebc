//! What a run counts, unit by unit, for its report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::guard::Change;
use crate::error::{Error, Kind};
use crate::report::{EntityReport, ObjectCounts};
use crate::state::UnitRow;

/// Warnings beyond this many are counted, not listed.
const MOST_WARNINGS: usize = 50;

/// The counts of a run; every task adds to them.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// The counts themselves.
#[derive(Debug, Default, Clone)]
pub struct Counts {
    /// By entity.
    pub entities: BTreeMap<String, EntityReport>,
    /// Objects.
    pub objects: ObjectCounts,
    /// What a person should read, each once.
    pub warnings: Vec<String>,
    /// Warnings that were not listed.
    pub unlisted: u64,
    /// What ended the run.
    pub fatal: Option<(Kind, String)>,
    /// Entities that the vendor does not permit.
    pub refused: BTreeSet<String>,
    /// Units whose reading was not believed.
    pub suspect: u64,
    /// Units that landed without something that should have come.
    pub unfinished: u64,
}

impl Tally {
    /// Changes an entity's counts.
    pub fn entity(&self, name: &str, change: impl FnOnce(&mut EntityReport)) {
        change(self.lock().entities.entry(name.to_owned()).or_default());
    }

    /// Changes the counts of objects.
    pub fn objects(&self, change: impl FnOnce(&mut ObjectCounts)) {
        change(&mut self.lock().objects);
    }

    /// Adds a warning, once.
    pub fn warn(&self, text: String) {
        let mut counts = self.lock();
        if counts.warnings.contains(&text) {
            return;
        }
        tracing::warn!("{text}");
        if counts.warnings.len() < MOST_WARNINGS {
            counts.warnings.push(text);
        } else {
            counts.unlisted += 1;
        }
    }

    /// Notes what ended the run; the first stays.
    pub fn fatal(&self, error: &Error) {
        let text = with_hint(error);
        let mut counts = self.lock();
        if counts.fatal.is_none() {
            tracing::error!("{text}");
            counts.fatal = Some((error.kind(), text));
        }
    }

    /// Notes an entity that the vendor does not permit; false if that was known.
    pub fn refuse(&self, entity: &str) -> bool {
        self.lock().refused.insert(entity.to_owned())
    }

    /// True if the vendor does not permit the entity.
    pub fn is_refused(&self, entity: &str) -> bool {
        self.lock().refused.contains(entity)
    }

    /// Counts a unit that landed without something that should have come and is asked again.
    pub fn unfinished(&self) {
        self.lock().unfinished += 1;
    }

    /// Counts a reading that was not believed.
    pub fn suspect(&self) {
        self.lock().suspect += 1;
    }

    /// Counts a unit that was committed: what changed of its rows, and what became of its object.
    pub fn committed(&self, row: &UnitRow, change: &Change, was_there: bool, rewritten: bool, bytes: u64) {
        self.entity(&row.entity, |e| {
            e.units.committed += 1;
            e.rows.new += change.new;
            e.rows.changed += change.changed;
            e.rows.gone += change.gone;
            e.rows.private += row.private;
            e.missing += row.missing;
            e.vendor_total += row.vendor_total.unwrap_or(0);
            e.unexplained += row.unexplained;
            if rewritten {
                e.rows.written += row.rows;
                e.bytes += bytes;
            }
        });
        self.objects(|o| match (rewritten, was_there, row.object.is_some()) {
            (true, false, true) => o.added += 1,
            (true, true, true) => o.replaced += 1,
            (true, true, false) => o.removed += 1,
            _ => {}
        });
    }

    /// The counts so far.
    pub fn counts(&self) -> Counts {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An error with its advice on one line.
pub fn with_hint(error: &Error) -> String {
    match error.advice() {
        Some(hint) => format!("{error} ({hint})"),
        None => error.to_string(),
    }
}
