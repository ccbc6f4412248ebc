//! Private calls in tables that carry no flag: what `calls` does not say is asked, in batches, once a day.

use std::collections::{BTreeSet, HashSet};

use chrono::TimeDelta;
use gong_sim::{Credential, Entry, Fault, Matcher, NewCall, ServerOptions, World, WorldSpec, all_scopes};
use serde_json::Value;

use crate::support::Rig;
use crate::support::look::{ask, nights};
use crate::support::rig::DAILY;
use crate::support::truth::assert_conserved;

/// Neither table has a flag, and no call is listed.
const WITHOUT_CALLS: &str = "entities = [\"stats_activity_scorecards\", \"library_folder_content\"]";

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().expect("a text").to_owned()
}

/// Requests for the privacy of calls: details of ids, without any of their parts.
fn look_ups(rig: &Rig, after: usize) -> Vec<Entry> {
    let entries = rig.server.journal().entries().into_iter().skip(after);
    entries.filter(|e| e.path == "/v2/calls/extensive" && e.body["contentSelector"] == serde_json::json!({})).collect()
}

fn ids(entry: &Entry) -> Vec<String> {
    let ids = entry.body["filter"]["callIds"].as_array().cloned().unwrap_or_default();
    ids.iter().filter_map(|id| id.as_str().map(str::to_owned)).collect()
}

/// Ids of calls that the two tables name.
fn named(rig: &Rig) -> BTreeSet<String> {
    let reviews = rig.server.truth("stats_activity_scorecards");
    let items = rig.server.truth("library_folder_content");
    let items = items.iter().map(|item| text(item, "id"));
    reviews.iter().map(|review| text(review, "callId")).chain(items).collect()
}

#[test]
fn calls_that_the_ledger_does_not_know_are_asked_in_hundreds_and_once_a_day() {
    // GIVEN an account of which only reviews and folders are wanted, with a call in both that the vendor does not show any more
    let rig = Rig::sized(5, 900, 40);
    rig.configure(WITHOUT_CALLS);
    let item = text(&rig.server.truth("library_folder_content")[0], "id");
    let review = text(&rig.server.truth("stats_activity_scorecards")[0], "callId");
    for id in [&item, &review] {
        let at = rig.now() - TimeDelta::hours(1);
        rig.server.world().delete_call(id, at);
    }
    // WHEN it is read
    let report = rig.sync();
    // THEN each call that is named was asked for once, no more than a hundred in a request
    let asked: Vec<Entry> = look_ups(&rig, 0);
    assert!(asked.iter().all(|entry| ids(entry).len() <= 100));
    let all: Vec<String> = asked.iter().flat_map(ids).collect();
    let unique: HashSet<&String> = all.iter().collect();
    assert!(all.len() > 100 && unique.len() == all.len(), "{} of {}", unique.len(), all.len());
    assert_eq!(all.iter().cloned().collect::<BTreeSet<_>>(), named(&rig));
    // AND private rows are out, and of the call that is not shown the review stays, with a warning, and the folder item is out
    assert_conserved(&rig, "without calls");
    let kept = "stats_activity_scorecards: rows of calls that Gong does not show were kept, because they hold nothing of the call";
    assert!(report["warnings"].to_string().contains(kept), "{}", report["warnings"]);
    assert!(report["entities"]["stats_activity_scorecards"]["rows"]["private"].as_u64() > Some(0));
    // AND another run of the day asks nothing again
    let before = rig.server.journal().len();
    rig.sync();
    assert_eq!(look_ups(&rig, before).len(), 0);
    // AND the readings of another day ask for those that they name, in hundreds, each once
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    let asked = look_ups(&rig, before);
    let again: Vec<String> = asked.iter().flat_map(ids).collect();
    let unique: BTreeSet<String> = again.iter().cloned().collect();
    assert!(unique.len() == again.len() && asked.len() == again.len().div_ceil(100), "{} of {again:?}", asked.len());
    let items = rig.server.truth("library_folder_content");
    assert!(items.iter().all(|item| unique.contains(&text(item, "id"))) && unique.is_subset(&named(&rig)));
    assert_conserved(&rig, "after a night");
}

/// Adds a call with a review of the same day and a place in a folder.
fn reviewed(rig: &Rig, call: NewCall) -> String {
    let folder = text(&rig.server.truth("library_folder_content")[0], "folderId");
    let at = call.started + TimeDelta::hours(1);
    let mut world = rig.server.world();
    let id = world.add_call(call);
    world.add_review(&id, at, Value::Null);
    world.add_folder_item(&folder, &id, at, None);
    id
}

/// Rows of a call in the two tables.
fn rows(rig: &Rig, id: &str) -> (String, String) {
    let of = |table: &str| ask(rig, table, &format!("SELECT count(*) FROM TABLE WHERE call_id = '{id}'"));
    (of("stats_activity_scorecards"), of("library_folder_content"))
}

#[test]
fn a_call_that_no_listing_tells_of_and_that_turned_private_leaves_at_the_next_reading() {
    // GIVEN a public call of yesterday, known by a review and a folder item only
    let rig = Rig::small(5);
    rig.configure(&format!("{DAILY}\n{WITHOUT_CALLS}"));
    let id = reviewed(&rig, NewCall::at(rig.now() - TimeDelta::hours(20)));
    rig.sync();
    let (one, none) = ("[(1,)]".to_owned(), "[(0,)]".to_owned());
    assert_eq!(rows(&rig, &id), (one.clone(), one));
    // WHEN it has turned private by the next night
    rig.server.world().set_private(&id, true, rig.now());
    nights(&rig, 1);
    // THEN it has left both
    assert_eq!(rows(&rig, &id), (none.clone(), none));
}

#[test]
fn a_call_that_the_details_do_not_know_yet_comes_with_the_next_night() {
    // GIVEN a call in a folder that the details do not show before tomorrow
    let rig = Rig::small(5);
    rig.configure(WITHOUT_CALLS);
    let now = rig.now();
    let call = NewCall::at(now - TimeDelta::hours(20));
    let id = reviewed(&rig, NewCall { detailed_at: now + TimeDelta::hours(5), ..call });
    rig.sync();
    assert_eq!(rows(&rig, &id).1, "[(0,)]");
    // WHEN they do THEN the next night has it
    nights(&rig, 1);
    assert_eq!(rows(&rig, &id).1, "[(1,)]");
}

#[test]
fn t12_where_privacy_may_not_be_asked_the_run_says_what_it_left_out_and_makes_up_for_it() {
    // GIVEN a token that may not read details of calls, and reviews and folder items of calls that no listing has told of
    let narrow = all_scopes().into_iter().filter(|scope| scope != "api:calls:read:extensive").collect();
    let token = |token: &str, scopes| Credential::Token { token: token.to_owned(), scopes };
    let credentials = vec![token("narrow", narrow), token("wide", all_scopes())];
    let options = ServerOptions { credentials, ..ServerOptions::unlimited() };
    let rig = Rig::new(World::generate(WorldSpec::small(5)), options);
    let sign_in = |token: &str| {
        let limits = "[limits]\nrequests_per_second = 2000\n[sync]\nstart_date = \"2026-04-01\"\n";
        let source = format!("[source]\nbase_url = \"{}\"\naccess_token = \"{token}\"\n", rig.server.url());
        rig.write("gong-elt.toml", &format!("{source}{limits}{WITHOUT_CALLS}\n"));
    };
    sign_in("narrow");
    // WHEN it is read
    let report = rig.sync_to(1);
    // THEN reviews are there, folder items are not, and both are said and counted
    let reviews = rig.server.truth("stats_activity_scorecards").len() as u64;
    let items = rig.server.truth("library_folder_content").len() as u64;
    assert!(reviews > 0 && items > 0);
    let rows = |table: &str| report["entities"][table]["rows"].clone();
    assert_eq!(rows("stats_activity_scorecards")["written"], reviews);
    let folder = rows("library_folder_content");
    assert_eq!((&folder["written"], &folder["private"]), (&0.into(), &items.into()));
    let warnings = report["warnings"].to_string();
    for said in [
        "stats_activity_scorecards: rows of calls whose privacy Gong may not be asked were kept",
        "library_folder_content: rows of calls whose privacy Gong may not be asked were left out as private",
        "api:calls:read:extensive",
    ] {
        assert!(warnings.contains(said), "{said}: {warnings}");
    }
    // WHEN it may be asked THEN the next night has them
    sign_in("wide");
    rig.server.clock().advance(TimeDelta::days(1));
    rig.sync();
    let calls = rig.server.truth("calls");
    let public: HashSet<String> = calls.iter().filter(|c| c["isPrivate"] != true).map(|c| text(c, "id")).collect();
    let items = rig.server.truth("library_folder_content");
    let wanted = items.iter().filter(|item| public.contains(&text(item, "id"))).count();
    let count = ask(&rig, "library_folder_content", "SELECT count(*) FROM TABLE");
    assert_eq!(count, format!("[({wanted},)]"));
}

#[test]
fn a_call_on_which_the_vendor_fails_does_not_stop_the_tables_that_name_it() {
    for status in [400, 500] {
        // GIVEN a call in a folder for whose privacy the vendor fails
        let rig = Rig::sized(5, 600, 30);
        let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 1";
        rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"2026-04-01\"\n{WITHOUT_CALLS}"));
        let items = rig.server.truth("library_folder_content");
        let bad = text(&items[items.len() / 2], "id");
        let fault = Fault::PoisonId { id: bad.clone(), status };
        rig.server.faults().always(Matcher::path("/v2/calls/extensive").containing(&bad), fault);
        // WHEN it is read THEN every unit lands, and of that call no folder item, for it may be private
        let report = rig.sync();
        assert_eq!(report["entities"]["library_folder_content"]["units"]["failed"], 0);
        let hidden = items.iter().filter(|item| text(item, "id") == bad).count() as u64;
        let rows = report["entities"]["library_folder_content"]["rows"]["written"].as_u64().expect("a number");
        let calls = rig.server.truth("calls");
        let private: HashSet<String> = calls.iter().filter(|c| c["isPrivate"] == true).map(|c| text(c, "id")).collect();
        let shown: HashSet<String> = calls.iter().map(|c| text(c, "id")).collect();
        let visible = |id: &String| shown.contains(id) && !private.contains(id);
        let expected = items.iter().map(|item| text(item, "id")).filter(visible).count() as u64;
        assert_eq!(rows + if visible(&bad) { hidden } else { 0 }, expected);
    }
}
