//! A ledger that is lost costs no row and no request that was not due: the output tells what it held.

use std::fs;

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher};
use serde_json::Value;

use crate::support::Rig;
use crate::support::look::ask;
use crate::support::rig::{DAILY, FIVE, end};
use crate::support::truth::assert_conserved;

const WITH_MEDIA: &str = "entities = [\"all\", \"call_audio\"]";

/// Every window is due every day, so that each night brings what changed in it.
fn nightly(rig: &Rig) {
    rig.configure(&format!("{WITH_MEDIA}\n{DAILY}\n[entities.coaching]\nevery = \"1h\"\n"));
}

fn lose_state(rig: &Rig) {
    fs::remove_dir_all(rig.path("state")).expect("a folder");
}

fn rebuild(rig: &Rig) -> Value {
    rig.run(&["state", "rebuild", "--format", "json"]).expect(0).json()
}

/// What a run of that day would read, and why.
fn plan(rig: &Rig, days: i64) -> Vec<(String, String, String, String)> {
    let now = rig.now() + TimeDelta::days(days);
    let planned = end(&mut rig.command_at(now, &["plan", "--format", "json"])).expect(0).json();
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let units = planned["units"].as_array().expect("a list");
    let mut units: Vec<_> =
        units.iter().map(|u| (text(&u["entity"]), text(&u["from"]), text(&u["to"]), text(&u["reason"]))).collect();
    units.sort();
    units
}

#[test]
fn a_ledger_made_anew_plans_what_the_lost_one_planned() {
    for rig in [Rig::small(1), Rig::small(1).in_bucket()] {
        // GIVEN an account that was read for three nights, and plans for days to come
        nightly(&rig);
        for _ in 0..3 {
            rig.sync();
            rig.server.night();
        }
        rig.sync();
        let plans: Vec<_> = [0, 1, 5, 30].iter().map(|days| plan(&rig, *days)).collect();
        let manifest = rig.manifest();
        // WHEN the ledger is lost
        lose_state(&rig);
        // THEN a sync is refused, with the advice
        for args in [&["plan"][..], &["status"], &["plan", "backfill", "--from", "2026-04-01", "--to", "2026-05-01"]] {
            let refused = rig.run(args).expect(2).stderr;
            assert!(refused.contains("`gong-elt state rebuild` makes"), "{args:?}: {refused}");
        }
        let refused = rig.run(&["sync"]).expect(2).stderr;
        assert!(refused.contains("state rebuild"), "{refused}");
        // AND the one made anew plans the same, without a request
        let asked = rig.server.journal().len();
        let report = rebuild(&rig);
        assert_eq!((&report["ledger_id"], &report["sequence"]), (&manifest["ledger_id"], &manifest["sequence"]));
        assert_eq!(report["to_read"], 0);
        for (days, before) in [0, 1, 5, 30].into_iter().zip(plans) {
            assert_eq!(plan(&rig, days), before, "{days} days on");
        }
        assert_eq!(rig.server.journal().len(), asked);
        assert_eq!(
            rig.run(&["verify", "--deep", "--format", "json"]).expect(0).json()["findings"],
            serde_json::json!([])
        );
        // AND nothing is read that is not due, no file twice, and the nights after are right
        let before = rig.objects();
        assert_eq!(rig.sync()["requests"], 0);
        assert_eq!(rig.objects(), before);
        rig.server.night();
        rig.sync();
        assert_conserved(&rig, "after the rebuild and a night");
        let audio = rig.server.journal().entries().iter().filter(|entry| entry.path.contains("/media/")).count();
        let files = rig.objects().iter().filter(|(path, _)| path.starts_with("media/")).count();
        assert!(audio <= files + 2, "{audio} downloads of {files} files");
    }
}

#[test]
fn objects_newer_than_the_manifest_are_taken_from_their_footers() {
    for place in ["object:3", "committed:9", "before-manifest:1"] {
        // GIVEN a second run that is killed before it wrote the manifest, and a lost ledger
        let rig = Rig::small(2);
        nightly(&rig);
        rig.sync();
        rig.server.night();
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        let manifest = rig.manifest()["sequence"].as_i64().expect("a number");
        lose_state(&rig);
        // WHEN the ledger is made anew
        let report = rebuild(&rig);
        // THEN it has what the killed run wrote, as commits after the manifest's
        let newer = report["newer"].as_i64().expect("a number");
        assert!(newer >= 1, "{place}: {report}");
        assert_eq!(report["sequence"], manifest + newer);
        rig.sync();
        assert_conserved(&rig, place);
    }
}

#[test]
fn with_the_manifest_lost_too_what_nothing_proves_is_read_again_and_counted() {
    // GIVEN an output without manifest and ledger
    let rig = Rig::small(3);
    rig.configure(WITH_MEDIA);
    rig.sync();
    let sequence = rig.manifest()["sequence"].as_i64().expect("a number");
    let covered = rig.manifest()["coverage"].as_array().expect("a list").len();
    let objects = rig.manifest()["objects"].as_array().expect("a list").len();
    lose_state(&rig);
    fs::remove_file(rig.data().join("_gong_elt/manifest.json")).expect("a manifest");
    // WHEN the ledger is made anew
    let report = rebuild(&rig);
    // THEN every object is known, a loader sees all of them as new, and the windows without rows are to be read
    assert_eq!(report["objects"], objects);
    assert!(report["sequence"].as_i64().expect("a number") > sequence + 1_000_000_000);
    let to_read = report["to_read"].as_u64().expect("a number");
    assert!(to_read > 0 && to_read <= (covered - objects) as u64 + 2, "{to_read} of {covered}, {objects} objects");
    let text = rig.run(&["plan"]).expect(0).stdout;
    assert!(text.contains("new"), "{text}");
    rig.sync();
    assert_conserved(&rig, "after a rebuild without manifest");
}

#[test]
fn what_settings_units_were_read_with_and_what_they_miss_outlives_the_ledger() {
    // GIVEN an account that was read with private calls, and an id that Gong never gave
    let rig = Rig::sized(11, 400, 45);
    let configure = |more: &str| rig.configure(&format!("{FIVE}\n{more}"));
    configure("include_private = true");
    let calls = rig.server.truth("calls");
    let id = calls[0]["id"].as_str().expect("an id").to_owned();
    let omit = Fault::OmitId { id: Some(id) };
    rig.server.faults().always(Matcher::path("/v2/calls/transcript"), omit);
    rig.sync();
    let of = |rig: &Rig, what: &str| {
        rig.run(&["status", "--format", "json"]).expect(0).json()["entities"]["call_transcripts"][what].clone()
    };
    let missing = of(&rig, "missing");
    assert!(missing.as_u64() > Some(0), "{missing}");
    let private = calls.iter().filter(|call| call["isPrivate"] == true).count();
    assert!(
        private > 0 && ask(&rig, "calls", "SELECT count(*) FROM TABLE WHERE is_private") == format!("[({private},)]")
    );
    // WHEN they are not wanted any more, and the details otherwise, and the ledger is lost
    configure(
        "include_private = false\n[entities.calls_extensive]\ncontent_selector = { exposedFields = { parties = true } }",
    );
    let before = (plan(&rig, 0), of(&rig, "missing"));
    assert!(before.0.iter().any(|unit| unit.3.contains("private")), "{before:?}");
    let shown = rig.run(&["plan"]).expect(0).stdout;
    for with_manifest in [true, false] {
        lose_state(&rig);
        if !with_manifest {
            fs::remove_file(rig.data().join("_gong_elt/manifest.json")).expect("a manifest");
        }
        rebuild(&rig);
        // THEN what is due, why, and what is missing is as before, the last as far as the manifest tells it
        let due = |units: &[(String, String, String, String)]| {
            units.iter().filter(|unit| unit.3.contains("private")).cloned().collect::<Vec<_>>()
        };
        assert!(!due(&plan(&rig, 0)).is_empty());
        if with_manifest {
            assert_eq!((plan(&rig, 0), of(&rig, "missing")), before);
            assert_eq!(rig.run(&["plan"]).expect(0).stdout, shown);
        }
    }
    // AND the next run takes them away
    rig.sync();
    assert_eq!(ask(&rig, "calls", "SELECT count(*) FROM TABLE WHERE is_private"), "[(0,)]");
}

#[test]
fn an_object_that_is_gone_is_named_and_read_again_with_its_boundaries() {
    // GIVEN a lost ledger and a lost object of calls
    let rig = Rig::small(4);
    rig.sync();
    let object = rig.objects().into_iter().map(|(path, _)| path).find(|p| p.starts_with("calls/")).expect("an object");
    fs::remove_file(rig.data().join(&object)).expect("a file");
    lose_state(&rig);
    // WHEN the ledger is made anew THEN the object is named, and the next run reads it
    assert_eq!(rebuild(&rig)["lost"], serde_json::json!([object]));
    rig.sync();
    assert!(rig.data().join(&object).exists());
    assert_conserved(&rig, "after a rebuild with a lost object");
}

#[test]
fn a_ledger_that_knows_something_is_not_made_anew() {
    let rig = Rig::small(1);
    rig.sync();
    let refused = rig.run(&["state", "rebuild"]).expect(2).stderr;
    assert!(refused.contains("is not empty: nothing was changed"), "{refused}");
    // AND neither is one of an output that holds nothing
    let empty = Rig::small(1);
    let refused = empty.run(&["state", "rebuild"]).expect(2).stderr;
    assert!(refused.contains("holds no manifest and no object"), "{refused}");
}

#[test]
fn a_folder_that_was_moved_with_its_ledger_goes_on_by_the_advice_of_the_refusal() {
    // GIVEN configuration, output and ledger, all moved to another folder
    let rig = Rig::small(1);
    rig.sync();
    fs::create_dir(rig.path("moved")).expect("a folder");
    for name in ["gong-elt.toml", "data", "state"] {
        fs::rename(rig.path(name), rig.path("moved").join(name)).expect("a folder that can be moved");
    }
    let run = |args: &[&str]| rig.run(&[args, &["--config", "moved/gong-elt.toml"]].concat());
    // WHEN it is read again THEN it is refused, with what to do
    let refused = run(&["sync"]).expect(2).stderr;
    let ledger = rig.path("moved/state/gong-elt.db");
    let advice = format!("move {} away and run `gong-elt state rebuild`", ledger.display());
    assert!(refused.contains("belongs to the output") && refused.contains(&advice), "{refused}");
    // AND that works: nothing is read twice, and everything is as it was
    fs::rename(&ledger, rig.path("old.db")).expect("a file");
    run(&["state", "rebuild"]).expect(0);
    assert_eq!(run(&["sync", "--format", "json"]).expect(0).json()["requests"], 0);
    assert_eq!(run(&["verify", "--deep", "--format", "json"]).expect(0).json()["findings"], serde_json::json!([]));
    for name in ["gong-elt.toml", "data"] {
        fs::rename(rig.path("moved").join(name), rig.path(name)).expect("a folder that can be moved");
    }
    assert_conserved(&rig, "after the move");
}

#[test]
fn a_ledger_made_anew_under_another_period_says_what_it_did_and_why_the_next_sync_is_refused() {
    // GIVEN an output in months, a lost ledger, and settings that now say weeks
    let rig = Rig::small(1);
    rig.sync();
    lose_state(&rig);
    rig.configure("[entities.stats_interaction]\nperiod = \"week\"\n");
    // WHEN the ledger is made anew THEN that is done, and the report says so and what comes next
    let said = rig.run(&["state", "rebuild"]).expect(0).stdout;
    assert!(said.starts_with("ledger "), "{said}");
    let why =
        "the next sync is refused: entities.stats_interaction.period: the ledger holds other periods from 2026-04-01";
    assert!(said.contains(why) && said.contains("`gong-elt backfill --force --entities stats_interaction"), "{said}");
    // AND so it is, until the period is set back
    let zone = rig.manifest()["time_zone"].clone();
    rig.run(&["sync"]).expect(2);
    assert_eq!(rig.manifest()["time_zone"], zone, "the manifest that a refused run wrote");
    lose_state(&rig);
    let report = rebuild(&rig);
    assert_eq!(report["to_read"], Value::Null);
    assert!(
        report["sync_refused"].as_str().is_some_and(|why| why.contains("the ledger holds other periods")),
        "{report}"
    );
    rig.configure("");
    assert_eq!(rig.sync()["requests"], 0);
    assert_conserved(&rig, "with the period set back");
}
