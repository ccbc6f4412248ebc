//! A window listed through the details of its calls (`calls_from = "details"`): one listing feeds both tables.
//!
//! Its answers are staged for the details. What the listing of calls would have answered is taken from them and staged for the calls, so that
//! everything behind it goes the same way.

use super::family::Family;
use super::land;
use super::part::{LIST, Listed, Part};
use super::session::{Session, selector};
use super::staging;
use super::trouble::Trouble;
use crate::config::CallsFrom;
use crate::decode;
use crate::error::{Error, Kind};
use crate::source::Inputs;
use crate::state::{OpenUnit, StagedPage};
use crate::unit::Unit;

/// Wide listings of details have timed out for others: a second attempt, and then the listing of calls is asked.
const RETRIES: u32 = 1;

/// How a window came through its details.
pub enum Through {
    /// Both tables' answers are staged, or there are too many.
    Listed(Listed),
    /// Not this way: the listing of calls must be asked.
    Refused,
}

/// The unit through which a family is listed, if the settings want it, it is read anyway, and the vendor gives it.
pub fn lister(session: &Session, family: &Family) -> Option<Unit> {
    let parent = family.parent?;
    let wanted = session.config.entity(&parent.entity.name).calls_from == CallsFrom::Details;
    let has_parent = |unit: &&Unit| unit.entity.page.parent.is_some();
    // A window that is only looked at again is listed by calls alone: less to carry.
    let lister = family.children.iter().find(has_parent).filter(|_| wanted && family.if_changed.is_empty())?;
    (!session.tally.is_refused(&lister.entity.name)).then_some(*lister)
}

/// Lists a window through `unit` and stages what came for `parent` as well. `inputs` are those of the listing of calls.
pub async fn list(
    session: &Session,
    (parent, parent_open): (Unit, &OpenUnit),
    unit: Unit,
    inputs: Inputs,
    most: Option<u64>,
) -> Result<Through, Trouble> {
    let open = land::begin(session, unit)?;
    let begun = |open| staging::index(session, open).map(|pages| pages.iter().any(|page| page.part == LIST));
    if begun(parent_open)? && !begun(&open)? {
        // An interrupted listing of calls goes on as what it is.
        return Ok(Through::Refused);
    }
    let selector = selector(&session.config, unit.entity);
    let inputs = Inputs { selector, subject: unit.to_string(), retries: Some(RETRIES), ..inputs };
    let listed = Part { session, unit, open: &open, name: LIST.to_owned(), inputs }.fetch(most).await;
    let why = match listed {
        Ok(Listed::TooMany(total)) => {
            session.ledger.abandon(open.id)?;
            session.held.forget(&open);
            return Ok(Through::Listed(Listed::TooMany(total)));
        }
        Ok(Listed::Whole) => match derive(session, (parent, parent_open), (unit, &open))? {
            true => return Ok(Through::Listed(Listed::Whole)),
            false => "a record of the details lacks the call itself".to_owned(),
        },
        Err(Trouble::Failed(error) | Trouble::NotPermitted(error)) => error.to_string(),
        Err(other) => return Err(other),
    };
    let name = &unit.entity.name;
    session.tally.warn(format!("{parent}: could not be listed through {name} and was listed by itself: {why}"));
    staging::unstage(session, &open, LIST)?;
    Ok(Through::Refused)
}

/// Stages for the calls what the details hold of them; false if one holds nothing.
fn derive(
    session: &Session,
    (parent, parent_open): (Unit, &OpenUnit),
    (unit, open): (Unit, &OpenUnit),
) -> Result<bool, Trouble> {
    staging::unstage(session, parent_open, LIST)?;
    for page in staging::index(session, open)?.into_iter().filter(|page| page.part == LIST) {
        let body = staging::body(session, open, LIST, page.page)?;
        let body = if body.is_empty() {
            body
        } else {
            // Pages are judged before they are staged, so this is a damaged ledger.
            let text = String::from_utf8(body).map_err(|e| {
                Error::new(Kind::Ledger, format!("a staged answer of {unit} cannot be read")).caused_by(e)
            })?;
            match decode::parents(unit.entity, parent.entity, &text) {
                Some(listed) => listed.into_bytes(),
                None => {
                    staging::unstage(session, parent_open, LIST)?;
                    return Ok(false);
                }
            }
        };
        staging::stage(session, parent_open, StagedPage { body, ..page })?;
    }
    Ok(true)
}
