//! What the credentials may read: one request for each entity, of `check`.

use std::collections::BTreeMap;

use chrono::Duration;

use super::check::{CheckReport, note};
use super::context::Context;
use crate::entity::Entity;
use crate::entity::spec::Read;
use crate::error::{Kind, Result};
use crate::run::{self, Whose};
use crate::source::{Failure, Inputs, Refusal, Reply, Source, build};
use crate::state::Ledger;

/// Calls are looked for in a stretch this long, or from the start date if that is longer ago.
const DAYS_LOOKED_AT: i64 = 90;

/// Statistics are asked for so many days: a week has activity if there is any.
const DAYS_OF_STATISTICS: u64 = 7;

/// Attempts beyond the first: who runs `check` waits for it, and can run it again.
const RETRIES: u32 = 1;

/// Of what is left when the host did not answer.
const NOT_ASKED: &str = "not asked: what was asked before got no answer at all";

/// One request per entity.
pub async fn look(context: &Context, ledger: &Ledger, source: &Source, report: &mut CheckReport) -> Result<u8> {
    let (mut worst, mut users, mut calls) = (0, false, None);
    let mut members = BTreeMap::new();
    let selected = context.entities(&[])?;
    let mut host = Host::Unknown;
    // The company shows in its workspaces, also where they are not read.
    let company = context.catalog.get(run::COMPANY).filter(|company| selected.iter().all(|e| e.name != company.name));
    if let Some(entity) = company {
        let reply = source.ask(entity, &build(entity, &inputs(context, entity, &members), None), false).await;
        host = host.after(&reply);
        worst = of_company(context, ledger, (&selected, entity), &reply, report);
        if host == Host::Silent {
            let (result, detail, code) = judge(context, source, entity, reply).await?;
            note(report, "company", result, detail);
            worst = code;
        }
    }
    for entity in &selected {
        if host == Host::Silent {
            note(report, &entity.name, "cannot tell", NOT_ASKED.to_owned());
            continue;
        }
        if let Some(fan) = entity.each().iter().find(|fan| !members.contains_key(fan.as_str())) {
            note(report, &entity.name, "cannot tell", format!("it is asked by {fan}, and none is known"));
            continue;
        }
        let reply = source.ask(entity, &build(entity, &inputs(context, entity, &members), None), false).await;
        host = host.after(&reply);
        worst = worst.max(of_company(context, ledger, (&selected, entity), &reply, report));
        let rows = match &reply {
            Ok(Reply::Page(page)) => {
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

/// What is known of the vendor's host.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    /// Nothing yet.
    Unknown,
    /// It answers, if not always.
    Answers,
    /// It did not answer the first question, to the last attempt, or there is no way to sign in: others would fare no better.
    Silent,
}

impl Host {
    fn after(self, reply: &std::result::Result<Reply, Failure>) -> Host {
        let nothing = match reply {
            Err(Failure::Exhausted(story)) => story.told.status == 0,
            Err(Failure::Ledger(_)) => true,
            _ => false,
        };
        if nothing && self == Host::Unknown { Host::Silent } else { Host::Answers }
    }
}

/// Whether an answer with workspaces is the ledger's company's, and whether the settings name workspaces of it; the exit code that says so.
fn of_company(
    context: &Context,
    ledger: &Ledger,
    (selected, entity): (&[&'static Entity], &'static Entity),
    reply: &std::result::Result<Reply, Failure>,
    report: &mut CheckReport,
) -> u8 {
    let (Ok(Reply::Page(page)), true) = (reply, entity.name == run::COMPANY) else { return 0 };
    let same = run::same_company_page(ledger, entity, &page.body).map_err(|error| ("company", error));
    let ids = run::page_ids(entity, &page.body);
    let exist = || run::workspaces_exist(&context.file, &context.config, selected, &ids);
    let Err((line, error)) = same.and_then(|()| exist().map_err(|error| ("workspace_id", error))) else { return 0 };
    note(report, line, "failed", run::with_hint(&error));
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
        retries: Some(RETRIES),
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
