//! What the schema did not expect is reported; records that cannot be read are set aside, so that the rest of a window lands.

use super::patience;
use super::session::Session;
use super::trouble::Trouble;
use crate::decode::Decoded;
use crate::unit::Unit;

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
    if lines.is_empty() {
        return Ok(());
    }
    let count = lines.lines().count() as u64;
    // One file of each unit, replaced by the next reading that has such records: it does not grow with the number of runs.
    let path = format!("_gong_elt/quarantine/{name}/{}.jsonl", unit.span);
    patience::of_unit(session, session.store.put_private(&path, lines.into())).await?;
    session.tally.entity(name, |e| e.quarantined += count);
    session.tally.warn(format!("{unit}: {count} records could not be read and were set aside in {path}"));
    Ok(())
}
