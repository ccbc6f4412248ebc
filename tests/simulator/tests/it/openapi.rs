//! Every answer against the vendor's own description, apart from the differences that the API reference lists (sections
//! 11, 12, 16 and 22). Skipped where the description is not at hand.

use gong_sim::{Client, ServerOptions, WorldSpec};
use serde_json::{Value, json};

use crate::harness::{everything, serve};
use crate::recorded::folder;
use crate::validator::Description;

/// Where real answers differ from the description, and the simulator follows them.
const DIFFERENCES: &[&str] = &[
    // CRM values are anything; the description says object.
    ".calls[].context[].objects[].fields[].value: not object",
    ".calls[].parties[].context[].objects[].fields[].value: not object",
    // Ids and ranges of scorecards are strings, and questions have more keys.
    ".scorecards[].scorecardId: not integer",
    ".scorecards[].workspaceId: not integer",
    ".scorecards[].updaterUserId: not integer",
    ".scorecards[].questions[].questionId: not integer",
    ".scorecards[].questions[].questionRevisionId: not integer",
    ".scorecards[].questions[].minRange: not integer",
    ".scorecards[].questions[].maxRange: not integer",
    ".scorecards[].questions[].updaterUserId: not declared",
    ".scorecards[].questions[].created: not declared",
    ".scorecards[].questions[].updated: not declared",
    ".answeredScorecards[].answeredScorecardId: not integer",
    ".answeredScorecards[].scorecardId: not integer",
    ".answeredScorecards[].callId: not integer",
    ".answeredScorecards[].reviewedUserId: not integer",
    ".answeredScorecards[].reviewerUserId: not integer",
    ".answeredScorecards[].editorUserId: not integer",
    ".answeredScorecards[].answers[].questionId: not integer",
    ".answeredScorecards[].answers[].questionRevisionId: not integer",
];

#[test]
fn answers_are_as_described() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("gong-openapi.json")).unwrap();
    let description = Description(serde_json::from_str(&text).unwrap());
    let spec = WorldSpec { calls: 400, users: 120, ..WorldSpec::default() };
    let (server, mut client) = serve(spec, ServerOptions::unlimited());
    let mut seen = Vec::new();
    for (method, path, target, body) in requests(&server) {
        let answer = send(&mut client, method, &target, &body);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        let schema = description.answer(method, &path, "200").unwrap_or_else(|| panic!("{path} is not described"));
        seen.extend(description.problems(schema, &answer.json()));
    }
    seen.sort();
    seen.dedup();
    let unexpected: Vec<&String> = seen.iter().filter(|problem| !DIFFERENCES.contains(&problem.as_str())).collect();
    assert_eq!(unexpected, Vec::<&String>::new());
    let unseen: Vec<&&str> =
        DIFFERENCES.iter().filter(|known| !seen.iter().any(|problem| problem == **known)).collect();
    assert_eq!(unseen, Vec::<&&str>::new(), "a difference that is none is not to be listed");
}

#[test]
fn errors_are_as_described() {
    let Some(folder) = folder() else { return };
    let text = std::fs::read_to_string(folder.join("gong-openapi.json")).unwrap();
    let description = Description(serde_json::from_str(&text).unwrap());
    let (_server, mut client) = serve(WorldSpec::small(1), ServerOptions::unlimited());
    let schema = &description.0["components"]["schemas"]["ErrorResponse"];
    let answers = [
        client.get("/v2/calls/1").unwrap(),
        client.post("/v2/calls/extensive", &json!({})).unwrap(),
        client.get("/v2/coaching").unwrap(),
        client.get("/v2/users?cursor=x").unwrap(),
    ];
    for answer in answers {
        assert!(answer.status >= 400);
        assert_eq!(description.problems(schema, &answer.json()), Vec::<String>::new());
    }
}

fn send(client: &mut Client, method: &str, target: &str, body: &Value) -> gong_sim::Response {
    if method == "get" { client.get(target) } else { client.post(target, body) }.unwrap()
}

type Request = (&'static str, String, String, Value);

/// One request of each endpoint that is described.
fn requests(server: &gong_sim::Server) -> Vec<Request> {
    let call = server.truth("calls")[0]["id"].as_str().unwrap().to_owned();
    let user = server.truth("users")[0]["id"].as_str().unwrap().to_owned();
    let workspace = server.truth("workspaces")[0]["id"].as_str().unwrap().to_owned();
    let folder = server.truth("library_folder_content")[0]["folderId"].as_str().unwrap().to_owned();
    let manager = server.truth("coaching")[0]["manager"]["id"].as_str().unwrap().to_owned();
    let days = json!({"filter": {"fromDate": "2026-05-11", "toDate": "2026-05-18"}});
    let get = |path: &str, query: String| ("get", path.to_owned(), format!("{path}{query}"), Value::Null);
    let post = |path: &str, body: Value| ("post", path.to_owned(), path.to_owned(), body);
    let one = |path: &str, id: &str| ("get", path.to_owned(), path.replace("{id}", id), Value::Null);
    let range = "from=2026-01-01T00:00:00Z&to=2026-06-01T00:00:00Z";
    vec![
        get("/v2/users", String::new()),
        one("/v2/users/{id}", &user),
        get("/v2/calls", String::new()),
        one("/v2/calls/{id}", &call),
        post("/v2/calls/extensive", json!({"filter": {}, "contentSelector": everything()})),
        post("/v2/calls/transcript", json!({"filter": {}})),
        get("/v2/workspaces", String::new()),
        post("/v2/stats/activity/aggregate", days.clone()),
        post("/v2/stats/activity/day-by-day", days.clone()),
        post("/v2/stats/interaction", days),
        post("/v2/stats/activity/scorecards", json!({"filter": {"reviewMethod": "BOTH"}})),
        get("/v2/settings/scorecards", String::new()),
        get("/v2/settings/trackers", String::new()),
        get("/v2/library/folders", format!("?workspaceId={workspace}")),
        get("/v2/library/folder-content", format!("?folderId={folder}")),
        get("/v2/coaching", format!("?workspace-id={workspace}&manager-id={manager}&{range}")),
    ]
}
