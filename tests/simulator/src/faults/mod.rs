//! Faults on demand: scripted ones in a queue, seeded ones by chance. There is none by default.

mod effect;
mod kind;
mod matcher;

use std::collections::HashSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

pub(crate) use effect::Effects;
pub use kind::{Fault, RetryAfter};
pub(crate) use matcher::Facts;
pub use matcher::Matcher;

use crate::random::{chance, stream};

/// The faults to come. Clones share the same queue.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    scripts: Vec<Script>,
    seeded: Vec<Seeded>,
    held: Vec<String>,
    released: HashSet<String>,
}

#[derive(Debug)]
struct Script {
    matcher: Matcher,
    fault: Fault,
    /// `None`: for ever.
    left: Option<u32>,
    seen: u64,
}

#[derive(Debug)]
struct Seeded {
    matcher: Matcher,
    fault: Fault,
    percent: f64,
    seed: u64,
    drawn: u64,
}

impl Faults {
    /// Queues a fault for the next `times` fitting requests.
    pub fn script(&self, matcher: Matcher, fault: Fault, times: u32) {
        self.state().scripts.push(Script { matcher, fault, left: Some(times), seen: 0 });
    }

    /// The same, once.
    pub fn once(&self, matcher: Matcher, fault: Fault) {
        self.script(matcher, fault, 1);
    }

    /// A fault for every fitting request from now on.
    pub fn always(&self, matcher: Matcher, fault: Fault) {
        self.state().scripts.push(Script { matcher, fault, left: None, seen: 0 });
    }

    /// A fault for `percent` of the fitting requests, drawn from a seed in the order of arrival.
    pub fn seeded(&self, seed: u64, matcher: Matcher, fault: Fault, percent: f64) {
        self.state().seeded.push(Seeded { matcher, fault, percent, seed, drawn: 0 });
    }

    /// No more faults; held answers go out.
    pub fn clear(&self) {
        let mut state = self.state();
        let held = state.held.clone();
        *state = State { held, ..State::default() };
        state.released = state.held.iter().cloned().collect();
        self.0.1.notify_all();
    }

    /// Scripted faults that were not used up; those for ever count not.
    pub fn pending(&self) -> usize {
        self.state().scripts.iter().filter_map(|script| script.left).sum::<u32>() as usize
    }

    /// Lets the answers held under a name go, now and later.
    pub fn release(&self, name: &str) {
        self.state().released.insert(name.to_owned());
        self.0.1.notify_all();
    }

    /// Waits until an answer is held under a name; false after the timeout.
    pub fn wait_held(&self, name: &str, timeout: Duration) -> bool {
        let end = Instant::now() + timeout;
        let mut state = self.state();
        while !state.held.iter().any(|held| held == name) {
            let Some(left) = end.checked_duration_since(Instant::now()) else {
                return false;
            };
            state = self.0.1.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// The fault for a request, if one is due.
    pub(crate) fn take(&self, facts: &Facts<'_>) -> Option<Fault> {
        let mut state = self.state();
        let mut found = None;
        for script in state.scripts.iter_mut().filter(|script| script.matcher.fits(facts)) {
            script.seen += 1;
            if found.is_some() || script.matcher.nth.is_some_and(|nth| script.seen < nth) {
                continue;
            }
            if script.left != Some(0) {
                script.left = script.left.map(|left| left - 1);
                found = Some(script.fault.clone());
            }
        }
        state.scripts.retain(|script| script.left != Some(0));
        found.or_else(|| state.seeded.iter_mut().find_map(|seeded| seeded.draw(facts)))
    }

    /// Keeps the caller until a name is released, or the server stops.
    pub(crate) fn hold(&self, name: &str, stopping: impl Fn() -> bool) {
        let mut state = self.state();
        state.held.push(name.to_owned());
        self.0.1.notify_all();
        while !state.released.contains(name) && !stopping() {
            let tick = Duration::from_millis(50);
            state = self.0.1.wait_timeout(state, tick).unwrap_or_else(PoisonError::into_inner).0;
        }
        if let Some(place) = state.held.iter().position(|held| held == name) {
            state.held.remove(place);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere cannot leave a queue half changed that matters.
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seeded {
    fn draw(&mut self, facts: &Facts<'_>) -> Option<Fault> {
        if !self.matcher.fits(facts) {
            return None;
        }
        self.drawn += 1;
        let mut rng = stream(self.seed, "fault", self.drawn);
        chance(&mut rng, self.percent).then(|| self.fault.clone())
    }
}
