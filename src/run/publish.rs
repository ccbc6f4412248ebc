//! The manifest and the run's report, for loaders and people: written at every end, every ten minutes of a long run, and first thing
//! after a crash. An object may be newer than the manifest, never older.

use std::sync::atomic::Ordering;

use chrono::{DateTime, Duration, SecondsFormat, Utc};

use super::session::Session;
use super::{backup, patience, zone};
use crate::error::{Error, Kind, Result};
use crate::failpoint;
use crate::halt::Reason;
use crate::report::{Manifest, ManifestCoverage, ManifestMissing, ManifestObject, ManifestRemoved, RunReport, VERSION};
use crate::sink::{Expected, Written};
use crate::state::{Missing, UnitRow};

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

/// Writes the manifest if the last one is ten minutes old. A failure is a warning here, because the end of the run writes it again;
/// but a run that was outrun by another ends.
pub async fn now_and_then(session: &Session) {
    let age = session.clock.now().timestamp() - session.manifest_at.load(Ordering::Relaxed);
    // A run that is about to end writes it then.
    if age < EVERY_SECONDS || session.stop.is_cut_short() {
        return;
    }
    let written = tokio::select! {
        biased;
        written = manifest(session) => written,
        () = session.stop.out_of_time() => {
            // It may still come to be there, and would look like another machine's.
            session.manifest_in_doubt.store(true, Ordering::Relaxed);
            return;
        }
    };
    match written {
        Err(error) if error.kind() == Kind::Locked => {
            session.tally.fatal(&error);
            session.stop.pull(Reason::Fatal);
        }
        Err(error) => session.tally.warn(format!("the manifest could not be written: {error}")),
        Ok(()) => {}
    }
}

/// Writes the manifest and the run's report. After a signal a store that does not answer is not waited for: what is left out, the next
/// run makes up for.
pub async fn at_end(session: &Session, run: &RunReport) -> Result<()> {
    let work = async {
        manifest(session).await?;
        report(session, run).await
    };
    let in_doubt = session.manifest_in_doubt.load(Ordering::Relaxed);
    let written = if in_doubt { None } else { patience::at_end(&session.stop, patience::MANIFEST, work).await };
    written.unwrap_or_else(|| left("the manifest"))
}

/// The same for the copy of the ledger.
pub async fn copy_at_end(session: &Session) -> Result<()> {
    let copied = patience::at_end(&session.stop, patience::COPY, backup::at_end(session)).await;
    copied.unwrap_or_else(|| left("the copy of the ledger"))
}

fn left(what: &str) -> Result<()> {
    tracing::warn!("{what} is left to the next run: its place does not answer");
    Ok(())
}

/// Writes the manifest.
pub async fn manifest(session: &Session) -> Result<()> {
    let sequence = session.ledger.sequence()?;
    let now = session.clock.now();
    // First thing after a crash the run itself does not have it yet.
    let zone = session.zone.get().copied().or(zone::known(&session.config, &session.ledger)?);
    let manifest = Manifest {
        version: VERSION,
        ledger_id: session.ledger_id.clone(),
        run_id: session.run_id.clone(),
        sequence,
        written_at: text(now),
        time_zone: zone.map(|zone| zone.name().to_owned()),
        objects: Vec::new(),
        removed: removed(session, now)?,
        coverage: Vec::new(),
    };
    let mut missing = session.ledger.all_missing()?;
    let manifest = session.ledger.units()?.iter().fold(manifest, |manifest, unit| {
        let missing = missing.remove(&(unit.entity.clone(), unit.span)).unwrap_or_default();
        with_unit(manifest, unit, missing)
    });
    replace(session, json(&manifest)).await?;
    failpoint::reached(failpoint::MANIFEST);
    session.manifest_at.store(now.timestamp(), Ordering::Relaxed);
    session.ledger.set_fact(PUBLISHED, &sequence.to_string())
}

fn with_unit(mut manifest: Manifest, unit: &UnitRow, missing: Vec<Missing>) -> Manifest {
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
    let missing = missing.into_iter().map(|m| ManifestMissing { id: m.id, reason: m.reason, since: text(m.since) });
    manifest.coverage.push(ManifestCoverage {
        entity,
        from,
        to,
        read_at: text(unit.read_at),
        rows: unit.rows,
        private: unit.private,
        fingerprint: Some(unit.fingerprint.clone()),
        include_private: Some(unit.include_private),
        missing: missing.collect(),
    });
    manifest
}

fn removed(session: &Session, now: DateTime<Utc>) -> Result<Vec<ManifestRemoved>> {
    let rows = session.ledger.removed(now - Duration::days(REMOVED_DAYS))?;
    Ok(rows.into_iter().map(|r| ManifestRemoved { path: r.path, sequence: r.sequence, at: text(r.at) }).collect())
}

/// Writes a run's report beside the manifest.
pub async fn report(session: &Session, report: &RunReport) -> Result<()> {
    let path = format!("_gong_elt/runs/{}.json", session.run_id);
    session.store.put(&path, json(report).into()).await.map(|_| ())
}

/// Replaces the manifest that this run saw last. Two runs cannot both believe that theirs is current.
async fn replace(session: &Session, text: String) -> Result<()> {
    let mut seen = session.manifest_seen.lock().await;
    let bytes = bytes::Bytes::from(text);
    match session.store.put_if(MANIFEST, bytes.clone(), &Expected::of(seen.as_ref())).await? {
        Written::Won(version) => *seen = Some(version),
        Written::Unsupported => drop(session.store.put(MANIFEST, bytes).await?),
        Written::Lost => return Err(outrun(session).await),
    }
    Ok(())
}

async fn outrun(session: &Session) -> Error {
    let found = session.store.get(MANIFEST).await.ok().flatten();
    let manifest = found.and_then(|bytes| serde_json::from_slice::<Manifest>(&bytes).ok());
    let by = manifest.map_or_else(
        || "removed or made unreadable".to_owned(),
        |m| format!("written by run {} of ledger {} at {}", m.run_id, m.ledger_id, m.written_at),
    );
    let what = format!(
        "{MANIFEST} below {} was {by} while this run (of ledger {}) worked: another machine works on the same output",
        session.store.url(),
        session.ledger_id
    );
    let hint = "let one machine work on an output; go on with its ledger, and put the other one away";
    Error::new(Kind::Locked, what).hint(hint)
}

/// Plain data of our own: strings, numbers, lists and maps with text keys always serialise.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

/// An instant in our JSON.
pub fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
