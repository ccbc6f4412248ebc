//! A ledger from its output: a lost one made anew, an older copy brought up to date.

use chrono::{DateTime, Utc};

use super::proof::{self, Output, Proof};
use super::{members, pins, told, zone};
use crate::entity::spec::Read;
use crate::error::{Error, Kind, Result};
use crate::report::{Manifest, ManifestCoverage, ManifestMissing, RebuildReport, VERSION};
use crate::sink::{Cell, read_columns};
use crate::state::{Ledger, ListedCall, MediaOf, MediaRow, Missing, RemovedRow, Restored, UnitRow};
use crate::unit::{Span, Window};

/// The column that says which zone's days a row was read in.
const ZONE: &str = "time_zone";

/// Makes an empty ledger anew.
///
/// # Errors
/// [`Kind::Ledger`] if the ledger is not empty, or the output holds nothing of ours; failures of either.
pub async fn rebuild(output: &Output<'_>, ledger: &Ledger, now: DateTime<Utc>) -> Result<RebuildReport> {
    if ledger.sequence()? > 0 || !ledger.units()?.is_empty() {
        let what = format!("the ledger {} is not empty: nothing was changed", ledger.path().display());
        return Err(Error::new(Kind::Ledger, what).hint(
            "move it away first if it is to be made anew, or run `gong-elt verify` to compare it with the output",
        ));
    }
    // Without the manifest the last number that loaders saw is unknown: seconds since 1970 are beyond any count of commits.
    let sequence = if output.manifest.is_some() { 0 } else { now.timestamp() };
    let proof = proof::prove(output, Vec::new(), sequence, &[]).await?;
    let Some(ledger_id) = proof.ledger_id.clone() else {
        let what = format!("the output {} holds no manifest and no object of gong-elt", output.store.url());
        return Err(Error::new(Kind::Ledger, what)
            .hint("check output.url; for a new output no ledger is needed, run `gong-elt sync`"));
    };
    restore(output, ledger, &proof, &ledger_id).await?;
    Ok(report(output, proof, ledger_id))
}

/// Brings an older copy of the output's own ledger up to what the output proves.
///
/// # Errors
/// Failures of the ledger or the output.
pub async fn catch_up(output: &Output<'_>, ledger: &Ledger, ledger_id: &str) -> Result<RebuildReport> {
    let proof = proof::prove(output, ledger.units()?, ledger.sequence()?, &ledger.discarded()?).await?;
    restore(output, ledger, &proof, ledger_id).await?;
    Ok(report(output, proof, ledger_id.to_owned()))
}

fn report(output: &Output, proof: Proof, ledger_id: String) -> RebuildReport {
    RebuildReport {
        version: VERSION,
        ledger_id,
        from_manifest: output.manifest.is_some(),
        sequence: proof.sequence,
        units: proof.rows.len() as u64,
        objects: proof.rows.values().filter(|row| row.object.is_some()).count() as u64,
        newer: proof.taken.len() as u64,
        lost: proof.lost,
        strange: [proof.strange, proof.doubled].concat(),
        to_read: None,
        sync_refused: None,
    }
}

/// Reads what the ledger keeps of the rows themselves, and writes everything in one transaction.
pub async fn restore(output: &Output<'_>, ledger: &Ledger, proof: &Proof, ledger_id: &str) -> Result<()> {
    let mut restored = Restored {
        ledger_id: ledger_id.to_owned(),
        sequence: proof.sequence,
        keep: proof.rows.keys().cloned().collect(),
        removed: output.manifest.map(removed).into_iter().flatten().chain(proof.gone.iter().cloned()).collect(),
        ..Restored::default()
    };
    restored.missing = output.manifest.map(|manifest| missing(manifest, proof)).unwrap_or_default();
    restored.facts.push((pins::OUTPUT.to_owned(), output.store.url().to_owned()));
    for key in &proof.changed {
        let Some(row) = proof.rows.get(key) else { continue };
        let mut row = row.clone();
        // One that is not as it was written has nothing to tell.
        if let Some(object) = row.object.clone().filter(|object| !proof.lost.contains(&object.path)) {
            let told = contents(output, &mut row, &object.path, &mut restored).await?;
            row.due = row.due.or((!told).then(|| "its object cannot be read".to_owned()));
        }
        restored.units.push(row);
    }
    // Without the manifest the newest rows tell the zone.
    let zoned = restored.units.iter().filter(|row| row.time_zone.is_some()).max_by_key(|row| row.read_at);
    let newest =
        zoned.and_then(|row| row.time_zone.clone()).filter(|_| ledger.fact(zone::FACT).is_ok_and(|f| f.is_none()));
    let zone = output.manifest.and_then(|manifest| manifest.time_zone.clone()).or(newest);
    restored.facts.extend(zone.map(|zone| (zone::FACT.to_owned(), zone)));
    ledger.restore(&restored)
}

/// Ids that the manifest's windows miss, of those windows that are taken from it.
fn missing(manifest: &Manifest, proof: &Proof) -> Vec<(String, Span, Vec<Missing>)> {
    let of = |covered: &ManifestCoverage| {
        let at = told::span(covered.from.as_deref(), covered.to.as_deref())?;
        let key = (covered.entity.clone(), at);
        let known = proof.rows.get(&key).filter(|row| row.missing == covered.missing.len() as u64);
        known.filter(|_| proof.changed.contains(&key) && !covered.missing.is_empty())?;
        let one = |m: &ManifestMissing| {
            Some(Missing { id: m.id.clone(), reason: m.reason.clone(), since: m.since.parse().ok()? })
        };
        Some((key.0, at, covered.missing.iter().filter_map(one).collect()))
    };
    manifest.coverage.iter().filter_map(of).collect()
}

fn removed(manifest: &Manifest) -> Vec<RemovedRow> {
    let row = |removed: &crate::report::ManifestRemoved| {
        Some(RemovedRow { path: removed.path.clone(), sequence: removed.sequence, at: removed.at.parse().ok()? })
    };
    manifest.removed.iter().filter_map(row).collect()
}

/// Listings of calls, media files, ids that others fan out over and the zone of company days, from the rows of an object; false if they
/// cannot be read.
async fn contents(output: &Output<'_>, row: &mut UnitRow, path: &str, restored: &mut Restored) -> Result<bool> {
    let entity = output.catalog.get(&row.entity);
    let read = entity.map(|entity| &entity.read);
    let zoned = entity.is_some_and(|e| e.has_company_days() && e.fields.iter().any(|f| f.name == ZONE));
    let media = matches!(read, Some(Read::Media { .. }));
    let lists = output.catalog.all().any(|entity| entity.parent() == Some(&row.entity));
    let fans = members::columns_of(&row.entity);
    let columns: Vec<&str> = match () {
        () if lists => vec!["id", "started", "is_private"],
        () if media => vec!["call_id", "path", "size", "sha256", "content_type"],
        () if zoned => vec![ZONE],
        () if !fans.is_empty() => fans.iter().map(|(_, column)| *column).collect(),
        () => return Ok(true),
    };
    let rows = output.store.get(path).await?.and_then(|bytes| read_columns(bytes, &columns).ok());
    let Some(rows) = rows else { return Ok(false) };
    match row.span.window() {
        Some(_) if zoned => row.time_zone = rows.into_iter().find_map(|cells| cells.into_iter().next()?.text()),
        Some(window) if media => restored.media.extend(rows.into_iter().filter_map(|r| file(&row.entity, window, r))),
        Some(window) => restored.listings.push((window, rows.into_iter().filter_map(call).collect())),
        None => {
            for (place, (fan, _)) in fans.iter().enumerate() {
                let ids = rows.iter().filter_map(|cells| cells.get(place)?.clone().text());
                restored.facts.push(members::remembered(fan, ids));
            }
            if row.entity == pins::COMPANY {
                let ids = rows.iter().filter_map(|cells| cells.first()?.clone().text());
                restored.facts.push(pins::company(ids));
            }
        }
    }
    Ok(true)
}

fn call(cells: Vec<Cell>) -> Option<ListedCall> {
    let mut cells = cells.into_iter();
    let id = cells.next()?.text()?;
    let started = match cells.next()? {
        Cell::Instant(at) => Some(at),
        _ => None,
    };
    Some(ListedCall { id, started, private: cells.next()? == Cell::Flag(true) })
}

fn file(entity: &str, window: Window, cells: Vec<Cell>) -> Option<MediaOf> {
    let mut cells = cells.into_iter();
    let (call_id, path) = (cells.next()?.text()?, cells.next()?.text()?);
    let Cell::Number(size) = cells.next()? else { return None };
    let file = MediaRow {
        call_id,
        path,
        size: u64::try_from(size).ok()?,
        sha256: cells.next()?.text()?,
        content_type: cells.next()?.text(),
    };
    Some(MediaOf { entity: entity.to_owned(), window, file })
}
