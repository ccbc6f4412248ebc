//! Results on stdout: one that cannot be written is a failure, one that nobody wants to read is none.

use std::process::{Command, Stdio};

use crate::support::Rig;
use crate::support::rig::{Ended, FIVE, end};

/// Beyond the limit of the shell below.
const FULL: u64 = 64 << 20;

/// Runs a command whose stdout is a file that cannot grow.
fn full(rig: &Rig, args: &[&str]) -> Ended {
    let file = std::fs::File::create(rig.path("full")).expect("a file");
    file.set_len(FULL).expect("a sparse file");
    // In blocks of 512 bytes: the ledger and the objects are far from it.
    let line = "trap '' XFSZ; ulimit -f 65536; exec \"$0\" \"$@\" >> full";
    let command = rig.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).arg(command.get_program()).args(command.get_args()).current_dir(rig.path(""));
    let ended = end(&mut shell);
    assert_eq!(rig.path("full").metadata().expect("a file").len(), FULL, "{args:?}");
    ended
}

const COMMANDS: [&[&str]; 13] = [
    &["plan"],
    &["plan", "--format", "json"],
    &["check"],
    &["sync"],
    &["sync", "--format", "json"],
    &["status"],
    &["status", "--format", "json"],
    &["verify"],
    &["backfill", "--cancel"],
    &["schema"],
    &["list", "workspaces"],
    &["init", "--config", "new.toml"],
    &["--help"],
];

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let rig = Rig::small(1);
    rig.configure(FIVE);
    for args in COMMANDS {
        // WHEN stdout takes nothing any more
        let ended = full(&rig, args);
        // THEN the exit code says it, and why is on stderr
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("error: cannot write to stdout"), "{args:?}: {}", ended.stderr);
    }
    // AND what was read is kept
    assert_eq!(rig.sync()["requests"], 0);
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let rig = Rig::small(1);
    rig.configure(FIVE);
    for args in COMMANDS {
        // WHEN nobody reads
        let mut child = rig.command(args).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        drop(child.stdout.take());
        // THEN the command ends in peace
        assert_eq!(child.wait().expect("it ends").code(), Some(0), "{args:?}");
    }
}
