//! The ledger under bad conditions: each ends with its exit code and a message that says what to do, and nothing is lost.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use chrono::TimeDelta;

use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::rig::{Ended, FIVE, end};
use crate::support::truth::assert_conserved;

fn rig() -> Rig {
    let rig = Rig::small(1);
    rig.configure(FIVE);
    rig
}

/// Runs `sync` below a shell that first does `before`.
fn sync_under(rig: &Rig, before: &str) -> Ended {
    let line = format!("{before}; exec \"$0\" \"$@\"");
    let sync = rig.command(&["sync"]);
    let mut shell = Command::new("sh");
    shell.args(["-c", &line]).arg(sync.get_program()).args(sync.get_args()).current_dir(rig.path(""));
    end(&mut shell)
}

#[test]
fn files_that_cannot_grow_end_the_run_and_lose_nothing() {
    // Blocks of 512 bytes: the ledger's first tables, its log, the first objects.
    for blocks in [8, 40, 120, 200, 400] {
        // GIVEN files that cannot grow beyond a size
        let rig = rig();
        // WHEN a run meets the limit, which the kernel tells as a failed write
        let ended = sync_under(&rig, &format!("trap '' XFSZ; ulimit -f {blocks}"));
        // THEN it ends with a message about the ledger or the output
        assert_eq!(ended.code, 2, "{blocks}: {}", ended.stderr);
        assert!(ended.stderr.contains("the ledger ") || ended.stderr.contains("output"), "{blocks}: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{blocks}: {}", ended.stderr);
        assert_whole(&rig, &format!("{blocks} blocks"));
        // AND when there is room, the next run goes on
        rig.sync();
        assert_conserved(&rig, &format!("after a limit of {blocks} blocks"));
    }
}

#[test]
fn a_torn_ledger_is_refused_at_the_start_and_can_be_made_anew() {
    // GIVEN a ledger of which a part was overwritten, and one of which the end is missing
    for torn in [|bytes: &mut Vec<u8>| bytes[8192..12288].fill(0xa5), |bytes: &mut Vec<u8>| bytes.truncate(9000)] {
        let rig = rig();
        rig.sync();
        rig.ledger().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").expect("a ledger");
        let path = rig.path("state/gong-elt.db");
        let mut bytes = std::fs::read(&path).expect("a ledger");
        torn(&mut bytes);
        std::fs::write(&path, &bytes).expect("a ledger");
        rig.server.journal().clear();
        let before = rig.objects();
        // WHEN a run starts
        let ended = rig.run(&["sync"]).expect(2);
        // THEN it is refused before anything is asked or written, and says what helps
        assert!(ended.stderr.contains("the file is damaged or no SQLite database"), "{}", ended.stderr);
        assert!(ended.stderr.contains("hint: restore it from a backup, or move it away"), "{}", ended.stderr);
        assert_eq!((rig.server.journal().len(), rig.objects()), (0, before));
        // AND doing that loses nothing
        std::fs::rename(&path, rig.path("torn.db")).expect("a file");
        rig.run(&["state", "rebuild"]).expect(0);
        rig.sync();
        assert_conserved(&rig, "after a rebuild");
    }
}

#[test]
fn a_ledger_that_another_program_holds_is_waited_for_and_named() {
    // GIVEN a ledger in which another program writes for longer than a run waits
    let rig = rig();
    rig.sync();
    let other = rig.ledger();
    other.execute_batch("BEGIN IMMEDIATE").expect("the ledger is free");
    rig.server.clock().advance(TimeDelta::days(1));
    // WHEN a run starts
    let ended = rig.run(&["sync"]).expect(2);
    // THEN it says so, and the next one goes on
    assert!(ended.stderr.contains("another program holds it"), "{}", ended.stderr);
    drop(other);
    rig.sync();
    assert_whole(&rig, "after the other program");
}

#[test]
fn a_full_disk_ends_the_run_and_loses_nothing() {
    for (full, kilobytes) in [("state", 200), ("state", 330), ("data", 40), ("data", 300)] {
        // GIVEN a small file system for the ledger or for the output, in a mount space of the run's own
        let rig = rig();
        let folder = rig.path(full);
        std::fs::create_dir(&folder).expect("a folder");
        let kept = rig.path("kept");
        let (at, to) = (folder.display(), kept.display());
        let line = format!(
            "mount -t tmpfs -o size={kilobytes}k none {at} && \"$0\" \"$@\"; code=$?; cp -a {at} {to} && umount {at} && exit $code"
        );
        let sync = rig.command(&["sync"]);
        let mut shell = Command::new("unshare");
        shell.args(["-rm", "sh", "-c", &line]).arg(sync.get_program()).args(sync.get_args()).current_dir(rig.path(""));
        // WHEN a run fills it
        let ended = end(&mut shell);
        // THEN it ends with a message about the ledger or the output, and of space
        assert_eq!(ended.code, 2, "{full} {kilobytes}k: {}", ended.stderr);
        let named = if full == "state" { "the ledger " } else { "output" };
        assert!(ended.stderr.contains(named), "{full} {kilobytes}k: {}", ended.stderr);
        assert!(ended.stderr.contains("No space left") || ended.stderr.contains("disk is full"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{full} {kilobytes}k: {}", ended.stderr);
        // AND with what the full disk held, the next run goes on
        std::fs::remove_dir(&folder).expect("the mount was the run's own");
        std::fs::rename(&kept, &folder).expect("a copy");
        assert_whole(&rig, &format!("{full} of {kilobytes}k"));
        rig.sync();
        assert_conserved(&rig, &format!("{full} of {kilobytes}k"));
    }
}

/// A user without rights of his own.
const NOBODY: u32 = 65_534;

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    // GIVEN a synced account, and a user who may write neither its ledger nor its output
    for (read_only, says) in [("state", "check the owner and mode"), ("data", "check")] {
        let rig = rig();
        rig.sync();
        rig.server.clock().advance(TimeDelta::days(1));
        let program = rig.path("gong-elt");
        std::fs::copy(env!("CARGO_BIN_EXE_gong-elt"), &program).expect("a copy that all may run");
        let sync = rig.command(&["sync"]);
        let mut other = Command::new(&program);
        other.args(sync.get_args()).current_dir(rig.path(""));
        // Modes do not bind root, who runs it as somebody else.
        let is_root = std::os::unix::fs::chown(&program, Some(NOBODY), Some(NOBODY)).is_ok();
        let owner = if is_root { format!("chown -R {NOBODY} . && ") } else { String::new() };
        let modes = format!("{owner}chmod -R a-w {read_only}");
        assert!(Command::new("sh").args(["-c", &modes]).current_dir(rig.path("")).status().expect("sh").success());
        if is_root {
            other.uid(NOBODY).gid(NOBODY);
        }
        // WHEN a run starts
        let ended = end(&mut other);
        // THEN it is refused before the vendor is asked anything, and says what to check
        assert_eq!(ended.code, 2, "{read_only}: {}", ended.stderr);
        assert!(ended.stderr.contains(says) && ended.stderr.contains(read_only), "{read_only}: {}", ended.stderr);
        // AND with folders that can be written everything goes on
        assert!(Command::new("chmod").args(["-R", "u+rwX"]).arg(rig.path("")).status().expect("chmod").success());
        rig.sync();
        assert_whole(&rig, "with folders that can be written");
    }
}

#[test]
fn a_clock_that_jumps_back_loses_nothing() {
    // GIVEN a synced account
    let rig = rig();
    rig.sync();
    let now = rig.now();
    let before = rig.objects();
    // WHEN a run starts with a clock of a week before
    let back = (now - TimeDelta::days(7)).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let ended = end(rig.bare(&["sync"]).args(["--as-of", &back]));
    // THEN nothing that was read is taken back
    assert!([0, 2].contains(&ended.code), "{}", ended.stderr);
    assert_eq!(rig.objects(), before);
    assert_whole(&rig, "a week back");
    // AND with the right time everything goes on
    rig.server.clock().advance(TimeDelta::days(1));
    let ages: Vec<String> = (1..=40).map(|day| format!("\"{day}d\"")).collect();
    rig.configure(&format!("reread = [{}]\n{FIVE}", ages.join(", ")));
    rig.sync();
    assert_conserved(&rig, "a day on");
}

#[test]
fn two_units_over_one_time_are_refused_by_the_ledger_itself() {
    // GIVEN a ledger with windows
    let rig = rig();
    rig.sync();
    // WHEN anything writes a unit over a part of one THEN it is refused, and the same window and one beside it are not
    let ledger = rig.ledger();
    let (from, to): (String, String) = ledger
        .query_row("SELECT from_day, to_day FROM unit WHERE entity = 'calls' ORDER BY from_day DESC", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("a window");
    let columns: Vec<String> = {
        let mut query = ledger.prepare("SELECT name FROM pragma_table_info('unit')").expect("a table");
        query.query_map([], |row| row.get(0)).expect("columns").collect::<Result<_, _>>().expect("names")
    };
    let put = |begin: &str, end: &str| {
        let given = columns.iter().map(|name| match name.as_str() {
            "from_day" => format!("'{begin}'"),
            "to_day" => format!("'{end}'"),
            name => name.to_owned(),
        });
        let given: Vec<String> = given.collect();
        let insert = format!(
            "INSERT OR REPLACE INTO unit SELECT {} FROM unit WHERE entity = 'calls' AND from_day = '{from}' LIMIT 1",
            given.join(", ")
        );
        ledger.execute(&insert, []).map_err(|error| error.to_string())
    };
    assert_eq!(put(&from, "2027-01-01"), Err("the window overlaps one that is committed".to_owned()));
    assert_eq!(put("2026-04-01", &to), Err("the window overlaps one that is committed".to_owned()));
    assert_eq!(put(&from, &to), Ok(1));
    assert_eq!(put(&to, "2027-01-01"), Ok(1));
}

#[test]
fn the_ledger_and_its_lock_are_the_owners_alone() {
    // GIVEN a run under a mask that would let everybody read
    let rig = rig();
    sync_under(&rig, "umask 000").expect(0);
    // THEN the ledger is the owner's
    let mode = rig.path("state/gong-elt.db").metadata().expect("a ledger").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
}
