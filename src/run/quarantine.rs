//! What the schema did not expect is reported; records that cannot be read are set aside, so that the rest of a window lands.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use tokio::sync::OnceCell;

use super::patience;
use super::session::Session;
use super::trouble::Trouble;
use crate::decode::Decoded;
use crate::unit::Unit;

const FOLDER: &str = "_gong_elt/quarantine";

/// The files of records that were set aside, listed once in a run: to look for each unit's would cost a request of each.
#[derive(Default)]
pub struct SetAside(OnceCell<Mutex<HashSet<String>>>);

impl SetAside {
    async fn files(&self, session: &Session) -> &Mutex<HashSet<String>> {
        let listed = || async {
            let found = session.store.list(FOLDER).await.unwrap_or_else(|error| {
                // What lands does not depend on it.
                session
                    .tally
                    .warn(format!("{FOLDER} could not be listed: what was set aside earlier stays there ({error})"));
                Vec::new()
            });
            Mutex::new(found.into_iter().collect())
        };
        self.0.get_or_init(listed).await
    }
}

/// Reports what the schema did not expect, and sets unreadable records aside.
pub async fn note(session: &Session, unit: Unit, pages: &[Decoded]) -> Result<(), Trouble> {
    let name = &unit.entity.name;
    let mut lines = String::new();
    for page in pages {
        let drift = page.drift.total();
        session.tally.entity(name, |e| e.drift += drift);
        for line in page.drift.lines() {
            session.tally.warn(format!("{name}: {line}; kept in _extra"));
        }
        for (reason, record) in &page.bad {
            let one = serde_json::json!({ "entity": name, "span": unit.span.to_string(), "reason": reason, "record": record });
            lines.push_str(&one.to_string());
            lines.push('\n');
        }
    }
    // One file of each unit, which its next reading replaces: it does not grow with the number of runs.
    let path = format!("{FOLDER}/{name}/{}.jsonl", unit.span);
    let files = patience::of_unit(session, async { Ok(session.set_aside.files(session).await) }).await?;
    let files = || files.lock().unwrap_or_else(PoisonError::into_inner);
    if lines.is_empty() {
        // What a good reading does not hold any more may be there no longer, such as the text of a call that has become private.
        if files().contains(&path) {
            patience::of_unit(session, session.store.remove(&path)).await?;
            files().remove(&path);
        }
        return Ok(());
    }
    let count = lines.lines().count() as u64;
    files().insert(path.clone());
    patience::of_unit(session, session.store.put_private(&path, lines.into())).await?;
    session.tally.entity(name, |e| e.quarantined += count);
    session.tally.warn(format!("{unit}: {count} records could not be read and were set aside in {path}"));
    Ok(())
}
