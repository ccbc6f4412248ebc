//! What an output proves of itself: its manifest says what was covered, the footers of newer objects what was written after it.
//!
//! The same comparison makes a lost ledger anew and brings an older copy of one up to date. It reads nothing of the vendor.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};

use super::told;
use crate::config::Config;
use crate::entity::Catalog;
use crate::error::Result;
use crate::report::Manifest;
use crate::sink::{self, Said, Store, Stored};
use crate::state::{ObjectRow, RemovedRow, UNKNOWN, UnitRow};
use crate::unit::{Span, Unit};

/// Units by entity and span.
pub type Rows = BTreeMap<(String, Span), UnitRow>;

/// What is proven.
#[derive(Debug, Default)]
pub struct Proof {
    /// Units, each with the object that lies in the output now.
    pub rows: Rows,
    /// Units whose facts are other than the ledger's were.
    pub changed: Vec<(String, Span)>,
    /// Objects that are newer than the manifest, or than the ledger where there is none: taken in from their footers.
    pub taken: Vec<String>,
    /// Objects that are not there, or not as they were written; their units are due.
    pub lost: Vec<String>,
    /// Those of them of which nothing is there: loaders must be told.
    pub gone: Vec<RemovedRow>,
    /// Objects under our folders that fit nothing: left where they are.
    pub strange: Vec<String>,
    /// Objects of this ledger in whose windows others lie.
    pub doubled: Vec<String>,
    /// The newest commit, those of newer objects included.
    pub sequence: i64,
    /// The ledger that wrote the newest object.
    pub ledger_id: Option<String>,
}

/// Where the proof comes from.
pub struct Output<'a> {
    /// The output.
    pub store: &'a Store,
    /// Entities.
    pub catalog: &'static Catalog,
    /// Settings, whose fingerprint those units get that tell none.
    pub config: &'a Config,
    /// The real time.
    pub now: DateTime<Utc>,
    /// The manifest, unless it is lost too.
    pub manifest: Option<&'a Manifest>,
}

/// Compares `known`, the ledger's units as of commit `sequence`, with manifest and objects. Those that the ledger has `discarded` are to be
/// removed, and prove nothing.
///
/// # Errors
/// Failures of the output.
pub async fn prove(output: &Output<'_>, known: Vec<UnitRow>, sequence: i64, discarded: &[String]) -> Result<Proof> {
    let mut proof = Proof { sequence, ..Proof::default() };
    let old: HashMap<(String, Span), UnitRow> =
        known.into_iter().map(|row| ((row.entity.clone(), row.span), row)).collect();
    proof.rows = old.clone().into_iter().collect();
    if let Some(manifest) = output.manifest {
        proof.ledger_id = Some(manifest.ledger_id.clone());
        if manifest.sequence > sequence {
            proof.sequence = manifest.sequence;
            proof.rows = told::covered(output, manifest, &old);
        }
    }
    let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
    for entity in output.catalog.all() {
        let below = output.store.stored(&entity.name).await?;
        stored.extend(below.into_iter().map(|object| (object.path.clone(), object)));
    }
    compare(output, &mut proof, &stored, |_| true).await?;
    stored.retain(|path, _| !discarded.contains(path));
    adopt(output, &mut proof, &stored).await?;
    Ok(concluded(output, proof, &old))
}

/// With the units that follow from others, and those named that are other than before.
pub fn concluded(output: &Output, mut proof: Proof, old: &HashMap<(String, Span), UnitRow>) -> Proof {
    with_parents(output, &mut proof.rows);
    proof.changed =
        proof.rows.iter().filter(|(key, row)| old.get(*key) != Some(*row)).map(|(key, _)| key.clone()).collect();
    proof
}

/// Makes sure that each unit's object is the one that lies there; one that is not is taken from its footer, one that is lost is due.
/// `looked_at` says whether a path lies where `stored` was listed.
pub async fn compare(
    output: &Output<'_>,
    proof: &mut Proof,
    stored: &BTreeMap<String, Stored>,
    looked_at: impl Fn(&str) -> bool,
) -> Result<()> {
    let keys: Vec<_> = proof.rows.keys().cloned().collect();
    for key in keys {
        let Some(row) = proof.rows.get(&key).cloned() else { continue };
        let Some(object) = row.object.clone().filter(|object| looked_at(&object.path)) else { continue };
        let Some(there) = stored.get(&object.path) else {
            proof.sequence += 1;
            proof.gone.push(RemovedRow { path: object.path.clone(), sequence: proof.sequence, at: output.now });
            proof.lost.push(object.path);
            let due = Some("its object was not in the output".to_owned());
            let lost = UnitRow { rows: 0, digest: UNKNOWN, object: None, due, ..row };
            proof.rows.insert(key, lost);
            continue;
        };
        if there.bytes == object.bytes && there.etag == object.etag {
            continue;
        }
        let digest = output.store.digest(&there.path, false).await?.map(|(digest, _)| digest);
        if digest.as_deref() == Some(&object.sha256) {
            // The same bytes at another place or time.
            let object = ObjectRow { etag: there.etag.clone(), ..object };
            let row = UnitRow { object: Some(object), ..row };
            proof.rows.insert(key, row);
        } else if !is_newer(output, there, &row, &object).await? || !take_over(output, proof, there).await? {
            // What lies there is damaged or another's: the unit's next reading writes over it.
            proof.lost.push(object.path);
            let due = Some("its object was not the one that was written".to_owned());
            proof.rows.insert(key, UnitRow { digest: UNKNOWN, due, ..row });
        }
    }
    Ok(())
}

/// True if what lies in a unit's place says that it was written later than what is known of it. A damaged object does not.
async fn is_newer(output: &Output<'_>, there: &Stored, row: &UnitRow, known: &ObjectRow) -> Result<bool> {
    let said = output.store.footer(there).await?;
    Ok(said.is_some_and(|said| said.footer.read_at > known.read_at || said.footer.run_id > row.run_id))
}

/// Takes the object of a unit that is known; false if it is not the unit's.
async fn take_over(output: &Output<'_>, proof: &mut Proof, there: &Stored) -> Result<bool> {
    let taken = proof.taken.len();
    take(output, proof, there).await?;
    proof.strange.retain(|path| *path != there.path);
    proof.doubled.retain(|path| *path != there.path);
    Ok(proof.taken.len() > taken)
}

/// Takes in objects that no unit has, if their windows are free.
pub async fn adopt(output: &Output<'_>, proof: &mut Proof, stored: &BTreeMap<String, Stored>) -> Result<()> {
    let known: HashSet<String> =
        proof.rows.values().filter_map(|row| row.object.as_ref().map(|o| o.path.clone())).collect();
    for there in stored.values().filter(|there| !known.contains(&there.path)) {
        take(output, proof, there).await?;
    }
    Ok(())
}

/// Takes one object as its footer describes it.
async fn take(output: &Output<'_>, proof: &mut Proof, there: &Stored) -> Result<()> {
    let said = output.store.footer(there).await?;
    let Some((unit, said)) = said.and_then(|said| Some((described(output, &said)?, said))) else {
        proof.strange.push(there.path.clone());
        return Ok(());
    };
    let fits = unit.object() == there.path;
    let in_the_way = |row: &UnitRow| match (row.span.window(), unit.span.window()) {
        _ if row.entity != unit.entity.name || (fits && row.span == unit.span) => false,
        (Some(a), Some(b)) => a.overlaps(&b),
        _ => true,
    };
    let ours = proof.ledger_id.as_ref().is_none_or(|id| *id == said.footer.ledger_id);
    match (proof.rows.values().any(in_the_way), ours) {
        (true, true) => proof.doubled.push(there.path.clone()),
        (false, true) if fits => return take_in(output, proof, there, unit, said).await,
        _ => proof.strange.push(there.path.clone()),
    }
    Ok(())
}

async fn take_in(output: &Output<'_>, proof: &mut Proof, there: &Stored, unit: Unit, said: Said) -> Result<()> {
    let bytes = output.store.get(&there.path).await?;
    if !bytes.is_some_and(|bytes| sink::is_whole(bytes, said.rows)) {
        // Of no use to anybody; its window is free, and is read.
        proof.strange.push(there.path.clone());
        return Ok(());
    }
    let digest = output.store.digest(&there.path, false).await?.map(|(digest, _)| digest);
    proof.sequence += 1;
    proof.taken.push(there.path.clone());
    proof.ledger_id.get_or_insert_with(|| said.footer.ledger_id.clone());
    let object = ObjectRow {
        path: there.path.clone(),
        read_at: said.footer.read_at,
        bytes: there.bytes,
        sha256: digest.unwrap_or_default(),
        etag: there.etag.clone(),
        sequence: proof.sequence,
    };
    let row = UnitRow {
        rows: said.rows,
        schema_version: said.footer.schema_version,
        object: Some(object),
        run_id: said.footer.run_id,
        ..told::shaped(
            output,
            unit.entity,
            (unit.span, said.footer.read_at),
            said.footer.fingerprint.as_ref(),
            said.footer.include_private,
        )
    };
    proof.rows.insert((unit.entity.name.clone(), unit.span), row);
    Ok(())
}

/// The unit that an object says it is.
fn described(output: &Output, said: &Said) -> Option<Unit> {
    let footer = &said.footer;
    let given = |day: &String| Some(day.clone()).filter(|day| !day.is_empty());
    let span = told::span(given(&footer.from).as_deref(), given(&footer.to).as_deref())?;
    let unit = Unit { entity: output.catalog.get(&footer.entity)?, span };
    (unit.entity.is_snapshot() == (span == Span::Snapshot)).then_some(unit)
}

/// What is read by a listing's ids keeps the boundaries of its listing: one whose listing is unknown makes it due.
fn with_parents(output: &Output, rows: &mut Rows) {
    let mut parents = Vec::new();
    for ((name, span), row) in rows.iter() {
        let Some(parent) = output.catalog.get(name).and_then(|e| output.catalog.get(e.parent()?)) else { continue };
        let days = |span: &Span| span.window();
        let covers = |other: &Span| days(other).zip(days(span)).is_some_and(|(a, b)| a.overlaps(&b));
        if !rows.keys().any(|(name, other)| *name == parent.name && covers(other)) {
            let due = Some("its listing was not in the output".to_owned());
            parents.push((
                (parent.name.clone(), *span),
                UnitRow { due, ..told::blank(output, parent, *span, row.read_at) },
            ));
        }
    }
    rows.extend(parents);
}
