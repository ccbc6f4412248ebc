//! A test that is run for many seeds, a few at a time; a failing seed prints the command that replays it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Seeds that run at once: much of a seed's time is spent waiting.
const LANES: usize = 4;
/// How far it is is told after so many seeds.
const TOLD_EVERY: u64 = 50;

/// Runs `one` for `SEED` alone if that is set, else for `SEEDS` seeds (by default `few`) from `FIRST` on. `name` is the test's module.
pub fn each(name: &str, few: u64, one: impl Fn(u64) + Sync + std::panic::RefUnwindSafe) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("SEED") {
        return one(seed);
    }
    let first = number("FIRST").unwrap_or(1);
    let (next, last) = (AtomicU64::new(first), first + number("SEEDS").unwrap_or(few));
    let (failed, ended) = (Mutex::new(Vec::new()), AtomicU64::new(0));
    let lane = || {
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= last {
                return;
            }
            if std::panic::catch_unwind(|| one(seed)).is_err() {
                failed.lock().expect("a list").push(seed);
            }
            let ended = ended.fetch_add(1, Ordering::SeqCst) + 1;
            if ended % TOLD_EVERY == 0 || ended == last - first {
                println!("{name}: {ended} seeds from {first} on, {} failed", failed.lock().expect("a list").len());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(lane);
        }
    });
    let failed = failed.into_inner().expect("a list");
    let replays: String = failed.iter().map(|seed| format!("    SEED={seed} make e2e T={name}\n")).collect();
    assert!(failed.is_empty(), "{} of {} seeds failed; each is replayed by\n{replays}", failed.len(), last - first);
}
