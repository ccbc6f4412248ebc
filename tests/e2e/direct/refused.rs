//! What is wrong with a direct verb is named before anything is asked of the vendor.

use crate::support::Rig;
use crate::support::refusal::{Case, assert_refused, case};
use crate::support::rig::end;

fn said(command: &'static [&'static str], says: &'static str) -> Case {
    case(command[command.len() - 1], |_: &Rig| {}, says).command(command)
}

#[test]
fn a_missing_filter_is_named() {
    assert_refused(&[
        said(
            &["list", "stats_activity_aggregate", "--to-date", "2026-05-01"],
            "error: list stats_activity_aggregate needs --from-date\n\nhint: without it Gong may refuse, or answer with less than all",
        ),
        said(
            &["list", "stats_activity_day_by_day"],
            "error: list stats_activity_day_by_day needs --from-date, --to-date\n\nhint: without it Gong may refuse, or answer with less than all",
        ),
        said(
            &["list", "stats_interaction", "--from-date", "2026-05-01"],
            "error: list stats_interaction needs --to-date\n\nhint: without it Gong may refuse, or answer with less than all",
        ),
        said(
            &["list", "library_folders"],
            "error: list library_folders needs --workspace-id\n\nhint: without it Gong may refuse, or answer with less than all",
        ),
        said(
            &["list", "library_folder_content"],
            "error: list library_folder_content needs --folder-id\n\nhint: without it Gong may refuse, or answer with less than all",
        ),
        said(
            &["list", "coaching", "--from", "2026-05-01"],
            "error: list coaching needs --workspace-id, --manager-id, --to\n\nhint: without it Gong may refuse, or answer with less than all",
        ),
    ]);
}

#[test]
fn a_filter_of_another_entity_is_named() {
    assert_refused(&[
        said(
            &["list", "calls", "--folder-id", "1"],
            "error: list calls takes no --folder-id\n\nhint: it takes --from-date-time, --to-date-time, --workspace-id",
        ),
        said(
            &["list", "workspaces", "--workspace-id", "1"],
            "error: list workspaces takes no --workspace-id\n\nhint: it takes no filter; `gong-elt list --help` shows who takes --workspace-id",
        ),
        said(
            &["list", "workspaces", "--cursor", "x"],
            "error: list workspaces takes no --cursor: Gong gives it in one page",
        ),
        said(
            &["list", "calls", "--limit", "5", "--cursor", "x"],
            "error: the argument '--limit <N>' cannot be used with '--cursor <CURSOR>'\n\nUsage: gong-elt list --limit <N> <ENTITY>\n\nFor more information, try '--help'.",
        ),
        said(&["list", "cals"], "error: there is no entity \"cals\"; the nearest is \"calls\""),
        said(
            &["list", "call_video"],
            "error: call_video is no list: there is nothing to print\n\nhint: `gong-elt download video CALL_ID` fetches one file",
        ),
    ]);
}

#[test]
fn a_bad_value_is_named() {
    assert_refused(&[
        said(
            &["list", "calls", "--from-date-time", "yesterday"],
            "error: --from-date-time: \"yesterday\" is neither an instant such as 2024-06-01T00:00:00Z nor a date such as 2024-06-01",
        ),
        said(
            &["list", "calls", "--to-date-time", "2026-05-01T00:00:00"],
            "error: --to-date-time: \"2026-05-01T00:00:00\" is neither an instant such as 2024-06-01T00:00:00Z nor a date such as 2024-06-01",
        ),
        said(
            &["list", "stats_interaction", "--from-date", "2026-05-01T00:00:00Z", "--to-date", "2026-05-02"],
            "error: --from-date: \"2026-05-01T00:00:00Z\" is not a date such as 2024-06-01",
        ),
        said(
            &["list", "stats_interaction", "--from-date", "2026-02-30", "--to-date", "2026-05-02"],
            "error: --from-date: \"2026-02-30\" is not a date such as 2024-06-01",
        ),
        said(
            &["list", "calls_extensive", "--call-ids", "12,1x"],
            "error: --call-ids: \"1x\" is not an id of Gong's: ids are digits",
        ),
        said(
            &["list", "call_transcripts", "--call-ids", ""],
            "error: --call-ids: \"\" is not an id of Gong's: ids are digits",
        ),
        said(
            &["list", "calls", "--workspace-id", "main"],
            "error: --workspace-id: \"main\" is not an id of Gong's: ids are digits",
        ),
        said(
            &["list", "calls", "--to-date-time", "2026-05-01", "--from-date-time", "2026-05-01T00:00:00Z"],
            "error: --to-date-time must be after --from-date-time: it is the end, which is left out",
        ),
        said(
            &["list", "stats_activity_scorecards", "--review-method", "both"],
            "error: --review-method: \"both\" is none of BOTH, MANUAL, AUTOMATIC",
        ),
        said(
            &[
                "list",
                "stats_activity_scorecards",
                "--from-date-time",
                "2026-05-01",
                "--review-from-date",
                "2026-05-01",
            ],
            "error: --review-from-date: another option says the same; give one of the two",
        ),
        said(
            &["list", "users", "--include-avatars=yes"],
            "error: --include-avatars: \"yes\" is neither true nor false",
        ),
        said(
            &["list", "calls_extensive", "--content-selector", "[]"],
            "error: --content-selector: must be a JSON object",
        ),
        said(
            &["list", "calls_extensive", "--content-selector", "{"],
            "error: --content-selector: is not JSON: EOF while parsing an object at line 1 column 1",
        ),
    ]);
}

#[test]
fn bad_ids_and_places_of_get_and_download_are_named() {
    assert_refused(&[
        said(&["get", "calls", "../users"], "error: ID: \"../users\" is not an id of Gong's: ids are digits"),
        said(&["get", "users", "-1"], "error: ID: \"-1\" is not an id of Gong's: ids are digits"),
        said(
            &["get", "workspaces", "1"],
            "error: Gong gives no single record of workspaces, only of users and calls\n\nhint: `gong-elt list workspaces` prints all of them",
        ),
        said(&["download", "audio", "1a"], "error: CALL_ID: \"1a\" is not an id of Gong's: ids are digits"),
        said(
            &["download", "audio", "1", "--range", "bytes=9-1"],
            "error: --range: \"bytes=9-1\" is not a range such as bytes=0-99, bytes=100- or bytes=-100",
        ),
        said(&["download", "video", "1", "--output", "nowhere/a.mp4"], "error: --output: there is no folder nowhere"),
        said(&["download", "video", "1", "--output", "/"], "error: --output: / is a folder, not a file"),
    ]);
}

#[test]
fn a_bad_entity_file_is_named_whatever_the_options() {
    let wrong = |rig: &Rig| {
        std::fs::create_dir(rig.path("mine")).expect("a folder");
        let calls =
            include_str!("../../../schemas/calls.toml").replace("workspaceId  = \"id\"", "workspaceId = \"ids\"");
        rig.write("mine/calls.toml", &calls);
    };
    let says = "error: mine/calls.toml: filters.workspaceId: a GET takes no list of ids\n\nhint: schemas/README.md explains each key of an entity file";
    assert_refused(&[
        case("list", wrong, says)
            .command(&["list", "calls", "--from-date-time", "2026-05-01"])
            .env("GONG_ELT_SCHEMAS", "mine"),
        case("status", wrong, says).command(&["status"]).env("GONG_ELT_SCHEMAS", "mine"),
    ]);
}

#[test]
fn a_filter_of_a_new_entity_file_is_an_option() {
    // GIVEN an entity file with one more filter
    let rig = Rig::small(1);
    std::fs::create_dir(rig.path("mine")).expect("a folder");
    let users =
        include_str!("../../../schemas/users.toml").replace("filters = { ", "filters = { teamName = \"text\", ");
    rig.write("mine/users.toml", &users);
    // WHEN it is used THEN it goes to the vendor by its name
    let ended = end(rig.command(&["list", "users", "--team-name", "A & B"]).env("GONG_ELT_SCHEMAS", "mine")).expect(0);
    assert!(!ended.stdout.is_empty());
    assert_eq!(super::last(&rig).query, [("teamName".to_owned(), "A & B".to_owned())]);
}
