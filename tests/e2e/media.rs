//! Media files: whole, right, once; and settings of single entities.

use std::collections::HashMap;

use gong_sim::{Credential, Fault, Matcher, MediaKind, ServerOptions, Unknowns, World, WorldSpec, all_scopes};
use rand::{Rng as _, SeedableRng as _};
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
fn a_scope_that_is_missing_in_silence_is_told() {
    // GIVEN a vendor that leaves out what the token may not see, and says nothing
    let scopes = all_scopes().into_iter().filter(|scope| scope != "api:calls:read:media-url").collect();
    let credentials = vec![Credential::Token { token: "narrow".to_owned(), scopes }];
    let unknowns = Unknowns { media_without_scope_is_silent: true, ..Unknowns::default() };
    let rig = Rig::new(
        World::generate(WorldSpec::small(7)),
        ServerOptions { credentials, unknowns, ..ServerOptions::unlimited() },
    );
    let sync = "[sync]\nstart_date = \"2026-05-10\"\nentities = [\"call_audio\"]";
    rig.write(
        "gong-elt.toml",
        &format!(
            "[source]\nbase_url = \"{}\"\naccess_token = \"narrow\"\n[limits]\nrequests_per_second = 2000\n{sync}\n",
            rig.server.url()
        ),
    );
    // WHEN files are asked for THEN the report names the scope and what to do
    let warnings = rig.sync()["warnings"].to_string();
    for said in ["said nothing of the recordings", "api:calls:read:media-url", "backfill --force --entities call_audio"]
    {
        assert!(warnings.contains(said), "{said}: {warnings}");
    }
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

/// No file was fetched twice from its beginning, and every later request goes on exactly where the one before was cut off.
fn assert_nothing_fetched_twice(rig: &Rig) {
    let mut cuts: HashMap<String, usize> = HashMap::new();
    for entry in rig.server.journal().entries().into_iter().filter(|entry| entry.path.starts_with("media:")) {
        let from = entry.range.as_deref().map_or(0, |range| {
            let from = range.strip_prefix("bytes=").and_then(|range| range.split_once('-')).expect("a range").0;
            from.parse().expect("its first byte")
        });
        if entry.status == Some(403) || entry.sent == 0 {
            continue;
        }
        let before = cuts.insert(entry.path.clone(), from + entry.sent);
        assert_eq!(before.unwrap_or(0), from, "{}: {:?}", entry.path, entry.range);
    }
}

#[test]
fn cut_connections_and_dead_links_cost_no_file() {
    // GIVEN connections that break in the body, and addresses that die, also between two parts of one file
    let rig = rig();
    rig.configure_whole(&format!(
        "[sync]\nstart_date = \"{}\"\nentities = [\"call_audio\"]\n[limits]\nrequests_per_second = 2000\nmax_retries = 3",
        crate::support::rig::START
    ));
    let expired = || Fault::Status { status: 403, text: "Request has expired".into() };
    let all = || Matcher::path("media:*");
    rig.server.faults().script(all().nth(9), Fault::ResetBeforeAnswer, 1);
    rig.server.faults().script(all().nth(14), expired(), 1);
    for (n, entry) in files_to_come(&rig).into_iter().take(5).enumerate() {
        rig.server.faults().script(Matcher::path(&entry), Fault::ResetInBody { after: 1_700 + n }, 1);
        rig.server.faults().script(Matcher::path(&entry), expired(), 2);
    }
    // WHEN it is synced
    rig.sync();
    // THEN every audio file is right, and none began twice
    let now = rig.now();
    let files = files(&rig);
    assert!(!files.is_empty());
    for (_, id, path, digest) in files {
        assert_eq!(Some(digest), rig.server.world().media_sha256(&id, MediaKind::Audio, now), "{path}");
    }
    assert_nothing_fetched_twice(&rig);
    assert_eq!(rig.server.faults().pending(), 0);
}

/// The addresses of the audio files that a sync will ask, as the journal names them.
fn files_to_come(rig: &Rig) -> Vec<String> {
    let wanted =
        |record: &serde_json::Value| record["metaData"]["isPrivate"] != true && !record["media"]["audioUrl"].is_null();
    let records = rig.server.truth("calls_extensive").into_iter().filter(wanted);
    records.map(|r| format!("media:/calls/{}/audio.mp3", r["metaData"]["id"].as_str().expect("an id"))).collect()
}

/// 200 calls whose connections are cut at bytes that follow from `seed`, up to three times a file.
fn often_cut(rig: &Rig, seed: u64) {
    let mut chance = rand::rngs::StdRng::seed_from_u64(seed);
    let calls: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
    for id in &calls {
        let size = chance.gen_range(1_500..6_000u64);
        rig.server.world().set_media_bytes(id, size);
        for (name, size) in [("audio.mp3", size), ("video.mp4", size * 8)] {
            let path = format!("media:/calls/{id}/{name}");
            for _ in 0..chance.gen_range(0..=3) {
                let after = usize::try_from(chance.gen_range(1..size / 3)).expect("a size");
                rig.server.faults().script(Matcher::path(&path), Fault::ResetInBody { after }, 1);
            }
        }
    }
    // Without attempts in a row every cut ends the file for this run, so that other processes go on with it.
    rig.configure_whole(&format!(
        "[sync]\nstart_date = \"{}\"\nentities = [\"call_audio\", \"call_video\"]\n[limits]\n\
         requests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 0",
        crate::support::rig::START
    ));
}

#[test]
fn a_run_goes_on_where_an_earlier_one_was_cut_off_in_each_file() {
    // GIVEN 200 calls whose connections are cut at random bytes
    let rig = Rig::sized(1, 200, 14);
    often_cut(&rig, 1);
    // WHEN runs come one after the other
    to_the_end(&rig);
    // THEN every file is right, no byte came twice, and nothing unfinished is left
    assert_whole(&rig);
    assert_nothing_fetched_twice(&rig);
    assert_eq!(unfinished(&rig), 0);
}

#[test]
fn a_killed_run_is_gone_on_with_in_each_file() {
    // GIVEN 200 calls whose connections are cut at random bytes
    let rig = Rig::sized(2, 200, 14);
    often_cut(&rig, 2);
    // WHEN runs are killed between two pieces, and between a file and the ledger's line of it
    let places = ["media-kept:3", "media-kept:40", "media-piece:25", "media-piece:1", "media-piece:90"];
    for place in places {
        let killed = crate::support::rig::end(rig.command(&["sync"]).env("GONG_ELT_FAILPOINT", place));
        assert_eq!(killed.code, -1, "{place}: {}", killed.stderr);
        assert!(unfinished(&rig) > 0, "{place}");
    }
    // AND others come to their end
    to_the_end(&rig);
    // THEN every file is right and nothing unfinished is left
    assert_whole(&rig);
    assert_eq!(unfinished(&rig), 0);
    // AND nothing is begun twice but what was on the wire beside the place of a kill: eight windows are read at once
    let entries = rig.server.journal().entries();
    let mut begun: HashMap<&str, usize> = HashMap::new();
    for entry in entries.iter().filter(|e| e.path.starts_with("media:") && e.range.is_none() && e.sent > 0) {
        *begun.entry(&entry.path).or_default() += 1;
    }
    let twice = begun.values().filter(|times| **times > 1).count();
    assert!(twice <= places.len() * 7, "{twice} of {}", begun.len());
}

/// Runs until every file is there: each is cut three times at most, and a run that could not fetch one says so with its exit code.
fn to_the_end(rig: &Rig) {
    for _ in 0..3 {
        let ended = rig.run(&["sync", "--format", "json"]);
        let cut = ended.json()["warnings"].to_string().contains("a file could not be fetched");
        assert_eq!(ended.code, i32::from(cut), "{}", ended.stderr);
    }
    rig.sync();
}

/// Files of which a beginning is kept.
fn unfinished(rig: &Rig) -> usize {
    let below = |path: std::path::PathBuf| std::fs::read_dir(path).into_iter().flatten().flatten();
    below(rig.path("state/gong-elt.partial")).map(|folder| below(folder.path()).count()).sum()
}

#[test]
fn a_file_that_changed_after_a_run_was_killed_is_fetched_anew() {
    // GIVEN a run that was killed in the middle of its files
    let rig = rig();
    rig.configure_whole(&format!(
        "[sync]\nstart_date = \"{}\"\nentities = [\"call_audio\"]\n[limits]\nrequests_per_second = 2000\nmax_retries = 0",
        crate::support::rig::START
    ));
    for path in files_to_come(&rig) {
        rig.server.faults().script(Matcher::path(&path), Fault::ResetInBody { after: 1_000 }, 1);
    }
    rig.run(&["sync"]);
    // WHEN the files have other sizes
    let ids: Vec<String> = rig.server.world().calls().iter().map(|call| call.id.clone()).collect();
    for (n, id) in ids.iter().enumerate() {
        rig.server.world().set_media_bytes(id, 9_000 + n as u64);
    }
    rig.sync();
    // THEN they are whole, with nothing of the old ones
    let now = rig.now();
    let files = files(&rig);
    assert!(files.len() > 50);
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

/// The ids of link requests since `after`.
fn links_asked(rig: &Rig, after: usize) -> Vec<String> {
    let entries = rig.server.journal().entries().split_off(after);
    let of = |e: &gong_sim::Entry| e.body.pointer("/contentSelector/exposedFields/media") == Some(&true.into());
    let ids = entries.iter().filter(|e| of(e)).flat_map(|e| {
        let ids = e.body["filter"]["callIds"].as_array().cloned().unwrap_or_default();
        ids.into_iter().filter_map(|id| id.as_str().map(str::to_owned)).collect::<Vec<_>>()
    });
    ids.collect()
}

#[test]
fn a_call_without_a_file_is_recorded_as_absent_and_a_re_reading_asks_links_for_such_calls_only() {
    // GIVEN an account whose videos were fetched: not every call has one
    let rig = rig();
    rig.configure(&format!("{}\nentities = [\"call_video\"]", crate::support::rig::DAILY));
    rig.sync();
    let query = format!(
        "SELECT DISTINCT call_id FROM '{}/call_video/**/*.parquet' WHERE status = 'absent' AND path IS NULL AND sha256 IS NULL",
        rig.data().display()
    );
    let script = "import duckdb, sys; print(' '.join(r[0] for r in duckdb.sql(sys.argv[1]).fetchall()))";
    let output = crate::support::truth::python().args(["-c", script, &query]).output().expect("python starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let absent: Vec<&str> = said.split_whitespace().collect();
    let present = files(&rig).len();
    assert!(absent.len() > 5 && present > 5, "{} absent, {present} present", absent.len());
    // WHEN every window is read again
    let before = rig.server.journal().len();
    rig.server.clock().advance(chrono::TimeDelta::days(1));
    let known: std::collections::HashSet<String> = files(&rig).into_iter().map(|(_, id, ..)| id).collect();
    rig.sync();
    // THEN links were asked for the calls without a file, and of the others for none
    let asked = links_asked(&rig, before);
    assert!(asked.iter().all(|id| !known.contains(id)), "links of files that are there");
    assert!(absent.iter().all(|id| asked.iter().any(|asked| asked == id)), "{absent:?}");
}

#[test]
fn a_call_on_which_the_vendor_fails_costs_its_own_file_only() {
    // GIVEN a call for whose link the vendor fails
    let rig = rig();
    rig.configure("window = \"month\"\nentities = [\"call_audio\"]");
    let bad = files_to_come(&rig)[5].split('/').nth(2).expect("an id").to_owned();
    let poison = Fault::PoisonId { id: bad.clone(), status: 400 };
    rig.server.faults().always(Matcher::path("/v2/calls/extensive").containing(&bad), poison);
    // WHEN the files are fetched THEN all others are there, and it is recorded as missing
    let report = rig.sync();
    let audio = &report["entities"]["call_audio"];
    assert_eq!((&audio["units"]["failed"], &audio["missing"]), (&0.into(), &1.into()));
    assert_eq!(files(&rig).len(), files_to_come(&rig).len() - 1);
    // AND it comes with a later reading
    rig.server.faults().clear();
    rig.server.clock().advance(chrono::TimeDelta::days(15));
    rig.sync();
    assert!(files(&rig).iter().any(|(_, id, ..)| *id == bad));
}

#[test]
fn files_of_one_window_come_side_by_side_and_take_nothing_of_the_rate() {
    // GIVEN a window of some files, three of which the store holds back
    let rig = rig();
    rig.configure("window = \"day\"\nentities = [\"call_audio\"]");
    let mut by_day: HashMap<String, Vec<String>> = HashMap::new();
    let now = rig.now();
    for record in rig.server.world().truth("calls_extensive", now) {
        let meta = &record["metaData"];
        if meta["isPrivate"] == false && !record["media"]["audioUrl"].is_null() {
            let at = chrono::DateTime::parse_from_rfc3339(meta["started"].as_str().expect("an instant"));
            let day = at.expect("an instant").to_utc().date_naive().to_string();
            by_day.entry(day).or_default().push(meta["id"].as_str().expect("an id").to_owned());
        }
    }
    let ids = by_day.into_values().max_by_key(Vec::len).expect("a day");
    assert!(ids.len() >= 3, "{ids:?}");
    for id in &ids[..3] {
        let path = Matcher::path(&format!("media:/calls/{id}/audio.mp3"));
        rig.server.faults().once(path, Fault::Hold { name: id.clone() });
    }
    // WHEN it is read THEN all three are under way at once
    let mut sync = rig.spawn(&["sync"]);
    for id in &ids[..3] {
        assert!(rig.server.faults().wait_held(id, std::time::Duration::from_secs(60)), "{id} is asked for");
    }
    ids[..3].iter().for_each(|id| rig.server.faults().release(id));
    assert!(sync.wait().expect("a child").success());
    // AND the budget has counted what was asked of the API, and no download
    let entries = rig.server.journal().entries();
    let downloads = entries.iter().filter(|e| e.path.starts_with("media:")).count();
    let status = rig.run(&["status", "--format", "json"]).expect(0).json();
    assert!(downloads > 20);
    assert_eq!(status["quota"]["used"], entries.len() - downloads);
}
