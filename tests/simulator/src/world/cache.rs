//! Records already put together. Almost all requests ask for the same blocks of records that have not changed, so a
//! page is mostly a copy of these.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, Utc};

use super::World;
use crate::record::{Record, Selector, Timing, transcript};

/// When this much text is held the cache starts anew: no world may fill the memory.
const LIMIT: usize = 1_500 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Form {
    Basic,
    Extensive(Selector),
    Transcript,
}

#[derive(Debug, Default)]
pub(super) struct Cache(Mutex<Held>);

#[derive(Debug, Default)]
struct Held {
    texts: HashMap<(usize, Form), (u64, Arc<str>)>,
    bytes: usize,
}

impl World {
    /// A call as calls list and get show it.
    pub(crate) fn basic_text(&self, call: usize, now: DateTime<Utc>) -> Arc<str> {
        self.cached(call, Form::Basic, now, || Record::basic(self, &self.calls[call], now))
    }

    /// A call as calls/extensive shows it, its last brace open for the media.
    pub(crate) fn extensive_text(&self, call: usize, selector: Selector, now: DateTime<Utc>) -> Arc<str> {
        let form = Form::Extensive(selector.without_media());
        self.cached(call, form, now, || selector.assemble(&Record::of(self, &self.calls[call], now)))
    }

    /// A call's transcript record.
    pub(crate) fn transcript_text(&self, call: usize, now: DateTime<Utc>) -> Arc<str> {
        self.cached(call, Form::Transcript, now, || transcript(self, &self.calls[call], now))
    }

    /// Puts together what a full read at `now` will ask for, on as many threads as the machine has. For benchmarks:
    /// otherwise each record is put together when it is first asked for.
    pub fn warm(&self, now: DateTime<Utc>) {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let share = self.calls.len().div_ceil(threads).max(1);
        std::thread::scope(|scope| {
            for start in (0..self.calls.len()).step_by(share) {
                scope.spawn(move || {
                    for call in start..(start + share).min(self.calls.len()) {
                        self.warm_call(call, now);
                    }
                });
            }
        });
    }

    fn warm_call(&self, call: usize, now: DateTime<Utc>) {
        if !self.calls[call].counted(now) {
            return;
        }
        self.basic_text(call, now);
        self.transcript_text(call, now);
        for timing in [Timing::Now, Timing::Both] {
            self.extensive_text(call, Selector::everything(timing), now);
        }
    }

    fn cached(&self, call: usize, form: Form, now: DateTime<Utc>, make: impl FnOnce() -> String) -> Arc<str> {
        let version = self.calls[call].version(now);
        // A panic elsewhere leaves at worst a text that is not counted.
        let lock = || self.cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, text)) = lock().texts.get(&(call, form))
            && *known == version
        {
            return Arc::clone(text);
        }
        let text: Arc<str> = make().into();
        let mut held = lock();
        if held.bytes > LIMIT {
            *held = Held::default();
        }
        held.bytes += text.len();
        held.texts.insert((call, form), (version, Arc::clone(&text)));
        text
    }

    /// Forgets a call's texts, after a change that its version does not show.
    pub(super) fn forget(&self, call: usize) {
        let mut held = self.cache.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.texts.retain(|(number, _), _| *number != call);
    }
}
