//! What a run does while it lasts, and when a defect of ours ends it. The clock leaps, so that no test takes long.

use std::process::Stdio;
use std::time::{Duration, Instant};

use gong_sim::{Fault, Matcher};
use serde_json::Value;

use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::rig::{DAILY, end};
use crate::support::truth::assert_conserved;

/// Units that are committed before the clock leaps.
const BEFORE: i64 = 30;

/// Waits for what a run that still lasts writes.
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_long_run_writes_its_manifest_and_copies_its_ledger_while_it_lasts() {
    // GIVEN a run whose first request is not answered and that has worked for eleven minutes on the others
    let rig = Rig::small(1);
    rig.configure(&format!("{DAILY}\n[state]\nbackup = \"copies\"\n"));
    rig.server.faults().once(Matcher::path("/v2/users"), Fault::Hold { name: "late".to_owned() });
    let mut command = rig.command(&["sync"]);
    command.env("GONG_ELT_FAILPOINT", format!("committed:{BEFORE}:leap"));
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the binary");
    // THEN a loader sees what there is, each object of it on disk
    let manifest = wait_for("no manifest came", || {
        let text = std::fs::read(rig.data().join("_gong_elt/manifest.json")).ok()?;
        serde_json::from_slice::<Value>(&text).ok().filter(|m| m["sequence"].as_i64() >= Some(BEFORE))
    });
    let objects = manifest["objects"].as_array().expect("objects");
    assert!(objects.len() > 10, "{manifest}");
    for object in objects {
        let path = rig.data().join(object["path"].as_str().expect("a path"));
        assert!(path.exists(), "{}", path.display());
    }
    // AND the copy of the ledger has the same
    let copied = wait_for("no copy came", || {
        let copy = rusqlite::Connection::open(rig.path("copies/gong-elt.db")).ok()?;
        let count = copy.query_row("SELECT count(*) FROM unit", [], |row| row.get::<_, i64>(0)).ok()?;
        (count >= BEFORE).then_some(count)
    });
    assert!(run.try_wait().expect("a child").is_none(), "it still lasts");
    // WHEN the machine is lost THEN the copy's part is not asked again
    run.kill().expect("a child");
    run.wait().expect("an end");
    rig.server.faults().release("late");
    std::fs::remove_dir_all(rig.path("state")).expect("a folder");
    let report = rig.sync();
    let planned: u64 = report["entities"].as_object().expect("entities").values().map(of_plan).sum();
    assert!(planned > 0, "{report}");
    let units: i64 = rig.ledger().query_row("SELECT count(*) FROM unit", [], |row| row.get(0)).expect("a ledger");
    assert!(planned as i64 <= units - copied, "{planned} were planned, {copied} of {units} were in the copy");
    assert_conserved(&rig, "from a copy of a long run");
}

fn of_plan(entity: &Value) -> u64 {
    entity["units"]["planned"].as_u64().expect("a number")
}

#[test]
fn a_defect_that_panics_ends_the_run_and_loses_nothing() {
    for place in ["answered:9", "staged:5", "object:4", "committed:7"] {
        // GIVEN a job that panics while another one waits for an answer
        let rig = Rig::small(2);
        rig.configure(DAILY);
        rig.server.faults().once(Matcher::path("/v2/users"), Fault::Hold { name: "late".to_owned() });
        let begun = Instant::now();
        let ended = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", format!("{place}:panic")));
        // THEN the run ends soon, with the place of the defect
        assert!(begun.elapsed() < Duration::from_secs(30), "{place}: {:?}", begun.elapsed());
        assert_eq!(ended.code, 101, "{place}: {}", ended.stderr);
        assert!(ended.stderr.contains("panicked at src/failpoint.rs"), "{place}: {}", ended.stderr);
        rig.server.faults().release("late");
        assert_whole(&rig, place);
        // AND the next one goes on, and is not refused by what the first held
        rig.sync();
        assert_whole(&rig, place);
        assert_conserved(&rig, place);
    }
}
