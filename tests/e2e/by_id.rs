//! What is asked by ids and staged nowhere, privacy of calls and addresses of files: an answer that was cut never counts as "there is none".

use std::collections::HashSet;

use gong_sim::{Fault, Matcher, MediaKind, ServerOptions, World, WorldSpec};

use crate::support::Rig;
use crate::support::look::{ask, nights};
use crate::support::truth::assert_conserved;

const EXTENSIVE: &str = "/v2/calls/extensive";

/// Answers to a hundred ids have many pages.
const PAGE: usize = 3;

fn rig(page: usize, more: &str) -> Rig {
    let rig = Rig::new(World::generate(WorldSpec::small(7)), ServerOptions::unlimited().page_size(page));
    rig.configure(more);
    rig
}

/// Calls are named by reviews and folder items only.
fn without_calls() -> Rig {
    rig(PAGE, "entities = [\"stats_activity_scorecards\", \"library_folder_content\"]")
}

/// Addresses are all that is asked of the details.
fn with_files(page: usize) -> Rig {
    let rig = rig(page, "window = \"month\"\nentities = [\"call_audio\"]");
    let ids: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
    ids.iter().for_each(|id| rig.server.world().set_media_bytes(id, 700));
    rig
}

fn second_page() -> Matcher {
    Matcher::path(EXTENSIVE).page(1)
}

/// Calls that the ledger holds for not shown.
fn absent(rig: &Rig) -> u64 {
    let query = "SELECT count(*) FROM visibility WHERE state = 'absent'";
    rig.ledger().query_row(query, [], |row| row.get(0)).expect("a count")
}

/// Readable calls of the world that have an audio file, and those that have none.
fn expected(rig: &Rig) -> (usize, usize) {
    let records = rig.server.truth("calls_extensive");
    let readable = records.iter().filter(|record| record["metaData"]["isPrivate"] == false);
    let (with, without): (Vec<_>, Vec<_>) = readable.partition(|record| !record["media"]["audioUrl"].is_null());
    (with.len(), without.len())
}

fn statuses(rig: &Rig) -> String {
    ask(
        rig,
        "call_audio",
        "SELECT count(*) FILTER (status = 'present'), count(*) FILTER (status = 'absent') FROM TABLE",
    )
}

/// Faults that cut an answer between two pages.
fn cuts() -> [Fault; 3] {
    [Fault::CursorExpired, Fault::NothingFound, Fault::CursorRepeated]
}

#[test]
fn t37_a_look_up_whose_answer_is_cut_is_asked_again() {
    for fault in cuts() {
        // GIVEN look-ups of many pages, the first of which is cut once
        let rig = without_calls();
        let what = format!("{fault:?}");
        rig.server.faults().once(second_page(), fault);
        // WHEN they are read
        rig.sync();
        // THEN no call counts as not shown that was on a later page
        assert_eq!(rig.server.faults().pending(), 0, "{what}");
        assert_eq!(absent(&rig), 0, "{what}");
        assert_conserved(&rig, &what);
    }
}

#[test]
fn t37_a_look_up_that_is_cut_each_time_fails_its_units() {
    // GIVEN look-ups that are never answered to their last page
    let rig = without_calls();
    rig.server.faults().always(second_page(), Fault::CursorExpired);
    // WHEN they are read
    let report = rig.sync_to(1);
    // THEN nothing lands, and nothing is believed
    assert_eq!(report["entities"]["library_folder_content"]["units"]["committed"], 0);
    assert!(report["warnings"].to_string().contains("the cursor was refused each time"), "{}", report["warnings"]);
    assert_eq!(absent(&rig), 0);
    // AND the next run makes up for it
    rig.server.faults().clear();
    rig.sync();
    assert_conserved(&rig, "when cursors live again");
}

#[test]
fn t37_addresses_whose_answer_is_cut_are_asked_again() {
    for fault in [Fault::CursorExpired, Fault::CursorRepeated] {
        // GIVEN addresses in many pages, the first of which are cut once
        let rig = with_files(PAGE);
        let what = format!("{fault:?}");
        rig.server.faults().once(second_page(), fault);
        // WHEN they are read
        let report = rig.sync();
        // THEN every file is there, and as absent count only calls without one
        assert_eq!(rig.server.faults().pending(), 0, "{what}");
        let (with, without) = expected(&rig);
        assert_eq!(statuses(&rig), format!("[({with}, {without})]"), "{what}");
        assert_eq!(report["entities"]["call_audio"]["missing"], 0, "{what}");
    }
}

#[test]
fn t37_addresses_that_are_cut_each_time_fail_their_window() {
    // GIVEN addresses of which no more than one is ever given, also to a batch that was halved twice
    let rig = with_files(1);
    rig.server.faults().always(second_page(), Fault::CursorExpired);
    // WHEN they are read
    let report = rig.sync_to(1);
    // THEN their windows fail, and no row says anything of them; windows of a few calls are there
    assert!(report["entities"]["call_audio"]["units"]["failed"].as_u64() > Some(3), "{report}");
    assert!(report["warnings"].to_string().contains("the cursor was refused each time"), "{}", report["warnings"]);
    let without: HashSet<String> = {
        let records = rig.server.truth("calls_extensive").into_iter();
        let ids = records.filter(|record| record["media"]["audioUrl"].is_null());
        ids.map(|record| record["metaData"]["id"].as_str().expect("an id").to_owned()).collect()
    };
    let absent =
        ask(&rig, "call_audio", "SELECT coalesce(string_agg(call_id, ' '), '') FROM TABLE WHERE status = 'absent'");
    let absent = absent.trim_matches(|c: char| !c.is_ascii_digit()).split(' ').filter(|id| !id.is_empty());
    assert_eq!(absent.filter(|id| !without.contains(*id)).count(), 0);
    // AND the next run makes up for it
    rig.server.faults().clear();
    rig.sync();
    let (with, without) = expected(&rig);
    assert_eq!(statuses(&rig), format!("[({with}, {without})]"));
}

#[test]
fn a_call_that_the_answer_does_not_name_is_missing_and_its_file_not_absent() {
    // GIVEN a call with a file that the answer leaves out without a word, and later pages that are not found
    let rig = with_files(PAGE);
    let now = rig.now();
    let wanted = rig
        .server
        .truth("calls_extensive")
        .into_iter()
        .find(|record| record["metaData"]["isPrivate"] == false && !record["media"]["audioUrl"].is_null());
    let id = wanted.expect("a call")["metaData"]["id"].as_str().expect("an id").to_owned();
    let omit = Fault::OmitId { id: Some(id.clone()) };
    rig.server.faults().always(Matcher::path(EXTENSIVE).containing(&id), omit);
    // WHEN files are read
    let report = rig.sync();
    // THEN it is missing with the reason, and all others have their rows
    assert_eq!(report["entities"]["call_audio"]["missing"], 1);
    let (with, without) = expected(&rig);
    assert_eq!(statuses(&rig), format!("[({}, {without})]", with - 1));
    let query = "SELECT reason FROM missing WHERE entity = 'call_audio' AND id = ?1";
    let reason: String = rig.ledger().query_row(query, [&id], |row| row.get(0)).expect("a row");
    assert!(reason.starts_with("not given by Gong"), "{reason}");
    // AND it comes with a later reading
    rig.server.faults().clear();
    nights(&rig, 1);
    let query = format!("SELECT status, sha256 FROM TABLE WHERE call_id = '{id}'");
    let digest = rig.server.world().media_sha256(&id, MediaKind::Audio, now).expect("a file");
    assert_eq!(ask(&rig, "call_audio", &query), format!("[('present', '{digest}')]"));
}
