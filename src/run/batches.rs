//! A window's ids asked in batches of 100, and the one bad id that spoils a batch found by halving it.

use std::collections::{HashMap, HashSet};

use futures::StreamExt as _;
use futures::future::BoxFuture;

use super::part::Part;
use super::session::{Session, selector};
use super::staging;
use super::trouble::{Trouble, judge};
use crate::source::{Inputs, build};
use crate::state::{Missing, OpenUnit};
use crate::unit::Unit;

/// So many ids in one request are proven to work (API reference, D).
const BATCH: usize = 100;

/// No call has this id; the vendor answers "nothing found" to whoever may ask (API reference, F.3).
pub const NO_CALL: &str = "1";

/// Asks for every id that is not staged yet. Returns the ids that the vendor refused, with its words.
pub async fn fetch(session: &Session, unit: Unit, open: &OpenUnit, ids: &[String]) -> Result<Vec<Missing>, Trouble> {
    let staged = staged(session, open)?;
    let missing: Vec<String> = ids.iter().filter(|id| !staged.contains(*id)).cloned().collect();
    let batches: Vec<Vec<String>> = missing.chunks(BATCH).map(<[String]>::to_vec).collect();
    let ask = |batch| whole(session, unit, open, batch);
    let answers: Vec<_> = futures::stream::iter(batches.into_iter().map(ask))
        .buffer_unordered(session.config.limits.max_in_flight)
        .collect()
        .await;
    let mut refused = Vec::new();
    let mut trouble = None;
    for answer in answers {
        match answer {
            Ok(ids) => refused.extend(ids),
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

/// Asks for one batch; if the vendor fails on it, looks for the id.
async fn whole(session: &Session, unit: Unit, open: &OpenUnit, ids: Vec<String>) -> Result<Vec<Missing>, Trouble> {
    let error = match one(session, unit, open, &ids).await {
        Ok(()) => return Ok(Vec::new()),
        Err(Trouble::Failed(error)) => error,
        Err(other) => return Err(other),
    };
    if ids.len() == 1 {
        return match answers(session, unit).await? {
            true => Ok(vec![refused(session, &ids[0], &error)]),
            // Without another id to compare with, a fault of the endpoint must not pass for one of the id.
            false => Err(Trouble::Failed(error)),
        };
    }
    let (left, right) = ids.split_at(ids.len() / 2);
    let first = (one(session, unit, open, left).await, one(session, unit, open, right).await);
    match first {
        // Both halves fail whole: the fault is not an id.
        (Err(Trouble::Failed(_)), Err(Trouble::Failed(_))) => Err(Trouble::Failed(error)),
        (Ok(()), Ok(())) => Ok(Vec::new()),
        (Err(Trouble::Failed(error)), Ok(())) => narrow(session, unit, open, left.to_vec(), error).await,
        (Ok(()), Err(Trouble::Failed(error))) => narrow(session, unit, open, right.to_vec(), error).await,
        (Err(other), _) | (_, Err(other)) => Err(other),
    }
}

/// Halves a batch that fails until the bad ids stand alone.
fn narrow<'a>(
    session: &'a Session,
    unit: Unit,
    open: &'a OpenUnit,
    ids: Vec<String>,
    error: crate::error::Error,
) -> BoxFuture<'a, Result<Vec<Missing>, Trouble>> {
    Box::pin(async move {
        if ids.len() == 1 {
            return Ok(vec![refused(session, &ids[0], &error)]);
        }
        let (left, right) = ids.split_at(ids.len() / 2);
        let mut found = Vec::new();
        for half in [left, right] {
            match one(session, unit, open, half).await {
                Ok(()) => {}
                Err(Trouble::Failed(error)) => found.extend(narrow(session, unit, open, half.to_vec(), error).await?),
                Err(other) => return Err(other),
            }
        }
        Ok(found)
    })
}

async fn one(session: &Session, unit: Unit, open: &OpenUnit, ids: &[String]) -> Result<(), Trouble> {
    let inputs = Inputs {
        ids: ids.to_vec(),
        selector: selector(&session.config, unit.entity),
        subject: format!("{unit}, {} calls", ids.len()),
        ..Inputs::default()
    };
    Part { session, unit, open, name: name(ids), inputs }.fetch(None).await.map(|_| ())
}

/// True if the endpoint answers at all: asked for a call that cannot exist, it says "nothing found".
async fn answers(session: &Session, unit: Unit) -> Result<bool, Trouble> {
    let inputs = Inputs { ids: vec![NO_CALL.to_owned()], subject: format!("{unit}, no call"), ..Inputs::default() };
    match session.source.ask(unit.entity, &build(unit.entity, &inputs, None), false).await {
        Ok(_) => Ok(true),
        Err(failure) => match judge(session, unit, failure) {
            Trouble::Failed(_) => Ok(false),
            other => Err(other),
        },
    }
}

fn refused(session: &Session, id: &str, error: &crate::error::Error) -> Missing {
    session.tally.warn(format!("call {id} is left out, the others of its window are kept: {error}"));
    Missing { id: id.to_owned(), reason: format!("refused: {error}"), since: session.now }
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
