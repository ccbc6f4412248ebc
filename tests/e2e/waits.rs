//! A run that waits says so, and what it has read by then is kept.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use gong_sim::{Fault, Matcher, RetryAfter, ServerOptions, World, WorldSpec};

use crate::kills::pages_paid_twice;
use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::rig::{FIVE, START};
use crate::support::truth::assert_conserved;

fn rig() -> Rig {
    let rig = Rig::new(World::generate(WorldSpec::small(3)), ServerOptions::unlimited().page_size(10));
    let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_in_flight = 4";
    rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n{FIVE}"));
    rig
}

#[test]
fn t41_a_long_wait_is_told_and_everything_before_it_is_kept() {
    // GIVEN a vendor that asks for a minute of silence in the middle of a run
    let rig = rig();
    let silence = Fault::TooManyRequests { retry_after: RetryAfter::Seconds(60) };
    rig.server.faults().once(Matcher::path("/v2/calls/transcript").nth(12), silence);
    // WHEN the run waits
    let mut command = rig.command(&["sync"]);
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    let mut said = BufReader::new(run.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("the vendor asks for silence: going on at ") {
        line.clear();
        assert!(said.read_line(&mut line).expect("text") > 0, "it ended without a word");
    }
    // THEN it says how long, once for all its tasks
    let seconds = line.split("wait_seconds=").nth(1).and_then(|rest| rest.trim().parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (50..=60).contains(&seconds)), "{line}");
    run.kill().expect("SIGKILL");
    run.wait().expect("the end");
    let mut rest = String::new();
    said.read_to_string(&mut rest).expect("text");
    assert!(!rest.contains("silence"), "{rest}");
    // AND killed then, it has kept what had come: the next run asks no page of a longer listing again
    assert_whole(&rig, "killed while it waited");
    rig.ledger().execute("UPDATE gate SET closed_until = 0", []).expect("a gate");
    rig.sync();
    assert!(pages_paid_twice(&rig) <= 4, "{} pages", pages_paid_twice(&rig));
    assert_conserved(&rig, "killed while it waited");
}

#[test]
fn a_wait_that_is_longer_than_the_settings_allow_is_no_used_up_quota() {
    // GIVEN a vendor that asks for eight seconds, and a patience of two
    let rig = rig();
    rig.configure_whole(&format!(
        "[limits]\nrequests_per_second = 2000\nmax_wait = \"2s\"\n[sync]\nstart_date = \"{START}\"\n{FIVE}"
    ));
    let silence = Fault::TooManyRequests { retry_after: RetryAfter::Seconds(8) };
    rig.server.faults().once(Matcher::path("/v2/users"), silence);
    // WHEN it runs THEN it ends with the time to resume, and says what may be the reason
    let said = rig.run(&["sync"]).expect(75).stdout;
    assert!(
        said.contains("nothing may be asked before ") && said.contains(": Gong asks for silence, or its quota"),
        "{said}"
    );
}
