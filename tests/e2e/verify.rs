//! `verify`: what is damaged, missing or strange is found, and read again on request, and nothing else is.

use std::fs;

use chrono::TimeDelta;
use serde_json::Value;

use crate::support::Rig;
use crate::support::rig::FIVE;
use crate::support::truth::assert_conserved;

fn verify(rig: &Rig, more: &[&str], code: i32) -> Value {
    rig.run(&[&["verify", "--format", "json"], more].concat()).expect(code).json()
}

/// Kinds and paths of the findings.
fn found(report: &Value) -> Vec<(String, String)> {
    let findings = report["findings"].as_array().expect("a list");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    findings.iter().map(|f| (text(&f["kind"]), text(&f["path"]))).collect()
}

fn flip_a_byte(path: &std::path::Path) {
    let mut bytes = fs::read(path).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(path, bytes).expect("a writable file");
}

#[test]
fn an_output_that_is_as_it_was_written_has_no_findings_and_costs_no_request() {
    for rig in [Rig::small(1), Rig::small(1).in_bucket()] {
        // GIVEN an output
        rig.sync();
        let asked = rig.server.journal().len();
        // WHEN it is verified THEN nothing is found, nothing asked and nothing written
        let before = rig.objects();
        for more in [&[][..], &["--deep"]] {
            let report = verify(&rig, more, 0);
            assert_eq!(found(&report), []);
            assert_eq!(report["checked"]["objects"], before.len());
        }
        assert_eq!(rig.server.journal().len(), asked);
        assert_eq!(rig.objects(), before);
        // AND a copy of it, which has other etags, is as good
        if rig.bucket.is_none() {
            for (path, _) in &before {
                let bytes = fs::read(rig.data().join(path)).expect("a file");
                fs::remove_file(rig.data().join(path)).expect("a file");
                fs::write(rig.data().join(path), bytes).expect("a writable folder");
            }
            assert_eq!(found(&verify(&rig, &[], 0)), []);
        }
    }
}

#[test]
fn damage_is_found_and_just_that_is_read_again() {
    for rig in [Rig::small(2), Rig::small(2).in_bucket()] {
        // GIVEN an output of which one object is lost, one cut, one changed in a byte, and one added
        rig.configure(FIVE);
        rig.sync();
        let objects: Vec<String> = rig.objects().into_iter().map(|(path, _)| path).collect();
        let of =
            |entity: &str| objects.iter().find(|p| p.starts_with(&format!("{entity}/"))).expect("an object").clone();
        let (lost, cut, changed) = (of("calls"), of("call_transcripts"), of("calls_extensive"));
        let place = |path: &str| rig.data().join(path);
        fs::remove_file(place(&lost)).expect("a file");
        fs::write(place(&cut), &fs::read(place(&cut)).expect("a file")[..100]).expect("a writable file");
        flip_a_byte(&place(&changed));
        let strange = format!("{}.copy.parquet", changed.trim_end_matches(".parquet"));
        fs::copy(place(&of("users")), place(&strange)).expect("a writable folder");
        // WHEN it is verified
        let report = verify(&rig, &["--deep"], 1);
        // THEN each is named
        let expected = [("missing", &lost), ("size", &cut), ("digest", &changed), ("unknown", &strange)];
        let mut expected: Vec<(String, String)> =
            expected.map(|(kind, path)| (kind.to_owned(), path.to_owned())).into();
        let mut kinds = found(&report);
        expected.sort();
        kinds.sort();
        assert_eq!(kinds, expected);
        // AND with --repair it is read again, with few requests, and the files equal the account
        let asked = rig.server.journal().len();
        let before = rig.objects();
        rig.server.clock().advance(TimeDelta::hours(1));
        let report = verify(&rig, &["--repair"], 0);
        assert_eq!(report["repaired"], 4, "{report}");
        assert!(rig.server.journal().len() - asked <= 6, "{} requests", rig.server.journal().len() - asked);
        let untouched = rig.objects().iter().filter(|object| before.contains(object)).count();
        assert!(untouched >= before.len() - 6, "{untouched} of {}", before.len());
        assert_eq!(found(&verify(&rig, &["--deep"], 0)), []);
        rig.server.clock().advance(TimeDelta::days(30));
        rig.sync();
        assert_conserved(&rig, "after the repair");
    }
}

/// A way to damage a file.
type Damage = (&'static str, fn(&mut Vec<u8>));

const DAMAGE: [Damage; 5] = [
    ("its begin flipped", |bytes| bytes[200] ^= 0xff),
    ("its end flipped", |bytes| flip(bytes, 12)),
    ("cut", |bytes| bytes.truncate(bytes.len() / 2)),
    ("longer", |bytes| bytes.push(0)),
    ("empty", Vec::clear),
];

fn flip(bytes: &mut [u8], from_end: usize) {
    let place = bytes.len() - from_end;
    bytes[place] ^= 0xff;
}

#[test]
fn a_damaged_object_is_never_taken_for_a_newer_one() {
    for (how, damage) in DAMAGE {
        for nightly in [true, false] {
            // GIVEN an output whose objects of one month are damaged, unsettled and settled ones
            let rig = Rig::small(1);
            rig.configure(FIVE);
            rig.sync();
            let objects: Vec<_> =
                rig.objects().into_iter().filter(|(path, _)| path.contains("month=2026-05")).collect();
            assert!(objects.len() > 20);
            for (path, _) in &objects {
                let place = rig.data().join(path);
                let mut bytes = fs::read(&place).expect("a file");
                damage(&mut bytes);
                fs::write(place, bytes).expect("a writable file");
            }
            // WHEN the night's run writes beside them, or they are looked for THEN they are read again, and all is well
            if nightly {
                rig.server.night();
                rig.sync();
            } else {
                assert_eq!(found(&verify(&rig, &["--deep"], 1)).len(), objects.len(), "{how}");
                let repaired = verify(&rig, &["--repair"], 0);
                assert_eq!(repaired["repaired"], objects.len(), "{how}");
                assert_conserved(&rig, how);
            }
            assert_eq!(found(&verify(&rig, &["--deep"], 0)), [], "{how}, nightly {nightly}");
        }
    }
}

#[test]
fn a_damaged_media_file_is_fetched_again_and_the_others_are_not() {
    // GIVEN audio of every call, of which one file is damaged and one lost
    let rig = Rig::small(3);
    rig.configure("entities = [\"call_audio\"]");
    rig.sync();
    let media: Vec<String> =
        rig.objects().into_iter().map(|(path, _)| path).filter(|p| p.starts_with("media/")).collect();
    flip_a_byte(&rig.data().join(&media[0]));
    fs::remove_file(rig.data().join(&media[1])).expect("a file");
    // WHEN it is verified and repaired
    let report = verify(&rig, &["--deep", "--repair"], 0);
    // THEN both are found and whole again
    let mut expected = vec![("digest".to_owned(), media[0].clone()), ("missing".to_owned(), media[1].clone())];
    expected.sort();
    let mut kinds = found(&report);
    kinds.sort();
    assert_eq!(kinds, expected);
    assert_eq!(report["repaired"], 2, "{report}");
    assert_eq!(found(&verify(&rig, &["--deep"], 0)), []);
}

#[test]
fn a_settled_window_that_gong_counts_otherwise_is_found_and_read_again() {
    // GIVEN windows that are long settled, and a call that is deleted in one of them
    let rig = Rig::small(4);
    rig.configure(&format!("recheck_every = \"1000d\"\n{FIVE}"));
    rig.server.clock().advance(TimeDelta::days(40));
    rig.sync();
    assert_eq!(found(&verify(&rig, &["--source"], 0)), []);
    let now = rig.now();
    let call = rig.server.world().truth("calls", now)[0]["id"].as_str().expect("an id").to_owned();
    rig.server.world().delete_call(&call, now);
    // WHEN the ledger is compared with Gong
    let asked = rig.server.journal().len();
    let report = verify(&rig, &["--source"], 1);
    // THEN it costs one request for each window, and names the one
    assert_eq!(rig.server.journal().len() - asked, report["checked"]["windows"].as_u64().expect("a number") as usize);
    let findings = report["findings"].as_array().expect("a list");
    assert_eq!(findings.len(), 1, "{report}");
    assert_eq!((&findings[0]["kind"], &findings[0]["entity"]), (&"source".into(), &"calls".into()));
    // AND --repair reads it again
    rig.server.clock().advance(TimeDelta::hours(1));
    assert_eq!(verify(&rig, &["--source", "--repair"], 0)["repaired"], 1);
    assert_conserved(&rig, "after the repair");
}
