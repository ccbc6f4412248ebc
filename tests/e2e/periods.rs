//! A changed `period`: refused until the entity is read whole in the new one, which never leaves two objects over one time.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use gong_sim::{Fault, Matcher, ServerOptions, World, WorldSpec};

use crate::resume::assert_no_orphan;
use crate::support::Rig;
use crate::support::rig::{Ended, end};

const INTERACTION: &str = "stats_interaction";
const PATH: &str = "/v2/stats/interaction";

pub fn account() -> Rig {
    let spec = WorldSpec { users: 30, calls: 300, days: 40, ..WorldSpec::small(3) };
    Rig::new(World::generate(spec), ServerOptions::unlimited())
}

fn configure(rig: &Rig, entities: &[&str], period: &str) {
    configure_with(rig, entities, period, "");
}

/// The same with further settings.
pub fn configure_with(rig: &Rig, entities: &[&str], period: &str, more: &str) {
    let named: Vec<String> = entities.iter().map(|name| format!("\"{name}\"")).collect();
    let tables: Vec<String> =
        entities.iter().map(|name| format!("[entities.{name}]\nperiod = \"{period}\"\n")).collect();
    rig.configure(&format!("entities = [{}]\n{}{more}", named.join(", "), tables.concat()));
}

/// An account read by months, whose settings say weeks now.
fn changed(rig: Rig, entities: &[&str]) -> Rig {
    configure(&rig, entities, "month");
    rig.sync();
    rig.server.clock().advance(TimeDelta::days(1));
    configure(&rig, entities, "week");
    rig
}

/// The command that the refusal names.
#[track_caller]
pub fn advised(refused: &Ended) -> Vec<String> {
    let command = refused.stderr.split("`gong-elt ").nth(1).and_then(|rest| rest.split('`').next());
    let command = command.unwrap_or_else(|| panic!("no command: {}", refused.stderr));
    command.split(' ').map(str::to_owned).collect()
}

fn run(rig: &Rig, command: &[String]) -> Ended {
    rig.run(&command.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Windows, rows and digests of an entity's units, as the ledger has them.
pub fn units(rig: &Rig, entity: &str) -> Vec<(String, String, u64, Vec<u8>)> {
    let ledger = rig.ledger();
    let query = "SELECT from_day, to_day, rows, digest FROM unit WHERE entity = ?1 ORDER BY from_day";
    let mut query = ledger.prepare(query).expect("a table");
    let rows = query.query_map([entity], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?))).expect("a query");
    rows.map(|row| row.expect("a row")).collect()
}

/// What the same account holds that was read by weeks from the first day.
pub fn by_weeks(entities: &[&str], now: chrono::DateTime<chrono::Utc>) -> Rig {
    let rig = account();
    rig.server.clock().set(now);
    configure(&rig, entities, "week");
    rig.sync();
    rig
}

/// Fails the test if two objects of an entity hold the same day.
#[track_caller]
pub fn assert_no_overlap(rig: &Rig, entity: &str, context: &str) {
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    let name = |path: &str| path.rsplit('/').next().and_then(|name| name.strip_suffix(".parquet")).map(str::to_owned);
    let paths = rig.objects().into_iter().map(|(path, _)| path).filter(|path| path.starts_with(&format!("{entity}/")));
    let mut windows: Vec<(NaiveDate, NaiveDate)> =
        paths.filter_map(|path| name(&path)?.split_once('_').map(|(from, to)| (day(from), day(to)))).collect();
    windows.sort();
    assert!(windows.windows(2).all(|pair| pair[0].1 <= pair[1].0), "{context}: {windows:?}");
}

#[test]
fn the_refusal_names_the_command_that_reads_the_entity_whole_in_the_new_period() {
    // GIVEN three tables by months, and settings that say weeks
    let entities = ["stats_activity_aggregate", INTERACTION, "coaching"];
    let rig = changed(account(), &entities);
    let months: Vec<String> = rig.objects().into_iter().map(|(path, _)| path).collect();
    let months: Vec<&String> = months.iter().filter(|path| entities.iter().any(|e| path.starts_with(e))).collect();
    for entity in entities {
        // WHEN it is synced THEN it is refused before anything is asked
        let before = rig.server.journal().len();
        let refused = rig.run(&["sync"]).expect(2);
        assert!(refused.stderr.contains(&format!("entities.{entity}.period: the ledger holds other periods from")));
        assert_eq!(rig.server.journal().len(), before);
        // AND so is a range that leaves some of it
        let part = ["backfill", "--force", "--entities", entity, "--from", "2026-05-01", "--to", "2026-06-01"];
        assert!(rig.run(&part).expect(2).stderr.contains("--from 2026-04-01 --to 2026-06-01"));
        // AND the command that it names does it
        run(&rig, &advised(&refused)).expect(0);
        assert_no_overlap(&rig, entity, entity);
    }
    // THEN the tables are those of an account that was read by weeks from the first day
    let fresh = by_weeks(&entities, rig.now());
    for entity in entities {
        assert_eq!(units(&rig, entity), units(&fresh, entity), "{entity}");
    }
    // AND loaders are told what has gone
    assert_no_orphan(&rig, "after the change");
    let removed = rig.manifest()["removed"].as_array().expect("a list").clone();
    let removed: Vec<&str> = removed.iter().filter_map(|r| r["path"].as_str()).collect();
    assert!(months.len() >= 5 && months.iter().all(|path| removed.contains(&path.as_str())), "{removed:?}");
    // AND there is nothing more to do
    let report = rig.sync();
    assert!(entities.iter().all(|entity| report["entities"][entity]["requests"] == 0), "{report}");
}

#[test]
fn killed_anywhere_in_between_no_time_is_held_twice_and_nothing_is_lost() {
    for (place, bucket) in [
        ("staged:3", false),
        ("superseded:1", false),
        ("superseded:1", true),
        ("discarded:1", false),
        ("discarded:2", true),
        ("before-object:1", false),
        ("object:1", false),
        ("object:4", true),
        ("committed:2", false),
        ("before-manifest:1", false),
    ] {
        // GIVEN a replacement that is killed
        let rig = if bucket { account().in_bucket() } else { account() };
        let rig = changed(rig, &[INTERACTION]);
        let command = advised(&rig.run(&["sync"]).expect(2));
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        let killed = end(rig.command(&args).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        // THEN no time is held twice
        assert_no_overlap(&rig, INTERACTION, place);
        let before = rig.server.journal().len();
        // WHEN the next run comes: before the switch it is refused as before, and after it it goes on by itself
        if place.starts_with("staged") {
            assert_eq!(advised(&rig.run(&["sync"]).expect(2)), command);
            run(&rig, &command).expect(0);
        } else {
            rig.sync();
            // AND nothing is paid for again
            assert_eq!(rig.server.journal().len(), before, "{place}");
        }
        // THEN it is as if nothing had happened
        let fresh = by_weeks(&[INTERACTION], rig.now());
        assert_eq!(units(&rig, INTERACTION), units(&fresh, INTERACTION), "{place}");
        assert_no_overlap(&rig, INTERACTION, place);
        assert_no_orphan(&rig, place);
    }
}

#[test]
fn what_cannot_be_read_in_the_new_period_stays_in_the_old_one() {
    let rig = changed(account(), &[INTERACTION]);
    let (before, objects) = (units(&rig, INTERACTION), rig.objects());
    let command = advised(&rig.run(&["sync"]).expect(2));
    // GIVEN a request that is refused, or credentials that see nothing any more
    for (fault, said) in [
        (Fault::Status { status: 400, text: "no".to_owned() }, "HTTP 400: no"),
        (Fault::NothingFound, "Gong gives no row in the new period, where there were"),
    ] {
        rig.server.faults().always(Matcher::path(PATH), fault);
        // WHEN the entity is read whole
        let ended = run(&rig, &command).expect(1);
        // THEN everything is as before
        assert!(ended.stderr.contains(said), "{}", ended.stderr);
        assert_eq!((units(&rig, INTERACTION), rig.objects()), (before.clone(), objects.clone()));
        rig.server.faults().clear();
    }
    // AND the old period goes on when the settings name it again
    configure(&rig, &[INTERACTION], "month");
    rig.sync();
    assert_no_overlap(&rig, INTERACTION, "back to months");
    assert_eq!(units(&rig, INTERACTION).len(), before.len());
    // AND a loss that is right can be said to be so
    configure(&rig, &[INTERACTION], "week");
    rig.server.faults().always(Matcher::path(PATH), Fault::NothingFound);
    let shrunk = [command, vec!["--accept-shrink".to_owned()]].concat();
    run(&rig, &shrunk).expect(0);
    assert!(units(&rig, INTERACTION).iter().all(|(_, _, rows, _)| *rows == 0));
}

#[test]
fn a_change_that_takes_days_of_quota_ends() {
    // GIVEN a table by months that is to be by weeks, with five requests a day for it
    let rig = changed(account(), &[INTERACTION]);
    let mut command = advised(&rig.run(&["sync"]).expect(2));
    command.extend(["--max-requests", "5"].map(str::to_owned));
    // WHEN it is run day by day
    let mut days = 0;
    while units(&rig, INTERACTION).iter().any(|(from, to, ..)| days_of(from, to) > 7) {
        assert!(days < 15, "no end: {:?}", units(&rig, INTERACTION));
        let said = run(&rig, &command).expect(0).stdout;
        if units(&rig, INTERACTION).iter().any(|(from, to, ..)| days_of(from, to) > 7) {
            let told = "the same command goes on; until it is through, `gong-elt sync` is refused";
            assert!(said.contains(told), "{said}");
            rig.run(&["sync"]).expect(2);
        }
        days += 1;
        rig.server.clock().advance(TimeDelta::hours(25));
    }
    // THEN it ends after some of them, though recent weeks pass an age each day and are asked again, and nothing is lost or doubled
    assert!(days > 1, "one day was enough");
    rig.sync();
    assert_no_overlap(&rig, INTERACTION, "after days");
    assert_no_orphan(&rig, "after days");
    assert_eq!(units(&rig, INTERACTION), units(&by_weeks(&[INTERACTION], rig.now()), INTERACTION));
}

/// Windows of an entity's units.
fn windows(rig: &Rig, entity: &str) -> BTreeSet<(String, String)> {
    units(rig, entity).into_iter().map(|(from, to, ..)| (from, to)).collect()
}

#[test]
fn a_change_that_takes_longer_than_a_day_asks_nothing_once_the_old_files_are_gone() {
    for killed in [false, true] {
        // GIVEN a table by months that is to be by weeks, of which no age passes in these days
        let rig = account();
        let settings = |period: &str| {
            let tables = format!("[entities.{INTERACTION}]\nperiod = \"{period}\"");
            rig.configure(&format!("entities = [\"{INTERACTION}\"]\nreread = [\"1d\"]\n{tables}\n"));
        };
        settings("month");
        rig.sync();
        rig.server.clock().advance(TimeDelta::days(1));
        settings("week");
        let command = advised(&rig.run(&["sync"]).expect(2));
        let of_quota = |most: u64| [command.clone(), vec!["--max-requests".to_owned(), most.to_string()]].concat();
        let fresh = windows(&by_weeks(&[INTERACTION], rig.now()), INTERACTION);
        // AND quota for some of the weeks, and a day and an hour later for the others
        run(&rig, &of_quota(5)).expect(0);
        assert_eq!(windows(&rig, INTERACTION).len(), 2, "the months");
        rig.server.clock().advance(TimeDelta::hours(25));
        let rest = of_quota(fresh.len() as u64 - 5);
        if killed {
            // WHEN the run dies at the switch, and the next one comes after another day and may ask next to nothing
            let args: Vec<&str> = rest.iter().map(String::as_str).collect();
            assert_eq!(end(rig.command(&args).env("GONG_ELT_FAILPOINT", "superseded:1")).code, -1);
            rig.server.clock().advance(TimeDelta::hours(25));
            rig.run(&["sync", "--max-requests", "1"]).expect(0);
        } else {
            run(&rig, &rest).expect(0);
        }
        // THEN all weeks are there
        assert_eq!(windows(&rig, INTERACTION), fresh, "killed: {killed}");
        // AND what the days have brought is read after that
        rig.sync();
        assert_no_overlap(&rig, INTERACTION, "after days");
        assert_no_orphan(&rig, "after days");
        assert_eq!(units(&rig, INTERACTION), units(&by_weeks(&[INTERACTION], rig.now()), INTERACTION));
    }
}

#[test]
fn a_repair_after_the_switch_removes_the_old_files_and_goes_on() {
    // GIVEN a change that was killed at the switch
    let rig = changed(account(), &[INTERACTION]);
    let command = advised(&rig.run(&["sync"]).expect(2));
    let args: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_eq!(end(rig.command(&args).env("GONG_ELT_FAILPOINT", "superseded:1")).code, -1);
    let asked = rig.server.journal().len();
    // WHEN the output is repaired
    let report = rig.run(&["verify", "--repair", "--format", "json"]).expect(0).json();
    // THEN the old files are found and gone, and the new ones are there, without a request
    let found = report["findings"].as_array().expect("a list");
    assert_eq!((found.len(), &report["repaired"]), (2, &serde_json::json!(2)), "{report}");
    assert!(found.iter().all(|one| one["kind"] == "unknown"), "{report}");
    assert_eq!(report["warnings"], serde_json::json!([]));
    let fresh = units(&by_weeks(&[INTERACTION], rig.now()), INTERACTION);
    assert_eq!((units(&rig, INTERACTION), rig.server.journal().len()), (fresh.clone(), asked));
    // AND a sync has nothing more to do
    let report = rig.sync();
    assert_eq!(report["requests"], 0, "{report}");
    assert_eq!(units(&rig, INTERACTION), fresh);
    assert_no_overlap(&rig, INTERACTION, "after a repair");
    assert_no_orphan(&rig, "after a repair");
    rig.run(&["verify", "--deep"]).expect(0);
}

fn days_of(from: &str, to: &str) -> i64 {
    let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
    (day(to) - day(from)).num_days()
}
