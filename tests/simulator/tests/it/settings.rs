//! Scorecards, trackers, library, coaching.

use chrono::TimeDelta;
use gong_sim::{Client, Server};
use serde_json::{Value, json};

use crate::harness::{error, small};

fn list(client: &mut Client, target: &str, key: &str) -> Vec<Value> {
    let answer = client.get(target).unwrap();
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert!(answer.json().get("records").is_none());
    answer.json()[key].as_array().unwrap().clone()
}

fn workspaces(server: &Server) -> Vec<String> {
    server.truth("workspaces").iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn scorecards_have_string_ids_and_built_in_ones_a_user_of_minus_one() {
    let (server, mut client) = small(1);
    let rows = list(&mut client, "/v2/settings/scorecards", "scorecards");
    assert_eq!(rows, server.truth("settings_scorecards"));
    assert!(rows.iter().all(|row| row["scorecardId"].is_string()));
    assert!(rows.iter().any(|row| row["updaterUserId"] == "-1" && row["workspaceId"].is_null()));
    assert!(rows.iter().any(|row| row["enabled"] == false));
    assert!(rows.iter().any(|row| row.get("reviewMethod").is_none()));
    server.world().scorecards.clear();
    assert!(list(&mut client, "/v2/settings/scorecards", "scorecards").is_empty());
}

#[test]
fn trackers_come_under_their_own_key_by_workspace() {
    let (server, mut client) = small(1);
    let all = list(&mut client, "/v2/settings/trackers", "keywordTrackers");
    assert_eq!(all, server.truth("settings_trackers"));
    assert!(all.iter().any(|row| row["creatorUserId"].is_null() && row["filterQuery"].is_string()));
    for workspace in workspaces(&server) {
        let own = list(&mut client, &format!("/v2/settings/trackers?workspaceId={workspace}"), "keywordTrackers");
        assert!(own.len() < all.len() && own.iter().any(|row| row["workspaceId"].is_null()));
    }
    let answer = client.get("/v2/settings/trackers?workspaceId=42").unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (404, "Workspace not found"));
}

#[test]
fn folders_need_a_workspace_and_hold_calls_several_times() {
    let (server, mut client) = small(1);
    assert_eq!(client.get("/v2/library/folders").unwrap().status, 400);
    let call = server.truth("calls")[0]["id"].as_str().unwrap().to_owned();
    let now = server.clock().now();
    let (mut folders, mut content) = (Vec::new(), Vec::new());
    for workspace in workspaces(&server) {
        let own = list(&mut client, &format!("/v2/library/folders?workspaceId={workspace}"), "folders");
        assert!(own[0]["parentFolderId"].is_null() && own[0]["name"] == "Public Folders");
        let empty = own.iter().find(|folder| folder["name"] == "Empty for now").unwrap()["id"].as_str().unwrap();
        assert!(list(&mut client, &format!("/v2/library/folder-content?folderId={empty}"), "calls").is_empty());
        folders.extend(own);
    }
    let first = folders[1]["id"].as_str().unwrap().to_owned();
    server.world().add_folder_item(&first, &call, now - TimeDelta::hours(2), Some((21, 132)));
    server.world().add_folder_item(&first, &call, now - TimeDelta::hours(1), None);
    for folder in &folders {
        let id = folder["id"].as_str().unwrap();
        for mut row in list(&mut client, &format!("/v2/library/folder-content?folderId={id}"), "calls") {
            row["folderId"] = json!(id);
            content.push(row);
        }
    }
    assert_eq!(folders, server.truth("library_folders"));
    assert_eq!(content, server.truth("library_folder_content"));
    assert!(content.iter().filter(|row| row["id"] == call.as_str()).count() >= 2);
    let answer = client.get("/v2/library/folders?workspaceId=42").unwrap();
    assert_eq!(error(&answer), "No folders found for the specified period");
}

#[test]
fn coaching_is_by_manager_and_workspace() {
    let (server, mut client) = small(1);
    let mut rows = Vec::new();
    let users = server.truth("users");
    let managers: std::collections::BTreeSet<&str> =
        users.iter().filter_map(|user| user["managerId"].as_str()).collect();
    let range = "from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z";
    for workspace in workspaces(&server) {
        for manager in &managers {
            let target = format!("/v2/coaching?workspace-id={workspace}&manager-id={manager}&{range}");
            rows.extend(list(&mut client, &target, "coachingData"));
        }
    }
    let truth = server.truth("coaching");
    assert_eq!(rows.len(), truth.len());
    assert!(rows.iter().all(|row| truth.contains(row)));
    let some = |row: &Value| row.pointer("/directReportsMetrics/0/metrics/callsListenedTo").cloned();
    assert!(rows.iter().filter_map(some).any(|calls| !calls.as_array().unwrap().is_empty()));
    let workspace = &workspaces(&server)[0];
    let nobody = format!("/v2/coaching?workspace-id={workspace}&manager-id=42&{range}");
    assert!(list(&mut client, &nobody, "coachingData").is_empty());
    let answer = client.get("/v2/coaching?manager-id=1").unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (400, "workspace-id parameter is missing"));
    let target = format!("/v2/coaching?workspace-id={workspace}&manager-id=1&from=2026-01-01&to=2026-01-02");
    assert_eq!(client.get(&target).unwrap().status, 400);
}
