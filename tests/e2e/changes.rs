//! Changes, deletions and privacy: counted once, written once, and only what changed (T-16 to T-20, T-27, T-28).

use std::time::Duration;

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher, NewCall, WorldSpec};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::journal::listing_of;
use crate::support::ledger::assert_whole;
use crate::support::look::{ask, bare, call_at, go_to, instant, nights, objects_of, rows, status, total};
use crate::support::rig::{DAILY, FIVE};
use crate::support::truth::assert_conserved;

const TABLES: [&str; 3] = ["calls", "calls_extensive", "call_transcripts"];

/// Runs so many days after the call's day, at 02:00, and gives what changed in the three tables.
fn changed_on(rig: &Rig, day: i64) -> [u64; 3] {
    rig.server.clock().set(instant("2026-06-02T02:00:00Z") + TimeDelta::days(day));
    let report = rig.sync();
    TABLES.map(|table| rows(&report, table, "changed"))
}

#[test]
fn t16_a_title_a_brief_and_crm_context_changed_on_day_2_and_8_are_counted_once_each() {
    // GIVEN calls of day 0 of each of which one thing changes on day 2, and others of which it changes on day 8
    let rig = bare();
    let blocks = [
        json!({"metaData": {"title": "Another title"}}),
        json!({"content": {"brief": "Another brief"}}),
        json!({"context": [{"system": "Salesforce", "objects": []}]}),
    ];
    for day in [2, 8] {
        for (number, block) in blocks.iter().enumerate() {
            let id = call_at(&rig, &format!("2026-06-01T1{day}:0{number}:00Z"));
            let at = instant("2026-06-02T01:00:00Z") + TimeDelta::days(day);
            rig.server.world().edit_call(&id, at, block.clone());
        }
    }
    // WHEN runs go on every night THEN exactly the next reading counts each, in the tables that hold it
    for night in 0..16 {
        let expected = if [2, 14].contains(&night) { [1, 3, 0] } else { [0; 3] };
        assert_eq!(changed_on(&rig, night), expected, "night {night}");
        if [2, 14].contains(&night) {
            assert_conserved(&rig, "after the changes");
        }
    }
}

#[test]
fn t16_a_title_changed_on_day_40_comes_by_the_re_listing_and_a_brief_by_force() {
    // GIVEN a settled window of two calls, of which one gets another title on day 40, and the other another brief
    let rig = bare();
    let (one, other) = (call_at(&rig, "2026-06-01T10:00:00Z"), call_at(&rig, "2026-06-01T11:00:00Z"));
    for day in [0, 1, 2, 3, 7, 14, 39] {
        changed_on(&rig, day);
    }
    let at = rig.now() + TimeDelta::hours(12);
    rig.server.world().edit_call(&one, at, json!({"metaData": {"title": "Another title"}}));
    // WHEN the window is listed again, 30 days after its last reading THEN the family is read, because the listing differs
    let nights: Vec<[u64; 3]> = (40..50).map(|day| changed_on(&rig, day)).collect();
    assert_eq!(nights.iter().map(|night| night[0]).sum::<u64>(), 1, "{nights:?}");
    assert_eq!(nights.iter().map(|night| night[1]).sum::<u64>(), 1, "{nights:?}");
    assert_conserved(&rig, "after the re-listing");
    // WHEN a brief changes, which no listing shows THEN the re-listing costs one request and reads nothing
    let now = rig.now();
    rig.server.world().edit_call(&other, now, json!({"content": {"brief": "Another brief"}}));
    rig.server.journal().clear();
    let changed: u64 = (50..90).step_by(5).map(|day| changed_on(&rig, day).iter().sum::<u64>()).sum();
    let listings = rig.server.journal().requests_for("/v2/calls");
    assert!(listings.iter().any(|e| format!("{:?}", e.query).contains("2026-06-01")), "it was listed again");
    assert_eq!((changed, rig.server.journal().count("/v2/calls/extensive")), (0, 0));
    // AND a forced reading brings it, and counts it
    let force = ["backfill", "--from", "2026-06-01", "--to", "2026-06-02", "--force", "--format", "json"];
    let report = rig.run(&force).expect(0).json();
    assert_eq!(TABLES.map(|table| rows(&report, table, "changed")), [0, 1, 0]);
    assert_conserved(&rig, "after --force");
}

#[test]
fn t16_a_scorecard_answer_changed_on_day_2_8_and_40_is_counted_once() {
    // GIVEN a review of a known day
    let spec = WorldSpec { calls: 60, future_days: 0, ..WorldSpec::small(11) };
    let rig = Rig::new(gong_sim::World::generate(spec), gong_sim::ServerOptions::unlimited());
    rig.configure("entities = [\"stats_activity_scorecards\"]\ninclude_private = true");
    let zone = rig.server.world().spec.zone;
    let (id, day) = {
        let mut world = rig.server.world();
        world.reviews.iter_mut().for_each(|review| review.row.edits.clear());
        let review = world.reviews.iter().rfind(|r| r.at < rig.now() - TimeDelta::days(1)).expect("a review");
        (review.row.id.clone(), review.at.with_timezone(&zone).date_naive())
    };
    let ended = day.and_hms_opt(0, 0, 0).expect("midnight").and_utc() + TimeDelta::days(2);
    let run = |day: i64| {
        rig.server.clock().set(ended + TimeDelta::days(day));
        rows(&rig.sync(), "stats_activity_scorecards", "changed")
    };
    rig.server.clock().set(ended);
    rig.sync();
    for (edited, text) in [(2, "Changed on day 2"), (8, "Changed on day 8")] {
        let at = ended + TimeDelta::days(edited) - TimeDelta::hours(1);
        rig.server.world().row("stats_activity_scorecards", &id).edit(at, json!({"scorecardName": text}));
    }
    // WHEN it is changed twice while its day is unsettled THEN each change is counted once
    let changes: Vec<u64> = (1..17).map(run).collect();
    assert_eq!(changes.iter().sum::<u64>(), 2, "{changes:?}");
    let name = format!("SELECT scorecard_name FROM TABLE WHERE answered_scorecard_id = '{id}'");
    let name = || ask(&rig, "stats_activity_scorecards", &name);
    assert_eq!(name(), "[('Changed on day 8',)]");
    // AND a change of day 40 comes by --force, once
    let at = ended + TimeDelta::days(40);
    rig.server.world().row("stats_activity_scorecards", &id).edit(at, json!({"scorecardName": "Changed on day 40"}));
    assert_eq!(run(41) + run(42), 0);
    let (from, to) = (day.to_string(), (day + chrono::Days::new(1)).to_string());
    let force = ["backfill", "--from", &from, "--to", &to, "--force", "--format", "json"];
    let forced = |rig: &Rig| rows(&rig.run(&force).expect(0).json(), "stats_activity_scorecards", "changed");
    assert_eq!((forced(&rig), forced(&rig), name().as_str()), (1, 0, "[('Changed on day 40',)]"));
}

#[test]
fn t17_calls_go_for_each_reason_with_its_own_count() {
    // GIVEN a day of thirty calls
    let rig = bare();
    rig.configure(&format!("{FIVE}\n{DAILY}"));
    let ids: Vec<String> = (0..30).map(|n| call_at(&rig, &format!("2026-06-01T10:{n:02}:00Z"))).collect();
    call_at(&rig, "2026-06-02T00:10:00Z");
    go_to(&rig, "2026-06-02T02:00:00Z");
    rig.sync();
    let at = rig.now() + TimeDelta::hours(1);
    // WHEN one is deleted THEN it is gone from all three tables
    rig.server.world().delete_call(&ids[0], at);
    let report = nights(&rig, 1).remove(0);
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [1, 1, 1]);
    // WHEN most turn private at once THEN they leave at once, counted as private, and the guard does not ask
    for id in &ids[1..26] {
        rig.server.world().set_private(id, true, at);
    }
    rig.server.clock().advance(TimeDelta::days(1));
    let report = rig.sync();
    assert_eq!(TABLES.map(|table| rows(&report, table, "private")), [25, 25, 25]);
    assert_eq!((&report["warnings"], rows(&report, "calls", "gone")), (&json!([]), 25));
    assert_conserved(&rig, "after they turned private");
    // WHEN they are public again and most vanish at once THEN it is not believed until it is accepted
    let at = rig.now() + TimeDelta::hours(1);
    for id in &ids[1..26] {
        rig.server.world().set_private(id, false, at);
    }
    nights(&rig, 1);
    assert_conserved(&rig, "public again");
    let before = objects_of(&rig, "calls");
    let at = rig.now() + TimeDelta::hours(1);
    for id in &ids[1..26] {
        rig.server.world().delete_call(id, at);
    }
    rig.server.clock().advance(TimeDelta::days(1));
    let report = rig.sync_to(1);
    let warning = report["warnings"][0].as_str().expect("a text");
    let start =
        "calls 2026-06-01_2026-06-02: 25 of 29 rows are gone, more than sync.shrink_limit allows; the old file stays";
    assert!(warning.starts_with(start), "{warning}");
    assert_eq!(objects_of(&rig, "calls"), before);
    // AND warning and status name one command, which takes it over as it stands
    let command = "gong-elt backfill --from 2026-06-01 --to 2026-06-02 --entities calls,calls_extensive,call_transcripts \
                   --force --accept-shrink";
    assert!(warning.ends_with(&format!("If this is right: `{command}`")), "{warning}");
    let listed = &status(&rig, "calls")["suspect_windows"][0];
    assert_eq!(
        (&listed["from"], &listed["to"], &listed["accept"]),
        (&json!("2026-06-01"), &json!("2026-06-02"), &json!(command))
    );
    let told = rig.run(&["status"]).expect(0).stdout;
    let line = format!(
        "calls: not believed 2026-06-01 to 2026-06-02: 25 of 29 rows are gone, more than sync.shrink_limit allows; if this is \
         right: `{command}`"
    );
    assert!(told.contains(&line), "{told}");
    let mut accept: Vec<&str> = command.split(' ').skip(1).collect();
    accept.extend(["--format", "json"]);
    let report = rig.run(&accept).expect(0).json();
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [25, 25, 25]);
    assert_conserved(&rig, "accepted");
    assert_eq!(status(&rig, "calls")["suspect_windows"], json!([]));
}

#[test]
fn t17_calls_purged_by_age_leave_settled_windows_at_their_re_listing() {
    // GIVEN settled windows, of which the oldest are purged by a retention rule
    let rig = bare();
    let old: Vec<String> = (1..6).map(|day| call_at(&rig, &format!("2026-04-0{day}T10:00:00Z"))).collect();
    call_at(&rig, "2026-05-18T10:00:00Z");
    rig.server.clock().advance(TimeDelta::days(30));
    rig.sync();
    let at = rig.now() + TimeDelta::days(1);
    for id in &old {
        rig.server.world().delete_call(id, at);
    }
    // WHEN they are listed again
    rig.server.clock().advance(TimeDelta::days(31));
    let report = rig.sync();
    // THEN they leave all three tables
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [5, 5, 5]);
    assert_conserved(&rig, "after the purge");
}

/// A day of calls on pages of three, of which one is deleted and then a run reads the day in trouble.
fn troubled() -> Rig {
    let spec = WorldSpec { calls: 0, future_days: 0, ..WorldSpec::small(11) };
    let options = gong_sim::ServerOptions::unlimited().page_size(3);
    let rig = Rig::new(gong_sim::World::generate(spec), options);
    rig.configure_whole(&format!(
        "[limits]\nrequests_per_second = 2000\nmax_retries = 1\n[sync]\nstart_date = \"2026-05-01\"\n{FIVE}\n{DAILY}"
    ));
    let ids: Vec<String> = (0..9).map(|n| call_at(&rig, &format!("2026-06-01T10:0{n}:00Z"))).collect();
    go_to(&rig, "2026-06-02T02:00:00Z");
    rig.sync();
    rig.server.world().delete_call(&ids[4], rig.now());
    rig.server.clock().advance(TimeDelta::days(1));
    rig
}

#[test]
fn t18_an_aborted_listing_deletes_nothing() {
    // GIVEN a listing of three pages that is killed after its first
    let rig = troubled();
    let before = rig.objects();
    let page = Matcher::path("/v2/calls").containing(&listing_of("2026-06-01")).page(1);
    rig.server.faults().always(page, Fault::Hold { name: "second".to_owned() });
    let mut child = rig.spawn(&["sync"]);
    assert!(rig.server.faults().wait_held("second", Duration::from_secs(60)), "the second page is asked");
    child.kill().expect("it runs");
    child.wait().expect("it ends");
    // THEN no row is gone
    let now =
        |rig: &Rig| rig.objects().into_iter().filter(|(path, _)| path.contains("2026-06-01_")).collect::<Vec<_>>();
    assert!(now(&rig).iter().all(|object| before.contains(object)), "an object was touched");
    assert_whole(&rig, "after the kill");
    // AND the next run brings exactly the one deletion
    rig.server.faults().clear();
    rig.server.faults().release("second");
    let report = rig.sync();
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [1, 1, 1]);
    assert_conserved(&rig, "after the next run");
}

#[test]
fn t19_a_second_page_that_fails_deletes_nothing() {
    let rig = troubled();
    let before = objects_of(&rig, "calls");
    let page = Matcher::path("/v2/calls").containing(&listing_of("2026-06-01")).page(1);
    rig.server.faults().always(page, Fault::ServerError);
    let report = rig.sync_to(1);
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [0; 3]);
    assert_eq!(report["entities"]["calls"]["units"]["failed"], 1);
    let stays = |path: &String| path.contains("2026-06-01_");
    let of_day = |objects: Vec<(String, std::time::SystemTime)>| {
        objects.into_iter().filter(|(path, _)| stays(path)).collect::<Vec<_>>()
    };
    assert_eq!(of_day(objects_of(&rig, "calls")), of_day(before));
    rig.server.faults().clear();
    let report = rig.sync();
    assert_eq!(TABLES.map(|table| rows(&report, table, "gone")), [1, 1, 1]);
    assert_conserved(&rig, "when the page comes");
}

#[test]
fn t20_two_reviews_two_folders_and_two_periods_keep_their_own_rows() {
    // GIVEN two reviews of a call with one card, a call in two folders, and a user active in two months
    let rig = Rig::small(5);
    rig.configure(
        "entities = [\"stats_activity_scorecards\", \"library_folder_content\", \"stats_activity_aggregate\"]",
    );
    let now = rig.now();
    let at = now - TimeDelta::days(2);
    let call = {
        let mut world = rig.server.world();
        let open = |record: &&Value| record["isPrivate"] != true;
        let call =
            world.truth("calls", now).iter().find(open).expect("a call")["id"].as_str().expect("text").to_owned();
        for method in ["MANUAL", "AUTOMATIC"] {
            world.add_review(&call, at, json!({"reviewMethod": method}));
        }
        let folders: Vec<String> = world.folders.iter().take(2).map(|folder| folder.row.id.clone()).collect();
        for folder in &folders {
            world.add_folder_item(folder, &call, at, None);
        }
        call
    };
    rig.server.clock().advance(TimeDelta::days(15));
    rig.sync();
    let count = |table: &str, what: &str| {
        ask(&rig, table, &format!("SELECT count(DISTINCT {what}) FROM TABLE WHERE call_id = '{call}'"))
    };
    assert!(["[(2,)]", "[(3,)]"].contains(&count("stats_activity_scorecards", "answered_scorecard_id").as_str()));
    assert!(count("library_folder_content", "folder_id").as_str() >= "[(2,)]");
    let twice =
        "SELECT count(*) > 0 FROM (SELECT user_id FROM TABLE GROUP BY user_id HAVING count(DISTINCT from_date) > 1)";
    assert_eq!(ask(&rig, "stats_activity_aggregate", twice), "[(True,)]");
    assert_conserved(&rig, "with every key apart");
}

#[test]
fn t27_overlapping_runs_give_one_row_per_key_and_count_each_real_change_once() {
    // GIVEN an account read every night, with windows that are read again each time
    let rig = bare();
    rig.configure(&format!("{FIVE}\n{DAILY}"));
    let ids: Vec<String> = (0..6).map(|n| call_at(&rig, &format!("2026-05-1{n}T10:00:00Z"))).collect();
    let mut reports = vec![rig.sync()];
    for (night, id) in ids.iter().enumerate().take(3) {
        let at = rig.now() + TimeDelta::hours(1);
        rig.server.world().edit_call(id, at, json!({"metaData": {"title": format!("Title {night}")}}));
        let new = NewCall::at(instant("2026-05-19T08:00:00Z") + TimeDelta::minutes(night as i64)).visible_at(at);
        rig.server.world().add_call(new);
        reports.extend(nights(&rig, 1));
    }
    reports.extend(nights(&rig, 2));
    // THEN each key is there once, and each change was counted once
    for (table, key) in [("calls", "id"), ("calls_extensive", "call_id"), ("call_transcripts", "call_id")] {
        let one_each = format!("SELECT count(*), count(DISTINCT {key}) FROM TABLE");
        assert_eq!(ask(&rig, table, &one_each), "[(9, 9)]", "{table}");
        assert_eq!(total(&reports, table, "new"), 9, "{table}");
        assert_eq!(total(&reports, table, "gone"), 0, "{table}");
    }
    assert_eq!(TABLES.map(|table| total(&reports, table, "changed")), [3, 3, 0]);
    assert_conserved(&rig, "after the nights");
}

#[test]
fn t28_links_that_are_signed_anew_change_nothing() {
    // GIVEN details with media links, which Gong signs anew for every answer, with another request id each time
    let rig = bare();
    rig.configure(&format!("{FIVE}\n{DAILY}\n[entities.calls_extensive]\ninclude_media_urls = true"));
    for day in 15..19 {
        call_at(&rig, &format!("2026-05-{day}T10:00:00Z"));
    }
    rig.sync();
    let link = |rig: &Rig| ask(rig, "calls_extensive", "SELECT min(media.audio_url) FROM TABLE");
    assert!(link(&rig).contains("http"), "{}", link(&rig));
    let details = objects_of(&rig, "calls_extensive");
    // WHEN all windows are read again THEN nothing changed and no object was touched
    rig.server.journal().clear();
    for report in nights(&rig, 3) {
        for table in TABLES {
            assert_eq!(["new", "changed", "gone", "written"].map(|what| rows(&report, table, what)), [0; 4], "{table}");
        }
    }
    assert!(rig.server.journal().count("/v2/calls/extensive") >= 8, "they were read again");
    assert_eq!(objects_of(&rig, "calls_extensive"), details);
}
