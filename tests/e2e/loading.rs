//! Loaders and readers: the manifest is enough to follow the output, and who reads the folders sees every row once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use arrow::array::{Array as _, StringArray};
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

use crate::conformance::{opened, wait};
use crate::support::Rig;
use crate::support::bucket::Fault;
use crate::support::rig::{FIVE, end};
use crate::support::truth::{assert_conserved, python};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A line of `[sync]` that makes every window due every day.
fn every_day() -> String {
    let ages: Vec<String> = (1..=40).map(|day| format!("\"{day}d\"")).collect();
    format!("reread = [{}]", ages.join(", "))
}

/// Runs the loader of the document; what it said.
#[track_caller]
fn load(rig: &Rig, action: &str) -> String {
    let last = if action == "validate" { PathBuf::from(ROOT).join("schemas/json") } else { rig.path("warehouse.db") };
    let mut command = python();
    let output = command.arg(format!("{ROOT}/tests/e2e/load.py")).arg(action).arg(rig.data()).arg(last).output();
    let output = output.expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{action}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn a_loader_that_follows_the_sequence_through_twenty_runs_five_of_them_killed_ends_with_a_fresh_read() {
    // GIVEN twenty nights, and runs of which five are killed at different places
    let kills = BTreeMap::from([
        (3, "object:2"),
        (7, "before-manifest:1"),
        (10, "committed:3"),
        (14, "manifest:1"),
        (18, "before-object:2"),
    ]);
    let rig = Rig::small(11).in_bucket();
    rig.configure(&format!("{}\n[entities.coaching]\nevery = \"1h\"", every_day()));
    let mut done = BTreeSet::new();
    for night in 1..=20 {
        let mut run = rig.command(&["sync"]);
        if let Some(place) = kills.get(&night) {
            run.env("GONG_ELT_FAILPOINT", place);
        }
        assert_eq!(end(&mut run).code, if kills.contains_key(&night) { -1 } else { 0 }, "night {night}");
        // WHEN the loader takes the difference after each of them, whatever its end
        done.extend(load(&rig, "load").split_whitespace().map(str::to_owned));
        if night == 9 {
            // A whole day's calls disappear, and its objects with them.
            let now = rig.now();
            let ids: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
            let recent = |id: &&String| {
                rig.server.world().calls().iter().any(|c| &&c.id == id && c.scheduled.date_naive() == now.date_naive())
            };
            let chosen: Vec<String> = ids.iter().filter(recent).cloned().collect();
            assert!(!chosen.is_empty(), "a call today");
            chosen.iter().for_each(|id| rig.server.world().delete_call(id, now));
        }
        rig.server.night();
    }
    rig.sync();
    load(&rig, "load");
    // THEN every table is what a fresh read of the objects gives, and objects had been replaced and removed on the way
    assert_eq!(load(&rig, "compare").trim(), "equal");
    assert!(done.contains("calls:anew") && done.contains("calls:replaced"), "{done:?}");
    assert!(!rig.manifest()["removed"].as_array().expect("a list").is_empty());
    assert_conserved(&rig, "after twenty nights");
    // AND manifest and reports are as their schemas say
    assert!(load(&rig, "validate").starts_with("1 manifest, 1"));
}

#[test]
fn a_loader_goes_on_when_the_ledger_was_lost_and_made_anew() {
    for place in ["object:2", "committed:4", "before-manifest:1"] {
        // GIVEN a warehouse that follows an output, whose objects a killed run left newer than the manifest
        let rig = Rig::small(14).in_bucket();
        rig.configure(&every_day());
        rig.sync();
        load(&rig, "load");
        rig.server.night();
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        load(&rig, "load");
        // WHEN the ledger is lost and made anew, and runs go on
        std::fs::remove_dir_all(rig.path("state")).expect("a folder");
        rig.run(&["state", "rebuild"]).expect(0);
        for _ in 0..2 {
            rig.sync();
            load(&rig, "load");
            rig.server.night();
        }
        // THEN the tables are still those of a fresh read
        assert_eq!(load(&rig, "compare").trim(), "equal", "{place}");
    }
}

/// Ids of the calls in an object.
fn ids(object: Bytes) -> Vec<String> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(object).expect("a whole object").build().expect("a reader");
    let of_batch = |batch: arrow::record_batch::RecordBatch| {
        let column = batch.column_by_name("id").expect("a column").clone();
        let column = column.as_any().downcast_ref::<StringArray>().expect("text").clone();
        (0..column.len()).map(|row| column.value(row).to_owned()).collect::<Vec<_>>()
    };
    reader.flat_map(|batch| of_batch(batch.expect("rows"))).collect()
}

#[test]
fn a_reader_in_a_loop_during_ten_rereading_runs_sees_every_row_once() {
    // GIVEN an account whose every window is read again every day, and changed each time
    let rig = Rig::small(12).in_bucket();
    rig.configure(&format!("entities = [\"calls\"]\n{}", every_day()));
    rig.sync();
    // A step between two requests would be seen.
    rig.bucket().fault("PUT", "/calls/", Fault::Slow(std::time::Duration::from_millis(20)), u32::MAX);
    let store = opened(&rig.bucket().settings());
    let read = || {
        wait(async {
            let mut found: BTreeMap<String, u32> = BTreeMap::new();
            for path in store.list("calls").await.expect("a list") {
                let object = store.get(&path).await.expect("an object").expect("it was listed and is never removed");
                ids(object).into_iter().for_each(|id| *found.entry(id).or_default() += 1);
            }
            found
        })
    };
    // Calls that are neither deleted nor made private meanwhile.
    let far = rig.now() + chrono::TimeDelta::days(11);
    let last = rig.server.world().truth("calls", far);
    let stays = last.iter().filter(|call| call["isPrivate"] == false).filter_map(|call| call["id"].as_str());
    let stays: BTreeSet<&str> = stays.collect();
    let first: BTreeSet<String> = read().into_keys().filter(|id| stays.contains(id.as_str())).collect();
    assert!(first.len() > 50, "{}", first.len());
    let (ended, passes) = (AtomicBool::new(false), AtomicU32::new(0));
    std::thread::scope(|scope| {
        // WHEN a reader lists and reads whole objects without a pause
        let reader = scope.spawn(|| {
            while !ended.load(Ordering::SeqCst) {
                let found = read();
                let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
                let missing: Vec<_> = first.iter().filter(|id| !found.contains_key(*id)).collect();
                // THEN no row is there twice, and none of the windows is missing
                assert!(twice.is_empty() && missing.is_empty(), "twice {twice:?}, missing {missing:?}");
                passes.fetch_add(1, Ordering::SeqCst);
            }
        });
        let end = End(&ended);
        for run in 1..=10 {
            // One pass at least for each run, begun before it.
            let seen = passes.load(Ordering::SeqCst);
            let at = rig.now();
            rig.server.clock().advance(chrono::TimeDelta::days(1));
            for id in &first {
                rig.server.world().edit_call(id, at, json!({"metaData": {"title": format!("Title {run}")}}));
            }
            let report = rig.sync();
            let replaced = report["objects"]["replaced"].as_u64().expect("a number");
            assert!(replaced > 10, "run {run} replaced {replaced} objects only");
            while passes.load(Ordering::SeqCst) == seen && !reader.is_finished() {
                std::thread::yield_now();
            }
        }
        drop(end);
        reader.join().expect("the reader saw nothing wrong");
    });
}

/// Ends the reader also when the test fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A folder with the files of two tables as an earlier version of the program had them.
fn older_schemas(rig: &Rig) -> PathBuf {
    let folder = rig.path("older");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (table, columns) in
        [("calls", ["purpose", "language"]), ("calls_extensive", ["parties[].title", "content.outline[].duration"])]
    {
        let text = std::fs::read_to_string(format!("{ROOT}/schemas/{table}.toml")).expect("a file");
        let is_new = |line: &&str| columns.iter().any(|column| line.contains(&format!("path = \"{column}\"")));
        assert_eq!(text.lines().filter(is_new).count(), 2, "{table}");
        let older: Vec<&str> = text.lines().filter(|line| !is_new(line)).collect();
        std::fs::write(folder.join(format!("{table}.toml")), older.join("\n")).expect("a file");
    }
    folder
}

/// The same tables with today's columns and a higher version.
fn newer_schemas(rig: &Rig) -> PathBuf {
    let folder = rig.path("newer");
    std::fs::create_dir_all(&folder).expect("a folder");
    for table in ["calls", "calls_extensive"] {
        let text = std::fs::read_to_string(format!("{ROOT}/schemas/{table}.toml")).expect("a file");
        let newer = text.replacen("version = 1\n", "version = 2\n", 1);
        assert_ne!(text, newer);
        std::fs::write(folder.join(format!("{table}.toml")), newer).expect("a file");
    }
    folder
}

#[test]
fn t31_old_and_new_files_are_read_and_loaded_together() {
    // GIVEN files of an earlier version, which had fewer columns, plain and nested, and a warehouse that has loaded them
    let rig = Rig::small(13);
    rig.configure(FIVE);
    end(rig.command(&["sync"]).env("GONG_ELT_SCHEMAS", older_schemas(&rig))).expect(0);
    assert_conserved(&rig, "the earlier version: what it did not know is in _extra");
    load(&rig, "load");
    // WHEN the new version goes on from there
    rig.server.night();
    end(rig.command(&["sync"]).env("GONG_ELT_SCHEMAS", newer_schemas(&rig))).expect(0);
    // THEN both versions lie side by side, and together they are the account
    let versions: BTreeSet<u64> = rig.manifest()["objects"]
        .as_array()
        .expect("objects")
        .iter()
        .filter(|object| object["entity"] == "calls_extensive")
        .filter_map(|object| object["schema_version"].as_u64())
        .collect();
    assert_eq!(versions, BTreeSet::from([1, 2]));
    assert_conserved(&rig, "both versions, by name");
    // AND the loader, which finds columns that its table lacks, ends with the same
    let done = load(&rig, "load");
    assert!(done.contains("calls:anew"), "{done}");
    assert_eq!(load(&rig, "compare").trim(), "equal");
}
