//! Whose account it is: a ledger's company is told by its workspaces. Another company's credentials are refused before they can do harm.

use std::collections::BTreeSet;

use secrecy::ExposeSecret as _;

use super::session::{Session, short_digest};
use super::trouble::{Trouble, judge};
use crate::config::Config;
use crate::decode::{Decoded, Decoder, Stamps};
use crate::entity::{Catalog, Entity};
use crate::error::{Error, Kind, Result};
use crate::plan::{Planned, Reason};
use crate::source::{Failure, Inputs, Reply, Source, build};
use crate::state::Ledger;
use crate::unit::{Span, Unit};

/// The entity whose ids tell companies apart.
pub const COMPANY: &str = "workspaces";

/// The fact that keeps them.
const WORKSPACES: &str = "workspaces";
/// The fact that tells the credentials and the host with which the company was seen last: a digest.
const ACCESS: &str = "access";

/// The fact that tells the company by its workspaces.
pub fn company(ids: impl Iterator<Item = String>) -> (String, String) {
    (WORKSPACES.to_owned(), serde_json::json!(ids.collect::<BTreeSet<String>>()).to_string())
}

/// Checks that the workspaces just read are those of the company that the ledger knows.
pub fn check_company(session: &Session, pages: &[Decoded]) -> Result<()> {
    let ids = ids(pages);
    same_company(&session.ledger, &ids)?;
    keep(session.account(), &ids)
}

/// Keeps the company's workspaces, and that these credentials gave them.
pub fn keep(account: Account<'_>, ids: &BTreeSet<String>) -> Result<()> {
    account.ledger.set_fact(WORKSPACES, &serde_json::json!(ids).to_string())?;
    account.ledger.set_fact(ACCESS, &access(account.config))
}

fn ids(pages: &[Decoded]) -> BTreeSet<String> {
    let columns = pages.iter().filter_map(|page| page.text_column("id"));
    columns.flat_map(|column| column.iter().flatten().map(str::to_owned)).collect()
}

/// The company's workspaces as they were seen last; none while nothing is known.
pub fn known_workspaces(ledger: &Ledger) -> Result<BTreeSet<String>> {
    let text = ledger.fact(WORKSPACES)?;
    Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

/// Checks workspaces against those that the ledger knows. One that stays is enough.
///
/// # Errors
/// [`Kind::Ledger`] if they are another company's.
fn same_company(ledger: &Ledger, ids: &BTreeSet<String>) -> Result<()> {
    let known = known_workspaces(ledger)?;
    if known.is_empty() || !known.is_disjoint(ids) {
        return Ok(());
    }
    let path = ledger.path().display();
    let what = format!("the ledger {path} is another company's: none of its workspaces is in this account");
    Err(Error::new(Kind::Ledger, what)
        .hint("use the credentials of the ledger's company, or name another state.path and output.url for this one"))
}

/// Checks a page of workspaces against those that the ledger knows; of another entity there is nothing to check.
///
/// # Errors
/// As for [`same_company`].
pub fn same_company_page(ledger: &Ledger, entity: &'static Entity, body: &str) -> Result<()> {
    if entity.name != COMPANY {
        return Ok(());
    }
    same_company(ledger, &page_ids(entity, body))
}

/// The ids of a page of workspaces.
pub fn page_ids(entity: &'static Entity, body: &str) -> BTreeSet<String> {
    ids(Decoder::new(entity).page(body, &Stamps::default()).as_slice())
}

/// Whose account it is: who is asked, how, and what is known.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    /// Facts.
    pub ledger: &'a Ledger,
    /// Vendor.
    pub source: &'a Source,
    /// Settings.
    pub config: &'a Config,
    /// Entities.
    pub catalog: &'static Catalog,
}

impl Session {
    /// The account that the run reads.
    pub fn account(&self) -> Account<'_> {
        Account { ledger: &self.ledger, source: &self.source, config: &self.config, catalog: self.catalog }
    }
}

/// Asks for the company's workspaces if the ledger knows its company and has not seen these credentials at this host, unless the run reads
/// the workspaces first anyway.
///
/// # Errors
/// As for [`own_company`].
pub async fn ask_company(session: &Session, planned: &[Planned]) -> Result<()> {
    let is_begun = |one: &Planned| one.reason == Reason::Begun;
    let comes_first = planned.iter().any(|p| p.unit.entity.name == COMPANY) && !planned.iter().any(is_begun);
    if planned.is_empty() || comes_first {
        return Ok(());
    }
    sure_company(session).await
}

/// The same whatever is read.
///
/// # Errors
/// As for [`own_company`].
pub async fn sure_company(session: &Session) -> Result<()> {
    match own_company(session.account()).await? {
        Some(ids) => keep(session.account(), &ids),
        None => Ok(()),
    }
}

/// Asks for the company's workspaces if the ledger knows its company and has not seen these credentials at this host; their ids, if they were
/// asked for. Writes nothing.
///
/// # Errors
/// [`Kind::Ledger`] if they are another company's; the vendor's failure if that cannot be told.
pub async fn own_company(account: Account<'_>) -> Result<Option<BTreeSet<String>>> {
    if account.ledger.fact(WORKSPACES)?.is_none() || has_seen(account)? {
        return Ok(None);
    }
    let story = match ask(account).await? {
        Asked::Answered(ids) => return Ok(Some(ids)),
        Asked::Failed(Some(Failure::Exhausted(story))) => story,
        // The credentials may not ask for workspaces, or are no good, which the command will say itself.
        Asked::Failed(_) => return Ok(None),
    };
    let what = format!("cannot tell whether these credentials are of the ledger's company: {story}");
    Err(Error::new(Kind::Vendor, what).hint("run again; nothing was written"))
}

/// What a run knows of the company behind its calls.
#[derive(Default)]
pub enum Checked {
    /// No call named a workspace that the ledger does not know.
    #[default]
    Unasked,
    /// It is the ledger's, or the credentials may not ask.
    Told,
    /// The vendor failed, as the text says.
    Untold(String),
}

/// Asks for the company's workspaces, once a run, if calls are of one that the ledger does not know: the company may be another one behind the
/// same address, or have a workspace more. While that cannot be told, such calls do not land.
///
/// # Errors
/// [`Trouble::Fatal`] if it is another company's, and for failures of the ledger; what kept the vendor from telling.
pub async fn check_calls(session: &Session, pages: &[Decoded]) -> Result<(), Trouble> {
    let mut checked = session.company_checked.lock().await;
    if matches!(*checked, Checked::Told) {
        return Ok(());
    }
    let known = known_workspaces(&session.ledger)?;
    let mut named = pages.iter().filter_map(|page| page.text_column("workspace_id"));
    if known.is_empty() || !named.any(|ids| ids.iter().flatten().any(|id| !known.contains(id))) {
        return Ok(());
    }
    if let Checked::Untold(why) = &*checked {
        return Err(untold(why).into());
    }
    let why = match (ask(session.account()).await?, session.catalog.get(COMPANY)) {
        (Asked::Answered(ids), _) => {
            keep(session.account(), &ids)?;
            *checked = Checked::Told;
            return Ok(());
        }
        (Asked::Failed(Some(Failure::Exhausted(story))), _) => story.to_string(),
        (Asked::Failed(Some(failure)), Some(entity)) => {
            match judge(session, Unit { entity, span: Span::Snapshot }, failure).await {
                Trouble::NotPermitted(_) => {
                    *checked = Checked::Told;
                    return Ok(());
                }
                Trouble::Failed(error) => error.to_string(),
                other => return Err(other),
            }
        }
        (Asked::Failed(_), _) => "Gong names no workspace".to_owned(),
    };
    let error = untold(&why);
    *checked = Checked::Untold(why);
    Err(error.into())
}

fn untold(why: &str) -> Error {
    let what = format!("cannot tell whether calls of an unknown workspace are the ledger's company's: {why}");
    Error::new(Kind::Vendor, what).hint("run again; none of them was written")
}

/// Learns the company of a ledger whose entities did not tell it.
///
/// # Errors
/// Failures of the ledger.
pub async fn learn_company(session: &Session) -> Result<()> {
    let knows = session.ledger.fact(WORKSPACES)?.is_some();
    let done = session.stop.reason().is_some() || session.source.answered().is_empty();
    if knows || done || has_seen(session.account())? {
        return Ok(());
    }
    // Who may not ask today may not tomorrow either; what fails for a time is learned by the next run.
    match ask(session.account()).await? {
        Asked::Answered(ids) => keep(session.account(), &ids),
        Asked::Failed(Some(Failure::Refused(..))) => session.ledger.set_fact(ACCESS, &access(&session.config)),
        Asked::Failed(_) => Ok(()),
    }
}

/// What the question for the company's workspaces came to.
pub enum Asked {
    /// Their ids: none of another company than the ledger's.
    Answered(BTreeSet<String>),
    /// What kept the vendor from giving them, if something did.
    Failed(Option<Failure>),
}

/// Asks for the company's workspaces and checks them.
///
/// # Errors
/// As for [`own_company`].
pub async fn ask(account: Account<'_>) -> Result<Asked> {
    let Some(entity) = account.catalog.get(COMPANY) else { return Ok(Asked::Failed(None)) };
    let inputs = Inputs { subject: "the company's workspaces".to_owned(), ..Inputs::default() };
    match account.source.ask(entity, &build(entity, &inputs, None), false).await {
        Ok(Reply::Page(page)) => {
            let ids = page_ids(entity, &page.body);
            same_company(account.ledger, &ids).map(|()| Asked::Answered(ids))
        }
        Ok(Reply::Empty | Reply::CursorDead(_)) => Ok(Asked::Failed(None)),
        Err(Failure::Ledger(error)) => Err(error),
        Err(failure) => Ok(Asked::Failed(Some(failure))),
    }
}

/// True if the ledger has seen these credentials at this host, whether they may ask for workspaces or not.
pub fn has_seen(account: Account<'_>) -> Result<bool> {
    Ok(account.ledger.fact(ACCESS)?.is_some_and(|seen| seen == access(account.config)))
}

/// Tells credentials and host apart without holding them.
fn access(config: &Config) -> String {
    short_digest(config.source.identity().expose_secret())
}
