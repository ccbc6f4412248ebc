//! The record of every request, for assertions. It never holds a secret: no `Authorization`, nothing of the token
//! endpoint's parameters.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

/// One request and what became of it.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Counts from 1, by arrival.
    pub sequence: u64,
    /// Arrival, real time.
    #[serde(skip)]
    pub arrived: Instant,
    /// Arrival, real time, microseconds since 1970.
    pub epoch_micros: u64,
    /// When its answer began to leave, real time; `None` while under way and for answers that never left.
    #[serde(skip)]
    pub answered: Option<Instant>,
    /// The simulated time at arrival.
    pub sim_time: DateTime<Utc>,
    /// `GET`, `POST`, ...
    pub method: String,
    /// Without the query.
    pub path: String,
    /// The query's parameters, decoded, in their order.
    pub query: Vec<(String, String)>,
    /// The body, if it is JSON.
    pub body: Value,
    /// The name of the credential that was accepted.
    pub credential: Option<String>,
    /// The status answered; `None` while under way and for answers that never left.
    pub status: Option<u16>,
    /// Records in the answer.
    pub rows: usize,
    /// The `Range` asked for.
    pub range: Option<String>,
    /// Bytes of the body that left.
    pub sent: usize,
    /// The number of the page asked for, from 0.
    pub page: u64,
    /// The fault applied.
    pub fault: Option<String>,
    /// What a well-behaved client would not have done.
    pub violations: Vec<String>,
}

/// All requests so far. Clones share the same list.
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Vec<Entry>>>);

impl Journal {
    /// Every request, by arrival.
    pub fn entries(&self) -> Vec<Entry> {
        self.list().clone()
    }

    /// How many requests there were.
    pub fn len(&self) -> usize {
        self.list().len()
    }

    /// Whether there was none.
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// How many requests a path had.
    pub fn count(&self, path: &str) -> usize {
        self.list().iter().filter(|entry| entry.path == path).count()
    }

    /// The requests of a path.
    pub fn requests_for(&self, path: &str) -> Vec<Entry> {
        self.list().iter().filter(|entry| entry.path == path).cloned().collect()
    }

    /// What clients did that they should not have, as `sequence: what`.
    pub fn violations(&self) -> Vec<String> {
        let list = self.list();
        let all = list.iter().flat_map(|entry| entry.violations.iter().map(move |what| (entry.sequence, what)));
        all.map(|(sequence, what)| format!("{sequence}: {what}")).collect()
    }

    /// The most API requests that arrived within any one second.
    pub fn max_in_any_second(&self) -> usize {
        self.max_within(Duration::from_secs(1))
    }

    /// The most API requests that arrived within any stretch of time.
    pub fn max_within(&self, stretch: Duration) -> usize {
        let mut times: Vec<Instant> = Vec::new();
        times.extend(self.list().iter().filter(|entry| entry.path.starts_with("/v2/")).map(|entry| entry.arrived));
        times.sort_unstable();
        let within = |(n, first): (usize, &Instant)| times[n..].partition_point(|at| *at < *first + stretch);
        times.iter().enumerate().map(within).max().unwrap_or(0)
    }

    /// Forgets everything so far; sequence numbers begin anew.
    pub fn clear(&self) {
        self.list().clear();
    }

    pub(crate) fn begin(&self, mut entry: Entry) -> u64 {
        let mut list = self.list();
        entry.sequence = list.len() as u64 + 1;
        list.push(entry);
        list.len() as u64
    }

    /// Completes the entry; one that was cleared in the meantime is left alone.
    pub(crate) fn update(&self, sequence: u64, change: impl FnOnce(&mut Entry)) {
        if let Some(entry) = self.list().iter_mut().rev().find(|entry| entry.sequence == sequence) {
            change(entry);
        }
    }

    fn list(&self) -> MutexGuard<'_, Vec<Entry>> {
        // Entries are pushed whole; a panic elsewhere cannot leave half of one.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    pub(crate) fn new(method: &str, path: &str, sim_time: DateTime<Utc>) -> Self {
        let epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self {
            sequence: 0,
            arrived: Instant::now(),
            epoch_micros: epoch.as_micros() as u64,
            answered: None,
            sim_time,
            method: method.to_owned(),
            path: path.to_owned(),
            query: Vec::new(),
            body: Value::Null,
            credential: None,
            status: None,
            rows: 0,
            range: None,
            sent: 0,
            page: 0,
            fault: None,
            violations: Vec::new(),
        }
    }
}
