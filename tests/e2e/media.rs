//! Media files: whole, right, once; and settings of single entities.

use std::collections::HashMap;

use gong_sim::{Fault, Matcher, MediaKind};
use sha2::{Digest as _, Sha256};

use crate::support::Rig;

/// What the ledger says of the files: entity, call, path, digest.
fn files(rig: &Rig) -> Vec<(String, String, String, String)> {
    let ledger = rusqlite::Connection::open(rig.path("state/gong-elt.db")).expect("a ledger");
    let mut query = ledger.prepare("SELECT entity, call_id, path, sha256 FROM media").expect("the ledger's tables");
    let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))).expect("a query");
    rows.collect::<Result<_, _>>().expect("rows")
}

/// A small account whose files are small.
fn rig() -> Rig {
    let rig = Rig::small(7);
    let ids: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
    for (n, id) in ids.iter().enumerate() {
        rig.server.world().set_media_bytes(id, 4_000 + n as u64);
    }
    rig.configure("entities = [\"call_audio\", \"call_video\"]");
    rig
}

/// Every file of every readable call is on disk with the digest that the world gives it.
fn assert_whole(rig: &Rig) {
    let now = rig.now();
    let files = files(rig);
    let by_call: HashMap<(String, String), String> =
        files.iter().map(|(e, id, path, _)| ((e.clone(), id.clone()), path.clone())).collect();
    let world = rig.server.world();
    let mut expected = 0;
    for record in world.truth("calls_extensive", now) {
        let id = record["metaData"]["id"].as_str().expect("an id").to_owned();
        for (entity, kind, link) in
            [("call_audio", MediaKind::Audio, "audioUrl"), ("call_video", MediaKind::Video, "videoUrl")]
        {
            if record["metaData"]["isPrivate"] == true || record["media"][link].is_null() {
                continue;
            }
            expected += 1;
            let path =
                by_call.get(&(entity.to_owned(), id.clone())).unwrap_or_else(|| panic!("{entity} {id} is missing"));
            let bytes = std::fs::read(rig.data().join(path)).expect("a file");
            let digest: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(Some(digest), world.media_sha256(&id, kind, now), "{entity} {id}");
        }
    }
    assert_eq!(files.len(), expected, "no file without its call");
}

#[test]
fn every_file_is_whole_and_is_fetched_once() {
    let rig = rig();
    rig.sync();
    assert_whole(&rig);
    let before = rig.server.journal().len();
    rig.sync();
    assert_eq!(rig.server.journal().len(), before);
}

#[test]
fn cut_connections_and_dead_links_cost_no_file() {
    // GIVEN connections that break in the body, and addresses that die
    let rig = rig();
    rig.configure_whole(&format!(
        "[sync]\nstart_date = \"{}\"\nentities = [\"call_audio\"]\n[limits]\nrequests_per_second = 2000\nmax_retries = 3",
        crate::support::rig::START
    ));
    rig.server.faults().script(Matcher::path("media:*").nth(3), Fault::ResetInBody { after: 1_700 }, 1);
    rig.server.faults().script(Matcher::path("media:*").nth(9), Fault::ResetBeforeAnswer, 1);
    rig.server.faults().script(
        Matcher::path("media:*").nth(14),
        Fault::Status { status: 403, text: "Request has expired".into() },
        1,
    );
    // WHEN it is synced
    rig.sync();
    // THEN every audio file is right
    let now = rig.now();
    let files = files(&rig);
    assert!(!files.is_empty());
    for (_, id, path, digest) in files {
        assert_eq!(Some(digest), rig.server.world().media_sha256(&id, MediaKind::Audio, now), "{path}");
    }
}

#[test]
fn a_call_that_turns_private_takes_its_file_with_it() {
    let rig = rig();
    rig.sync();
    let now = rig.now();
    let (_, id, path, _) = files(&rig).into_iter().find(|(entity, ..)| entity == "call_audio").expect("a file");
    rig.server.world().set_private(&id, true, now + chrono::TimeDelta::hours(1));
    rig.server.clock().advance(chrono::TimeDelta::days(15));
    rig.sync();
    assert!(!rig.data().join(path).exists());
    assert_whole(&rig);
}

#[test]
fn media_links_are_given_if_asked_for_and_never_reach_the_ledger_or_a_log() {
    // GIVEN a configuration that wants the links
    let rig = Rig::small(3);
    rig.configure("entities = [\"calls_extensive\"]\n[entities.calls_extensive]\ninclude_media_urls = true");
    // WHEN it is synced, killed on the way first
    let killed = crate::support::rig::end(rig.command(&["sync", "-vv"]).env("GONG_ELT_FAILPOINT", "before-object:5"));
    assert_eq!(killed.code, -1);
    let ended = rig.run(&["sync", "-vv"]).expect(0);
    // THEN the column is filled
    let query = format!(
        "SELECT count(media.audio_url) FROM read_parquet('{}/calls_extensive/**/*.parquet')",
        rig.data().display()
    );
    let script = "import duckdb, sys; print(duckdb.sql(sys.argv[1]).fetchone()[0])";
    let output = crate::support::truth::python().args(["-c", script, &query]).output().expect("python starts");
    let count: u64 = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a count");
    assert!(count > 50, "{count}");
    // AND no link is anywhere else
    for file in ["state/gong-elt.db", "state/gong-elt.db-wal", "data/_gong_elt/manifest.json"] {
        let bytes = std::fs::read(rig.path(file)).unwrap_or_default();
        assert!(!bytes.windows(15).any(|window| window == b"X-Amz-Signature"), "{file}");
    }
    assert!(!ended.stderr.contains("X-Amz") && !killed.stderr.contains("X-Amz"));
}

#[test]
fn a_changed_period_is_refused() {
    let rig = Rig::small(3);
    rig.configure("entities = [\"stats_interaction\"]");
    rig.sync();
    rig.configure("entities = [\"stats_interaction\"]\n[entities.stats_interaction]\nperiod = \"week\"");
    rig.server.clock().advance(chrono::TimeDelta::days(1));
    let refused = rig.run(&["sync"]).expect(2);
    assert!(
        refused.stderr.contains("entities.stats_interaction.period: the ledger holds the period"),
        "{}",
        refused.stderr
    );
}
