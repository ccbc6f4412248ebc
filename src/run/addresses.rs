//! The signed addresses of media files, asked by the ids of their calls.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::batches::refused;
use super::by_id;
use super::children::not_given;
use super::halving;
use super::session::Session;
use super::trouble::Trouble;
use crate::decode;
use crate::entity::Entity;
use crate::source::Inputs;
use crate::state::{Missing, OpenUnit};
use crate::unit::Unit;

/// Calls with the signed address of their file, if they have one.
pub type Addresses = Vec<(String, Option<String>)>;

/// The addresses of a batch of calls, and the ids of which nothing is told: those on which the vendor fails, and those that it does
/// not name. Only a call that is named without an address has no file.
pub async fn of_batch(
    session: &Session,
    unit: Unit,
    open: &OpenUnit,
    ids: Vec<String>,
) -> Result<(Addresses, Vec<Missing>), Trouble> {
    let (found, mut missing) = ask_for(session, unit, ids.clone()).await?;
    let before = session.ledger.missing_of(&unit.entity.name, unit.span)?;
    let since: BTreeMap<String, _> = before.into_iter().map(|m| (m.id, m.since)).collect();
    let reason = not_given(session, unit, open);
    for bad in &mut missing {
        bad.since = since.get(&bad.id).copied().unwrap_or(open.read_at);
    }
    let told: HashSet<&str> =
        found.iter().map(|(id, _)| id.as_str()).chain(missing.iter().map(|m| m.id.as_str())).collect();
    let untold: Vec<String> = ids.into_iter().filter(|id| !told.contains(id.as_str())).collect();
    missing.extend(untold.into_iter().map(|id| {
        let since = since.get(&id).copied().unwrap_or(open.read_at);
        Missing { id, reason: reason.to_owned(), since }
    }));
    Ok((found, missing))
}

/// The addresses of a batch of calls, and the ids on which the vendor fails.
async fn ask_for(session: &Session, unit: Unit, ids: Vec<String>) -> Result<(Addresses, Vec<Missing>), Trouble> {
    let error = match addresses(session, unit, ids.clone(), None).await {
        Ok(found) => return Ok((found, Vec::new())),
        Err(Trouble::Failed(error)) => error,
        Err(other) => return Err(other),
    };
    let found = Mutex::new(Vec::new());
    let ask = async |ids: &[String], retries| {
        let some = addresses(session, unit, ids.to_vec(), retries).await?;
        found.lock().unwrap_or_else(PoisonError::into_inner).extend(some);
        Ok(())
    };
    let bad = halving::find(session, unit, ids, error, ask).await?;
    let bad = bad.iter().map(|(id, error)| refused(session, id, error)).collect();
    Ok((found.into_inner().unwrap_or_else(PoisonError::into_inner), bad))
}

/// The addresses of those calls that the vendor names; none for a call without such a file. `retries` bounds the attempts further than
/// the settings.
pub async fn addresses(
    session: &Session,
    unit: Unit,
    ids: Vec<String>,
    retries: Option<u32>,
) -> Result<Addresses, Trouble> {
    let subject = format!("{unit}, addresses of {} files", ids.len());
    let inputs = Inputs { subject, ids, retries, ..Inputs::default() };
    let mut found = Vec::new();
    for page in by_id::ask(session, unit, &inputs).await?.pages {
        let links = decode::links(unit.entity, &page.body);
        if !links.told && !links.found.is_empty() {
            // What Gong does without the scope is not known (API reference, section 23).
            session.tally.warn(silent(unit.entity));
        }
        found.extend(links.found);
    }
    Ok(found)
}

fn silent(entity: &Entity) -> String {
    let (name, scope) = (&entity.name, &entity.scope);
    format!(
        "{name}: Gong said nothing of the recordings of some calls, so their files count as absent; if they can be played in Gong, the credentials \
         may lack {scope}: with it, `gong-elt backfill --force --entities {name}` fetches them"
    )
}
