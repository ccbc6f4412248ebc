//! What the vendor was asked, and what for nothing.

use std::collections::BTreeMap;

use gong_sim::{Entry, Server};

/// What a request asks for: the same text is the same page.
pub fn asked(entry: &Entry) -> String {
    format!("{} {} {:?} {}", entry.method, entry.path, entry.query, entry.body)
}

/// Requests whose answer was good and that were sent again all the same.
pub fn paid_twice(server: &Server) -> Vec<String> {
    let mut answers: BTreeMap<String, u32> = BTreeMap::new();
    for entry in server.journal().entries().iter().filter(|e| e.status == Some(200) && e.fault.is_none()) {
        *answers.entry(asked(entry)).or_default() += 1;
    }
    answers
        .into_iter()
        .filter(|(_, count)| *count > 1)
        .map(|(asked, count)| format!("{count} times: {asked:.300}"))
        .collect()
}
