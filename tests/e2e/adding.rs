//! One more plain entity is a file: nothing of the program knows its name.

use gong_sim::{Credential, PlainList, ServerOptions, World, WorldSpec, all_scopes};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::rig::end;

const FILE: &str = r#"
name    = "regions"
version = 1
about   = "Regions of the company, one row each."
scope   = "api:regions:read"
read    = { kind = "snapshot" }
request = { method = "GET", path = "/v2/regions" }
page    = { rows = "regions" }
key     = ["region_id"]
sort    = ["region_id"]

columns = [
  { path = "regionId",        id = 1, type = "id",        about = "Gong's id of the region." },
  { path = "name",            id = 2, type = "string",    about = "Name." },
  { path = "created",         id = 3, type = "timestamp", about = "When it was made." },
  { path = "userIds[]",       id = 4, type = "id",        about = "users.id of those who belong to it." },
]
"#;

fn records() -> Vec<Value> {
    let region = |n: u32| json!({"regionId": format!("70{n}"), "name": format!("Région {n}"), "created": "2026-05-01T10:00:00Z", "userIds": [n.to_string()], "colour": "red"});
    (1..=3).map(region).collect()
}

fn rig(scopes: Vec<String>) -> Rig {
    let credentials = vec![Credential::Token { token: "mine".to_owned(), scopes }];
    let options = ServerOptions { credentials, ..ServerOptions::unlimited() };
    let rig = Rig::new(World::generate(WorldSpec { calls: 20, days: 3, ..WorldSpec::small(1) }), options);
    let list = PlainList { path: "/v2/regions", scope: "api:regions:read", rows: "regions", records: records() };
    rig.server.world().add_list(list);
    let text = format!(
        "[source]\nbase_url = \"{}\"\naccess_token = \"mine\"\n[limits]\nrequests_per_second = 2000\n\
         [sync]\nstart_date = \"2026-05-17\"\nentities = [\"regions\", \"workspaces\"]\n",
        rig.server.url()
    );
    rig.write("gong-elt.toml", &text);
    std::fs::create_dir(rig.path("mine")).expect("the folder is writable");
    rig.write("mine/regions.toml", FILE);
    rig
}

#[test]
fn a_file_is_all_that_one_more_entity_takes() {
    // GIVEN a file of an entity that the program does not have, and an account that answers it
    let rig = rig(all_scopes().into_iter().chain(["api:regions:read".to_owned()]).collect());
    let with = |args: &[&str], code| end(rig.command(args).env("GONG_ELT_SCHEMAS", "mine")).expect(code).stdout;
    // THEN it has a table, a permission and a list
    assert!(with(&["schema", "regions"], 0).contains("key: region_id\n"));
    assert!(with(&["check"], 0).lines().any(|line| line.starts_with("regions") && line.contains("allowed")));
    let listed: Vec<Value> =
        with(&["list", "regions"], 0).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(listed, records());
    // AND it is planned, landed, described and proved as any other
    assert!(with(&["plan"], 0).contains("regions"));
    with(&["sync"], 0);
    with(&["verify"], 0);
    let object = rig.data().join("regions/regions.parquet");
    let query = format!(
        "SELECT string_agg(region_id || name || user_ids[1] || strftime(created, '%d') || json_extract_string(_extra, '$.colour'), ' ' ORDER BY region_id) FROM '{}'",
        object.display()
    );
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchone()[0])";
    let output = crate::support::truth::python().args(["-c", script, &query]).output().expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(
        said.trim(),
        "701Région 1101red 702Région 2201red 703Région 3301red",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(rig.manifest()["objects"].as_array().expect("objects").iter().any(|o| o["entity"] == "regions"));
    // AND without the file it is unknown
    let unknown = rig.run(&["schema", "regions"]).expect(2);
    assert!(unknown.stderr.contains("regions"), "{}", unknown.stderr);
}

#[test]
fn its_missing_scope_is_named() {
    let rig = rig(all_scopes());
    let ended = end(rig.command(&["sync"]).env("GONG_ELT_SCHEMAS", "mine")).expect(1);
    assert!(ended.stderr.contains("api:regions:read") || ended.stdout.contains("api:regions:read"), "{ended:?}");
    assert!(rig.data().join("workspaces/workspaces.parquet").exists());
}
