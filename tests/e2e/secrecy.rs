//! Whatever goes wrong, at the highest verbosity: no credential, token, signed link, email or text of a call is told.

use gong_sim::{Fault, Matcher, RetryAfter};
use serde_json::Value;

use crate::support::Rig;
use crate::support::rig::START;

/// Every string below the keys of these names.
fn texts(value: &Value, keys: &[&str], found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                match inner.as_str() {
                    Some(text) if keys.contains(&key.as_str()) && text.len() > 12 => found.push(text.to_owned()),
                    _ => texts(inner, keys, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| texts(item, keys, found)),
        _ => {}
    }
}

/// What nobody may read in a message.
fn secrets(rig: &Rig) -> Vec<String> {
    let mut found = Vec::new();
    for entity in ["users", "calls", "calls_extensive", "call_transcripts"] {
        for record in rig.server.truth(entity) {
            texts(&record, &["emailAddress", "text", "title", "audioUrl", "videoUrl", "phoneNumber"], &mut found);
        }
    }
    assert!(found.len() > 100 && found.iter().any(|text| text.contains('@')), "{} texts", found.len());
    // The key, the secret, both as they are sent, and what every signed link has.
    found.extend(["sim-key", "sim-secret", "c2lt", "Signature=", "signature="].map(str::to_owned));
    found
}

#[test]
fn no_fault_makes_the_program_tell_a_secret_or_a_customers_words() {
    let throttled = Fault::TooManyRequests { retry_after: RetryAfter::Seconds(0) };
    let leak = r#"{"requestId":"1","calls":[{"id":"1","title":"leaked words of a customer"}"#;
    for format in ["text", "json"] {
        // GIVEN every fault at once, and failing answers that carry words of customers
        let rig = Rig::small(1);
        let limits = "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\nmax_retries = 1";
        rig.configure_whole(&format!("{limits}\n[sync]\nstart_date = \"{START}\"\n"));
        let faults = [
            throttled.clone(),
            Fault::ServerError,
            Fault::BadGateway,
            Fault::Unavailable,
            Fault::ResetBeforeAnswer,
            Fault::LoseAnswer,
            Fault::ResetInBody { after: 900 },
            Fault::CutBody { percent: 60 },
            Fault::WrongContentType,
            Fault::CursorExpired,
            Fault::CursorRepeated,
            Fault::CursorBroken,
            Fault::NothingFound,
            Fault::EmptyPage,
            Fault::OmitId { id: None },
            Fault::NoRecords,
            Fault::MissingScope,
            Fault::Body { bytes: leak.as_bytes().to_vec() },
        ];
        for (number, fault) in (1..).zip(faults) {
            rig.server.faults().seeded(number, Matcher::path("/v2/calls*"), fault, 4.0);
        }
        // WHEN it runs at the highest verbosity
        let ended = rig.run(&["sync", "-vv", "--log-format", format, "--format", format]);
        assert!([0, 1].contains(&ended.code), "{}: {}", ended.code, ended.stderr);
        assert!(ended.stderr.len() > 5000, "it tells much: {}", ended.stderr.len());
        // THEN none of it is told, neither there nor in what the run leaves for readers
        let mut told = format!("{}{}", ended.stdout, ended.stderr);
        for folder in ["_gong_elt/runs", "_gong_elt"] {
            for entry in std::fs::read_dir(rig.data().join(folder)).into_iter().flatten().flatten() {
                told.push_str(&std::fs::read_to_string(entry.path()).unwrap_or_default());
            }
        }
        let leaked: Vec<String> = secrets(&rig).into_iter().filter(|secret| told.contains(secret.as_str())).collect();
        assert_eq!(leaked, Vec::<String>::new(), "{format}");
        assert!(!told.contains("leaked words"), "{format}");
    }
}

#[test]
fn a_vendor_that_repeats_what_it_was_sent_tells_nothing() {
    // GIVEN a vendor whose errors hold the request's header, its parts, an address and a signed link
    let rig = Rig::small(1);
    rig.configure("");
    let echo = "bad header Basic c2ltLWtleTpzaW0tc2VjcmV0 of sim-key:sim-secret for bob@corp.example, \
                see https://bucket.example/a.mp3?X-Amz-Signature=00ff";
    rig.server.faults().always(Matcher::path("/v2/users"), Fault::Status { status: 400, text: echo.to_owned() });
    // WHEN it is asked
    let sync = rig.run(&["sync", "-vv", "--format", "json"]).expect(1);
    let list = rig.run(&["list", "users"]).expect(1);
    // THEN the message is told without them
    let told = format!("{}{}{}{}", sync.stdout, sync.stderr, list.stdout, list.stderr);
    let masked = "bad header Basic [credential] of [credential]:[credential] for [address], see [link]";
    assert!(list.stderr.contains(masked) && sync.stdout.contains(masked), "{told}");
    for secret in ["c2lt", "sim-key", "sim-secret", "corp.example", "Signature"] {
        assert!(!told.contains(secret), "{secret}: {told}");
    }
}
