//! Settings that narrow an entity to one workspace: of one that the company does not have nothing would be read, and nothing said.

use std::collections::BTreeSet;

use super::company::{self, Account, Asked};
use super::session::Session;
use crate::config::Config;
use crate::entity::Entity;
use crate::error::{Error, Kind, Result};

/// So many ids are named; a company has a handful.
const MOST_NAMED: usize = 20;

/// Checks the settings of `entities` against the company's workspaces, which are asked for and kept unless the ledger knows those set. Where
/// the credentials may not ask for them, the vendor's answers must do.
///
/// # Errors
/// As for [`exist`].
pub async fn check(account: Account<'_>, file: &str, entities: &[&'static Entity]) -> Result<()> {
    let narrowed = entities.iter().any(|e| account.config.entity(&e.name).workspace_id.is_some());
    let known = company::known_workspaces(account.ledger)?;
    if !narrowed || exist(file, account.config, entities, &known).is_ok() {
        return Ok(());
    }
    if known.is_empty() && company::has_seen(account)? {
        return Ok(());
    }
    match company::ask(account).await? {
        Asked::Answered(ids) => {
            exist(file, account.config, entities, &ids)?;
            company::keep(account, &ids)
        }
        // What the ledger knows is older than the setting, perhaps, but all that there is.
        Asked::Failed(_) if !known.is_empty() => exist(file, account.config, entities, &known),
        Asked::Failed(_) => Ok(()),
    }
}

/// Checks the settings of `entities` against the ids of the company's workspaces.
///
/// # Errors
/// [`Kind::Config`] naming file, key, and the ids that there are: names are the customer's.
pub fn exist(file: &str, config: &Config, entities: &[&Entity], ids: &BTreeSet<String>) -> Result<()> {
    for name in entities.iter().map(|entity| &entity.name) {
        let Some(set) = config.entity(name).workspace_id.filter(|set| !ids.contains(set)) else { continue };
        let more = if ids.len() > MOST_NAMED { " and others" } else { "" };
        let named: Vec<&str> = ids.iter().take(MOST_NAMED).map(String::as_str).collect();
        let what = format!(
            "{file}: entities.{name}.workspace_id: the company has no workspace {set} that these credentials see, only {}{more}",
            named.join(", ")
        );
        return Err(Error::new(Kind::Config, what).hint("set the id of one of them, or remove the setting"));
    }
    Ok(())
}

/// The workspace that an entity is narrowed to, if its members are workspaces; one that is not there ends the run.
///
/// # Errors
/// As for [`exist`].
pub fn only(session: &Session, entity: &Entity, fan: &str) -> Result<Option<String>> {
    let Some(only) = session.workspace(entity).filter(|_| fan == company::COMPANY) else { return Ok(None) };
    let known = company::known_workspaces(&session.ledger)?;
    if !known.is_empty() {
        exist(&session.file, &session.config, &[entity], &known)?;
    }
    Ok(Some(only))
}
