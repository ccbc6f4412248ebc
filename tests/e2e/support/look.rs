//! A look at the files and at what a run says of itself.

use chrono::{DateTime, TimeDelta, Utc};
use gong_sim::{NewCall, ServerOptions, World, WorldSpec};
use serde_json::Value;

use super::rig::{FIVE, Rig};
use super::truth::python;

/// An account without any generated call, read in five tables: what happens in it is the test's own.
pub fn bare() -> Rig {
    let spec = WorldSpec { calls: 0, future_days: 0, ..WorldSpec::small(11) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.configure(FIVE);
    rig
}

/// Adds a call that is visible half an hour later, and gives its id.
pub fn call_at(rig: &Rig, at: &str) -> String {
    rig.server.world().add_call(NewCall::at(instant(at)))
}

/// An instant of a test.
pub fn instant(text: &str) -> DateTime<Utc> {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

/// Moves the clock to an instant.
pub fn go_to(rig: &Rig, at: &str) {
    rig.server.clock().set(instant(at));
}

/// Lets so many nights pass, each with a run.
pub fn nights(rig: &Rig, count: u32) -> Vec<Value> {
    let night = |_| {
        rig.server.clock().advance(TimeDelta::days(1));
        rig.sync()
    };
    (0..count).map(night).collect()
}

/// What a query over a table's files gives, row by row as Python shows it; `TABLE` stands for the files.
pub fn ask(rig: &Rig, table: &str, query: &str) -> String {
    let files = rig.data().join(table);
    if !rig.objects().iter().any(|(path, _)| path.starts_with(&format!("{table}/"))) {
        return "no file".to_owned();
    }
    let script = "import duckdb, sys; c = duckdb.connect(); c.sql(\"SET TimeZone = 'UTC'\"); print(c.sql(sys.argv[1]).fetchall())";
    let files =
        format!("read_parquet('{}/**/*.parquet', hive_partitioning = false, union_by_name = true)", files.display());
    let output = python().args(["-c", script, &query.replace("TABLE", &files)]).output().expect("python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// A count of the report's rows of one table.
pub fn rows(report: &Value, entity: &str, what: &str) -> u64 {
    report["entities"][entity]["rows"][what].as_u64().unwrap_or(0)
}

/// The same over several reports.
pub fn total(reports: &[Value], entity: &str, what: &str) -> u64 {
    reports.iter().map(|report| rows(report, entity, what)).sum()
}

/// What `status` says of one table.
pub fn status(rig: &Rig, entity: &str) -> Value {
    rig.run(&["status", "--format", "json"]).expect(0).json()["entities"][entity].clone()
}

/// The objects of a table, with the time of their last change.
pub fn objects_of(rig: &Rig, table: &str) -> Vec<(String, std::time::SystemTime)> {
    rig.objects().into_iter().filter(|(path, _)| path.starts_with(&format!("{table}/"))).collect()
}
