//! The order of things: plan, then for each unit fetch, decode, write, commit, and at the end the report.
//!
//! The only room that knows more than one stage; it translates between them.

mod addresses;
mod arrival;
mod backfills;
mod backup;
mod batches;
mod by_id;
mod children;
mod chosen;
mod company;
mod details;
mod doubt;
mod family;
mod guard;
mod halving;
mod jobs;
mod land;
mod lease;
mod listed;
mod listing;
mod media;
mod members;
mod meter;
mod outcome;
mod part;
mod patience;
mod pins;
mod planning;
mod privacy;
mod probe;
mod proof;
mod publish;
mod quarantine;
mod queue;
mod quiet;
mod rebuild;
mod replace;
mod session;
mod sight;
mod source_check;
mod staging;
mod surroundings;
mod tally;
mod token_store;
mod told;
mod totals;
mod trouble;
mod under_way;
mod uploads;
mod verify;
mod workspaces;
mod zone;

pub use backfills::{Forced, ask_backfill, forced_since};
pub use backup::Backup;
pub use batches::NO_CALL;
pub use company::{Account, COMPANY, own_company, page_ids, same_company_page, sure_company};
pub use doubt::{Doubts, Whose, whose};
pub use guard::accept_command;
pub use lease::{Holder, Lease};
pub use media::{AT_ONCE as DOWNLOADS, is_file as is_media_file};
pub use members::first as first_members;
pub use meter::LedgerMeter;
pub use outcome::exit_code;
pub use patience::unless_signalled;
pub use pins::{bind_output, compare_output, read_manifest};
pub use planning::{ask_due, ask_sync, plan_report, planned, rules_of, selected, to_learn};
pub use probe::probe;
pub use proof::Output;
pub use publish::text;
pub use quarantine::SetAside;
pub use rebuild::{catch_up, rebuild};
pub use replace::remove_discarded;
pub use session::{Session, new_id, new_run_id, short_digest};
pub use sight::Sight;
pub use source_check::verify_source;
pub use staging::Held;
pub use surroundings::tidy_all;
pub use tally::{Tally, with_hint};
pub use token_store::LedgerTokens;
pub use under_way::UnderWay;
pub use uploads::LedgerUploads;
pub use verify::{Verified, mark, of_source, verify};
pub use workspaces::{check as check_workspaces, exist as workspaces_exist};
pub use zone::known as known_zone;

use std::sync::Arc;

use crate::error::Result;
use crate::failpoint;
use crate::plan::{Ask, AskKind, Planned, Reason};
use crate::report::RunReport;
use crate::state::{MOVED, NEW_CALLS};

/// Finishes what an earlier run began, then plans from what that left, then reads what became due on the way.
/// Returns the requests that the fresh part took: what is left to the next `sync` by backfills.
async fn carry_out(session: &Arc<Session>, ask: &Ask, first: Vec<Planned>) -> Result<u64> {
    let is_begun = |one: &Planned| one.reason == Reason::Begun;
    let (begun, fresh): (Vec<Planned>, Vec<Planned>) = first.into_iter().partition(is_begun);
    let plan = || planned(session.catalog, &session.ledger, &session.config, &planning::rules(session), ask);
    let rest = if begun.is_empty() {
        fresh
    } else {
        jobs::execute(session, &begun).await;
        // What was begun has its own now: the plan below sees what that leaves to be read up to this one.
        jobs::end_doubt(session).await;
        // One that failed just now, or lacked something, is not tried again at once.
        let lacked = |one: &Planned| matches!(&one.reason, Reason::Early(why) if [land::TOO_FEW, media::UNFETCHED, listed::DOUBTFUL, children::FAILED_IDS].contains(&why.as_str()));
        let just_read = |one: &Planned| {
            begun.iter().any(|b| b.unit.entity.name == one.unit.entity.name && b.unit.span == one.unit.span)
        };
        let waits = |one: &Planned| is_begun(one) || (lacked(one) && just_read(one));
        plan()?.into_iter().filter(|one| !waits(one)).collect()
    };
    let is_backfill = |one: &Planned| one.reason == Reason::Backfill;
    let (old, rest): (Vec<Planned>, Vec<Planned>) = rest.into_iter().partition(is_backfill);
    let is_replaced = |one: &Planned| one.reason == Reason::Period;
    let (replaced, rest): (Vec<Planned>, Vec<Planned>) = rest.into_iter().partition(is_replaced);
    jobs::execute(session, &rest).await;
    replace::execute(session, &replaced).await;
    jobs::end_doubt(session).await;
    // A call that turned private leaves other entities in the same run, and one that moved its old window. What an interrupted run had
    // begun was read by the listing of then: calls that came since are asked for, too.
    let early = |one: &Planned| matches!(&one.reason, Reason::Early(why) if why == MOVED || why == NEW_CALLS || one.unit.entity.private.is_some());
    let twice =
        |one: &Planned| rest.iter().any(|r| r.unit.entity.name == one.unit.entity.name && r.unit.span == one.unit.span);
    let late: Vec<Planned> = plan()?.into_iter().filter(|one| early(one) && !twice(one)).collect();
    jobs::execute(session, &late).await;
    let fresh = session.source.requests();
    if !old.is_empty() {
        // What is fresh has been read: the rest of a backfill leaves as much of the day as a backfill by itself.
        let last_sync = session.ledger.last_sync_requests()?.unwrap_or(0);
        session.source.lower_budget(session.config.limits.backfill_budget(last_sync));
        jobs::execute(session, &old).await;
        // A listing that was begun had no children in the plan.
        let follows = |one: &Planned| {
            let earlier = one.unit.span.window().is_some_and(|window| window.to <= ask.range.from);
            earlier && matches!(one.reason, Reason::New) && one.unit.entity.parent().is_some()
        };
        jobs::execute(session, &plan()?.into_iter().filter(follows).collect::<Vec<_>>()).await;
    }
    jobs::end_doubt(session).await;
    Ok(fresh)
}

/// Makes up for what earlier runs have left, and plans.
async fn prepare(session: &Session, ask: &Ask) -> Result<Vec<Planned>> {
    session.store.sweep()?;
    uploads::abort_left(session).await?;
    replace::remove_discarded(session).await?;
    replace::forget_begun(session)?;
    backfills::forget_stale(session, ask)?;
    publish::catch_up(session).await?;
    zone::learn(session, &ask.entities).await?;
    let rules = planning::rules(session);
    let plan = || planning::planned(session.catalog, &session.ledger, &session.config, &rules, ask);
    let planned = plan()?;
    company::ask_company(session, &planned).await?;
    workspaces::check(session.account(), &session.file, &ask.entities).await?;
    if surroundings::tidy(session, &planned).await? { plan() } else { Ok(planned) }
}

/// Plans what was asked, carries it out and reports. Failures of units are in the report; an error means that not even that worked.
///
/// # Errors
/// Failures of the ledger or the output outside any unit.
pub async fn run(session: &Arc<Session>, ask: &Ask, command: &str) -> Result<RunReport> {
    let begun = session.clock.now();
    let planned = patience::unless_signalled(&session.stop, prepare(session, ask)).await?;
    let made = session.source.requests_by_entity();
    let plan = plan_report(&session.ledger, &session.config, session.catalog, session.now, (ask, &planned), made)?;
    let text = serde_json::to_string(&plan).unwrap_or_default();
    session.ledger.begin_run(&session.run_id, command, session.now, begun, &text)?;
    session.progress.extend(plan.requests);
    for entity in &ask.entities {
        session.tally.entity(&entity.name, |_| {});
    }
    let fresh = carry_out(session, ask, planned).await?;
    company::learn_company(session).await?;
    session.progress.end();
    if let Some(error) = session.lease.as_ref().and_then(|lease| lease.lost()) {
        return Err(error);
    }
    // No unit is under way any more that could write one of these paths again; what a store that does not answer leaves of it is removed by the next run.
    patience::at_end(&session.stop, patience::MANIFEST, replace::remove_discarded(session)).await.transpose()?;
    if !matches!(ask.kind, AskKind::Sync | AskKind::Due) || session.config.sync.continue_backfills {
        outcome::end_backfills(session, ask)?;
    }
    let report = outcome::report(session, ask, command, begun)?;
    let text = serde_json::to_string(&report).unwrap_or_default();
    failpoint::reached(failpoint::BEFORE_MANIFEST);
    publish::at_end(session, &report).await?;
    session.ledger.end_run(&session.run_id, session.clock.now(), report.exit_code, fresh, &text)?;
    publish::copy_at_end(session).await?;
    Ok(report)
}
