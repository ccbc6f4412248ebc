//! `download`: a file arrives whole or not at all, by range, over broken connections and dead links.

use std::os::unix::fs::FileTypeExt as _;
use std::process::Command;
use std::time::Duration;

use chrono::TimeDelta;
use gong_sim::{Fault, Matcher, MediaKind, NewCall};
use sha2::{Digest as _, Sha256};

use crate::support::Rig;
use crate::support::rig::{Ended, end};

const LIST: &str = "/v2/calls/extensive";

/// A call with sound of so many bytes.
fn call(rig: &Rig, bytes: u64) -> String {
    let now = rig.now();
    let mut world = rig.server.world();
    let id = world.add_call(NewCall::at(now - TimeDelta::hours(5)));
    world.set_media_bytes(&id, bytes);
    id
}

fn media() -> Matcher {
    Matcher::path("media:*")
}

fn downloads(rig: &Rig) -> usize {
    rig.server.journal().entries().iter().filter(|entry| entry.path.starts_with("media:")).count()
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(rig: &Rig, id: &str, kind: MediaKind) -> String {
    let now = rig.now();
    rig.server.world().media_sha256(id, kind, now).expect("a file")
}

/// The file, which is the call's.
#[track_caller]
fn assert_whole(rig: &Rig, name: &str, id: &str, kind: MediaKind) {
    let bytes = std::fs::read(rig.path(name)).expect("a file");
    assert_eq!(digest(&bytes), sha256(rig, id, kind));
    assert_eq!(rig.server.journal().violations(), Vec::<String>::new());
    assert_eq!(left_over(rig), Vec::<String>::new());
}

/// Unfinished files.
fn left_over(rig: &Rig) -> Vec<String> {
    let entries = std::fs::read_dir(rig.path("")).expect("a folder").flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).filter(|name| name.ends_with(".part")).collect()
}

/// Says nothing that opens the recording.
#[track_caller]
fn assert_discreet(ended: &Ended) {
    let all = format!("{}{}", ended.stdout, ended.stderr);
    // What -vv tells of an attempt is Gong's own path, not a link's.
    let all = all.replace(&format!("path=\"{LIST}\""), "");
    assert!(!all.contains("X-Amz") && !all.contains("/calls/"), "{all}");
}

#[test]
fn a_whole_file_is_named_by_its_call_and_type() {
    let rig = Rig::small(1);
    let id = call(&rig, 300_123);
    for (what, name, kind, size) in [
        ("audio", format!("{id}.mp3"), MediaKind::Audio, 300_123),
        ("video", format!("{id}.mp4"), MediaKind::Video, 300_123 * 8),
    ] {
        let ended = rig.run(&["download", what, &id, "-vv"]).expect(0);
        assert_whole(&rig, &name, &id, kind);
        let declared = if what == "audio" { "audio/mpeg" } else { "video/mp4" };
        assert_eq!(ended.stdout, format!("{name}: {size} bytes, {declared}, sha256 {}\n", sha256(&rig, &id, kind)));
        assert_discreet(&ended);
    }
    // The bytes are not of Gong's quota, the links are.
    assert_eq!((downloads(&rig), rig.server.requests_today()), (2, 2));
}

#[test]
fn a_part_or_the_whole_goes_to_stdout() {
    let rig = Rig::small(1);
    let id = call(&rig, 70_000);
    let stdout = |args: &[&str]| {
        let output =
            rig.command(&[&["download", "audio", &id, "--output", "-"], args].concat()).output().expect("it starts");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
        output.stdout
    };
    let whole = stdout(&[]);
    assert_eq!(digest(&whole), sha256(&rig, &id, MediaKind::Audio));
    assert_eq!(stdout(&["--range", "bytes=0-99"]), whole[..100]);
    assert_eq!(stdout(&["--range", "bytes=69990-"]), whole[69_990..]);
    assert_eq!(stdout(&["--range", "bytes=-7"]), whole[69_993..]);
    // Beyond the end there is nothing.
    let ended = rig.run(&["download", "audio", &id, "--range", "bytes=70000-", "--output", "x"]).expect(1);
    let said = format!("error: the audio of call {id}: the range lies outside the file, which has 70000 bytes\n");
    assert_eq!(ended.stderr, said);
    assert!(!rig.path("x").exists() && left_over(&rig).is_empty());
}

#[test]
fn broken_connections_cost_only_the_bytes_in_flight() {
    // GIVEN a store whose connections never bring more than 30,000 bytes
    let rig = Rig::small(1);
    let id = call(&rig, 100_007);
    rig.server.faults().always(media(), Fault::ResetInBody { after: 30_000 });
    // WHEN more is fetched THEN it is there, which no client could do that begins again
    let ended = rig.run(&["download", "audio", &id, "-o", "a.mp3", "-vv"]).expect(0);
    assert_whole(&rig, "a.mp3", &id, MediaKind::Audio);
    assert_discreet(&ended);
    // AND one link served for all
    assert_eq!(rig.server.journal().count(LIST), 1);
    // AND a part is brought in parts as well
    let ended = rig.run(&["download", "audio", &id, "--range", "bytes=7-70000", "-o", "part"]).expect(0);
    assert!(ended.stdout.starts_with("part: 69994 bytes, audio/mpeg, "), "{}", ended.stdout);
    let (whole, part) =
        (std::fs::read(rig.path("a.mp3")).expect("a file"), std::fs::read(rig.path("part")).expect("a file"));
    assert_eq!(whole[7..=70_000], part);
}

#[test]
fn a_link_that_died_before_its_use_is_renewed() {
    // GIVEN nine hours between the link and its use
    let rig = Rig::small(1);
    let id = call(&rig, 90_000);
    rig.server.faults().once(Matcher::path(LIST), Fault::Hold { name: "link".to_owned() });
    let mut command = rig.command(&["download", "video", &id, "-o", "v.mp4", "-vv"]);
    let ended = std::thread::spawn(move || end(&mut command));
    assert!(rig.server.faults().wait_held("link", Duration::from_secs(60)), "the link is asked for");
    rig.server.clock().advance(TimeDelta::hours(9));
    // WHEN the file is asked for THEN the store refuses, a fresh link is asked for, and the file is whole
    rig.server.faults().release("link");
    let ended = ended.join().expect("a thread").expect(0);
    assert_whole(&rig, "v.mp4", &id, MediaKind::Video);
    assert_discreet(&ended);
    let said = "the store refused the address: HTTP 403 AccessDenied: asking Gong for a fresh one";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    assert_eq!((rig.server.journal().count(LIST), downloads(&rig)), (2, 2));
}

#[test]
fn a_link_that_dies_on_the_way_is_renewed_and_the_rest_fetched() {
    // GIVEN connections that bring 30,000 bytes at most, and a link that is refused after the second
    let rig = Rig::small(1);
    let id = call(&rig, 100_007);
    rig.server.faults().once(media().nth(3), Fault::Status { status: 403, text: "expired".to_owned() });
    rig.server.faults().always(media(), Fault::ResetInBody { after: 30_000 });
    // WHEN it is fetched THEN it goes on with a fresh link where it was
    let ended = rig.run(&["download", "audio", &id, "-o", "a.mp3"]).expect(0);
    assert_whole(&rig, "a.mp3", &id, MediaKind::Audio);
    assert_discreet(&ended);
    assert_eq!((rig.server.journal().count(LIST), downloads(&rig)), (2, 5));
}

#[test]
fn what_is_at_the_path_and_is_no_file_stays_what_it_is() {
    let rig = Rig::small(1);
    let id = call(&rig, 100_007);
    // GIVEN a FIFO with a reader
    let sh = |line: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", line]).current_dir(rig.path(""));
        shell
    };
    assert!(sh("mkfifo pipe && mkdir folder").status().expect("a shell").success());
    let mut reader = sh("exec cat pipe > read").spawn().expect("a shell");
    // WHEN a call is downloaded to it
    let ended = rig.run(&["download", "audio", &id, "-o", "pipe"]);
    // THEN it is still one, and the reader has got all bytes
    let there = rig.path("pipe").symlink_metadata().expect("a FIFO").file_type();
    if !there.is_fifo() {
        let _ = reader.kill();
    }
    assert!(reader.wait().expect("it ends").success() && there.is_fifo());
    assert_eq!(ended.expect(0).stdout, "");
    assert_whole(&rig, "read", &id, MediaKind::Audio);
    // AND links stay links, one behind the other, whether what they name is there or not
    rig.write("old.mp3", "old");
    for (link, to) in [("folder/link", "../second"), ("second", "old.mp3"), ("loose", "folder/new.mp3")] {
        std::os::unix::fs::symlink(to, rig.path(link)).expect("a link");
    }
    for (link, file) in [("folder/link", "old.mp3"), ("loose", "folder/new.mp3")] {
        rig.run(&["download", "audio", &id, "-o", link]).expect(0);
        assert!(rig.path(link).is_symlink() && rig.path("second").is_symlink());
        assert!(!rig.path(file).is_symlink());
        assert_whole(&rig, file, &id, MediaKind::Audio);
    }
    // AND without a name of its own the file takes no place of something else, whose reader may wait for other bytes
    assert!(sh(&format!("mkfifo {id}.mp3")).status().expect("a shell").success());
    let ended = rig.run(&["download", "audio", &id]).expect(2);
    assert!(ended.stderr.contains(&format!("cannot write {id}.mp3: what is there is no file")), "{}", ended.stderr);
    assert!(rig.path(&format!("{id}.mp3")).symlink_metadata().expect("a FIFO").file_type().is_fifo());
}

#[test]
fn a_store_that_refuses_every_link_ends_the_download() {
    let rig = Rig::small(1);
    let id = call(&rig, 1000);
    rig.write("kept.mp3", "the file before");
    rig.server.faults().always(media(), Fault::Status { status: 403, text: "no".to_owned() });
    let ended = rig.run(&["download", "audio", &id, "-o", "kept.mp3"]).expect(1);
    let said = format!("error: the audio of call {id}: the store refused 3 addresses: HTTP 403\n");
    assert!(ended.stderr.ends_with(&said), "{}", ended.stderr);
    assert_eq!(rig.server.journal().count(LIST), 3);
    assert_eq!(std::fs::read_to_string(rig.path("kept.mp3")).expect("a file"), "the file before");
    assert_eq!(left_over(&rig), Vec::<String>::new());
}

#[test]
fn an_interrupted_download_leaves_nothing() {
    // GIVEN a download under way
    let rig = Rig::small(1);
    let id = call(&rig, 1000);
    rig.server.faults().once(media(), Fault::Hold { name: "sent".to_owned() });
    let mut child = rig.spawn(&["download", "audio", &id, "-o", "a.mp3"]);
    assert!(rig.server.faults().wait_held("sent", Duration::from_secs(60)), "the file is asked for");
    // WHEN somebody presses Ctrl-C THEN it ends, and neither the file nor a part of it is there
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill starts");
    assert!(killed.success());
    assert_eq!(child.wait().expect("the end").code(), Some(130));
    rig.server.faults().release("sent");
    assert!(!rig.path("a.mp3").exists() && left_over(&rig).is_empty());
}

#[test]
fn a_redirect_is_not_followed() {
    let rig = Rig::small(1);
    let id = call(&rig, 1000);
    let to = format!("{}/v2/users", rig.server.url());
    rig.server.faults().once(media(), Fault::Redirect { to, status: 302 });
    let ended = rig.run(&["download", "audio", &id, "-o", "a.mp3"]).expect(1);
    let said = format!("error: the audio of call {id}: the store redirects to 127.0.0.1, which is not followed\n");
    assert_eq!(ended.stderr, said);
    assert_eq!(rig.server.journal().count("/v2/users"), 0);
    assert!(!rig.path("a.mp3").exists() && left_over(&rig).is_empty());
}

#[test]
fn a_call_without_the_file_is_said() {
    let rig = Rig::small(1);
    let absent = {
        let world = rig.server.world();
        world.calls().iter().find(|c| c.has_media && !c.video && c.detailed_at < rig.now()).map(|c| c.id.clone())
    };
    let absent = absent.expect("a call without pictures");
    let ended = rig.run(&["download", "video", &absent]).expect(1);
    let said = format!(
        "error: call {absent} has no video\n\nhint: an audio call has no video; other files are not processed yet, were deleted, or were never recorded\n"
    );
    assert_eq!(ended.stderr, said);
    let ended = rig.run(&["download", "audio", "17"]).expect(1);
    assert_eq!(ended.stderr, "error: call 17: not found: Gong has none, or does not show it\n");
    assert_eq!((downloads(&rig), left_over(&rig)), (0, Vec::new()));
    // The scope that is missing is named.
    rig.server.faults().once(Matcher::path(LIST), Fault::MissingScope);
    let ended = rig.run(&["download", "audio", &absent]).expect(1);
    assert!(
        ended.stderr.ends_with("hint: add the scope api:calls:read:extensive to the credentials in Gong\n"),
        "{}",
        ended.stderr
    );
}
