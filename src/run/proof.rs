//! What an output proves of itself: its manifest says what was covered, the footers of newer objects what was written after it.
//!
//! The same comparison makes a lost ledger anew and brings an older copy of one up to date. It reads nothing of the vendor.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, NaiveDate, Utc};

use super::session::{fingerprint, keeps_private};
use crate::config::Config;
use crate::entity::{Catalog, Entity};
use crate::error::Result;
use crate::report::{Manifest, ManifestCoverage, ManifestObject};
use crate::sink::{Said, Store, Stored};
use crate::state::{ObjectRow, RemovedRow, UNKNOWN, UnitRow};
use crate::unit::{Span, Unit, Window};

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
    /// Settings, whose fingerprint the units get: of those they were read with nothing is left.
    pub config: &'a Config,
    /// The real time.
    pub now: DateTime<Utc>,
    /// The manifest, unless it is lost too.
    pub manifest: Option<&'a Manifest>,
}

/// Compares `known`, the ledger's units as of commit `sequence`, with manifest and objects.
///
/// # Errors
/// Failures of the output.
pub async fn prove(output: &Output<'_>, known: Vec<UnitRow>, sequence: i64) -> Result<Proof> {
    let mut proof = Proof { sequence, ..Proof::default() };
    let old: HashMap<(String, Span), UnitRow> =
        known.into_iter().map(|row| ((row.entity.clone(), row.span), row)).collect();
    proof.rows = old.clone().into_iter().collect();
    if let Some(manifest) = output.manifest {
        proof.ledger_id = Some(manifest.ledger_id.clone());
        if manifest.sequence > sequence {
            proof.sequence = manifest.sequence;
            proof.rows = covered(output, manifest, &old);
        }
    }
    let mut stored: BTreeMap<String, Stored> = BTreeMap::new();
    for entity in output.catalog.all() {
        let below = output.store.stored(&entity.name).await?;
        stored.extend(below.into_iter().map(|object| (object.path.clone(), object)));
    }
    compare(output, &mut proof, &stored, |_| true).await?;
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

/// The manifest's coverage as units; what the ledger knows better of the same reading stays.
fn covered(output: &Output, manifest: &Manifest, old: &HashMap<(String, Span), UnitRow>) -> Rows {
    let key = |entity: &String, from: &Option<String>, to: &Option<String>| (entity.clone(), from.clone(), to.clone());
    let objects: HashMap<_, &ManifestObject> =
        manifest.objects.iter().map(|object| (key(&object.entity, &object.from, &object.to), object)).collect();
    let row = |covered: &ManifestCoverage| {
        let entity = output.catalog.get(&covered.entity)?;
        let span = span(covered.from.as_deref(), covered.to.as_deref())?;
        let object = objects.get(&key(&covered.entity, &covered.from, &covered.to)).copied();
        let at = (covered.entity.clone(), span);
        let read_at: DateTime<Utc> = covered.read_at.parse().ok()?;
        let same = |row: &&UnitRow| row.object.as_ref().map(|o| &o.sha256) == object.map(|o| &o.sha256);
        let row = match old.get(&at).filter(same) {
            Some(known) => UnitRow { read_at: read_at.max(known.read_at), ..known.clone() },
            None => UnitRow {
                rows: covered.rows,
                schema_version: object.map_or(entity.version, |o| o.schema_version),
                object: object.map(|o| of_manifest(o, read_at)),
                run_id: manifest.run_id.clone(),
                ..blank(output, entity, span, read_at)
            },
        };
        Some((at, row))
    };
    manifest.coverage.iter().filter_map(row).collect()
}

fn of_manifest(object: &ManifestObject, read_at: DateTime<Utc>) -> ObjectRow {
    ObjectRow {
        path: object.path.clone(),
        read_at,
        bytes: object.bytes,
        sha256: object.sha256.clone(),
        etag: object.etag.clone(),
        sequence: object.sequence,
    }
}

/// A unit of which only its span and its reading are known.
fn blank(output: &Output, entity: &Entity, span: Span, read_at: DateTime<Utc>) -> UnitRow {
    UnitRow {
        entity: entity.name.clone(),
        span,
        read_at,
        rows: 0,
        private: 0,
        missing: 0,
        vendor_total: None,
        unexplained: 0,
        unexplained_readings: 0,
        digest: UNKNOWN,
        fingerprint: fingerprint(output.config, entity),
        schema_version: entity.version,
        include_private: keeps_private(output.config, entity),
        time_zone: zone(output, entity),
        object: None,
        due: None,
        suspect: None,
        run_id: String::new(),
    }
}

/// The zone that the manifest was written with; the rows may tell better.
fn zone(output: &Output, entity: &Entity) -> Option<String> {
    let manifest = output.manifest.filter(|_| entity.has_company_days())?;
    Some(manifest.time_zone.clone().unwrap_or_else(|| chrono_tz::UTC.name().to_owned()))
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
        } else {
            let strange = proof.strange.len() + proof.doubled.len();
            take(output, proof, there).await?;
            if proof.strange.len() + proof.doubled.len() > strange {
                // What lies there is not the unit's: its next reading writes over it.
                proof.strange.retain(|path| *path != object.path);
                proof.doubled.retain(|path| *path != object.path);
                proof.lost.push(object.path);
                let due = Some("its object was not the one that was written".to_owned());
                proof.rows.insert(key, UnitRow { digest: UNKNOWN, due, ..row });
            }
        }
    }
    Ok(())
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
        ..blank(output, unit.entity, unit.span, said.footer.read_at)
    };
    proof.rows.insert((unit.entity.name.clone(), unit.span), row);
    Ok(())
}

/// The unit that an object says it is.
fn described(output: &Output, said: &Said) -> Option<Unit> {
    let footer = &said.footer;
    let given = |day: &String| Some(day.clone()).filter(|day| !day.is_empty());
    let span = span(given(&footer.from).as_deref(), given(&footer.to).as_deref())?;
    let unit = Unit { entity: output.catalog.get(&footer.entity)?, span };
    (unit.entity.is_snapshot() == (span == Span::Snapshot)).then_some(unit)
}

fn span(from: Option<&str>, to: Option<&str>) -> Option<Span> {
    let day = |text: &str| text.parse::<NaiveDate>().ok();
    match (from, to) {
        (None, None) => Some(Span::Snapshot),
        (Some(from), Some(to)) => {
            let window = Window { from: day(from)?, to: day(to)? };
            (window.from < window.to).then_some(Span::Window(window))
        }
        _ => None,
    }
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
            parents.push(((parent.name.clone(), *span), UnitRow { due, ..blank(output, parent, *span, row.read_at) }));
        }
    }
    rows.extend(parents);
}
