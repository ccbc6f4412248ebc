//! `check`: one line each for settings, ledger, output, and what the credentials may read.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::Duration;
use serde::Serialize;

use super::context::Context;
use super::{print, signals};
use crate::cli::{Cli, OutputFormat};
use crate::entity::spec::Read;
use crate::entity::{Catalog, Entity};
use crate::error::{Kind, Result};
use crate::report::VERSION;
use crate::run::{self, Whose};
use crate::sink::{Preconditions, Store};
use crate::source::{Failure, Inputs, Refusal, Reply, Source, build};
use crate::state::Ledger;

/// Calls are looked for in a stretch this long, or from the start date if that is longer ago.
const DAYS_LOOKED_AT: i64 = 90;

/// Statistics are asked for so many days: a week has activity if there is any.
const DAYS_OF_STATISTICS: u64 = 7;

/// The result.
#[derive(Debug, Default, Serialize)]
struct CheckReport {
    version: u32,
    checks: Vec<Line>,
}

/// One line.
#[derive(Debug, Serialize)]
struct Line {
    name: String,
    /// `ok`, `failed`, `not honoured`, `allowed`, `scope missing`, `not in the plan` or `cannot tell`.
    result: &'static str,
    detail: String,
}

/// Checks everything; the exit code is that of the worst finding.
pub async fn run(cli: &Cli, catalog: &'static Catalog, format: OutputFormat) -> Result<u8> {
    let context = Context::load(cli, catalog)?;
    let mut report = CheckReport { version: VERSION, checks: Vec::new() };
    let mut worst = 0;
    signals::listen(&context.stop)?;
    let ledger = context.ledger()?;
    note(&mut report, "settings", "ok", context.file.clone());
    if let Err(error) = context.start_date() {
        note(&mut report, "sync.start_date", "failed", run::with_hint(&error));
        worst = error.kind().exit_code();
    }
    note(&mut report, "ledger", "ok", context.config.state.path.display().to_string());
    match output(&context, &ledger).await {
        Ok((url, preconditions)) => {
            note(&mut report, "output", "ok", url);
            let (result, detail) = conditional(preconditions);
            note(&mut report, "conditional writes", result, detail.to_owned());
        }
        Err(error) => {
            note(&mut report, "output", "failed", run::with_hint(&error));
            worst = error.kind().exit_code();
        }
    }
    if let Err(error) = backup(&context, &mut report).await {
        note(&mut report, "state backup", "failed", run::with_hint(&error));
        worst = error.kind().exit_code();
    }
    let source = context.source(&ledger, context.config.limits.daily_budget(), None)?;
    let code = entities(&context, &ledger, &source, &mut report).await?;
    worst = worst.max(code);
    print(format, &report, || text(&report));
    Ok(worst)
}

async fn output(context: &Context, ledger: &Arc<Ledger>) -> Result<(String, Preconditions)> {
    let store = Store::trial("output.url", &context.config.output)?;
    store.probe().await?;
    run::compare_output(ledger, ledger.path(), &store, &ledger.id(run::new_id)?).await?;
    let preconditions = store.preconditions(&run::new_id()).await?;
    Ok((store.url().to_owned(), preconditions))
}

/// The place of the ledger's copies, if there is one, and whether a lease can keep machines apart there.
async fn backup(context: &Context, report: &mut CheckReport) -> Result<()> {
    let Some(backup) = run::Backup::trial(&context.config)? else { return Ok(()) };
    let store = backup.store();
    store.probe().await?;
    note(report, "state backup", "ok", store.url().to_owned());
    match store.preconditions(&run::new_id()).await? {
        Preconditions::Honoured => note(report, "lease", "ok", "one machine at a time runs".to_owned()),
        found => note(report, "lease", "not honoured", super::hold::no_lease(found).to_owned()),
    }
    Ok(())
}

/// No failure: everything works without, but nothing keeps two machines apart.
fn conditional(found: Preconditions) -> (&'static str, &'static str) {
    match found {
        Preconditions::Honoured => ("ok", "the output honours if-match and if-none-match"),
        Preconditions::Ignored => {
            ("not honoured", "the output accepts if-match and ignores it: see that one machine at a time works on it")
        }
        Preconditions::Unsupported => {
            ("not honoured", "the output has no conditional writes: see that one machine at a time works on it")
        }
    }
}

/// One request per entity.
async fn entities(context: &Context, ledger: &Ledger, source: &Source, report: &mut CheckReport) -> Result<u8> {
    let mut worst = 0;
    let (mut users, mut calls) = (false, None);
    let mut members = BTreeMap::new();
    let selected = context.entities(&[])?;
    // The company shows in its workspaces, also where they are not read.
    let company = context.catalog.get(run::COMPANY).filter(|company| selected.iter().all(|e| e.name != company.name));
    if let Some(entity) = company
        && let Ok(Reply::Page(page)) =
            source.ask(entity, &build(entity, &inputs(context, entity, &members), None), false).await
    {
        worst = same_company(ledger, entity, &page.body, report);
    }
    for entity in selected {
        if let Some(fan) = entity.each().iter().find(|fan| !members.contains_key(fan.as_str())) {
            note(report, &entity.name, "cannot tell", format!("it is asked by {fan}, and none is known"));
            continue;
        }
        let reply = source.ask(entity, &build(entity, &inputs(context, entity, &members), None), false).await;
        let rows = match &reply {
            Ok(Reply::Page(page)) => {
                worst = worst.max(same_company(ledger, entity, &page.body, report));
                members.extend(run::first_members(entity, &page.body));
                page.rows
            }
            _ => 0,
        };
        users |= entity.name == "users" && rows > 0;
        if entity.name == "calls" && reply.is_ok() {
            calls = Some(rows);
        }
        let (result, detail, code) = judge(context, source, entity, reply).await?;
        note(report, &entity.name, result, detail);
        worst = worst.max(code);
        if code == Kind::Credentials.exit_code() {
            return Ok(code);
        }
    }
    if users && calls == Some(0) {
        let detail =
            "users can be read, but no call of the whole period: the credentials may not see calls, or there are none";
        note(report, "visibility of calls", "cannot tell", detail.to_owned());
        worst = worst.max(1);
    }
    Ok(worst)
}

/// Whether a page of workspaces is the ledger's company's; the exit code that says so.
fn same_company(ledger: &Ledger, entity: &'static Entity, body: &str, report: &mut CheckReport) -> u8 {
    let Err(error) = run::same_company_page(ledger, entity, body) else { return 0 };
    note(report, "company", "failed", run::with_hint(&error));
    error.kind().exit_code()
}

/// The cheapest request that shows whether an entity may be read.
fn inputs(context: &Context, entity: &Entity, members: &BTreeMap<&str, String>) -> Inputs {
    let since = context.now - Duration::days(DAYS_LOOKED_AT);
    let start = context.config.sync.start_date.map(|day| crate::unit::midnight(day, chrono_tz::UTC));
    // The vendor refuses statistics of a day that is not over anywhere in the company's zone, which need not be known here.
    let to = (context.now - Duration::hours(36)).date_naive();
    let named = entity
        .each()
        .iter()
        .filter_map(|fan| Some((entity.request.each.get(fan)?.clone(), members.get(fan.as_str())?.clone().into())));
    let ids = if matches!(entity.read, Read::ById { .. } | Read::Media { .. }) {
        vec![run::NO_CALL.to_owned()]
    } else {
        Vec::new()
    };
    Inputs {
        instants: Some((start.map_or(since, |start| start.min(since)), context.now)),
        days: Some((to - chrono::Days::new(DAYS_OF_STATISTICS), to)),
        named: named.collect(),
        ids,
        subject: format!("check of {}", entity.name),
        ..Inputs::default()
    }
}

async fn judge(
    context: &Context,
    source: &Source,
    entity: &Entity,
    reply: std::result::Result<Reply, Failure>,
) -> Result<(&'static str, String, u8)> {
    let url = &context.config.source.base_url;
    Ok(match reply {
        Ok(Reply::Page(page)) => ("allowed", page.total.map_or(String::new(), |total| format!("{total} seen")), 0),
        Ok(Reply::Empty) => ("allowed", "nothing found".to_owned(), 0),
        Ok(Reply::CursorDead(told)) => ("cannot tell", told.to_string(), 1),
        Err(Failure::Stopped) => {
            let error = context.stopped();
            ("cannot tell", run::with_hint(&error), error.kind().exit_code())
        }
        Err(Failure::Ledger(error)) if error.kind() == Kind::Ledger => return Err(error),
        // There is no way left to sign in.
        Err(Failure::Ledger(error)) => ("failed", run::with_hint(&error), error.kind().exit_code()),
        Err(Failure::Refused(Refusal::Scope(scope), _)) => {
            ("scope missing", format!("add {scope} to the credentials in Gong"), 1)
        }
        Err(Failure::Refused(Refusal::Credentials | Refusal::Forbidden, story)) => {
            match run::whose(source, context.catalog, &entity.name, context.clock.now()).await {
                Ok(Whose::Entity) => ("not in the plan", story.to_string(), 1),
                _ => {
                    let error = source.credentials_error(url, &story);
                    ("failed", run::with_hint(&error), error.kind().exit_code())
                }
            }
        }
        Err(Failure::Refused(Refusal::Redirect(host), story)) => {
            ("failed", format!("{story} (set source.base_url to https://{host})"), Kind::Config.exit_code())
        }
        // Who may not ask is told so before the question is judged.
        Err(Failure::Refused(Refusal::BadRequest, story)) => {
            ("allowed", format!("though the probe was refused: {story}"), 0)
        }
        Err(Failure::Refused(Refusal::NotFound, story) | Failure::Exhausted(story)) => {
            ("cannot tell", story.to_string(), 1)
        }
    })
}

fn note(report: &mut CheckReport, name: &str, result: &'static str, detail: String) {
    report.checks.push(Line { name: name.to_owned(), result, detail });
}

fn text(report: &CheckReport) -> String {
    let name = report.checks.iter().map(|line| line.name.len()).max().unwrap_or(0);
    let line = |l: &Line| format!("{:<name$}  {:<15}  {}", l.name, l.result, l.detail).trim_end().to_owned() + "\n";
    report.checks.iter().map(line).collect()
}
