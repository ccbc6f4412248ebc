//! The output against the ledger: is every object there, is it the one that was written, and is anything else there.
//!
//! One listing tells size and etag of everything. An object whose etag differs is read and its digest decides: copying an output
//! changes etags, not bytes.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::entity::Catalog;
use crate::error::Result;
use crate::report::{Finding, FindingKind, VerifyCounts};
use crate::sink::{self, Store, Stored};
use crate::state::{Ledger, MediaOf, OpenUnit, UnitRow};
use crate::unit::{Span, Unit};

/// What a comparison found.
#[derive(Debug, Default)]
pub struct Verified {
    /// What was looked at.
    pub checked: VerifyCounts,
    /// What is wrong, in the order of the ledger.
    pub findings: Vec<Finding>,
}

/// What the ledger has of one object.
struct Wanted<'a> {
    entity: &'a str,
    span: Span,
    path: &'a str,
    bytes: u64,
    sha256: &'a str,
    /// As the store gave it; unknown for media.
    etag: Option<&'a str>,
    /// `None` for media.
    rows: Option<u64>,
}

impl Wanted<'_> {
    fn finding(&self, kind: FindingKind, detail: String) -> Finding {
        finding(kind, Some(self.entity), self.span, Some(self.path), detail)
    }
}

/// Compares the output with the ledger; `deep` reads every byte. Only for the holder of the run's lock: a run beside it replaces objects.
///
/// # Errors
/// Failures of the ledger or the output; a difference is a finding, not an error.
pub async fn verify(ledger: &Ledger, store: &Store, catalog: &'static Catalog, deep: bool) -> Result<Verified> {
    let (units, media) = (ledger.units()?, ledger.all_media()?);
    let stored = stored(store, catalog).await?;
    let mut verified = Verified::default();
    verified.checked.units = units.len() as u64;
    let wanted: Vec<Wanted> = units.iter().filter_map(of_unit).chain(media.iter().map(of_media)).collect();
    for one in &wanted {
        if one.rows.is_some() {
            verified.checked.objects += 1
        } else {
            verified.checked.media += 1
        }
        verified.checked.bytes += one.bytes;
        if let Some(found) = compare(store, one, stored.get(one.path), deep).await? {
            verified.findings.push(found);
        }
    }
    let object = |open: OpenUnit| Some(Unit { entity: catalog.get(&open.entity)?, span: open.span }.object());
    let open: HashSet<String> = ledger.open_units()?.into_iter().filter_map(object).collect();
    let known: HashSet<&str> = wanted.iter().map(|one| one.path).collect();
    let mut strange: Vec<&Stored> =
        stored.values().filter(|s| !known.contains(s.path.as_str()) && !open.contains(&s.path)).collect();
    strange.sort_by(|a, b| a.path.cmp(&b.path));
    for one in strange {
        let detail = format!("{} bytes that the ledger does not know", one.bytes);
        verified.findings.push(finding(FindingKind::Unknown, None, Span::Snapshot, Some(&one.path), detail));
    }
    Ok(verified)
}

/// Everything under the folders that are ours, by path.
async fn stored(store: &Store, catalog: &Catalog) -> Result<BTreeMap<String, Stored>> {
    let mut found = BTreeMap::new();
    for folder in catalog.all().map(|entity| entity.name.as_str()).chain(["media"]) {
        found.extend(store.stored(folder).await?.into_iter().map(|stored| (stored.path.clone(), stored)));
    }
    Ok(found)
}

fn of_unit(unit: &UnitRow) -> Option<Wanted<'_>> {
    let object = unit.object.as_ref()?;
    Some(Wanted {
        entity: &unit.entity,
        span: unit.span,
        path: &object.path,
        bytes: object.bytes,
        sha256: &object.sha256,
        etag: object.etag.as_deref(),
        rows: Some(unit.rows),
    })
}

fn of_media(of: &MediaOf) -> Wanted<'_> {
    Wanted {
        entity: &of.entity,
        span: Span::Window(of.window),
        path: &of.file.path,
        bytes: of.file.size,
        sha256: &of.file.sha256,
        etag: None,
        rows: None,
    }
}

async fn compare(store: &Store, wanted: &Wanted<'_>, found: Option<&Stored>, deep: bool) -> Result<Option<Finding>> {
    let Some(found) = found else {
        return Ok(Some(wanted.finding(FindingKind::Missing, "it is not in the output".to_owned())));
    };
    if found.bytes != wanted.bytes {
        let detail = format!("{} bytes, written with {}", found.bytes, wanted.bytes);
        return Ok(Some(wanted.finding(FindingKind::Size, detail)));
    }
    let doubtful = wanted.etag.is_some() && found.etag.as_deref() != wanted.etag;
    if !deep && !doubtful {
        return Ok(None);
    }
    let Some((digest, bytes)) = store.digest(wanted.path, wanted.rows.is_some()).await? else {
        return Ok(Some(wanted.finding(FindingKind::Missing, "it went away meanwhile".to_owned())));
    };
    if digest != wanted.sha256 {
        let detail = format!("its SHA-256 is {digest}, written with {}", wanted.sha256);
        return Ok(Some(wanted.finding(FindingKind::Digest, detail)));
    }
    let Some(rows) = wanted.rows.filter(|_| deep) else { return Ok(None) };
    Ok(match sink::count_rows(bytes) {
        Ok(count) if count == rows => None,
        Ok(count) => Some(wanted.finding(FindingKind::Rows, format!("{count} rows, the ledger has {rows}"))),
        Err(error) => Some(wanted.finding(FindingKind::Rows, format!("it is no Parquet file: {error}"))),
    })
}

fn finding(kind: FindingKind, entity: Option<&str>, span: Span, path: Option<&str>, detail: String) -> Finding {
    let window = span.window();
    Finding {
        kind,
        entity: entity.map(str::to_owned),
        from: window.map(|w| w.from.to_string()),
        to: window.map(|w| w.to.to_string()),
        path: path.map(str::to_owned),
        detail,
    }
}

/// A settled window whose number of records differs from Gong's of today.
pub fn of_source(unit: &UnitRow, total: u64) -> Option<Finding> {
    let here = unit.rows + unit.private;
    // A difference that the reading itself had is explained there.
    if total == here || unit.vendor_total == Some(total) {
        return None;
    }
    let detail =
        format!("Gong counts {total} records today; {} rows and {} private ones were read", unit.rows, unit.private);
    Some(finding(FindingKind::Source, Some(&unit.entity), unit.span, None, detail))
}

/// Marks what the findings concern, so that it is read and written again whatever its digest says; unknown objects are left.
///
/// # Errors
/// Failures of the ledger.
pub fn mark(ledger: &Ledger, findings: &[Finding]) -> Result<()> {
    let media: HashMap<String, MediaOf> =
        ledger.all_media()?.into_iter().map(|of| (of.file.path.clone(), of)).collect();
    for unit in ledger.units()? {
        let window = unit.span.window();
        let (from, to) = (window.map(|w| w.from.to_string()), window.map(|w| w.to.to_string()));
        let own = |f: &&Finding| f.entity.as_ref() == Some(&unit.entity) && f.from == from && f.to == to;
        for finding in findings.iter().filter(own) {
            match finding.path.as_ref().and_then(|path| media.get(path)) {
                Some(of) => ledger.forget_damaged_media(of)?,
                None => ledger.mark_damaged(&unit.entity, unit.span, &format!("verify: {}", finding.detail))?,
            }
        }
    }
    Ok(())
}
