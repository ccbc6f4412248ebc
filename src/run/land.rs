//! Write, then commit: the one place that states the order.
//!
//! 1. Intent: the unit was recorded as open, with its window and key, before anything was asked ([`begin`]).
//! 2. The object: written whole and durably, in one atomic step, over the one of the reading before.
//! 3. Commit: one transaction that records the object, the listing and what is missing, and closes the open unit.
//!
//! A crash before 3 leaves the open unit: the next run goes on with it and writes the same key again. So an object without its row is
//! replaced, a row without its object cannot be, and no reader ever sees a window twice.

use std::collections::HashSet;

use chrono::Duration;

use super::chosen::{self, Chosen};
use super::guard::{self, Change};
use super::members;
use super::patience;
use super::privacy::Hidden;
use super::quarantine;
use super::session::{Session, keeps_private};
use super::staging;
use super::totals::{self, Counted};
use super::trouble::Trouble;
use crate::decode::{Decoded, table};
use crate::error::{Error, Kind};
use crate::failpoint;
use crate::plan::due::{self, Age};
use crate::sink::{self, Encoded, Footer};
use crate::state::{Commit, Digest, ListedCall, MediaRow, Missing, ObjectRow, OpenUnit, Reading, UnitRow};
use crate::unit::{Unit, Window};

/// Why a unit is read again early whose listing gave fewer records than the vendor counted.
pub const TOO_FEW: &str = "Gong counted more records than it gave";
/// Staged answers that are older were of another day.
pub fn longest_staged() -> Duration {
    Duration::hours(24)
}

/// Records the intent to read a unit, or takes up the one that an earlier run left.
pub fn begin(session: &Session, unit: Unit) -> Result<OpenUnit, Trouble> {
    let fingerprint = session.fingerprint(unit.entity);
    let zone = session.zone_name(unit.entity);
    let reading = Reading { at: session.now, fingerprint: &fingerprint, time_zone: zone.as_deref() };
    let open = session.ledger.begin(unit, &reading, &session.run_id)?;
    let alike = open.fingerprint == fingerprint && open.time_zone == zone;
    if open.read_at == session.now && alike {
        return Ok(open);
    }
    if open.replaces && alike {
        // Its days are on disk nowhere else: what is staged lands first, however old, and what it leaves is due after that.
        return Ok(open);
    }
    // What replaces an entity's other period lands only when all of it is there, which may take days of quota.
    let late = session.now - open.read_at > longest_staged();
    let replaces = late && super::planning::is_overlapped(&session.ledger.units()?, &open);
    let old = (late && !replaces) || open.read_at > session.now;
    if old || outrun(session, unit, &open) || !alike {
        tracing::debug!(unit = %unit, "what was staged is too old or was read under other settings: the unit starts again");
        session.ledger.restart(open.id, &reading)?;
        return Ok(session.ledger.begin(unit, &reading, &session.run_id)?);
    }
    Ok(open)
}

/// True if the unit has passed a further age since it was begun.
fn outrun(session: &Session, unit: Unit, open: &OpenUnit) -> bool {
    let Some(window) = unit.span.window() else { return false };
    let rules = super::planning::rules(session);
    let end = window.ends_at(rules.zone_of(unit.entity));
    matches!(due::by_age(end, open.read_at, session.now, rules.ages_of(unit.entity)), Some(Age::Passed(_)))
}

/// What is landed beside the pages.
#[derive(Default)]
pub struct Landing<'a> {
    /// The ids that were asked; a row of another one is dropped.
    pub asked: Option<&'a HashSet<String>>,
    /// Ids that are private.
    pub private: HashSet<String>,
    /// Ids that were asked and did not come.
    pub missing: Vec<Missing>,
    /// Media files whose calls are not the unit's any more.
    pub strays: Vec<MediaRow>,
    /// Rows left out by the id of their call, where the rows carry no flag.
    pub hidden: Option<&'a Hidden>,
    /// The listing, for the entity that lists calls.
    pub listing: Option<&'a [ListedCall]>,
    /// Calls of the window that were not asked because they are private.
    pub unasked: u64,
    /// Why the unit is to be read again early, if it is.
    pub due: Option<&'static str>,
    /// What the reading tells beside its rows, once it is believed.
    pub facts: Vec<(String, String)>,
}

/// What became of a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Landed {
    /// It is on disk.
    Committed,
    /// It was not believed; the old object stays.
    Suspect,
}

/// Compares a reading with the one before, writes the object if the rows differ, and commits.
pub async fn land(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    pages: Vec<Decoded>,
    landing: Landing<'_>,
) -> Result<Landed, Trouble> {
    let name = &unit.entity.name;
    quarantine::note(session, unit, &pages).await?;
    let chosen = chosen::choose(session, unit, &pages, &landing);
    let before = session.ledger.unit(unit)?;
    let old = session.ledger.row_digests(unit)?;
    let previous = before.as_ref().and_then(|b| b.object.clone());
    if before.as_ref().is_some_and(|before| before.read_at > open.read_at) {
        doubt_object(session, unit, open, previous.as_ref()).await?;
        session.ledger.abandon(open.id)?;
        session.tally.warn(format!("{unit}: it was read at a later now before; the older reading was left out"));
        return Ok(Landed::Suspect);
    }
    let change = Change::between(before.as_ref(), &old, &chosen.digests, &chosen.private_keys, chosen.private);
    // What a run had believed, and so begun to write, is finished: the old file may be there no more.
    let why = if open.believed { None } else { guard::disbelief(session, before.as_ref(), &change) };
    if let Some(why) = why {
        doubt_object(session, unit, open, previous.as_ref()).await?;
        session.ledger.mark_suspect(open.id, unit, &why)?;
        return Ok(suspect(session, unit, &why));
    }
    let (mut row, mut bytes) = (facts(session, unit, open, &chosen, &landing, before.as_ref())?, 0);
    let same = match before.as_ref().filter(|b| is_same(b, &row)) {
        Some(_) => is_as_told(session, unit, open, previous.as_ref()).await?,
        None => false,
    };
    if same {
        row.object.clone_from(&previous);
    } else if chosen.keep.is_empty() {
        session.ledger.writes(open.id)?;
        if previous.is_some() || is_of_another_run(session, open) {
            patience::of_unit(session, session.store.remove(&unit.object())).await?;
        }
    } else {
        let object = write(session, unit, open, pages, chosen.keep).await?;
        bytes = object.bytes;
        row.object = Some(object);
    }
    let settled = is_settled(session, unit, open);
    let digests: &[(Digest, Digest)] = if settled { &[] } else { &chosen.digests };
    let facts = members::to_keep(session, row.due.as_deref(), landing.facts)?;
    let (open_id, at, (listing, missing)) = (open.id, session.clock.now(), (landing.listing, &landing.missing));
    let (strays, facts) = (&landing.strays, &facts);
    let commit = Commit { open_id, row, rewritten: !same, digests, listing, missing, strays, facts, at };
    let row = session.ledger.commit(&commit)?;
    session.held.forget(open);
    failpoint::reached(failpoint::COMMITTED);
    session.tally.committed(&row, &change, previous.is_some(), !same, bytes);
    tracing::info!(unit = %unit, rows = row.rows, new = change.new, changed = change.changed, gone = change.gone, "committed {name}");
    Ok(Landed::Committed)
}

fn suspect(session: &Session, unit: Unit, why: &str) -> Landed {
    session.tally.suspect();
    let accepting = guard::accepting(session, unit);
    session.tally.warn(format!("{unit}: {why}; the old file stays. If this is right: {accepting}"));
    Landed::Suspect
}

fn facts(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    chosen: &Chosen,
    landing: &Landing,
    before: Option<&UnitRow>,
) -> Result<UnitRow, Trouble> {
    let staged = staging::index(session, open)?;
    let totals: Vec<u64> = staged.iter().filter(|p| p.page == 0).filter_map(|p| p.total).collect();
    // Of what is asked by id, each id that did not come is known.
    let counted = if landing.asked.is_some() { Counted::default() } else { totals::counted(&staged) };
    let waits = unit.entity.is_snapshot() || !is_settled(session, unit, open);
    let verdict = totals::judge(counted, waits, before);
    if let Some(what) = totals::told(&verdict, &counted) {
        session.tally.warn(format!("{unit}: {what}"));
    }
    Ok(UnitRow {
        entity: unit.entity.name.clone(),
        span: unit.span,
        read_at: open.read_at,
        rows: chosen.keep.len() as u64,
        private: chosen.private,
        missing: landing.missing.len() as u64,
        vendor_total: (!totals.is_empty()).then(|| totals.iter().sum()),
        unexplained: verdict.unexplained,
        unexplained_readings: verdict.readings,
        digest: guard::unit_digest(&chosen.digests),
        fingerprint: open.fingerprint.clone(),
        schema_version: unit.entity.version,
        include_private: keeps_private(&session.config, unit.entity),
        time_zone: open.time_zone.clone(),
        object: None,
        due: verdict.again.then_some(TOO_FEW).or(landing.due).map(str::to_owned),
        suspect: None,
        run_id: session.run_id.clone(),
    })
}

/// A run that died after 2 has left an object that no row tells of.
fn is_of_another_run(session: &Session, open: &OpenUnit) -> bool {
    open.run_id != session.run_id
}

/// True if the output holds what the unit's row tells, also where another run may have written since.
async fn is_as_told(session: &Session, unit: Unit, open: &OpenUnit, told: Option<&ObjectRow>) -> Result<bool, Trouble> {
    if !is_of_another_run(session, open) {
        return Ok(true);
    }
    let there = patience::of_unit(session, session.store.digest(&unit.object(), false)).await?;
    Ok(there.map(|(digest, _)| digest).as_ref() == told.map(|object| &object.sha256))
}

/// A reading is given up whose unit another run has begun to write: if the old file is not there any more, the next reading writes it anew.
async fn doubt_object(session: &Session, unit: Unit, open: &OpenUnit, old: Option<&ObjectRow>) -> Result<(), Trouble> {
    if open.written && !is_as_told(session, unit, open, old).await? {
        session.ledger.mark_damaged(&unit.entity.name, unit.span, "a killed run had written another reading of it")?;
    }
    Ok(())
}

/// True if the object on disk holds exactly these rows, in today's shape.
fn is_same(before: &UnitRow, row: &UnitRow) -> bool {
    before.digest == row.digest
        && before.rows == row.rows
        && before.schema_version == row.schema_version
        && before.time_zone == row.time_zone
        && before.object.is_some() == (row.rows > 0)
}

/// True if the reading is late enough to be the last by age.
pub fn is_settled(session: &Session, unit: Unit, open: &OpenUnit) -> bool {
    let Some(window) = unit.span.window() else { return false };
    let rules = super::planning::rules(session);
    due::settled(window.ends_at(rules.zone_of(unit.entity)), open.read_at, rules.ages_of(unit.entity))
}

async fn write(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    pages: Vec<Decoded>,
    keep: Vec<(usize, usize)>,
) -> Result<ObjectRow, Trouble> {
    let path = unit.object();
    let text = |window: Window| (window.from.to_string(), window.to.to_string());
    let (from, to) = unit.span.window().map(text).unwrap_or_default();
    let footer = Footer {
        entity: unit.entity.name.clone(),
        from,
        to,
        read_at: open.read_at,
        schema_version: unit.entity.version,
        run_id: session.run_id.clone(),
        ledger_id: session.ledger_id.clone(),
        fingerprint: Some(open.fingerprint.clone()),
        include_private: Some(keeps_private(&session.config, unit.entity)),
        object: path.clone(),
    };
    let compression = session.config.output.compression;
    let encode = move || -> crate::error::Result<Encoded> {
        failpoint::reached(failpoint::ENCODING);
        let batches: Vec<_> = pages.into_iter().map(|page| page.batch).collect();
        let schema = table::schema(&unit.entity.fields);
        sink::encode(&schema, &unit.entity.sort, &batches, &keep, &footer, compression)
    };
    let encoded = tokio::select! {
        encoded = tokio::task::spawn_blocking(encode) => encoded,
        () = session.stop.out_of_time() => return Err(Trouble::Stopped),
    };
    let encoded = encoded.map_err(|e| Error::new(Kind::Output, format!("cannot encode {path}")).caused_by(e))??;
    let bytes = encoded.bytes.len() as u64;
    session.ledger.writes(open.id)?;
    failpoint::reached(failpoint::BEFORE_OBJECT);
    let etag = patience::of_unit(session, session.store.put(&path, encoded.bytes)).await?;
    failpoint::reached(failpoint::OBJECT);
    Ok(ObjectRow { path, read_at: open.read_at, bytes, sha256: encoded.sha256, etag, sequence: 0 })
}
