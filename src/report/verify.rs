//! What `verify` found, in JSON and as text.

use std::fmt::Write as _;

use serde::Serialize;

/// The result of `verify`.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct VerifyReport {
    /// Of this shape.
    pub version: u32,
    /// Whether the bytes were read and their digests and rows compared.
    pub deep: bool,
    /// What was looked at.
    pub checked: VerifyCounts,
    /// What is not as the ledger has it.
    pub findings: Vec<Finding>,
    /// With `--repair`: findings that are no more.
    pub repaired: u64,
    /// With `--repair`: the run that read the units again.
    pub run_id: Option<String>,
    /// What a person should read beside.
    pub warnings: Vec<String>,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerifyCounts {
    /// Units of the ledger.
    pub units: u64,
    /// Parquet objects of the ledger.
    pub objects: u64,
    /// Media files of the ledger.
    pub media: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Windows whose count was compared with the vendor's.
    pub windows: u64,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// What is wrong.
    pub kind: FindingKind,
    /// The table; null for an object that is nobody's.
    pub entity: Option<String>,
    /// First day; null for a snapshot.
    pub from: Option<String>,
    /// Day after the last; null for a snapshot.
    pub to: Option<String>,
    /// Below the output; null where no object is concerned.
    pub path: Option<String>,
    /// In words.
    pub detail: String,
}

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// The ledger has an object that is not there.
    Missing,
    /// It has another size.
    Size,
    /// It has other bytes.
    Digest,
    /// It holds another number of rows, or is no Parquet file.
    Rows,
    /// An object under one of our folders that the ledger does not know.
    Unknown,
    /// Gong now counts another number of records for a settled window.
    Source,
}

impl FindingKind {
    fn name(self) -> &'static str {
        match self {
            FindingKind::Missing => "missing",
            FindingKind::Size => "size",
            FindingKind::Digest => "digest",
            FindingKind::Rows => "rows",
            FindingKind::Unknown => "unknown",
            FindingKind::Source => "source",
        }
    }
}

/// The result for people.
pub fn verify_text(report: &VerifyReport) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    for finding in &report.findings {
        let place = finding.path.clone().unwrap_or_else(|| {
            let days = finding.from.iter().chain(&finding.to).cloned().collect::<Vec<_>>().join("_");
            format!("{} {days}", finding.entity.as_deref().unwrap_or_default())
        });
        let _ = writeln!(out, "{:<8} {place}: {}", finding.kind.name(), finding.detail);
    }
    for warning in &report.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    let c = &report.checked;
    let how = if report.deep { "read and compared" } else { "looked at" };
    let _ =
        writeln!(out, "{} units, {} objects and {} media files {how}, {} bytes", c.units, c.objects, c.media, c.bytes);
    if c.windows > 0 {
        let _ = writeln!(out, "{} settled windows compared with Gong's counts", c.windows);
    }
    let _ = writeln!(out, "{} findings, {} repaired", report.findings.len(), report.repaired);
    if report.run_id.is_none() && !report.findings.is_empty() {
        let _ = writeln!(out, "`gong-elt verify --repair` reads just these units again");
    }
    out
}
