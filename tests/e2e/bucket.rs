//! The output in a bucket, against a real S3 server: the same promises as on disk.

use std::collections::HashSet;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::resume::assert_no_orphan;
use crate::signals::{DEAD, ended_soon, wait_for_late};
use crate::support::Rig;
use crate::support::bucket::{BUCKET, Bucket, Fault, KEY, PREFIX, SECRET};
use crate::support::journal::paid_twice;
use crate::support::moto::Moto;
use crate::support::refusal::replaced;
use crate::support::rig::{FIVE, end};
use crate::support::tokens::Endpoint;
use crate::support::truth::assert_conserved;

/// Each age a day, so that every window is read again after the night.
fn eager(rig: &Rig) {
    eager_with(rig, "");
}

fn eager_with(rig: &Rig, more: &str) {
    let ages: Vec<String> = (1..=20).map(|day| format!("\"{day}d\"")).collect();
    rig.configure(&format!("reread = [{}]\n[entities.coaching]\nevery = \"1h\"\n{more}", ages.join(", ")));
}

#[test]
fn a_bad_way_to_the_bucket_costs_no_row() {
    let slow = Fault::Slow(Duration::from_millis(40));
    let faults = [
        Fault::Status(500),
        Fault::Status(503),
        Fault::Reset,
        Fault::LoseAnswer,
        Fault::FalseAlarm,
        Fault::CutBody,
        slow,
    ];
    let mut met = HashSet::new();
    for seed in [3, 4] {
        // GIVEN a server that fails every seventh request in some way
        let rig = Rig::small(seed).in_bucket();
        eager(&rig);
        rig.bucket().faults_by_chance(seed, 15, &faults);
        // WHEN it is synced, and again after a night
        rig.sync();
        assert_conserved(&rig, &format!("seed {seed}, first sync"));
        rig.server.night();
        rig.sync();
        // THEN the files equal the account
        assert_conserved(&rig, &format!("seed {seed}, after a night"));
        assert!(rig.bucket().unfinished_uploads().is_empty());
        met.extend(rig.bucket().seen().into_iter().filter_map(|seen| seen.fault));
    }
    assert_eq!(met.len(), faults.len(), "not every kind of fault was met: {met:?}");
}

/// Killed at that place, then three weeks and another window size: every row once, every object the manifest's.
fn assert_survives_a_kill(rig: &Rig, place: &str) {
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
    assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
    rig.server.clock().advance(chrono::TimeDelta::days(21));
    rig.configure("window = \"month\"");
    rig.sync();
    assert_conserved(rig, place);
    assert_no_orphan(rig, place);
}

#[test]
fn t29_killed_anywhere_a_bucket_ends_with_the_same_rows() {
    for place in
        ["staged:3", "before-object:2", "object:1", "object:12", "committed:7", "before-manifest:1", "manifest:1"]
    {
        assert_survives_a_kill(&Rig::small(4).in_bucket(), place);
    }
}

#[test]
fn t30_killed_anywhere_with_answers_lost_a_bucket_ends_with_the_same_rows() {
    for place in ["before-object:2", "object:5", "committed:7", "before-manifest:1"] {
        // A server that does its work and loses every eighth answer.
        let rig = Rig::small(4).in_bucket();
        rig.bucket().faults_by_chance(7, 12, &[Fault::LoseAnswer, Fault::FalseAlarm]);
        assert_survives_a_kill(&rig, place);
    }
}

/// An account of calls with small files that were synced, and a new one whose file goes in three parts: its id.
fn with_a_large_file(rig: &Rig, more: &str) -> String {
    let calls: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
    for id in &calls {
        rig.server.world().set_media_bytes(id, 500);
    }
    rig.configure(&format!("entities = [\"call_audio\", \"calls\"]\n{more}"));
    rig.sync();
    let id = rig.server.world().add_call(gong_sim::NewCall::at(rig.now() - chrono::TimeDelta::hours(3)));
    rig.server.world().set_media_bytes(&id, 20_000_000);
    rig.server.clock().advance(chrono::TimeDelta::days(1));
    id
}

/// The file below the output is the one of the account.
#[track_caller]
fn assert_whole(rig: &Rig, id: &str, context: &str) {
    let path: String = rig
        .ledger()
        .query_row("SELECT path FROM media WHERE call_id = ?1", [id], |row| row.get(0))
        .unwrap_or_else(|e| panic!("{context}: {e}"));
    let bytes = std::fs::read(rig.data().join(path)).expect("a file");
    let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    let wanted = rig.server.world().media_sha256(id, gong_sim::MediaKind::Audio, rig.now());
    assert_eq!(Some(digest), wanted, "{context}");
}

#[test]
fn t29_killed_in_an_upload_the_next_run_aborts_it_and_ends_with_the_same_file() {
    for place in ["upload-begun:1", "upload-part:1", "upload-parts:1", "uploaded:1"] {
        // GIVEN a media file of several parts, and a run killed at that place
        let rig = Rig::small(7).in_bucket();
        let id = with_a_large_file(&rig, "");
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        let visible = rig.objects().iter().any(|(path, _)| path.contains(&id));
        assert_eq!(
            (visible, rig.bucket().unfinished_uploads().is_empty()),
            if place == "uploaded:1" { (true, true) } else { (false, false) },
            "{place}"
        );
        // WHEN it runs again
        let report = rig.sync();
        // THEN the file is whole, and nothing is left of the upload
        assert_whole(&rig, &id, place);
        assert!(rig.bucket().unfinished_uploads().is_empty(), "{place}");
        assert_eq!(report["warnings"], serde_json::json!([]), "{place}");
        let left: u32 = rig.ledger().query_row("SELECT count(*) FROM upload", [], |row| row.get(0)).expect("a count");
        assert_eq!(left, 0, "{place}");
    }
}

#[test]
fn t29_a_second_s3_server_gives_the_same_rows_through_kills_and_keeps_no_upload() {
    // GIVEN a server of another make, and a run killed in an upload of several parts
    let moto = Moto::start();
    let rig = Rig::small(8);
    let id = with_a_large_file(&rig, &moto.settings());
    let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", "upload-part:1"));
    assert_eq!((killed.code, moto.unfinished_uploads()), (-1, 1), "{}", killed.stderr);
    // WHEN it runs again THEN the upload is gone and the file whole
    rig.sync();
    moto.mirror(&rig);
    assert_whole(&rig, &id, "after the upload");
    assert_eq!(moto.unfinished_uploads(), 0);
    // AND an old upload below the output that no ledger remembers goes too, and another's stays
    moto.leave_an_upload("a/prefix/media/audio/month=2026-05/1.mp3");
    moto.leave_an_upload("a/prefix-of-others/1.mp3");
    rig.sync();
    assert_eq!(moto.unfinished_uploads(), 1);
    // AND through kills at other places and a night, the rows are those of the account
    eager_with(&rig, &moto.settings());
    for place in ["object:3", "committed:4", "manifest:1"] {
        rig.server.night();
        let killed = end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        rig.sync();
        moto.mirror(&rig);
        assert_conserved(&rig, place);
    }
    rig.run(&["verify", "--deep"]).expect(0);
    let check = rig.run(&["check"]).expect(0).stdout;
    assert!(check.contains("the output honours if-match"), "{check}");
}

#[test]
fn a_signal_in_an_upload_ends_the_run_soon_and_leaves_no_upload() {
    // GIVEN a run whose upload hangs in its second part
    let rig = Rig::small(7).in_bucket();
    let id = with_a_large_file(&rig, "");
    rig.bucket().fault("PUT", "partNumber=2", Fault::Slow(Duration::from_secs(600)), 1);
    let mut run = rig.spawn(&["sync"]);
    let hangs = || rig.bucket().seen().iter().any(|seen| seen.request.contains("partNumber=2"));
    while !hangs() && run.try_wait().expect("a child").is_none() {
        std::thread::yield_now();
    }
    // WHEN it gets a signal
    let begun = Instant::now();
    assert!(Command::new("kill").args(["-INT", &run.id().to_string()]).status().expect("kill").success());
    // THEN it ends soon, and nothing is left of the upload
    assert_eq!(run.wait().expect("the end").code(), Some(130));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(rig.bucket().unfinished_uploads().is_empty(), "{:?}", rig.bucket().unfinished_uploads());
    // AND the next run fetches the file
    rig.sync();
    assert_whole(&rig, &id, "after the signal");
}

#[test]
fn a_signal_in_an_upload_to_a_bucket_that_does_not_answer_ends_the_run_soon_too() {
    // GIVEN a run whose bucket stops answering while a large file is on its way to it
    let rig = Rig::small(7).in_bucket();
    let id = with_a_large_file(&rig, "");
    rig.bucket().fault("PUT", "partNumber", DEAD, u32::MAX);
    let mut command = rig.command(&["sync"]);
    let run = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts");
    wait_for_late(&rig, "partNumber");
    rig.bucket().fault("", "", DEAD, u32::MAX);
    // WHEN it gets a signal THEN it ends soon
    ended_soon(run);
    rig.bucket().calm();
    assert_eq!(rig.bucket().unfinished_uploads().len(), 1);
    // AND the next run aborts the upload and fetches the file
    rig.sync();
    assert_whole(&rig, &id, "after the signal");
    assert!(rig.bucket().unfinished_uploads().is_empty(), "{:?}", rig.bucket().unfinished_uploads());
}

#[test]
fn of_two_machines_with_one_ledger_the_second_to_write_the_manifest_is_told() {
    // GIVEN two machines with the same ledger and the same bucket
    let rig = Rig::small(1).in_bucket();
    rig.configure(FIVE);
    rig.sync();
    let other = rig.path("other");
    std::fs::create_dir_all(other.join("state")).expect("a folder");
    for file in ["gong-elt.toml", "state/gong-elt.db"] {
        std::fs::copy(rig.path(file), other.join(file)).expect("a copy");
    }
    rig.server.clock().advance(chrono::TimeDelta::days(1));
    // WHEN one runs while the other is under way
    rig.server.faults().once(gong_sim::Matcher::path("/v2/calls"), gong_sim::Fault::Hold { name: "first".to_owned() });
    let first = rig.command(&["sync"]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().expect("the binary");
    assert!(rig.server.faults().wait_held("first", Duration::from_secs(60)), "the first run asks for calls");
    let second = end(rig.command(&["sync", "--format", "json"]).current_dir(&other)).expect(0).json();
    rig.server.faults().release("first");
    let first = first.wait_with_output().expect("the end");
    // THEN the manifest is the second's, and the first says so and ends with the code of a second run
    let said = String::from_utf8_lossy(&first.stderr);
    assert_eq!(first.status.code(), Some(4), "{said}");
    let run = second["run_id"].as_str().expect("an id");
    assert!(said.contains(&format!("was written by run {run} of ledger ")), "{said}");
    assert_eq!(rig.manifest()["run_id"], run);
}

#[test]
fn a_store_that_ignores_preconditions_does_all_but_keep_machines_apart_and_check_says_so() {
    // GIVEN the three kinds of output
    let line = |rig: &Rig| {
        let said = rig.run(&["check"]).expect(0).stdout;
        said.lines().find(|line| line.starts_with("conditional writes")).expect("a line").to_owned()
    };
    let careless = Rig::small(2).with_bucket(Bucket::careless());
    // WHEN they are checked THEN it is said which honours preconditions, and the check leaves nothing
    assert!(line(&Rig::small(2)).contains("  ok  "));
    assert!(line(&Rig::small(2).in_bucket()).contains("  ok  "));
    assert!(line(&careless).contains("accepts if-match and ignores it"), "{}", line(&careless));
    assert_eq!(std::fs::read_dir(careless.data().join("_gong_elt")).map_or(0, Iterator::count), 0);
    // AND the rows are right all the same
    eager(&careless);
    careless.sync();
    careless.server.night();
    careless.sync();
    assert_conserved(&careless, "on a careless store");
}

#[test]
fn a_bucket_that_takes_nothing_more_ends_the_run_and_loses_nothing() {
    // GIVEN a bucket that refuses the eighth object of a run, and all others from then on
    let rig = Rig::small(5).in_bucket();
    rig.configure(FIVE);
    rig.bucket().fault("PUT", "/calls", Fault::Slow(Duration::ZERO), 7);
    rig.bucket().fault("PUT", "/calls", Fault::Status(403), u32::MAX);
    // WHEN it is synced THEN the run ends, names the object and keeps what was answered
    let ended = rig.run(&["sync", "--format", "json"]).expect(2);
    let warnings = ended.json()["warnings"].to_string();
    assert!(warnings.contains("cannot write calls") && warnings.contains("403 Forbidden"), "{warnings}");
    assert_no_orphan(&rig, "what was written is in the manifest");
    // AND when the bucket takes objects again, the next run ends with the account's rows, without paying again
    rig.bucket().calm();
    rig.sync();
    assert_conserved(&rig, "after the refusal");
    let twice = paid_twice(&rig.server);
    assert!(twice.len() <= 16, "{twice:?}");
}

#[test]
fn a_bucket_that_cannot_be_written_is_told_before_anything_is_asked() {
    let cases = [
        ("secret_access_key = \"bucket-secret\"", "secret_access_key = \"wrong-secret\"", "SignatureDoesNotMatch"),
        ("s3://warehouse/gong/elt", "s3://warehouse/gong//elt", "name the prefix without empty parts"),
    ];
    for (good, bad, expected) in cases {
        // GIVEN settings that are wrong in one place
        let rig = Rig::small(1).in_bucket();
        replaced(&rig, good, bad);
        // WHEN it is synced THEN it ends with the code of an output that cannot be written, and says what to do
        let said = rig.run(&["sync"]).expect(2).stderr;
        assert!(said.contains(expected) && said.contains("\nhint: "), "{said}");
        assert!(!said.contains("secret") && !said.contains("bucket-key"), "{said}");
        assert_eq!(rig.server.journal().len(), 0);
    }
}

/// The configuration names the bucket and nothing of how to reach it.
fn only_the_url(rig: &Rig) {
    rig.configure(FIVE);
    replaced(rig, &rig.bucket().settings(), &format!("[output]\nurl = \"s3://{BUCKET}/{PREFIX}\"\n"));
}

#[test]
fn what_the_settings_leave_out_comes_from_the_environment() {
    // GIVEN a key in the usual variables, or the role of a container
    let rig = Rig::small(1).in_bucket();
    only_the_url(&rig);
    let (endpoint, token) = (rig.bucket().endpoint(), rig.path("container-token"));
    std::fs::write(&token, "container-token").expect("a file");
    let role = Endpoint::start(vec![(
        200,
        serde_json::json!({
            "AccessKeyId": KEY, "SecretAccessKey": SECRET, "Token": "session-token", "Expiration": "2099-01-01T00:00:00Z",
        }),
    )]);
    let place = [("AWS_ENDPOINT_URL", endpoint.as_str()), ("AWS_ALLOW_HTTP", "true"), ("AWS_REGION", "us-east-1")];
    let key = [("AWS_ACCESS_KEY_ID", KEY), ("AWS_SECRET_ACCESS_KEY", SECRET)];
    let token = token.to_string_lossy();
    let container =
        [("AWS_CONTAINER_CREDENTIALS_FULL_URI", role.url()), ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &*token)];
    // WHEN it is synced with each THEN the files are those of the account
    end(rig.command(&["sync"]).envs(place).envs(key)).expect(0);
    assert_conserved(&rig, "with a key of the environment");
    rig.server.clock().advance(chrono::TimeDelta::days(1));
    end(rig.command(&["sync"]).envs(place).envs(container)).expect(0);
    assert!(role.asked().first().is_some_and(|head| head.contains("container-token")), "{:?}", role.asked());
    // AND without either, the run ends before it asks anything
    let before = rig.server.journal().len();
    rig.server.clock().advance(chrono::TimeDelta::days(1));
    let wrong = [("AWS_ACCESS_KEY_ID", "other"), ("AWS_SECRET_ACCESS_KEY", "wrong-secret")];
    let said = end(rig.command(&["sync"]).envs(place).envs(wrong)).expect(2).stderr;
    assert!(said.contains("403 Forbidden") && !said.contains("wrong-secret"), "{said}");
    assert_eq!(rig.server.journal().len(), before);
}

#[test]
fn in_virtual_hosted_style_the_address_names_the_bucket_and_the_path_does_not() {
    // GIVEN a server whose address stands for one bucket: what follows is the key
    let rig = Rig::small(1).in_bucket();
    rig.configure(FIVE);
    replaced(&rig, "allow_http = true", "allow_http = true\nvirtual_hosted_style = true");
    replaced(&rig, &format!("s3://{BUCKET}/{PREFIX}"), &format!("s3://named-by-the-address/{BUCKET}/{PREFIX}"));
    // WHEN it is synced THEN the objects lie where the key says
    rig.sync();
    assert_conserved(&rig, "in virtual-hosted style");
}
