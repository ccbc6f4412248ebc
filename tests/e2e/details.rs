//! `calls_from = "details"`: windows listed through their details give the same tables, for fewer requests.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use gong_sim::{Credential, Fault, Matcher, ServerOptions, World, WorldSpec};
use serde_json::Value;

use crate::support::Rig;
use crate::support::journal::paid_twice;
use crate::support::rig::{FIVE, START, end};
use crate::support::truth::assert_conserved;

const LISTING: &str = "/v2/calls";
const DETAILS: &str = "/v2/calls/extensive";

/// A line of `[entities]` that lists calls through their details.
const THROUGH: &str = "[entities.calls]\ncalls_from = \"details\"";

fn rig(seed: u64) -> Rig {
    let rig = Rig::sized(seed, 700, 45);
    rig.configure(&format!("{FIVE}\n{THROUGH}"));
    rig
}

/// Ids of each call of each table, of all windows together.
fn ids(rig: &Rig) -> BTreeSet<String> {
    let ledger = rig.ledger();
    let mut query =
        ledger.prepare("SELECT id || ' ' || coalesce(started, '') || ' ' || private FROM call").expect("a table");
    let rows = query.query_map([], |row| row.get(0)).expect("a query");
    rows.map(|id| id.expect("text")).collect()
}

#[test]
fn the_tables_are_the_same_either_way_and_cost_a_quarter_less() {
    // GIVEN the same account twice, one listed by calls and one through the details
    let (listed, through) = (Rig::sized(3, 700, 45), rig(3));
    listed.configure(FIVE);
    let (plain, report) = (listed.sync(), through.sync());
    // THEN both hold the account, call by call
    for rig in [&listed, &through] {
        assert_conserved(rig, "after the first sync");
    }
    assert_eq!(ids(&listed), ids(&through));
    // AND the listing was not asked, nor any details by id
    assert_eq!(through.server.journal().count(LISTING), 0);
    let details = through.server.journal().requests_for(DETAILS);
    assert!(details.iter().all(|e| e.body.pointer("/filter/callIds").is_none()), "{details:?}");
    let requests = |report: &Value| report["requests"].as_f64().expect("a number");
    assert!(requests(&report) < 0.8 * requests(&plain), "{} of {}", report["requests"], plain["requests"]);
    assert_eq!(report["entities"]["calls"]["vendor_total"], plain["entities"]["calls"]["vendor_total"]);
    assert_eq!(report["entities"]["calls_extensive"]["rows"], plain["entities"]["calls_extensive"]["rows"]);
    // AND they stay the same over nights with new, late, changed, private and deleted calls
    for _ in 0..3 {
        let nights = [listed.server.night(), through.server.night()];
        assert_eq!(format!("{:?}", nights[0]), format!("{:?}", nights[1]), "the same world");
        listed.sync();
        through.sync();
    }
    for rig in [&listed, &through] {
        // Old edits are found when settled windows are listed again.
        rig.server.clock().advance(TimeDelta::days(31));
        rig.sync();
        assert_conserved(rig, "three nights and a month later");
    }
    assert_eq!(ids(&listed), ids(&through));
    assert_eq!(through.server.journal().violations(), Vec::<String>::new());
}

#[test]
fn a_window_whose_details_cannot_be_listed_is_listed_by_itself_and_the_report_says_so() {
    // GIVEN a vendor that fails to the end on one day's listing of details, but gives them by id
    let rig = rig(1);
    let day = Matcher::path(DETAILS).containing("fromDateTime");
    rig.server.faults().always(day.containing("2026-05-12T00:00:00Z"), Fault::Unavailable);
    // WHEN it is synced
    let report = rig.sync();
    // THEN the day is whole, and the report tells how
    let warnings = report["warnings"].to_string();
    assert!(warnings.contains("could not be listed through calls_extensive and was listed by itself"), "{warnings}");
    assert!(rig.server.journal().count(LISTING) >= 1);
    assert_eq!(report["entities"]["calls"]["units"]["failed"], 0);
    rig.server.faults().clear();
    assert_conserved(&rig, "listed by itself");
}

#[test]
fn without_the_scope_of_the_details_calls_and_transcripts_land() {
    // GIVEN a token that may not read details
    let scopes = ["api:users:read", "api:workspaces:read", "api:calls:read:basic", "api:calls:read:transcript"];
    let scopes = scopes.map(str::to_owned).to_vec();
    let credentials = vec![Credential::Token { token: "narrow".to_owned(), scopes }];
    let options = ServerOptions { credentials, ..ServerOptions::unlimited() };
    let rig = Rig::new(World::generate(WorldSpec::small(1)), options);
    rig.write(
        "gong-elt.toml",
        &format!(
            "[source]\nbase_url = \"{}\"\naccess_token = \"narrow\"\n[limits]\nrequests_per_second = 2000\n[sync]\nstart_date = \"{START}\"\n{FIVE}\n{THROUGH}",
            rig.server.url()
        ),
    );
    // WHEN it is synced THEN the others land, and the scope is named
    let report = rig.sync_to(1);
    assert!(report["warnings"].to_string().contains("api:calls:read:extensive"), "{report}");
    assert_eq!(report["entities"]["calls"]["units"]["failed"], 0);
    assert!(rig.data().join("calls").exists() && rig.data().join("call_transcripts").exists());
    assert!(!rig.data().join("calls_extensive").exists());
    assert_conserved(&rig, "without details");
}

#[test]
fn killed_anywhere_and_listed_the_other_way_since_it_ends_with_the_same_rows() {
    for (place, change) in
        [("staged:4", false), ("answered:6", true), ("object:2", true), ("committed:3", false), ("staged:9", true)]
    {
        // GIVEN a run that is killed
        let rig = rig(2);
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        // WHEN the next one goes on, or lists the calls the other way
        if change {
            rig.configure(FIVE);
        }
        rig.sync();
        // THEN the rows are the account's, and what was staged was not paid for again
        assert_conserved(&rig, place);
        if !change {
            let twice = paid_twice(&rig.server);
            assert!(twice.len() <= 16, "{place}: more than was in flight: {twice:?}");
        }
        // AND changing back reads nothing anew
        rig.configure(&format!("{FIVE}\n{THROUGH}"));
        assert_eq!(rig.sync()["requests"], 0, "{place}");
    }
}

#[test]
fn a_window_with_too_many_calls_is_cut_through_its_details_too() {
    // GIVEN a month of more calls than a file should hold
    let spec = WorldSpec { calls: 6000, days: 70, users: 20, ..WorldSpec::small(4) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    let entities = "entities = [\"calls\", \"calls_extensive\"]\n[entities.calls_extensive]\ncontent_selector = { context = \"None\" }";
    rig.configure_whole(&format!("[sync]\nstart_date = \"2026-03-01\"\nwindow = \"month\"\n{entities}\n{THROUGH}"));
    // WHEN it is read THEN no object holds more, and nothing is missing
    rig.sync();
    assert_eq!(rig.server.journal().count(LISTING), 0);
    let most: u64 = rig.ledger().query_row("SELECT max(rows) FROM unit", [], |row| row.get(0)).expect("units");
    assert!(most <= 5000, "{most}");
    let calls = rig.server.truth("calls");
    let public = calls
        .iter()
        .filter(|call| call["isPrivate"] == false && call["scheduled"].as_str() >= Some("2026-03-01"))
        .count();
    for entity in ["calls", "calls_extensive"] {
        let sum = format!("SELECT sum(rows) FROM unit WHERE entity = '{entity}'");
        let rows: usize = rig.ledger().query_row(&sum, [], |row| row.get(0)).expect("units");
        assert_eq!(rows, public, "{entity}");
    }
}

#[test]
fn t12_a_blind_key_empties_neither_table_however_many_nights_it_is_blind() {
    // GIVEN an account of a few calls a day that was read through the details, and a key that then sees no call any more
    let rig = Rig::sized(1, 60, 12);
    rig.configure(&format!("{FIVE}\n{THROUGH}"));
    rig.sync();
    let family = |rig: &Rig| rig.objects().into_iter().filter(|(path, _)| path.starts_with("call")).collect::<Vec<_>>();
    let before = family(&rig);
    rig.server.faults().always(Matcher::path("/v2/calls*"), Fault::NothingFound);
    // WHEN it runs for three nights THEN no object changes, and each night says so
    for night in 1..=3 {
        rig.server.clock().advance(TimeDelta::days(1));
        let report = rig.sync_to(1);
        assert_eq!(family(&rig), before, "night {night}: {report}");
    }
    // AND when the rights are back, all is well
    rig.server.faults().clear();
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    assert_conserved(&rig, "when the rights are back");
}
