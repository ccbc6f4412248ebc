//! The same facts as text for people.

use std::fmt::Write as _;
use std::time::Duration;

use super::{PlanReport, RunReport, StatusEntity, StatusReport};

/// Lines of a kind that `status` prints for a table.
const MOST_SHOWN: usize = 5;

/// A run, one line per entity.
pub fn run_text(report: &RunReport) -> String {
    let mut out = String::new();
    let mut rows = vec![
        ["entity", "units", "rows written", "new", "changed", "gone", "private", "missing", "requests"]
            .map(str::to_owned),
    ];
    for (name, e) in &report.entities {
        let units = format!("{}/{}", e.units.committed, e.units.planned);
        let r = &e.rows;
        let numbers = [r.written, r.new, r.changed, r.gone, r.private, e.missing, e.requests].map(|n| n.to_string());
        let [written, new, changed, gone, private, missing, requests] = numbers;
        rows.push([name.clone(), units, written, new, changed, gone, private, missing, requests]);
    }
    table(&mut out, &rows);
    let o = &report.objects;
    let (added, replaced, removed) = (o.added, o.replaced, o.removed);
    line(&mut out, &format!("objects: {added} added, {replaced} replaced, {removed} removed"));
    let (requests, retries) = (report.requests, report.retries);
    line(&mut out, &format!("{requests} requests ({retries} retries) in {}", spoken(report.seconds)));
    for warning in &report.warnings {
        line(&mut out, &format!("warning: {warning}"));
    }
    if let Some(at) = &report.resume_at {
        let why = "Gong asks for silence, or its quota or our budget of the day is used up";
        line(&mut out, &format!("nothing may be asked before {at}: {why}. Everything read is kept; run again then"));
    }
    line(&mut out, &format!("run {} ended with exit code {}", report.run_id, report.exit_code));
    out
}

/// A plan: its cost, then why units are read.
pub fn plan_text(plan: &PlanReport) -> String {
    let mut out = String::new();
    if plan.units.is_empty() {
        line(&mut out, "nothing is due");
    }
    let mut rows = vec![["entity", "units", "requests", "bytes", "why"].map(str::to_owned)];
    for (name, cost) in &plan.entities {
        let mut reasons: Vec<(usize, &str)> = Vec::new();
        for unit in plan.units.iter().filter(|u| u.entity == *name) {
            match reasons.iter_mut().find(|(_, reason)| *reason == unit.reason) {
                Some((count, _)) => *count += 1,
                None => reasons.push((1, &unit.reason)),
            }
        }
        let why: Vec<String> = reasons.iter().map(|(count, reason)| format!("{count} {reason}")).collect();
        let least = if plan.unknown.contains(name) { "at least " } else { "" };
        let requests = format!("{least}{}", cost.requests);
        rows.push([name.clone(), cost.units.to_string(), requests, cost.bytes.to_string(), why.join(", ")]);
    }
    if !plan.units.is_empty() {
        table(&mut out, &rows);
    }
    let (requests, days) = (plan.requests, plan.quota_days);
    line(
        &mut out,
        &format!(
            "{requests} requests, {} at the configured rate, {days:.2} days of the daily budget",
            spoken(plan.seconds)
        ),
    );
    if !plan.unknown.is_empty() {
        let names = plan.unknown.join(", ");
        // Of what is no call there are no totals, and of calls none are left to ask for after a probe.
        let probe = match plan.unknown.iter().any(|name| name == "calls") {
            true => "; --probe asks Gong for the totals of calls",
            false => "",
        };
        line(&mut out, &format!("never seen, so counted as one page a unit: {names}{probe}"));
    }
    if plan.other_settings > 0 {
        let count = plan.other_settings;
        line(
            &mut out,
            &format!("{count} units were read under other settings; `gong-elt backfill --force` reads them again"),
        );
    }
    out
}

/// How far every entity is.
pub fn status_text(status: &StatusReport) -> String {
    let mut out = String::new();
    let mut rows = vec![
        ["entity", "watermark", "frontier", "gaps", "unsettled", "due", "missing", "rows", "suspect", "last run"]
            .map(str::to_owned),
    ];
    for (name, e) in &status.entities {
        let text = |at: &Option<String>| at.clone().unwrap_or_else(|| "-".to_owned());
        let gaps = e.gaps.len().to_string();
        let numbers = [e.unsettled, e.due.len() as u64, e.missing, e.rows, e.suspect].map(|n| n.to_string());
        let [unsettled, due, missing, count, suspect] = numbers;
        let (watermark, frontier, read) = (text(&e.watermark), text(&e.frontier), text(&e.last_run));
        rows.push([name.clone(), watermark, frontier, gaps, unsettled, due, missing, count, suspect, read]);
    }
    table(&mut out, &rows);
    for (name, entity) in &status.entities {
        details(&mut out, name, entity);
    }
    let q = &status.quota;
    let by = if q.reserve_binds_sync { "every command" } else { "backfills; sync may use all" };
    let today = format!("requests today: {} of {}, {} left to others by {by}", q.used, q.limit, q.reserve);
    line(&mut out, &format!("{today}; counted anew from {}", q.resets_at));
    line(&mut out, &format!("last run: {}", status.last_run.as_deref().unwrap_or("none")));
    out
}

/// What is not as it should be, or is read again.
fn details(out: &mut String, name: &str, entity: &StatusEntity) {
    if entity.stale == Some(true) {
        line(out, &format!("{name}: lacks for longer than --max-age what it should have"));
    }
    for gap in entity.gaps.iter().take(MOST_SHOWN) {
        line(out, &format!("{name}: never read: {} to {}", gap.from, gap.to));
    }
    for one in entity.suspect_windows.iter().take(MOST_SHOWN) {
        let span = span(&one.from, &one.to);
        line(out, &format!("{name}: not believed{span}: {}; if this is right: `{}`", one.reason, one.accept));
    }
    let more = entity.suspect_windows.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        line(out, &format!("{name}: and {more} more were not believed; `gong-elt status --format json` lists them"));
    }
    for due in entity.due.iter().take(MOST_SHOWN) {
        line(out, &format!("{name}: due{}: {}", span(&due.from, &due.to), due.reason));
    }
    let more = entity.due.len().saturating_sub(MOST_SHOWN);
    if more > 0 {
        line(out, &format!("{name}: and {more} more are due; `gong-elt plan` counts them by reason"));
    }
    if let Some(since) = &entity.missing_since {
        let (missing, without) = (entity.missing, entity.without);
        line(
            out,
            &format!("{name}: {missing} missing, the oldest since {since}; {without} of them for good, by their age"),
        );
    }
    if entity.unexplained > 0 {
        line(out, &format!("{name}: {} records that Gong counted never came", entity.unexplained));
    }
}

/// The days of a unit; nothing for a list.
fn span(from: &Option<String>, to: &Option<String>) -> String {
    from.iter().zip(to).map(|(from, to)| format!(" {from} to {to}")).collect()
}

fn line(out: &mut String, text: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn spoken(seconds: f64) -> String {
    humantime::format_duration(Duration::from_secs(seconds.max(0.0).round() as u64)).to_string()
}

/// Columns aligned: the first to the left, the others to the right but for a last one of words.
fn table<const N: usize>(out: &mut String, rows: &[[String; N]]) {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    for row in rows {
        let mut text = String::new();
        for (i, (cell, width)) in row.iter().zip(widths).enumerate() {
            let words = i == 0 || (i + 1 == N && rows[0][i] == "why");
            let _ = if words { write!(text, "{cell:<width$}  ") } else { write!(text, "{cell:>width$}  ") };
        }
        line(out, text.trim_end());
    }
}
