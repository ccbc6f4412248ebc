//! Memory does not grow with what passes through: the most that the program ever held, as the system counted it.

use chrono::TimeDelta;
use gong_sim::{NewCall, ServerOptions, Text, World, WorldSpec};

use crate::support::Rig;
use crate::support::truth::python;

/// Runs the program and gives the system's count of its largest resident size, in MB.
const MEASURE: &str = "import resource, subprocess, sys\n\
    code = subprocess.run(sys.argv[1:]).returncode\n\
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)\n\
    sys.exit(code)";

/// `sync` of the rig; its peak in MB.
#[track_caller]
fn peak(rig: &Rig) -> u64 {
    let run = rig.command(&["sync", "-q"]);
    let mut measured = python();
    measured.args(["-c", MEASURE]).arg(run.get_program()).args(run.get_args()).current_dir(rig.path(""));
    let output = measured.output().expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let peak = said.trim().rsplit('\n').next().and_then(|line| line.parse().ok()).expect("a number");
    eprintln!("peak of {peak} MB");
    peak
}

/// The peak while `files` media files of `bytes` each, of different days, go to a bucket.
fn peak_of_files(files: u64, bytes: u64) -> u64 {
    let rig = Rig::small(7).in_bucket();
    let calls: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
    for id in &calls {
        rig.server.world().set_media_bytes(id, 500);
    }
    for day in 0..files {
        let at = rig.now() - TimeDelta::hours(3) - TimeDelta::days(day as i64);
        let id = rig.server.world().add_call(NewCall::at(at));
        rig.server.world().set_media_bytes(&id, bytes);
    }
    rig.server.clock().advance(TimeDelta::days(1));
    rig.configure("entities = [\"call_audio\"]");
    let peak = peak(&rig);
    let count = "SELECT count(*) FROM media WHERE size = ?1";
    let fetched: u64 = rig.ledger().query_row(count, [bytes], |row| row.get(0)).expect("a count");
    assert_eq!(fetched, files);
    peak
}

#[test]
fn a_media_file_of_300_mb_passes_in_parts() {
    let peak = peak_of_files(1, 300_000_000);
    assert!(peak < 150, "{peak} MB");
}

#[test]
fn as_many_large_files_as_pass_at_once_have_a_bound() {
    // Eight windows are read at once, and each holds two parts.
    let peak = peak_of_files(8, 60_000_000);
    assert!(peak < 300, "{peak} MB");
}

#[test]
#[ignore = "takes a minute and 5 GB of disk"]
fn a_media_file_of_2_gb_passes_in_parts() {
    let peak = peak_of_files(1, 2_000_000_000);
    assert!(peak < 150, "{peak} MB");
}

#[test]
#[ignore = "takes minutes"]
fn a_month_of_10_000_calls_passes_through_a_bucket() {
    // Calls of an hour, all of one past month, whose transcripts have some 30 KB each.
    let spec = WorldSpec { calls: 10_000, days: 30, future_days: 0, text: Text::Full, ..WorldSpec::small(3) };
    let rig = Rig::new(World::generate(spec), ServerOptions::unlimited()).in_bucket();
    rig.server.clock().advance(TimeDelta::days(60));
    rig.configure("entities = [\"calls\", \"calls_extensive\", \"call_transcripts\"]");
    let peak = peak(&rig);
    let manifest = rig.manifest();
    let objects = manifest["objects"].as_array().expect("objects");
    let sum = |key: &str| objects.iter().filter_map(|object| object[key].as_u64()).sum::<u64>();
    eprintln!("{} objects, {} rows, {} MB of Parquet", objects.len(), sum("rows"), sum("bytes") / 1_000_000);
    assert!(peak < 600, "{peak} MB");
}
