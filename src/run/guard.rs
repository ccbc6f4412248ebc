//! What a reading changed, and whether it is believed: a credential that lost its rights looks like mass deletion. Pure but for its settings.

use std::collections::{HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::planning::selected;
use super::session::Session;
use crate::config::Config;
use crate::decode::Decoded;
use crate::entity::{Catalog, Entity};
use crate::state::{Digest, UnitRow};
use crate::unit::{Span, Unit, Window};

/// Fewer rows than this may go at once without a question.
const SMALLEST_SHRINK: u64 = 20;

/// What a reading changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Change {
    /// Not there before.
    pub new: u64,
    /// Other than before.
    pub changed: u64,
    /// No longer there.
    pub gone: u64,
    /// Of those, not because they turned private.
    pub vanished: u64,
}

impl Change {
    /// Compares the rows of two readings. A settled unit keeps one digest for all its rows; then the least change that explains the
    /// difference is counted.
    pub fn between(
        before: Option<&UnitRow>,
        old: &HashMap<Digest, Digest>,
        rows: &[(Digest, Digest)],
        private_keys: &HashSet<Digest>,
        private: u64,
    ) -> Change {
        let count = rows.len() as u64;
        let Some(before) = before else { return Change { new: count, ..Change::default() } };
        if old.is_empty() && before.rows > 0 {
            let gone = before.rows.saturating_sub(count);
            let hidden = private.saturating_sub(before.private);
            // As many rows as before and not the same: one at least was changed.
            let changed = count == before.rows && before.digest != unit_digest(rows);
            return Change {
                new: count.saturating_sub(before.rows),
                changed: u64::from(changed),
                gone,
                vanished: gone.saturating_sub(hidden),
            };
        }
        let now: HashMap<&Digest, &Digest> = rows.iter().map(|(key, row)| (key, row)).collect();
        let gone: Vec<&Digest> = old.keys().filter(|key| !now.contains_key(key)).collect();
        Change {
            new: now.keys().filter(|key| !old.contains_key(**key)).count() as u64,
            changed: now.iter().filter(|(key, row)| old.get(**key).is_some_and(|before| before != **row)).count()
                as u64,
            gone: gone.len() as u64,
            vanished: gone.iter().filter(|key| !private_keys.contains(**key)).count() as u64,
        }
    }
}

/// Why a reading is not believed, if it is not.
pub fn disbelief(session: &Session, before: Option<&UnitRow>, change: &Change) -> Option<String> {
    let before = before?;
    let limit = session.config.sync.shrink_limit;
    let too_many = change.vanished >= SMALLEST_SHRINK && change.vanished as f64 > limit * before.rows as f64;
    (too_many && !session.accept_shrink)
        .then(|| format!("{} of {} rows are gone, more than sync.shrink_limit allows", change.vanished, before.rows))
}

/// The command that believes a reading of the unit after all.
pub fn accepting(session: &Session, unit: Unit) -> String {
    format!("`{}`", accept_command(session.catalog, &session.config, session.now, unit.entity, unit.span))
}

/// The same for what only looks. It names all that is read with the entity: what is gone from one table is gone from the others.
pub fn accept_command(
    catalog: &'static Catalog,
    config: &Config,
    now: DateTime<Utc>,
    entity: &Entity,
    span: Span,
) -> String {
    let root = entity.parent().unwrap_or(&entity.name);
    let asked = selected(catalog, &config.sync.entities);
    let mut names = vec![root];
    names.extend(asked.iter().filter(|other| other.parent() == Some(root)).map(|other| other.name.as_str()));
    if !names.contains(&entity.name.as_str()) {
        names.push(&entity.name);
    }
    // What has no dates is read whole whatever the range.
    let window = span.window().unwrap_or_else(|| Window::day(now.date_naive()));
    let (from, to, names) = (window.from, window.to, names.join(","));
    format!("gong-elt backfill --from {from} --to {to} --entities {names} --force --accept-shrink")
}

/// The digest that a listing would have as a committed unit.
pub fn listing_digest(session: &Session, pages: &[Decoded]) -> Digest {
    let include_private = session.config.sync.include_private;
    let rows = pages.iter().flat_map(|page| &page.rows).filter(|row| include_private || !row.private);
    let rows: HashMap<Digest, Digest> = rows.map(|row| (row.key, row.digest)).collect();
    unit_digest(&rows.into_iter().collect::<Vec<_>>())
}

/// One digest for all rows. Order does not matter: the same rows are the same unit.
pub fn unit_digest(digests: &[(Digest, Digest)]) -> Digest {
    use sha2::Digest as _;
    let mut sorted: Vec<_> = digests.to_vec();
    sorted.sort_unstable();
    let mut hash = sha2::Sha256::new();
    for (key, row) in sorted {
        hash.update(key);
        hash.update(row);
    }
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}

/// A unit without rows, for tests.
#[cfg(test)]
pub fn blank_row() -> UnitRow {
    UnitRow {
        entity: "calls".to_owned(),
        span: Span::Snapshot,
        read_at: chrono::DateTime::default(),
        rows: 0,
        private: 0,
        missing: 0,
        vendor_total: None,
        unexplained: 0,
        unexplained_readings: 0,
        digest: [0; 16],
        fingerprint: String::new(),
        schema_version: 1,
        include_private: false,
        time_zone: None,
        object: None,
        due: None,
        suspect: None,
        run_id: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u8) -> Digest {
        [n; 16]
    }

    #[test]
    fn rows_are_told_apart_by_key_and_content() {
        let old = HashMap::from([
            (digest(1), digest(1)),
            (digest(2), digest(2)),
            (digest(3), digest(3)),
            (digest(4), digest(4)),
        ]);
        let rows = [(digest(1), digest(1)), (digest(2), digest(9)), (digest(5), digest(5))];
        let before = UnitRow { rows: 4, ..unit() };
        let change = Change::between(Some(&before), &old, &rows, &HashSet::from([digest(3)]), 1);
        assert_eq!(change, Change { new: 1, changed: 1, gone: 2, vanished: 1 });
        assert_eq!(Change::between(None, &HashMap::new(), &rows, &HashSet::new(), 0).new, 3);
    }

    #[test]
    fn a_settled_unit_counts_the_least_change_that_explains_it() {
        let before = UnitRow { rows: 5, private: 1, ..unit() };
        let rows = [(digest(1), digest(1)), (digest(2), digest(2))];
        let change = Change::between(Some(&before), &HashMap::new(), &rows, &HashSet::new(), 2);
        assert_eq!(change, Change { new: 0, changed: 0, gone: 3, vanished: 2 });
        let before = UnitRow { rows: 2, ..unit() };
        let changed =
            |before: &UnitRow| Change::between(Some(before), &HashMap::new(), &rows, &HashSet::new(), 0).changed;
        assert_eq!((changed(&before), changed(&UnitRow { digest: unit_digest(&rows), ..before.clone() })), (1, 0));
    }

    fn unit() -> UnitRow {
        blank_row()
    }
}
