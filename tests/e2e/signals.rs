//! A signal ends a run soon, with what was read kept.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gong_sim::{Fault, Matcher};
use serde_json::{Value, json};

use crate::support::Rig;
use crate::support::journal::asked;
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
