//! One run at a time: the second one says who holds the ledger, or waits.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use gong_sim::{Fault, Matcher};

use crate::support::Rig;
use crate::support::rig::FIVE;
use crate::support::truth::assert_conserved;

/// A run that holds the lock until the fault "first" is released.
fn held(rig: &Rig) -> Child {
    rig.configure(FIVE);
    rig.server.faults().once(Matcher::path("/v2/calls"), Fault::Hold { name: "first".to_owned() });
    let run = rig.spawn(&["sync"]);
    assert!(rig.server.faults().wait_held("first", Duration::from_secs(60)), "the first run asks for calls");
    run
}

fn assert_ended_well(mut run: Child) {
    assert!(run.wait().expect("a child").success());
}

#[test]
fn a_second_run_ends_at_once_and_says_who_holds_the_ledger() {
    // GIVEN a run under way
    let rig = Rig::small(1);
    let first = held(&rig);
    // WHEN a second one starts
    let begun = Instant::now();
    let second = rig.run(&["sync"]).expect(4);
    // THEN it ends at once and names process, command and run of the first
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let ledger = rig.path("state/gong-elt.db");
    let start = format!("error: the ledger {} is held by process {} (sync, run ", ledger.display(), first.id());
    let rest = second.stderr.strip_prefix(&start).unwrap_or_else(|| panic!("{start}\n{}", second.stderr));
    let (run, rest) = rest.split_once(", since ").expect("the run's id");
    let (since, rest) = rest.split_once(')').expect("the run's start");
    assert!(run.starts_with(&since[..4]) && since.ends_with('Z'), "{run} {since}");
    assert_eq!(rest, "\n\nhint: wait for that run to end, or give --wait 10m\n");
    // AND the first is not disturbed
    rig.server.faults().release("first");
    assert_ended_well(first);
    assert_conserved(&rig, "the first run");
}

#[test]
fn a_second_run_can_wait_for_the_first() {
    // GIVEN a run under way, and a second one that waits for it
    let rig = Rig::small(1);
    let first = held(&rig);
    let mut second = rig.command(&["sync", "--wait", "2m"]);
    let mut second = second.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut said = String::new();
    BufReader::new(second.stderr.take().expect("a pipe")).read_line(&mut said).expect("a line");
    let expected = format!("is held by process {} (sync, run ", first.id());
    assert!(said.contains(&expected) && said.ends_with("; waiting up to 2m for it\n"), "{said}");
    // WHEN the first ends
    rig.server.faults().release("first");
    assert_ended_well(first);
    // THEN the second runs
    assert_ended_well(second);
    let runs: u32 =
        rig.ledger().query_row("SELECT count(*) FROM run WHERE exit_code = 0", [], |row| row.get(0)).expect("runs");
    assert_eq!(runs, 2);
    assert_conserved(&rig, "both runs");
}

#[test]
fn waiting_has_an_end() {
    // GIVEN a run under way
    let rig = Rig::small(1);
    let first = held(&rig);
    // WHEN a second one waits for less time than the first takes
    let second = rig.run(&["sync", "--wait", "300ms"]).expect(4);
    // THEN it says who was waited for
    assert!(second.stderr.contains(&format!("is held by process {} (sync, run ", first.id())), "{}", second.stderr);
    rig.server.faults().release("first");
    assert_ended_well(first);
}

#[test]
fn what_only_looks_needs_no_lock() {
    // GIVEN a run under way
    let rig = Rig::small(1);
    let first = held(&rig);
    // WHEN somebody looks
    for command in ["status", "plan", "check"] {
        // THEN it answers
        rig.run(&[command]).expect(0);
    }
    rig.server.faults().release("first");
    assert_ended_well(first);
    assert_conserved(&rig, "the run that was looked at");
}

#[test]
fn a_killed_run_holds_nothing() {
    // GIVEN a run that was killed while it held the ledger
    let rig = Rig::small(1);
    let mut first = held(&rig);
    first.kill().expect("SIGKILL");
    first.wait().expect("the end");
    rig.server.faults().release("first");
    // WHEN the next one starts THEN it runs
    rig.sync();
    assert_conserved(&rig, "after a killed run");
}

#[test]
fn a_run_sweeps_what_a_killed_one_left_and_not_what_a_check_beside_it_writes() {
    // GIVEN an unfinished object of a killed run, and the probe of a check that is under way
    let rig = Rig::small(1);
    rig.configure(FIVE);
    let temporary = rig.data().join("_gong_elt/tmp");
    std::fs::create_dir_all(&temporary).expect("a folder");
    for name in ["users.parquetAbCdEf", "probeAbCdEf"] {
        std::fs::write(temporary.join(name), "unfinished").expect("a file");
    }
    // WHEN a run starts
    rig.sync();
    // THEN it removes the object only
    let left = std::fs::read_dir(&temporary).expect("a folder").map(|entry| entry.expect("a file").file_name());
    assert_eq!(left.collect::<Vec<_>>(), ["probeAbCdEf"]);
}
