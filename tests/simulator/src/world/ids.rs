//! Ids that no two things share.

use std::collections::HashSet;

use fastrand::Rng;

use crate::random;

/// Hands out ids and remembers them.
#[derive(Default)]
pub(super) struct Ids {
    taken: HashSet<String>,
    last_call: Option<u64>,
}

impl Ids {
    /// An id of anything.
    pub(super) fn any(&mut self, rng: &mut Rng) -> String {
        loop {
            let id = random::id(rng);
            if self.taken.insert(id.clone()) {
                return id;
            }
        }
    }

    /// An id of a call. One in ten differs from its predecessor only in the last digits: read as a float, the two
    /// would be one (API reference, section 21, item 17).
    pub(super) fn call(&mut self, rng: &mut Rng) -> String {
        if let Some(last) = self.last_call
            && last > 1_000_000_000_000_000_000
            && random::chance(rng, 10.0)
        {
            let near = last + rng.u64(1..40);
            if self.taken.insert(near.to_string()) {
                self.last_call = Some(near);
                return near.to_string();
            }
        }
        let id = self.any(rng);
        self.last_call = id.parse().ok();
        id
    }
}
