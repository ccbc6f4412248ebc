//! What we promise about a store, on each kind of it: local disk and a real S3 server.

use bytes::Bytes;
use gong_elt::config::{self, OutputSettings};
use gong_elt::sink::{Expected, Preconditions, Store, Written};

use crate::support::bucket::Bucket;

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
    let (disk, none) = (tempfile::tempdir().expect("a folder"), tempfile::tempdir().expect("a folder"));
    let local = OutputSettings { url: disk.path().to_string_lossy().into_owned(), ..OutputSettings::default() };
    vec![
        Case { name: "disk", store: Store::open(&local).expect("a store"), bucket: None, _folder: disk },
        Case { name: "S3", store: opened(&settings), bucket: Some(bucket), _folder: none },
    ]
}

fn opened(settings: &str) -> Store {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("gong-elt.toml");
    std::fs::write(&file, settings).expect("a file");
    let config = config::load(&file, |_| None, &[]).expect("settings");
    Store::open(&config.output).expect("a store")
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime").block_on(work)
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
    use crate::support::bucket::Fault;
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
