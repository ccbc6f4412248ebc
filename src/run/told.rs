//! Units as the manifest and the objects' footers tell them, for a ledger that lacks them.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, Utc};

use super::proof::{Output, Rows};
use super::session::{fingerprint, keeps_private};
use crate::entity::Entity;
use crate::report::{Manifest, ManifestCoverage, ManifestObject};
use crate::state::{ObjectRow, UNKNOWN, UnitRow};
use crate::unit::{Span, Window};

/// The manifest's coverage as units; what the ledger knows better of the same reading stays.
pub fn covered(output: &Output, manifest: &Manifest, old: &HashMap<(String, Span), UnitRow>) -> Rows {
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
                private: covered.private,
                missing: covered.missing.len() as u64,
                schema_version: object.map_or(entity.version, |o| o.schema_version),
                object: object.map(|o| of_manifest(o, read_at)),
                run_id: manifest.run_id.clone(),
                ..shaped(output, entity, (span, read_at), covered.fingerprint.as_ref(), covered.include_private)
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

/// The same of which the settings are known that it was read with; without them those of today are assumed.
pub fn shaped(
    output: &Output,
    entity: &Entity,
    (span, read_at): (Span, DateTime<Utc>),
    fingerprint: Option<&String>,
    include_private: Option<bool>,
) -> UnitRow {
    let mut row = blank(output, entity, span, read_at);
    if let Some(fingerprint) = fingerprint {
        row.fingerprint.clone_from(fingerprint);
    }
    row.include_private = include_private.unwrap_or(row.include_private);
    row
}

/// A unit of which only its span and its reading are known.
pub fn blank(output: &Output, entity: &Entity, span: Span, read_at: DateTime<Utc>) -> UnitRow {
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

/// Days in words as a span; `None` if they are none.
pub fn span(from: Option<&str>, to: Option<&str>) -> Option<Span> {
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
