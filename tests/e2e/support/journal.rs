//! What the vendor was asked, what for nothing, and how to hit one request with a fault.

use std::collections::BTreeMap;

use gong_sim::{Entry, Server};

use super::rig::Rig;

/// What a request asks for: the same text is the same page.
pub fn asked(entry: &Entry) -> String {
    format!("{} {} {:?} {}", entry.method, entry.path, entry.query, entry.body)
}

/// Requests whose answer was good and that were sent again all the same.
pub fn paid_twice(server: &Server) -> Vec<String> {
    paid_twice_among(server, |_| true)
}

/// The same of the paths that are meant.
pub fn paid_twice_of(rig: &Rig, path: impl Fn(&str) -> bool) -> Vec<String> {
    paid_twice_among(&rig.server, path)
}

fn paid_twice_among(server: &Server, path: impl Fn(&str) -> bool) -> Vec<String> {
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    let is_good = |entry: &&Entry| entry.status == Some(200) && entry.fault.is_none() && path(&entry.path);
    for entry in server.journal().entries().iter().filter(is_good) {
        *answers.entry(asked(entry)).or_default() += 1;
    }
    answers
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(asked, count)| format!("{count} times: {asked:.300}"))
        .collect()
}

/// What the simulator sees of a request for the listing of one day.
pub fn listing_of(day: &str) -> String {
    format!("(\"fromDateTime\", \"{day}T00:00:00Z\")")
}

/// The ids of a day's public calls, in the order of the listing: a request that holds one of them is the day's batch.
pub fn calls_of(rig: &Rig, day: &str) -> Vec<String> {
    let calls = rig.server.truth("calls");
    let scheduled = |call: &serde_json::Value| {
        let at = call["scheduled"].as_str().and_then(|text| chrono::DateTime::parse_from_rfc3339(text).ok());
        at.expect("an instant").to_utc().to_rfc3339()
    };
    let of_day = calls.iter().filter(|call| call["isPrivate"] == false && scheduled(call).starts_with(day));
    of_day.filter_map(|call| call["id"].as_str().map(str::to_owned)).collect()
}
