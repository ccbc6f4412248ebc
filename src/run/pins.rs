//! What the ledger belongs to: one output and one company. Anything else is refused before it can do harm.

use std::collections::BTreeSet;

use arrow::array::{Array, StringArray};

use super::session::Session;
use crate::decode::Decoded;
use crate::error::{Error, Kind, Result};
use crate::report::Manifest;
use crate::sink::{Store, Version};
use crate::state::Ledger;

/// The entity whose ids tell companies apart.
pub const COMPANY: &str = "workspaces";

/// The fact that names the output.
pub const OUTPUT: &str = "output";
const WORKSPACES: &str = "workspaces";

/// Checks that ledger and output belong together, and binds a new ledger to its output. Returns the manifest that was seen.
///
/// # Errors
/// [`Kind::Ledger`] if the ledger is another output's, the output another ledger's, or the output further than the ledger.
pub async fn check_output(ledger: &Ledger, store: &Store, ledger_id: &str) -> Result<Option<Version>> {
    let path = ledger.path().display();
    let refuse = |what: String, hint: &str| Err(Error::new(Kind::Ledger, what).hint(hint));
    match ledger.fact(OUTPUT)? {
        Some(known) if known != store.url() => {
            let what = format!("the ledger {path} belongs to the output {known}, not to {}", store.url());
            return refuse(what, "set output.url back, or name another file in state.path to start a new ledger");
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
    ledger.set_fact(OUTPUT, store.url())?;
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

/// Checks that the workspaces just read are those of the company that the ledger knows. One that stays is enough.
pub fn check_company(session: &Session, pages: &[Decoded]) -> Result<()> {
    let mut ids = BTreeSet::new();
    for page in pages {
        let column = page.batch.column_by_name("id").and_then(|c| c.as_any().downcast_ref::<StringArray>());
        ids.extend(column.into_iter().flat_map(|c| c.iter().flatten()).map(str::to_owned));
    }
    let known: BTreeSet<String> = match session.ledger.fact(WORKSPACES)? {
        Some(text) => serde_json::from_str(&text).unwrap_or_default(),
        None => BTreeSet::new(),
    };
    if !known.is_empty() && known.is_disjoint(&ids) {
        let what = format!(
            "the ledger {} is another company's: none of its workspaces is in this account",
            session.ledger.path().display()
        );
        let error = Error::new(Kind::Ledger, what);
        return Err(error.hint(
            "use the credentials of the ledger's company, or name another state.path and output.url for this one",
        ));
    }
    session.ledger.set_fact(WORKSPACES, &serde_json::json!(ids).to_string())
}
