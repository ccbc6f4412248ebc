//! The manifest and the run's report, for loaders and people: written at every end, every ten minutes of a long run, and first thing
//! after a crash. An object may be newer than the manifest, never older.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Duration, SecondsFormat, Utc};

use super::session::Session;
use crate::error::Result;
use crate::report::{Manifest, ManifestCoverage, ManifestObject, ManifestRemoved, RunReport, VERSION};
use crate::state::UnitRow;

/// Path of the manifest.
pub const MANIFEST: &str = "_gong_elt/manifest.json";

/// The fact that remembers which commit the manifest was written at.
const PUBLISHED: &str = "published";

const EVERY_SECONDS: i64 = 600;
const REMOVED_DAYS: i64 = 90;

/// Writes the manifest if a crash left it behind the ledger.
pub async fn catch_up(session: &Session) -> Result<()> {
    let published = session.ledger.fact(PUBLISHED)?.and_then(|n| n.parse::<i64>().ok()).unwrap_or(0);
    session.manifest_at.store(session.clock.now().timestamp(), Ordering::Relaxed);
    if published < session.ledger.sequence()? { manifest(session).await } else { Ok(()) }
}

/// Writes the manifest if the last one is ten minutes old. A failure is a warning here; the end of the run writes it again.
pub async fn now_and_then(session: &Session) {
    let age = session.clock.now().timestamp() - session.manifest_at.load(Ordering::Relaxed);
    if age >= EVERY_SECONDS
        && let Err(error) = manifest(session).await
    {
        session.tally.warn(format!("the manifest could not be written: {error}"));
    }
}

/// Writes the manifest.
pub async fn manifest(session: &Session) -> Result<()> {
    let sequence = session.ledger.sequence()?;
    let now = session.clock.now();
    let manifest = Manifest {
        version: VERSION,
        ledger_id: session.ledger_id.clone(),
        run_id: session.run_id.clone(),
        sequence,
        written_at: text(now),
        time_zone: session.zone.get().map(|zone| zone.name().to_owned()),
        objects: Vec::new(),
        removed: removed(session, now)?,
        coverage: Vec::new(),
    };
    let manifest = session.ledger.units()?.iter().fold(manifest, with_unit);
    put_json(session, MANIFEST, &manifest).await?;
    session.manifest_at.store(now.timestamp(), Ordering::Relaxed);
    session.ledger.set_fact(PUBLISHED, &sequence.to_string())
}

fn with_unit(mut manifest: Manifest, unit: &UnitRow) -> Manifest {
    let window = unit.span.window();
    let (from, to) = (window.map(|w| w.from.to_string()), window.map(|w| w.to.to_string()));
    let entity = unit.entity.clone();
    if let Some(object) = &unit.object {
        manifest.objects.push(ManifestObject {
            path: object.path.clone(),
            entity: entity.clone(),
            from: from.clone(),
            to: to.clone(),
            rows: unit.rows,
            bytes: object.bytes,
            sha256: object.sha256.clone(),
            etag: object.etag.clone(),
            schema_version: unit.schema_version,
            sequence: object.sequence,
        });
    }
    manifest.coverage.push(ManifestCoverage { entity, from, to, read_at: text(unit.read_at), rows: unit.rows });
    manifest
}

fn removed(session: &Session, now: DateTime<Utc>) -> Result<Vec<ManifestRemoved>> {
    let rows = session.ledger.removed(now - Duration::days(REMOVED_DAYS))?;
    Ok(rows.into_iter().map(|r| ManifestRemoved { path: r.path, sequence: r.sequence, at: text(r.at) }).collect())
}

/// Writes a run's report beside the manifest.
pub async fn report(session: &Session, report: &RunReport) -> Result<()> {
    put_json(session, &format!("_gong_elt/runs/{}.json", session.run_id), report).await
}

async fn put_json(session: &Session, path: &str, value: &impl serde::Serialize) -> Result<()> {
    // Plain data of our own: strings, numbers, lists and maps with text keys always serialise.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    session.store.put(path, text.into()).await.map(|_| ())
}

/// An instant in our JSON.
pub fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
