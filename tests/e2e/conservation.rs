//! Nothing is lost, doubled or invented: the files equal the account, value by value.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use gong_sim::{Oddities, ServerOptions, World, WorldSpec};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::truth::assert_conserved;

/// Seeds of the conservation test; a failure names its seed, and `SEED=n cargo test --test e2e conservation` replays it.
fn seeds(last: u64) -> Vec<u64> {
    match std::env::var("SEED").ok().and_then(|s| s.parse().ok()) {
        Some(seed) => vec![seed],
        None => (1..=last).collect(),
    }
}

fn assert_equal_after_a_sync_and_after_a_night(rig: &Rig, seed: u64) {
    // Each age a day, so that every window is read again after the night: what changed anywhere must be on disk then.
    let ages: Vec<String> = (1..=20).map(|day| format!("\"{day}d\"")).collect();
    rig.configure(&format!("reread = [{}]\n[entities.coaching]\nevery = \"1h\"", ages.join(", ")));
    rig.sync();
    assert_conserved(rig, &format!("seed {seed}, first sync"));
    let night = rig.server.night();
    let report = rig.sync();
    assert_conserved(rig, &format!("seed {seed}, after the night {night:?}: {report}"));
}

#[test]
fn the_files_equal_the_account_after_a_sync_and_after_a_night() {
    for seed in seeds(20) {
        assert_equal_after_a_sync_and_after_a_night(&Rig::small(seed), seed);
    }
}

#[test]
fn the_files_in_a_bucket_equal_the_account_after_a_sync_and_after_a_night() {
    for seed in seeds(4) {
        assert_equal_after_a_sync_and_after_a_night(&Rig::small(seed).in_bucket(), seed);
    }
}

/// The rows of a table by the named columns, as DuckDB reads them.
fn counted(rig: &Rig, table: &str, columns: &str) -> BTreeMap<String, u64> {
    let query = format!(
        "SELECT concat_ws('|', {columns}), count(*) FROM read_parquet('{}/{table}/**/*.parquet') GROUP BY 1",
        rig.data().display()
    );
    let script = "import duckdb, json, sys; print(json.dumps(dict(duckdb.sql(sys.argv[1]).fetchall())))";
    let output = crate::support::truth::python().args(["-c", script, &query]).output().expect("python starts");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)))
}

#[test]
fn t20_all_entities_with_all_that_is_odd_keep_every_key_apart() {
    // GIVEN an account over two months with everything that is odd
    let spec = WorldSpec { oddities: Oddities::all(), days: 40, calls: 200, ..WorldSpec::small(4) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    let now = rig.now();
    let at = now - TimeDelta::days(2);
    let (call, folders) = {
        let mut world = rig.server.world();
        let open = |record: &&Value| record["isPrivate"] != true && record["started"].as_str() < Some("2026-05-15");
        let call = world.truth("calls", now).iter().find(open).expect("an open call")["id"].clone();
        let call = call.as_str().map_or_else(|| call.to_string(), str::to_owned);
        // One call in two folders, and twice in one of them.
        let folders: Vec<String> = world.folders.iter().take(2).map(|folder| folder.row.id.clone()).collect();
        world.add_folder_item(&folders[0], &call, at, Some((10, 20)));
        world.add_folder_item(&folders[0], &call, at, Some((30, 40)));
        world.add_folder_item(&folders[1], &call, at, None);
        // Two reviews of it with one scorecard, by both methods.
        for method in ["MANUAL", "AUTOMATIC"] {
            world.add_review(&call, at, json!({"reviewMethod": method}));
        }
        (call, folders)
    };
    let all = (1..=20).map(|day| format!("\"{day}d\"")).collect::<Vec<_>>().join(", ");
    rig.configure(&format!("reread = [{all}]\n[entities.coaching]\nevery = \"1h\""));
    // WHEN it is synced, and again after a night
    for context in ["first sync", "after a night"] {
        rig.sync();
        // THEN all fourteen tables are the account
        let tables = ["coaching", "stats_activity_scorecards", "library_folder_content", "stats_interaction"];
        assert!(tables.iter().all(|table| rig.data().join(table).exists()));
        assert_eq!(std::fs::read_dir(rig.data()).expect("a folder").count(), 14 + 1, "and the program's own folder");
        assert_conserved(&rig, context);
        // AND what shares a part of its key is there as often as it is
        let items = counted(&rig, "library_folder_content", "folder_id, call_id");
        assert!(items[&format!("{}|{call}", folders[0])] >= 2 && items.contains_key(&format!("{}|{call}", folders[1])));
        let methods: BTreeSet<String> =
            counted(&rig, "stats_activity_scorecards", "call_id, review_method").into_keys().collect();
        assert!(methods.contains(&format!("{call}|MANUAL")) && methods.contains(&format!("{call}|AUTOMATIC")));
        let periods = counted(&rig, "stats_activity_aggregate", "user_id");
        assert!(periods.values().any(|periods| *periods >= 2), "{periods:?}");
        let reports = counted(&rig, "coaching", "manager_id, user_id, from_date");
        assert!(reports.values().any(|workspaces| *workspaces >= 2), "one user in two workspaces: {reports:?}");
        rig.server.night();
    }
}
