//! A signal ends a run soon, with what was read kept.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher, ServerOptions, World, WorldSpec};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::bucket;
use crate::support::journal::{asked, paid_twice_of};
use crate::support::ledger::assert_whole;
use crate::support::look::{bare, call_at};
use crate::support::rig::FIVE;
use crate::support::truth::assert_conserved;

#[test]
fn a_signal_ends_a_run_that_waits_for_an_answer() {
    for signal in ["-TERM", "-INT"] {
        // GIVEN a run that waits for an answer
        let rig = Rig::small(1);
        rig.configure(FIVE);
        rig.server.faults().once(Matcher::path("/v2/calls/extensive"), Fault::Hold { name: "late".to_owned() });
        let mut command = rig.command(&["sync", "--format", "json"]);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        assert!(rig.server.faults().wait_held("late", Duration::from_secs(60)));
        // WHEN it gets a signal
        let begun = Instant::now();
        assert!(Command::new("kill").args([signal, &run.id().to_string()]).status().expect("kill").success());
        let ended = run.wait_with_output().expect("the end");
        // THEN it ends soon with a report and its exit code
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert_eq!(ended.status.code(), Some(130));
        let report: Value = serde_json::from_slice(&ended.stdout).expect("a report");
        assert_eq!((&report["exit_code"], &report["resume_at"]), (&json!(130), &json!(null)));
        assert_eq!(
            String::from_utf8_lossy(&ended.stderr),
            "stopping: what was read is kept; once more to stop at once\n"
        );
        // AND the next run goes on: it asks again for what was under way only
        rig.server.faults().release("late");
        let before: Vec<String> = rig.server.journal().entries().iter().map(asked).collect();
        rig.server.journal().clear();
        rig.sync();
        let again = rig.server.journal().entries().iter().filter(|e| before.contains(&asked(e))).count();
        assert!(again <= 16, "{again} of {}", before.len());
        assert_conserved(&rig, signal);
    }
}

#[test]
fn a_signal_ends_what_only_looks_too() {
    for (args, path) in
        [(&["check"][..], "/v2/users"), (&["plan", "--probe"], "/v2/calls"), (&["list", "users"], "/v2/users")]
    {
        // GIVEN a command that waits for an answer
        let rig = Rig::small(1);
        rig.server.faults().once(Matcher::path(path), Fault::Hold { name: "late".to_owned() });
        let mut command = rig.command(args);
        let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        assert!(rig.server.faults().wait_held("late", Duration::from_secs(60)), "{args:?}");
        // WHEN it gets a signal THEN it says so, with the signal's exit code
        assert!(Command::new("kill").args(["-TERM", &run.id().to_string()]).status().expect("kill").success());
        let ended = run.wait_with_output().expect("the end");
        rig.server.faults().release("late");
        let said = String::from_utf8_lossy(&ended.stdout) + String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(130), "{args:?}: {said}");
        assert!(said.contains("stopped by a signal"), "{args:?}: {said}");
    }
}

fn signal(run: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &run.id().to_string()]).status().expect("kill").success());
}

fn spawned(rig: &Rig) -> Child {
    let mut command = rig.command(&["sync", "--format", "json"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

/// A run whose output has stopped answering while an object was on its way to it.
fn stuck_in_its_output() -> (Rig, Child) {
    let rig = Rig::small(1).in_bucket();
    rig.configure(FIVE);
    rig.server.faults().once(Matcher::path("/v2/calls/transcript"), Fault::Hold { name: "late".to_owned() });
    let run = spawned(&rig);
    assert!(rig.server.faults().wait_held("late", Duration::from_secs(60)));
    rig.bucket().fault("", "", bucket::Fault::Slow(Duration::from_secs(120)), u32::MAX);
    rig.server.faults().release("late");
    let begun = Instant::now();
    while !rig.bucket().seen().iter().any(|seen| seen.request.contains(".parquet") && seen.fault.is_some()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing is written");
        std::thread::sleep(Duration::from_millis(20));
    }
    (rig, run)
}

/// What must hold once the output answers again.
fn assert_goes_on(rig: &Rig, context: &str) {
    rig.bucket().calm();
    assert_whole(rig, context);
    rig.sync();
    assert_whole(rig, context);
    assert_conserved(rig, context);
    crate::resume::assert_no_orphan(rig, context);
}

#[test]
fn a_signal_ends_a_run_whose_output_does_not_answer() {
    // GIVEN a run that waits for its output
    let (rig, run) = stuck_in_its_output();
    // WHEN it gets a signal
    let begun = Instant::now();
    signal(&run, "-TERM");
    let ended = run.wait_with_output().expect("the end");
    // THEN it ends soon and says what it left out
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}: {said}", begun.elapsed());
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("the manifest is left to the next run"), "{said}");
    let report: Value = serde_json::from_slice(&ended.stdout).expect("a report");
    assert_eq!(report["exit_code"], 130);
    // AND the next run goes on
    assert_goes_on(&rig, "after a signal");
}

/// Waits until a request whose text holds `text` is late.
pub fn wait_for_late(rig: &Rig, text: &str) {
    let begun = Instant::now();
    while !rig.bucket().seen().iter().any(|seen| seen.request.contains(text) && seen.fault.is_some()) {
        assert!(begun.elapsed() < Duration::from_secs(60), "no {text}: {:?}", rig.bucket().seen());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// An output that does not answer.
pub const DEAD: bucket::Fault = bucket::Fault::Slow(Duration::from_secs(120));

/// Sends a signal; what the run said until its end, which must come soon.
#[track_caller]
pub fn ended_soon(run: Child) -> String {
    let begun = Instant::now();
    signal(&run, "-TERM");
    let ended = run.wait_with_output().expect("the end");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    // Two seconds, and what a busy machine adds.
    assert!(begun.elapsed() < Duration::from_millis(2600), "{:?}: {said}", begun.elapsed());
    assert_eq!(ended.status.code(), Some(130), "{said}");
    said
}

#[test]
fn a_signal_ends_a_run_that_waits_for_the_removal_of_an_object() {
    // GIVEN a window that has become empty, and an output that stops answering when its object is to be removed
    let rig = bare().in_bucket();
    rig.configure(FIVE);
    let gone = call_at(&rig, "2026-05-18T09:00:00Z");
    call_at(&rig, "2026-05-19T09:00:00Z");
    rig.sync();
    rig.server.clock().advance(TimeDelta::days(1));
    let now = rig.now();
    rig.server.world().delete_call(&gone, now);
    rig.bucket().fault("DELETE", ".parquet", DEAD, u32::MAX);
    rig.bucket().fault("POST", "delete", DEAD, u32::MAX);
    let run = spawned(&rig);
    wait_for_late(&rig, ".parquet");
    rig.bucket().fault("", "", DEAD, u32::MAX);
    // WHEN it gets a signal THEN it ends soon
    ended_soon(run);
    // AND the next run goes on
    assert_goes_on(&rig, "in a removal");
    assert!(!rig.objects().iter().any(|(path, _)| path.contains("2026-05-18")), "{:?}", rig.objects());
}

#[test]
fn a_signal_ends_a_run_none_of_whose_places_answers() {
    // GIVEN a run whose output, backup and lease have stopped answering
    let rig = Rig::small(1).in_bucket();
    rig.configure(&format!("{FIVE}\n[state]\nbackup = \"s3://{}/state/\"\n", bucket::BUCKET));
    rig.server.faults().once(Matcher::path("/v2/calls/transcript"), Fault::Hold { name: "late".to_owned() });
    let run = spawned(&rig);
    assert!(rig.server.faults().wait_held("late", Duration::from_secs(60)));
    rig.bucket().fault("", "", DEAD, u32::MAX);
    rig.server.faults().release("late");
    wait_for_late(&rig, ".parquet");
    // WHEN it gets a signal THEN it ends soon and says what it left out
    let said = ended_soon(run);
    for left in ["the manifest is left", "the copy of the ledger is left", "the lease is left to run out"] {
        assert!(said.contains(left), "{said}");
    }
    // AND the next run of this machine goes on at once
    assert_goes_on(&rig, "with a lease");
}

#[test]
fn a_signal_ends_a_run_that_has_no_unit_under_way() {
    // GIVEN an output that does not answer when a run begins, or when its manifest is written in between
    for (place, dead, said_of) in
        [("never:1", "", "stopped by a signal"), ("committed:1:leap", "manifest.json", "the manifest is left")]
    {
        let rig = Rig::small(1).in_bucket();
        rig.configure(FIVE);
        rig.bucket().fault(if dead.is_empty() { "" } else { "PUT" }, dead, DEAD, u32::MAX);
        let mut command = rig.command(&["sync"]);
        command.env("GONG_ELT_FAILPOINT", place).stdout(Stdio::piped()).stderr(Stdio::piped());
        let run = command.spawn().expect("the binary starts");
        wait_for_late(&rig, dead);
        // WHEN it gets a signal THEN it ends soon
        let said = ended_soon(run);
        assert!(said.contains(said_of), "{place}: {said}");
        // AND the next run goes on
        rig.bucket().calm();
        rig.sync();
        assert_conserved(&rig, place);
        crate::resume::assert_no_orphan(&rig, place);
    }
}

#[test]
fn a_second_signal_ends_a_run_at_once_and_loses_nothing() {
    // GIVEN a run that finishes what it can after a first signal
    let (rig, mut run) = stuck_in_its_output();
    let mut said = BufReader::new(run.stderr.take().expect("a pipe"));
    signal(&run, "-INT");
    let mut line = String::new();
    said.read_line(&mut line).expect("a line");
    assert_eq!(line, "stopping: what was read is kept; once more to stop at once\n");
    // WHEN it gets a second one
    let begun = Instant::now();
    signal(&run, "-INT");
    let ended = run.wait_with_output().expect("the end");
    // THEN it is gone, without a word or a report
    assert!(begun.elapsed() < Duration::from_millis(900), "{:?}", begun.elapsed());
    assert_eq!((ended.status.code(), ended.stdout.len()), (Some(130), 0));
    said.read_to_string(&mut line).expect("text");
    assert_eq!(line.lines().count(), 1, "{line}");
    // AND the next run goes on
    assert_goes_on(&rig, "after two signals");
}

#[test]
fn a_signal_ends_a_run_that_decodes() {
    // GIVEN a run whose last answers have come, of a window that takes long to decode
    let spec = WorldSpec { calls: 2000, days: 10, future_days: 0, ..WorldSpec::small(1) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited());
    rig.server.clock().advance(TimeDelta::days(30));
    rig.configure(&format!("window = \"month\"\nreread = [\"1d\"]\n{FIVE}"));
    rig.server.faults().always(Matcher::path("/v2/calls/transcript"), Fault::Delay { ms: 20 });
    let calls = rig.server.truth("calls").iter().filter(|call| call["isPrivate"] == false).count();
    let run = spawned(&rig);
    let answered = || {
        let batches = rig.server.journal().requests_for("/v2/calls/transcript");
        batches.iter().filter(|batch| batch.answered.is_some()).count()
    };
    let begun = Instant::now();
    while answered() < calls.div_ceil(100) {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} answered", answered());
        std::thread::sleep(Duration::from_millis(10));
    }
    // WHEN it gets a signal
    let begun = Instant::now();
    signal(&run, "-TERM");
    let ended = run.wait_with_output().expect("the end");
    // THEN it ends soon
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!(ended.status.code(), Some(130));
    let large = "calls_extensive/month=2026-05/2026-05-01_2026-06-01.parquet";
    assert!(!rig.data().join(large).exists(), "it was decoding");
    assert_whole(&rig, "while decoding");
    // AND what had come is not asked again
    rig.sync();
    assert_eq!(paid_twice_of(&rig, |path| path == "/v2/calls"), Vec::<String>::new());
    assert_conserved(&rig, "while decoding");
    assert!(rig.data().join(large).exists(), "it is one window");
}
