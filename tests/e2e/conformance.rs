//! What we promise about a store, on each kind of it: local disk, memory and a real S3 server.

use bytes::Bytes;
use gong_elt::config::{self, OutputSettings};
use gong_elt::sink::{Expected, Preconditions, Store, Written};

use crate::support::bucket::{Bucket, Fault};

/// A store and what must live as long as it.
struct Case {
    name: &'static str,
    store: Store,
    bucket: Option<Bucket>,
    _folder: tempfile::TempDir,
}

fn cases() -> Vec<Case> {
    let bucket = Bucket::start();
    let settings = bucket.settings();
    let folder = || tempfile::tempdir().expect("a folder");
    let disk = folder();
    let local = OutputSettings { url: disk.path().to_string_lossy().into_owned(), ..OutputSettings::default() };
    vec![
        Case { name: "disk", store: Store::open(&local).expect("a store"), bucket: None, _folder: disk },
        Case { name: "memory", store: Store::memory(), bucket: None, _folder: folder() },
        Case { name: "S3", store: opened(&settings), bucket: Some(bucket), _folder: folder() },
    ]
}

/// The store of these settings.
pub fn opened(settings: &str) -> Store {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gong-elt.toml");
    std::fs::write(&file, settings).expect("a file");
    let config = config::load(&file, |_| None, &[]).expect("settings");
    Store::open(&config.output).expect("a store")
}

/// Runs it to its end.
pub fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(work)
}

/// So large that a bucket takes it in three parts.
fn large(fill: u8) -> Bytes {
    (0..20_000_000_u32).map(|n| (n / 1_000) as u8 ^ fill).collect()
}

#[test]
fn an_object_is_there_whole_replaced_in_one_step_and_gone_when_removed() {
    for case in cases() {
        let (store, name) = (&case.store, case.name);
        wait(async {
            // GIVEN nothing
            assert_eq!(store.get("calls/a.parquet").await.expect(name), None, "{name}");
            assert_eq!(store.size("calls/a.parquet").await.expect(name), None, "{name}");
            store.remove("calls/a.parquet").await.expect("the removal of nothing is fine");
            // WHEN objects are put, small and large, and one is replaced
            let put = async |path: &str, bytes: Bytes| store.put(path, bytes).await.expect(name);
            put("calls/month=2024-06/a.parquet", Bytes::from_static(b"old")).await;
            put("calls/month=2024-06/a.parquet", large(1)).await;
            put("calls_extensive/b.parquet", Bytes::new()).await;
            let etag = put("calls/month=2024-06/c.parquet", large(2)).await;
            // THEN each is there whole
            assert_eq!(store.get("calls/month=2024-06/a.parquet").await.expect(name), Some(large(1)), "{name}");
            assert_eq!(store.size("calls/month=2024-06/c.parquet").await.expect(name), Some(20_000_000), "{name}");
            assert_eq!(store.size("calls_extensive/b.parquet").await.expect(name), Some(0), "{name}");
            let again = put("calls/month=2024-06/c.parquet", large(3)).await;
            assert!(etag.is_some() && etag != again, "{name}: another content has another etag");
            // AND a folder's list names what is below it, from the output's root
            let mut listed = store.list("calls").await.expect(name);
            listed.sort();
            assert_eq!(listed, ["calls/month=2024-06/a.parquet", "calls/month=2024-06/c.parquet"], "{name}");
            // AND what is removed is gone
            store.remove("calls/month=2024-06/a.parquet").await.expect(name);
            assert_eq!(store.get("calls/month=2024-06/a.parquet").await.expect(name), None, "{name}");
            assert_eq!(store.list("").await.expect(name).len(), 2, "{name}");
        });
    }
}

#[test]
fn what_comes_piece_by_piece_shows_when_it_is_whole_and_a_discarded_one_never() {
    let path = "media/audio/month=2024-06/1.mp3";
    for case in cases() {
        for whole in [Bytes::from_static(b"small"), large(4), Bytes::new()] {
            let (store, name) = (&case.store, case.name);
            let before = wait(store.get(path)).expect(name);
            wait(async {
                // GIVEN all of an object's bytes but no end
                let arrive = async || {
                    let mut incoming = store.incoming(path).expect(name);
                    for piece in whole.chunks(70_001) {
                        incoming.write(piece).await.expect(name);
                    }
                    incoming
                };
                // WHEN it is discarded, and when it is not yet kept: THEN nothing has changed for readers
                arrive().await.discard().await;
                let mut incoming = arrive().await;
                assert_eq!(store.get(path).await.expect(name), before, "{name}");
                // WHEN it is kept: THEN it is there whole
                incoming.keep().await.expect(name);
                assert_eq!(store.get(path).await.expect(name).as_ref(), Some(&whole), "{name}");
            });
            let left = case.bucket.as_ref().map(Bucket::unfinished_uploads).unwrap_or_default();
            assert!(left.is_empty(), "{name}: {left:?}");
        }
        assert_eq!(wait(case.store.list("")).expect(case.name), [path], "{}", case.name);
    }
}

#[test]
fn a_failed_upload_leaves_nothing_and_a_lost_answer_does_no_harm() {
    let bucket = Bucket::start();
    let store = opened(&bucket.settings());
    // GIVEN a large object
    wait(store.put("calls/a.parquet", large(1))).expect("an object");
    for (method, place) in [("POST", "uploads"), ("PUT", "partNumber=2"), ("POST", "uploadId")] {
        // WHEN a step of replacing it is refused
        bucket.fault(method, place, Fault::Status(403), 1);
        let error = wait(store.put("calls/a.parquet", large(2))).expect_err("it was refused").to_string();
        // THEN the error names it, the old object is there, and nothing is left of the new one
        assert!(error.starts_with("cannot write calls/a.parquet below s3://warehouse/gong/elt: "), "{error}");
        assert_eq!(wait(store.get("calls/a.parquet")).expect("an object"), Some(large(1)), "{place}");
        assert!(bucket.unfinished_uploads().is_empty(), "{place}: {:?}", bucket.unfinished_uploads());
    }
    for (n, fault) in [(3, Fault::LoseAnswer), (4, Fault::FalseAlarm), (5, Fault::Reset), (6, Fault::Status(503))] {
        // WHEN each step's answer is lost once, after the work or before it
        for (method, place) in [("PUT", "partNumber=1"), ("PUT", "partNumber=3"), ("POST", "uploadId")] {
            bucket.fault(method, place, fault, 1);
        }
        // THEN the object is the new one all the same
        wait(store.put("calls/a.parquet", large(n))).unwrap_or_else(|e| panic!("{fault:?}: {e}"));
        assert_eq!(wait(store.get("calls/a.parquet")).expect("an object"), Some(large(n)), "{fault:?}");
        assert!(bucket.unfinished_uploads().is_empty(), "{fault:?}");
    }
}

#[test]
#[ignore = "takes 35 seconds: longer than any other request may"]
fn the_last_step_of_an_upload_may_take_longer_than_any_other_request() {
    let bucket = Bucket::start();
    let store = opened(&bucket.settings());
    bucket.fault("POST", "uploadId", Fault::Slow(std::time::Duration::from_secs(35)), 1);
    wait(store.put("calls/a.parquet", large(1))).expect("an object");
    let finished = bucket
        .seen()
        .iter()
        .filter(|seen| seen.request.starts_with("POST") && seen.request.contains("uploadId"))
        .count();
    assert_eq!(finished, 1, "it was not given up and repeated");
}

#[test]
fn of_writers_that_saw_the_same_one_wins() {
    for case in cases() {
        let (store, name) = (&case.store, case.name);
        wait(async {
            // GIVEN many writers that saw no object
            let put = |text: String, expected: Expected| async move {
                store.put_if("_gong_elt/lease.json", Bytes::from(text), &expected).await.expect(name)
            };
            // WHEN all write
            let all = futures::future::join_all((0..8).map(|n| put(format!("writer {n}"), Expected::Absent))).await;
            // THEN one has won, and the object is its
            let won: Vec<usize> = (0..8).filter(|n| matches!(all[*n], Written::Won(_))).collect();
            assert_eq!(won.len(), 1, "{name}: {all:?}");
            let (found, version) = store.get_version("_gong_elt/lease.json").await.expect(name).expect(name);
            assert_eq!(found, format!("writer {}", won[0]), "{name}");
            // AND so again for those that saw that object
            let next = |n: usize| put(format!("next {n}"), Expected::Is(version.clone()));
            let all = futures::future::join_all((0..8).map(next)).await;
            let won = all.iter().filter(|w| matches!(w, Written::Won(_))).count();
            assert_eq!((won, all.contains(&Written::Unsupported)), (1, false), "{name}: {all:?}");
            // AND who saw the first can neither replace the second nor make it anew
            assert_eq!(put("late".to_owned(), Expected::Is(version)).await, Written::Lost, "{name}");
            assert_eq!(put("late".to_owned(), Expected::Absent).await, Written::Lost, "{name}");
        });
    }
}

#[test]
fn a_trial_tells_whether_preconditions_are_honoured() {
    for case in cases() {
        let found = wait(case.store.preconditions("one")).expect(case.name);
        assert_eq!(found, Preconditions::Honoured, "{}", case.name);
        assert!(wait(case.store.list("")).expect(case.name).is_empty(), "{}: the trial leaves nothing", case.name);
    }
    let careless = Bucket::careless();
    assert_eq!(wait(opened(&careless.settings()).preconditions("two")).expect("an answer"), Preconditions::Ignored);
}

#[test]
fn a_write_whose_answer_was_lost_is_not_lost_to_its_writer() {
    for fault in [Fault::LoseAnswer, Fault::FalseAlarm, Fault::Reset, Fault::Status(503), Fault::CutBody] {
        for case in cases().into_iter().filter(|case| case.bucket.is_some()) {
            let bucket = case.bucket.as_ref().expect("a bucket");
            let store = &case.store;
            wait(async {
                bucket.fault("PUT", "lease", fault, 1);
                let put = |text: &'static str, expected: Expected| async move {
                    store.put_if("lease", Bytes::from_static(text.as_bytes()), &expected).await.expect("an end")
                };
                let Written::Won(version) = put("mine", Expected::Absent).await else { panic!("{fault:?}: lost") };
                bucket.fault("PUT", "lease", fault, 1);
                let again = put("mine again", Expected::Is(version)).await;
                assert!(matches!(again, Written::Won(_)), "{fault:?}: {again:?}");
                assert_eq!(put("mine", Expected::Absent).await, Written::Lost, "{fault:?}");
            });
        }
    }
}
