//! Every entity: the README's table is true, a missing scope stops that entity only, and company days are the company's in any zone.

use std::collections::HashSet;

use chrono::{TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use gong_sim::{Credential, ServerOptions, World, WorldSpec, all_scopes};

use crate::support::Rig;
use crate::support::truth::assert_conserved;

/// One row of the README's table.
struct Row {
    table: String,
    from: String,
    key: String,
    scope: String,
    verbs: String,
}

fn readme() -> Vec<Row> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("a README");
    let table = text
        .split("## Tables and verbs")
        .nth(1)
        .expect("the table")
        .split("\n## ")
        .next()
        .expect("a section")
        .to_owned();
    let lines = table.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| table "));
    let row = |line: &str| {
        let cells: Vec<String> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let [table, from, key, scope, verbs] = cells.try_into().expect("five cells");
        Row { table, from, key, scope, verbs }
    };
    lines.map(row).collect()
}

/// The flags that a list of an entity takes, with values for which there is a record.
fn required(rig: &Rig, table: &str) -> Vec<String> {
    let id = |entity: &str, key: &str| rig.server.truth(entity)[0][key].as_str().expect("an id").to_owned();
    let day = |back| (rig.now() - TimeDelta::days(back)).date_naive().to_string();
    let flags = |flags: &[(&str, String)]| {
        flags.iter().flat_map(|(flag, value)| [format!("--{flag}"), value.clone()]).collect::<Vec<String>>()
    };
    match table {
        "stats_activity_aggregate" | "stats_activity_day_by_day" | "stats_interaction" => {
            flags(&[("from-date", day(9)), ("to-date", day(1))])
        }
        "library_folders" => flags(&[("workspace-id", rig.server.world().folders[0].workspace.clone())]),
        "library_folder_content" => flags(&[("folder-id", id("library_folder_content", "folderId"))]),
        "coaching" => {
            let now = rig.now();
            let (from, world) = (now - TimeDelta::days(14), rig.server.world());
            let users = world.truth("users", now);
            let managers = users.iter().filter_map(|user| user["managerId"].as_str());
            let pairs = managers.flat_map(|m| world.workspaces.iter().map(move |w| (w.id.clone(), m.to_owned())));
            let mut seen = pairs.filter(|(w, m)| !world.truth_coaching(w, m, from, now, now).is_empty());
            let (workspace, manager) = seen.next().expect("a manager with reports");
            let (from, to) = (from.to_rfc3339(), now.to_rfc3339());
            flags(&[("workspace-id", workspace), ("manager-id", manager), ("from", from), ("to", to)])
        }
        _ => Vec::new(),
    }
}

#[test]
fn every_row_of_the_readmes_table_is_true() {
    let rig = Rig::small(2);
    rig.configure("entities = [\"all\", \"call_audio\", \"call_video\"]");
    let rows = readme();
    assert_eq!(rows.len(), 16);
    rig.sync();
    let first = rig.server.truth("calls")[0]["id"].as_str().expect("an id").to_owned();
    let user = rig.server.truth("users")[0]["id"].as_str().expect("an id").to_owned();
    let calls = rig.server.truth("calls_extensive");
    let with_media = calls.iter().find(|call| !call["media"]["videoUrl"].is_null()).expect("a call with video");
    let with_media = with_media["metaData"]["id"].as_str().expect("an id").to_owned();
    for row in &rows {
        let schema = rig.run(&["schema", &row.table]).expect(0).stdout;
        assert!(schema.contains(&format!("key: {}\n", row.key)), "{}: {schema:.200}", row.table);
        let file = std::fs::read_to_string(format!("{}/schemas/{}.toml", env!("CARGO_MANIFEST_DIR"), row.table))
            .expect("a file");
        assert!(file.contains(&format!("\"{}\"", row.scope)), "{}", row.table);
        let (method, path) = row.from.split_once(' ').expect("method and path");
        assert!(file.contains(&format!("\"{method}\"")) && file.contains(&format!("\"{path}\"")), "{}", row.table);
        if row.verbs.contains("get") {
            let id = if row.table == "users" { &user } else { &first };
            assert!(rig.run(&["get", &row.table, id]).expect(0).stdout.contains(id.as_str()));
        }
        assert!(rig.data().join(&row.table).exists(), "sync lands {}", row.table);
        if row.verbs.contains("list") {
            let before = rig.server.journal().len();
            let mut args = vec!["list", row.table.as_str(), "--limit", "1"];
            let more = required(&rig, &row.table);
            args.extend(more.iter().map(String::as_str));
            let listed = rig.run(&args).expect(0).stdout;
            assert_eq!(listed.lines().count(), 1, "{}: {listed}", row.table);
            let asked = rig.server.journal().entries().split_off(before);
            assert!(asked.iter().any(|e| e.path == path && e.method == method), "{}: {asked:?}", row.table);
        } else {
            assert_eq!(row.verbs, "download");
            let kind = row.table.trim_start_matches("call_");
            let file = rig.path("one").display().to_string();
            rig.run(&["download", kind, &with_media, "--output", &file]).expect(0);
            assert!(std::fs::metadata(&file).expect("a file").len() > 0);
            std::fs::remove_file(file).expect("it is there");
        }
    }
}

/// Every scope that an entity's reading takes: its own, and those of what it is asked by.
fn needed(rows: &[Row], table: &str) -> HashSet<String> {
    let by: &[&str] = match table {
        "calls_extensive" | "call_transcripts" => &["calls"],
        "call_audio" | "call_video" => &["calls", "calls_extensive"],
        "library_folders" => &["workspaces"],
        "library_folder_content" => &["library_folders", "workspaces"],
        "coaching" => &["users", "workspaces"],
        _ => &[],
    };
    let wanted = |row: &&Row| row.table == table || by.contains(&row.table.as_str());
    rows.iter().filter(wanted).map(|row| row.scope.clone()).collect()
}

#[test]
fn t40_a_missing_scope_stops_that_entity_only() {
    let rows = readme();
    let scopes: HashSet<&str> = rows.iter().map(|row| row.scope.as_str()).collect();
    assert_eq!(scopes.len(), 14);
    for scope in scopes {
        // GIVEN a token with every scope but one
        let rest = all_scopes().into_iter().filter(|s| *s != scope).collect();
        let credentials = vec![Credential::Token { token: "narrow".to_owned(), scopes: rest }];
        let spec = WorldSpec { calls: 30, days: 4, users: 6, ..WorldSpec::small(1) };
        let rig = Rig::new(World::generate(spec), ServerOptions { credentials, ..ServerOptions::unlimited() });
        let text = format!(
            "[source]\nbase_url = \"{}\"\naccess_token = \"narrow\"\n[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\n\
             [sync]\nstart_date = \"2026-05-17\"\nentities = [\"all\", \"call_audio\", \"call_video\"]\n",
            rig.server.url()
        );
        rig.write("gong-elt.toml", &text);
        // WHEN it is synced
        let ended = rig.run(&["sync", "--format", "json"]).expect(1);
        // THEN the message names the scope and the entity, and exactly what needs it, itself or through its parent, is not there
        let report = ended.json();
        let warnings = report["warnings"].to_string();
        let check = rig.run(&["check"]).expect(1).stdout;
        for row in &rows {
            let units = &report["entities"][&row.table]["units"];
            let landed = units["committed"].as_u64().unwrap_or(0) > 0;
            let may = !needed(&rows, &row.table).contains(scope);
            assert_eq!(landed, may, "{scope}: {}: {units}: {warnings}", row.table);
            if row.scope == scope && needed(&rows, &row.table).len() == 1 {
                let said = format!("add the scope {scope} to the credentials in Gong, or leave {} out", row.table);
                assert!(warnings.contains(&said), "{said}: {warnings}");
            }
            // AND `check` says the same, line by line
            let line = check.lines().find(|line| line.split_whitespace().next() == Some(row.table.as_str()));
            let line = line.unwrap_or_else(|| panic!("no line of {}: {check}", row.table));
            let missing = line.contains("scope missing") && line.contains(&format!("add {scope} to"));
            let told = if row.scope == scope { missing } else { !missing || !may };
            assert!(told || line.contains("cannot tell"), "{scope}: {line}");
        }
        assert!(warnings.contains(scope) && !ended.stderr.contains("narrow"), "{warnings}");
    }
}

#[test]
fn t03_t04_company_days_land_once_in_any_zone_and_at_any_hour() {
    for (zone, night) in [
        ("America/Los_Angeles", (2026, 3, 8)),
        ("Pacific/Auckland", (2026, 4, 5)),
        ("Pacific/Pitcairn", (2026, 5, 13)),
        ("Pacific/Tongatapu", (2026, 5, 13)),
    ] {
        // GIVEN a company in that zone with more users than fit a page, around a change of its clocks
        let zone: Tz = zone.parse().expect("a zone");
        let (year, month, day) = night;
        let local = |days: i64, hour, minute| {
            let start = zone.with_ymd_and_hms(year, month, day, hour, minute, 0).earliest().expect("an instant");
            start.with_timezone(&Utc) + TimeDelta::days(days)
        };
        let begin = local(-2, 10, 0);
        let spec =
            WorldSpec { calls: 150, days: 5, users: 130, future_days: 6, zone, now: begin, ..WorldSpec::small(3) };
        let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
        let start = (begin - TimeDelta::days(8)).date_naive();
        let ages: Vec<String> = (1..=20).map(|day| format!("\"{day}d\"")).collect();
        let more = format!(
            "[sync]\nstart_date = \"{start}\"\nreread = [{}]\nentities = [\"stats_activity_scorecards\", \
             \"stats_activity_day_by_day\", \"stats_activity_aggregate\", \"stats_interaction\"]",
            ages.join(", ")
        );
        rig.configure_whole(&more);
        // WHEN it is synced at ten, just before and just after midnight, for some days
        for now in [
            begin,
            local(-1, 23, 58),
            local(0, 0, 3),
            local(0, 10, 0),
            local(0, 23, 58),
            local(1, 0, 3),
            local(2, 10, 0),
        ] {
            rig.server.clock().set(now);
            rig.sync();
        }
        // THEN every review and every day is there once
        assert_conserved(&rig, &zone.to_string());
    }
}
