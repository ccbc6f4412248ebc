//! Private calls in entities whose records carry no flag (API reference, section 18): filtered by what `calls` says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use arrow::array::{Array, StringArray};
use chrono::{DateTime, Utc};

use super::by_id;
use super::halving;
use super::planning::EVERY;
use super::session::Session;
use super::trouble::Trouble;
use crate::decode::Decoded;
use crate::entity::Entity;
use crate::entity::spec::Unknown;
use crate::source::{Inputs, Page};
use crate::state::Visibility;
use crate::unit::Unit;

/// The entity that tells of single calls whether they are private: its basic record is there without any selector.
const LOOK_UP: &str = "calls_extensive";
/// So many ids in one request are proven to work (API reference, D).
const BATCH: usize = 100;

/// What is left out of an entity, by the id of its call.
#[derive(Debug, Default)]
pub struct Hidden {
    /// Column that names the call.
    pub column: String,
    /// Rows of these calls are left out as private; so are those of calls that may be, where the entity's rule says it.
    pub private: BTreeSet<String>,
}

/// The calls that these rows name, if they are filtered by them.
pub fn named(entity: &Entity, pages: &[Decoded]) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let Some(rule) = &entity.private else { return ids };
    for page in pages {
        let column = page.batch.column_by_name(&rule.call).and_then(|c| c.as_any().downcast_ref::<StringArray>());
        ids.extend(column.into_iter().flat_map(|c| c.iter().flatten()).map(str::to_owned));
    }
    ids
}

/// Looks up those of the calls that the ledger does not know from a listing or from a look-up of this day, in full batches; `unit` is one that names them.
pub async fn look_up(session: &Session, unit: Unit, ids: &BTreeSet<String>) -> Result<(), Trouble> {
    if session.config.sync.include_private {
        return Ok(());
    }
    let known = session.ledger.visibility(ids, fresh(session))?;
    let unknown: Vec<String> = ids.iter().filter(|id| !known.contains_key(*id)).cloned().collect();
    for batch in unknown.chunks(BATCH) {
        let found = look_up_unknown(session, unit, batch).await?;
        session.ledger.note_visibility(&found, session.now)?;
    }
    Ok(())
}

/// A look-up before this instant tells nothing any more: a reading of another day sees what turned private, and what Gong knows by then.
fn fresh(session: &Session) -> DateTime<Utc> {
    session.now - EVERY.chrono()
}

/// What must be left out of these pages, by what is known; `None` if the entity is not concerned or everything is wanted.
pub fn hidden(session: &Session, unit: Unit, pages: &[Decoded]) -> Result<Option<Hidden>, Trouble> {
    let Some(rule) = unit.entity.private.as_ref().filter(|_| !session.config.sync.include_private) else {
        return Ok(None);
    };
    let ids = named(unit.entity, pages);
    let known = session.ledger.visibility(&ids, fresh(session))?;
    let with =
        |wanted: Visibility| known.iter().filter(move |(_, v)| **v == wanted).map(|(id, _)| id.clone()).collect();
    let (mut private, absent): (BTreeSet<String>, BTreeSet<String>) =
        (with(Visibility::Private), with(Visibility::Absent));
    // Only a refusal leaves them unknown.
    let untold: BTreeSet<String> = ids.iter().filter(|id| !known.contains_key(*id)).cloned().collect();
    let name = &unit.entity.name;
    let (fate, why) = match rule.unknown {
        Unknown::Keep => ("were kept", "they hold nothing of the call"),
        Unknown::Drop => ("were left out as private", "they show what the call is"),
    };
    if !absent.is_empty() {
        session.tally.warn(format!("{name}: rows of calls that Gong does not show {fate}, because {why}"));
    }
    if !untold.is_empty() {
        session.tally.warn(format!(
            "{name}: rows of calls whose privacy Gong may not be asked {fate}, because {why}; \
             with the scope of {LOOK_UP}, or with sync.include_private, all are judged"
        ));
    }
    if rule.unknown == Unknown::Drop {
        if !untold.is_empty() {
            session.tally.unfinished();
        }
        private.extend(absent.into_iter().chain(untold));
    }
    Ok(Some(Hidden { column: rule.call.clone(), private }))
}

/// Asks the vendor for calls that the ledger does not know. One bad id must not stop a window, so ids that cannot be asked count as absent.
async fn look_up_unknown(
    session: &Session,
    unit: Unit,
    ids: &[String],
) -> Result<BTreeMap<String, Visibility>, Trouble> {
    let absent: BTreeMap<String, Visibility> = ids.iter().map(|id| (id.clone(), Visibility::Absent)).collect();
    let Some(entity) = session.catalog.get(LOOK_UP) else { return Ok(absent) };
    let askable: Vec<String> = ids.iter().filter(|id| id.parse::<i64>().is_ok()).cloned().collect();
    if askable.is_empty() {
        return Ok(absent);
    }
    let found = Mutex::new(absent);
    let asked = Unit { entity, ..unit };
    let ask = async |ids: &[String], retries| {
        let some = look_up_batch(session, asked, &unit.to_string(), ids, retries).await?;
        found.lock().unwrap_or_else(PoisonError::into_inner).extend(some);
        Ok(())
    };
    let done = match ask(&askable, None).await {
        Err(Trouble::Failed(error)) => halving::find(session, asked, askable, error, ask).await.map(|_| ()),
        done => done,
    };
    match done {
        Ok(()) => Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner)),
        Err(Trouble::NotPermitted(error)) => {
            let name = &unit.entity.name;
            session.tally.warn(format!("{name}: whether some calls are private cannot be told: {error}"));
            Ok(BTreeMap::new())
        }
        Err(other) => Err(other),
    }
}

/// The calls of one batch that the vendor shows.
async fn look_up_batch(
    session: &Session,
    asked: Unit,
    of: &str,
    ids: &[String],
    retries: Option<u32>,
) -> Result<BTreeMap<String, Visibility>, Trouble> {
    let subject = format!("{of}, privacy of {} calls", ids.len());
    // An empty selector gives the basic record only.
    let selector = Some(serde_json::json!({}));
    let mut inputs = Inputs { ids: ids.to_vec(), selector, subject, retries, ..Inputs::default() };
    let mut found = BTreeMap::new();
    loop {
        let answer = by_id::ask(session, asked, &inputs).await?;
        let decoder = crate::decode::Decoder::new(asked.entity);
        let decode = |page: &Page| decoder.page(&page.body, &crate::decode::Stamps::default());
        for row in answer.pages.iter().filter_map(decode).flat_map(|decoded| decoded.rows) {
            let visibility = if row.private { Visibility::Private } else { Visibility::Public };
            found.extend(row.id.map(|id| (id, visibility)));
        }
        let left = inputs.ids.len();
        inputs.ids.retain(|id| !found.contains_key(id));
        // Of an answer that was cut, the rest is asked for by itself: "nothing found" on its first page says that none is there.
        if !answer.cut || inputs.ids.is_empty() || inputs.ids.len() == left {
            return Ok(found);
        }
    }
}
