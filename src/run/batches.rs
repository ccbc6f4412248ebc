//! A window's ids asked in batches of 100.

use std::collections::{HashMap, HashSet};

use futures::StreamExt as _;

use super::halving;
use super::part::Part;
use super::session::{Session, selector};
use super::staging;
use super::trouble::Trouble;
use crate::error::Error;
use crate::source::Inputs;
use crate::state::{Missing, OpenUnit};
use crate::unit::Unit;

/// So many ids in one request are proven to work (API reference, D).
const BATCH: usize = 100;

/// Begins the reason of an id that was refused.
const REFUSED: &str = "refused: ";

/// No call has this id; the vendor answers "nothing found" to whoever may ask (API reference, F.3).
pub const NO_CALL: &str = "1";

/// Asks for every id that is not staged yet. Returns the ids that the vendor refused, with its words.
pub async fn fetch(session: &Session, unit: Unit, open: &OpenUnit, ids: &[String]) -> Result<Vec<Missing>, Trouble> {
    let staged = staged(session, open)?;
    let missing: Vec<String> = ids.iter().filter(|id| !staged.contains(*id)).cloned().collect();
    // An id that spoiled its batch before is asked alone, and costs one request where halving takes a dozen.
    let (bad, good): (Vec<String>, Vec<String>) = {
        let before = session.ledger.missing_of(&unit.entity.name, unit.span)?;
        let bad: HashSet<String> = before.into_iter().filter(is_refused).map(|m| m.id).collect();
        missing.into_iter().partition(|id| bad.contains(id))
    };
    let batches: Vec<Vec<String>> = good.chunks(BATCH).chain(bad.chunks(1)).map(<[String]>::to_vec).collect();
    let ask = |batch| whole(session, unit, open, batch);
    let mut answers =
        futures::stream::iter(batches.into_iter().map(ask)).buffer_unordered(session.config.limits.max_in_flight);
    let mut refused = Vec::new();
    let mut trouble = None;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(ids) => refused.extend(ids),
            // The other batches would be refused too.
            Err(Trouble::NotPermitted(error)) => return Err(Trouble::NotPermitted(error)),
            // A stop must not hide what went wrong before it.
            Err(Trouble::Stopped) => trouble = trouble.or(Some(Trouble::Stopped)),
            Err(other) => trouble = Some(other),
        }
    }
    trouble.map_or(Ok(refused), Err)
}

/// Ids whose batches are staged whole. A batch that was cut between two pages is asked again whole.
fn staged(session: &Session, open: &OpenUnit) -> Result<HashSet<String>, Trouble> {
    let mut parts: HashMap<String, (bool, Vec<String>)> = HashMap::new();
    for page in staging::index(session, open)? {
        let Some(ids) = page.ids else { continue };
        parts.insert(page.part, (page.cursor.is_none(), ids));
    }
    let mut done = HashSet::new();
    for (part, (complete, ids)) in parts {
        if complete {
            done.extend(ids);
        } else {
            staging::unstage(session, open, &part)?;
        }
    }
    Ok(done)
}

/// Asks for one batch; if the vendor fails on it, looks for the ids.
async fn whole(session: &Session, unit: Unit, open: &OpenUnit, ids: Vec<String>) -> Result<Vec<Missing>, Trouble> {
    match one(session, unit, open, &ids, None).await {
        Ok(()) => Ok(Vec::new()),
        Err(Trouble::Failed(error)) => {
            let ask = async |ids: &[String], retries| one(session, unit, open, ids, retries).await;
            let bad = halving::find(session, unit, ids, error, ask).await?;
            Ok(bad.iter().map(|(id, error)| refused(session, id, error)).collect())
        }
        Err(other) => Err(other),
    }
}

/// Asks for these ids in one request and stages what comes. `retries` bounds its attempts further than the settings do.
async fn one(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    ids: &[String],
    retries: Option<u32>,
) -> Result<(), Trouble> {
    let inputs = Inputs {
        ids: ids.to_vec(),
        selector: selector(&session.config, unit.entity),
        subject: format!("{unit}, {} calls", ids.len()),
        retries,
        ..Inputs::default()
    };
    Part { session, unit, open, name: name(ids), inputs }.fetch(None).await.map(|_| ())
}

/// Notes an id that the vendor refused, or failed on.
pub fn refused(session: &Session, id: &str, error: &Error) -> Missing {
    session.tally.warn(format!("call {id} is left out, the others of its window are kept: {error}"));
    Missing { id: id.to_owned(), reason: format!("{REFUSED}{error}"), since: session.now }
}

/// True if it was refused, and not only left out.
pub fn is_refused(missing: &Missing) -> bool {
    missing.reason.starts_with(REFUSED)
}

/// A batch is named by its ids, so that the same batch is the same part in the next run.
fn name(ids: &[String]) -> String {
    use sha2::Digest as _;
    let mut hash = sha2::Sha256::new();
    for id in ids {
        hash.update(id.len().to_le_bytes());
        hash.update(id);
    }
    hash.finalize().iter().take(12).map(|b| format!("{b:02x}")).collect()
}
