//! What the ledger belongs to: one output and one company. Anything else is refused before it can do harm.

use std::collections::BTreeSet;
use std::path::Path;

use secrecy::ExposeSecret as _;

use super::session::{Session, short_digest};
use crate::decode::{Decoded, Decoder, Stamps};
use crate::entity::Entity;
use crate::error::{Error, Kind, Result};
use crate::plan::{Planned, Reason};
use crate::report::Manifest;
use crate::sink::{Store, Version};
use crate::source::{Failure, Inputs, Reply, build};
use crate::state::Ledger;

/// The entity whose ids tell companies apart.
pub const COMPANY: &str = "workspaces";

/// The fact that names the output.
pub const OUTPUT: &str = "output";
const WORKSPACES: &str = "workspaces";
/// The fact that tells the credentials and the host with which the company was seen last: a digest.
const ACCESS: &str = "access";

/// Notes that the ledger is this output's.
///
/// # Errors
/// Failures of the ledger.
pub fn bind_output(ledger: &Ledger, store: &Store) -> Result<()> {
    ledger.set_fact(OUTPUT, store.url())
}

/// Checks that the ledger at `path` and the output belong together, and changes nothing. Returns the manifest that was seen.
///
/// # Errors
/// [`Kind::Ledger`] if the ledger is another output's, the output another ledger's, or the output further than the ledger.
pub async fn compare_output(ledger: &Ledger, path: &Path, store: &Store, ledger_id: &str) -> Result<Option<Version>> {
    let path = path.display();
    let refuse = |what: String, hint: &str| Err(Error::new(Kind::Ledger, what).hint(hint));
    match ledger.fact(OUTPUT)? {
        Some(known) if known != store.url() => {
            let what = format!("the ledger {path} belongs to the output {known}, not to {}", store.url());
            let hint = format!(
                "if the output was moved here with its ledger, move {path} away and run `gong-elt state rebuild`; else set output.url back, or \
                 name another file in state.path for a new output"
            );
            return refuse(what, &hint);
        }
        _ => {}
    }
    let (manifest, seen) = read_manifest(store).await?.unzip();
    if let Some(manifest) = manifest {
        if manifest.ledger_id != ledger_id {
            let what = format!(
                "the output {} was written with another ledger ({}), not with {path}",
                store.url(),
                manifest.ledger_id
            );
            return refuse(
                what,
                "put that ledger back, or choose an empty output; `gong-elt state rebuild` makes a ledger from an output",
            );
        }
        let sequence = ledger.sequence()?;
        if manifest.sequence > sequence {
            let what = format!(
                "the output {} is at commit {}, the ledger {path} only at {sequence}: it is an older copy",
                store.url(),
                manifest.sequence
            );
            return refuse(what, "put the newest ledger back; `gong-elt state rebuild` makes one from the output");
        }
    } else if ledger.sequence()? == 0 && ledger.open_units()?.is_empty() && has_objects(store).await? {
        let what = format!("the ledger {path} is empty, but the output {} holds objects", store.url());
        return refuse(
            what,
            "put the ledger back, or choose an empty output; `gong-elt state rebuild` makes a ledger from an output",
        );
    }
    Ok(seen)
}

/// The manifest and its version, if there is one.
pub async fn read_manifest(store: &Store) -> Result<Option<(Manifest, Version)>> {
    let Some((bytes, version)) = store.get_version(super::publish::MANIFEST).await? else { return Ok(None) };
    let parsed = serde_json::from_slice(&bytes);
    parsed.map(|manifest| Some((manifest, version))).map_err(|e| {
        let what = format!("{} below {} cannot be read", super::publish::MANIFEST, store.url());
        Error::new(Kind::Output, what).caused_by(e).hint("remove the file; the next run writes it anew")
    })
}

async fn has_objects(store: &Store) -> Result<bool> {
    Ok(store.list("").await?.iter().any(|path| path.ends_with(".parquet")))
}

/// The fact that tells the company by its workspaces.
pub fn company(ids: impl Iterator<Item = String>) -> (String, String) {
    (WORKSPACES.to_owned(), serde_json::json!(ids.collect::<BTreeSet<String>>()).to_string())
}

/// Checks that the workspaces just read are those of the company that the ledger knows.
pub fn check_company(session: &Session, pages: &[Decoded]) -> Result<()> {
    let ids = ids(pages);
    same_company(&session.ledger, &ids)?;
    session.ledger.set_fact(WORKSPACES, &serde_json::json!(ids).to_string())?;
    session.ledger.set_fact(ACCESS, &access(session))
}

fn ids(pages: &[Decoded]) -> BTreeSet<String> {
    let columns = pages.iter().filter_map(|page| page.text_column("id"));
    columns.flat_map(|column| column.iter().flatten().map(str::to_owned)).collect()
}

/// Checks workspaces against those that the ledger knows. One that stays is enough.
///
/// # Errors
/// [`Kind::Ledger`] if they are another company's.
fn same_company(ledger: &Ledger, ids: &BTreeSet<String>) -> Result<()> {
    let known: BTreeSet<String> = match ledger.fact(WORKSPACES)? {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        None => BTreeSet::new(),
    };
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
    let page = Decoder::new(entity).page(body, &Stamps::default());
    same_company(ledger, &ids(page.as_slice()))
}

/// Asks for the company's workspaces if the ledger knows its company and has not seen these credentials at this host, unless the run reads
/// the workspaces first anyway.
///
/// # Errors
/// [`Kind::Ledger`] if they are another company's; the vendor's failure if that cannot be told.
pub async fn ask_company(session: &Session, planned: &[Planned]) -> Result<()> {
    let is_begun = |one: &Planned| one.reason == Reason::Begun;
    let comes_first = planned.iter().any(|p| p.unit.entity.name == COMPANY) && !planned.iter().any(is_begun);
    let knows = session.ledger.fact(WORKSPACES)?.is_some();
    if planned.is_empty() || comes_first || !knows || has_seen(session)? {
        return Ok(());
    }
    let Some(Failure::Exhausted(story)) = ask(session).await? else {
        // The credentials may not ask for workspaces, or are no good, which the run will say itself.
        return Ok(());
    };
    let what = format!("cannot tell whether these credentials are of the ledger's company: {story}");
    Err(Error::new(Kind::Vendor, what).hint("run again; nothing was written"))
}

/// Learns the company of a ledger whose entities did not tell it.
///
/// # Errors
/// Failures of the ledger.
pub async fn learn_company(session: &Session) -> Result<()> {
    let knows = session.ledger.fact(WORKSPACES)?.is_some();
    if knows || has_seen(session)? || session.stop.reason().is_some() || session.source.answered().is_empty() {
        return Ok(());
    }
    // Who may not ask today may not tomorrow either; what fails for a time is learned by the next run.
    match ask(session).await? {
        Some(Failure::Refused(..)) => session.ledger.set_fact(ACCESS, &access(session)),
        _ => Ok(()),
    }
}

/// Asks for the company's workspaces and checks them; what kept the vendor from giving them, if something did.
async fn ask(session: &Session) -> Result<Option<Failure>> {
    let Some(entity) = session.catalog.get(COMPANY) else { return Ok(None) };
    let inputs = Inputs { subject: "the company's workspaces".to_owned(), ..Inputs::default() };
    match session.source.ask(entity, &build(entity, &inputs, None), false).await {
        Ok(Reply::Page(page)) => {
            let decoded = Decoder::new(entity).page(&page.body, &Stamps::default());
            check_company(session, decoded.as_slice()).map(|()| None)
        }
        Ok(Reply::Empty | Reply::CursorDead(_)) => Ok(None),
        Err(Failure::Ledger(error)) => Err(error),
        Err(failure) => Ok(Some(failure)),
    }
}

fn has_seen(session: &Session) -> Result<bool> {
    Ok(session.ledger.fact(ACCESS)?.is_some_and(|seen| seen == access(session)))
}

/// Tells credentials and host apart without holding them.
fn access(session: &Session) -> String {
    short_digest(session.config.source.identity().expose_secret())
}
