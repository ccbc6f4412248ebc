//! Every entity: the README's table is true, a missing scope stops that entity only, and company days are the company's in any zone.

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

#[test]
fn every_row_of_the_readmes_table_is_true() {
    let rig = Rig::small(2);
    let rows = readme();
    assert_eq!(rows.len(), 16);
    rig.sync();
    let first = rig.server.truth("calls")[0]["id"].as_str().expect("an id").to_owned();
    let user = rig.server.truth("users")[0]["id"].as_str().expect("an id").to_owned();
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
        if row.verbs.contains("list") {
            assert!(rig.data().join(&row.table).exists(), "sync lands {}", row.table);
        } else {
            let kind = row.table.trim_start_matches("call_");
            assert!(rig.run(&["download", kind, "1", "--output", "-"]).code == 1, "no such call");
        }
    }
}

#[test]
fn t40_a_missing_scope_stops_that_entity_only() {
    let mut scopes: Vec<String> =
        readme().into_iter().filter(|row| row.verbs != "download").map(|row| row.scope).collect();
    scopes.dedup();
    for scope in scopes {
        // GIVEN a token with every scope but one
        let rest = all_scopes().into_iter().filter(|s| *s != scope).collect();
        let credentials = vec![Credential::Token { token: "narrow".to_owned(), scopes: rest }];
        let spec = WorldSpec { calls: 30, days: 4, users: 6, ..WorldSpec::small(1) };
        let rig = Rig::new(World::generate(spec), ServerOptions { credentials, ..ServerOptions::unlimited() });
        let text = format!(
            "[source]\nbase_url = \"{}\"\naccess_token = \"narrow\"\n[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\n\
             [sync]\nstart_date = \"2026-05-17\"\n",
            rig.server.url()
        );
        rig.write("gong-elt.toml", &text);
        // WHEN it is synced
        let ended = rig.run(&["sync", "--format", "json"]).expect(1);
        // THEN the message names the scope, and entities that need it neither directly nor through their parent are there
        let report = ended.json();
        assert!(report["warnings"].to_string().contains(&scope), "{scope}: {}", report["warnings"]);
        let landed = |entity: &str| report["entities"][entity]["units"]["committed"].as_u64().unwrap_or(0) > 0;
        let others = ["settings_scorecards", "settings_trackers", "stats_interaction"];
        let wanted = others.into_iter().filter(|e| readme().iter().any(|row| row.table == *e && row.scope != scope));
        for entity in wanted {
            assert!(landed(entity), "{scope}: {entity} did not land: {}", report["warnings"]);
        }
    }
}

#[test]
fn t03_t04_company_days_land_once_in_any_zone_and_at_any_hour() {
    for (zone, night) in
        [("America/Los_Angeles", (2026, 3, 8)), ("Pacific/Auckland", (2026, 4, 5)), ("Pacific/Honolulu", (2026, 5, 13))]
    {
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
            "[sync]\nstart_date = \"{start}\"\nreread = [{}]\nentities = [\"stats_activity_scorecards\", \"stats_activity_day_by_day\"]",
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
