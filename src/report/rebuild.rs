//! What `state rebuild` found in the output, in JSON and as text.

use std::fmt::Write as _;

use serde::Serialize;

/// The result of `state rebuild`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RebuildReport {
    /// Of this shape.
    pub version: u32,
    /// The output's ledger, whose place the new one takes.
    pub ledger_id: String,
    /// Whether there was a manifest; without one, windows without rows left no trace.
    pub from_manifest: bool,
    /// The newest commit.
    pub sequence: i64,
    /// Units that are known again.
    pub units: u64,
    /// Their objects.
    pub objects: u64,
    /// Objects that were taken from their footers.
    pub newer: u64,
    /// Objects of the manifest that are not there; their windows are read again.
    pub lost: Vec<String>,
    /// Objects under our folders that fit nothing; `verify` lists them too.
    pub strange: Vec<String>,
    /// Units that the next `sync` reads; null without sync.start_date, and if it is refused.
    pub to_read: Option<u64>,
    /// Why the next `sync` is refused under today's settings, and what to do.
    pub sync_refused: Option<String>,
}

/// The result for people.
pub fn rebuild_text(report: &RebuildReport) -> String {
    let from =
        if report.from_manifest { "the manifest and newer objects" } else { "the objects alone: the manifest is lost" };
    let mut out = format!("ledger {} made anew from {from}\n", report.ledger_id);
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{} units with {} objects, {} of them from their footers",
        report.units, report.objects, report.newer
    );
    for path in &report.lost {
        let _ = writeln!(out, "not in the output, read again: {path}");
    }
    for path in &report.strange {
        let _ = writeln!(out, "fits nothing, left where it is: {path}");
    }
    if let Some(count) = report.to_read {
        let _ = writeln!(
            out,
            "the next sync reads {count} units, those that nothing proves among them; `gong-elt plan` lists them"
        );
    }
    if let Some(why) = &report.sync_refused {
        let _ = writeln!(out, "the next sync is refused: {why}");
    }
    out
}
