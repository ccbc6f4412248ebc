//! Users and workspaces.

use chrono::TimeDelta;
use gong_sim::{ServerOptions, WorldSpec};
use serde_json::{Value, json};

use crate::harness::{error, get_all, post_all, serve, sorted};

fn many() -> (gong_sim::Server, gong_sim::Client) {
    let spec = WorldSpec { users: 250, ..WorldSpec::small(1) };
    serve(spec, ServerOptions::unlimited())
}

#[test]
fn users_come_by_numeric_id_in_three_pages_without_avatars() {
    let (server, mut client) = many();
    let rows = get_all(&mut client, "/v2/users", "users");
    assert_eq!(server.journal().len(), 3);
    let ids: Vec<u64> = rows.iter().map(|row| row["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.is_sorted());
    assert_eq!(sorted(rows.clone(), "/id"), sorted(server.truth("users"), "/id"));
    let all = get_all(&mut client, "/v2/users?includeAvatars=true", "users");
    assert_eq!(all.len(), rows.len() + server.truth("avatars").len());
    let nulls = |key: &str| rows.iter().filter(|row| row[key].is_null()).count();
    for key in ["title", "phoneNumber", "extension", "managerId", "conferencingProviders", "trustedEmailAddress"] {
        assert!((1..rows.len()).contains(&nulls(key)), "{key} is null for some");
    }
}

#[test]
fn a_user_by_id() {
    let (server, mut client) = many();
    let user = server.truth("users")[7].clone();
    let answer = client.get(&format!("/v2/users/{}", user["id"].as_str().unwrap())).unwrap();
    assert_eq!(answer.json()["user"], user);
    let answer = client.get("/v2/users/42").unwrap();
    assert_eq!((answer.status, error(&answer).as_str()), (404, "User not found"));
}

#[test]
fn the_filtered_list_filters_by_creation_and_shows_other_settings() {
    let (server, mut client) = many();
    let middle = server.clock().now() - TimeDelta::days(600);
    let mut read = |filter: Value| post_all(&mut client, "/v2/users/extensive", &json!({"filter": filter}), "users");
    let old = read(json!({"createdToDateTime": middle}));
    let new = read(json!({"createdFromDateTime": middle}));
    let listed = server.truth("users");
    assert_eq!(old.len() + new.len(), listed.len());
    let off = listed.iter().find(|user| user["settings"]["emailsImported"] == false).unwrap();
    let same = read(json!({"userIds": [off["id"]]}));
    assert_eq!(same[0]["settings"]["emailsImported"], true);
    assert!(off["meetingConsentPageUrl"].is_null() && same[0]["meetingConsentPageUrl"].is_string());
    let answer = client.post("/v2/users/extensive", &json!({"filter": {"userIds": ["42"]}})).unwrap();
    assert_eq!(error(&answer), "No users found corresponding to the provided filters");
}

#[test]
fn workspaces_have_no_pages() {
    let (server, mut client) = many();
    let body = client.get("/v2/workspaces").unwrap().json();
    assert_eq!(body["workspaces"], json!(server.truth("workspaces")));
    assert!(body.get("records").is_none());
}

#[test]
fn edits_and_newcomers_show() {
    let (server, mut client) = many();
    let now = server.clock().now();
    let id = server.truth("users")[0]["id"].as_str().unwrap().to_owned();
    server.world().edit_user(&id, now, json!({"active": false, "title": "Retired"}));
    let new = server.world().add_user(now, json!({"firstName": "Neu"}));
    let rows = get_all(&mut client, "/v2/users", "users");
    let find = |id: &str| rows.iter().find(|row| row["id"] == id).unwrap();
    assert_eq!(find(&id)["title"], "Retired");
    assert_eq!(find(&new)["firstName"], "Neu");
}
