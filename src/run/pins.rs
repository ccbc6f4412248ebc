//! What the ledger belongs to: one output and one company (`company.rs`). Anything else is refused before it can do harm.

use std::path::Path;

pub use super::company::{COMPANY, check_company, company};
use crate::error::{Error, Kind, Result};
use crate::report::Manifest;
use crate::sink::{Store, Version};
use crate::state::Ledger;

/// The fact that names the output.
pub const OUTPUT: &str = "output";

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
