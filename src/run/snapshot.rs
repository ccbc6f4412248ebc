//! A whole list at once: fetch, decode, write, commit.

use super::land::{self, Landing};
use super::part::{LIST, Part};
use super::pins;
use super::session::Session;
use super::trouble::Trouble;
use crate::decode::Stamps;
use crate::source::Inputs;
use crate::unit::Unit;

/// Reads one snapshot.
pub async fn read(session: &Session, unit: Unit) -> Result<(), Trouble> {
    let open = land::begin(session, unit)?;
    let inputs = Inputs { subject: unit.to_string(), ..Inputs::default() };
    Part { session, unit, open: &open, name: LIST.to_owned(), inputs }.fetch(None).await?;
    let pages = land::decode(session, unit, &open, &Stamps::default())?;
    if unit.entity.name == pins::COMPANY {
        pins::check_company(session, &pages)?;
    }
    land::land(session, unit, &open, pages, Landing::default()).await.map(|_| ())
}
