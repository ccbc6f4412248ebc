//! What lies around the windows that a run is about to write: objects that its ledger does not know, or knows otherwise.
//!
//! A ledger put back from an older copy does not know what was written since, and another cut of the same days would double their
//! rows. So before a month of a table is written to, its folder is listed: one request for each folder, whatever the history holds.
//! An object of ours is taken over by its footer if its window is free, else removed; what is not ours is left.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use chrono::Days;
use futures::StreamExt as _;

use super::proof::{self, Output, Proof};
use super::rebuild;
use super::session::Session;
use crate::entity::spec::Read;
use crate::error::Result;
use crate::plan::Planned;
use crate::sink::Stored;
use crate::state::UnitRow;
use crate::unit::{Span, Unit};

/// From so many months of one table on its whole folder is listed.
const MOST_MONTHS: usize = 12;
const AT_ONCE: usize = 8;
/// The longest way from a window's start back to the start of another one that overlaps it from the month before: a week's.
const LONGEST_REACH: u64 = 6;

/// Looks around the planned windows; true if the ledger knows more than before, so that the plan must be made again.
///
/// # Errors
/// Failures of the ledger or the output. An output that lists nothing is a warning: it can be written all the same.
pub async fn tidy(session: &Session, planned: &[Planned]) -> Result<bool> {
    look(session, folders(planned)).await
}

/// The same for every folder of every table.
///
/// # Errors
/// As [`tidy`].
pub async fn tidy_all(session: &Session) -> Result<bool> {
    look(session, session.catalog.all().map(|entity| entity.name.clone()).collect()).await
}

/// The folders of the months that are written to.
fn folders(planned: &[Planned]) -> BTreeSet<String> {
    let mut months: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for one in planned {
        let Some(window) = one.unit.span.window() else { continue };
        let own = months.entry(&one.unit.entity.name).or_default();
        let reach = if matches!(one.unit.entity.read, Read::Period { .. }) { LONGEST_REACH } else { 0 };
        let days = [Some(window.from), window.from.checked_sub_days(Days::new(reach))];
        own.extend(days.into_iter().flatten().map(|day| day.format("%Y-%m").to_string()));
    }
    let mut folders = BTreeSet::new();
    for (name, months) in months {
        match months.len() > MOST_MONTHS {
            true => drop(folders.insert(name.to_owned())),
            false => folders.extend(months.iter().map(|month| format!("{name}/month={month}"))),
        }
    }
    folders
}

async fn look(session: &Session, folders: BTreeSet<String>) -> Result<bool> {
    let lists = folders.iter().map(|folder| session.store.stored(folder));
    let listed: Vec<Result<Vec<Stored>>> = futures::stream::iter(lists).buffer_unordered(AT_ONCE).collect().await;
    let stored: Vec<Stored> = match listed.into_iter().collect::<Result<Vec<_>>>() {
        Ok(listed) => listed.into_iter().flatten().collect(),
        Err(error) => {
            session.tally.warn(format!("objects that the ledger does not know could not be looked for: {error}"));
            return Ok(false);
        }
    };
    let stored: BTreeMap<String, Stored> = stored.into_iter().map(|object| (object.path.clone(), object)).collect();
    let object = |entity: &str, span| Some(Unit { entity: session.catalog.get(entity)?, span }.object());
    let open = session.ledger.open_units()?;
    // An open unit's object is written again anyway.
    let intended: HashSet<String> = open.iter().filter_map(|open| object(&open.entity, open.span)).collect();
    let stored: BTreeMap<String, Stored> = stored.into_iter().filter(|(path, _)| !intended.contains(path)).collect();
    let (store, catalog, config) = (&session.store, session.catalog, &session.config);
    let output = Output { store, catalog, config, now: session.clock.now(), manifest: None };
    let around = Around { folders: &folders, intended: &intended, ledger_id: &session.ledger_id };
    let proof = prove_around(&output, session.ledger.units()?, session.ledger.sequence()?, &stored, &around).await?;
    for path in proof.strange.iter().filter(|path| path.ends_with(".parquet")) {
        session.tally.warn(format!("{path} is not this ledger's: it was left, and readers of the folder see it"));
    }
    let known = !proof.changed.is_empty();
    if known {
        rebuild::restore(&output, &session.ledger, &proof, &session.ledger_id).await?;
    }
    for path in &proof.taken {
        session.tally.warn(format!("{path}: the ledger did not know it, and it was taken over by its footer"));
    }
    for path in &proof.lost {
        session.tally.warn(format!("{path} is not there as it was written: its window is read again"));
    }
    for path in &proof.doubled {
        session.store.remove(path).await?;
        session.tally.objects(|objects| objects.removed += 1);
        session
            .tally
            .warn(format!("{path} was removed: the ledger did not know it, and other objects hold its window"));
    }
    Ok(known)
}

/// Part of an output that is looked at for itself.
struct Around<'a> {
    // The folders that were listed.
    folders: &'a BTreeSet<String>,
    // Paths that are written again anyway.
    intended: &'a HashSet<String>,
    // The ledger that looks.
    ledger_id: &'a str,
}

/// Compares `known`, all of the ledger's units, with what was listed of some folders.
async fn prove_around(
    output: &Output<'_>,
    known: Vec<UnitRow>,
    sequence: i64,
    stored: &BTreeMap<String, Stored>,
    around: &Around<'_>,
) -> Result<Proof> {
    let old: HashMap<(String, Span), UnitRow> =
        known.into_iter().map(|row| ((row.entity.clone(), row.span), row)).collect();
    let rows = old.clone().into_iter().collect();
    let mut proof = Proof { sequence, rows, ledger_id: Some(around.ledger_id.to_owned()), ..Proof::default() };
    let looked_at = |path: &str| {
        let mut folders = path.match_indices('/').filter_map(|(end, _)| path.get(..end));
        folders.any(|folder| around.folders.contains(folder)) && !around.intended.contains(path)
    };
    proof::compare(output, &mut proof, stored, looked_at).await?;
    proof::adopt(output, &mut proof, stored).await?;
    Ok(proof::concluded(output, proof, &old))
}
