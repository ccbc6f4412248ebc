//! How many rows a window is expected to hold, by what was seen nearby. Pure.

use crate::unit::Window;

/// A window and the rows that were seen or counted in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// The window.
    pub window: Window,
    /// Its rows.
    pub rows: u64,
}

/// Samples are taken from the nearest on until they span this many days: a week evens out weekends.
const ENOUGH_DAYS: u64 = 7;

/// Rows expected in `window`; `None` if nothing was ever seen.
pub fn expected(window: Window, samples: &[Sample]) -> Option<u64> {
    let mut nearest: Vec<&Sample> = samples.iter().collect();
    nearest.sort_by_key(|s| (distance(window, s.window), s.window));
    let (mut days, mut rows) = (0, 0);
    for sample in nearest {
        days += u64::from(sample.window.days());
        rows += sample.rows;
        if days >= ENOUGH_DAYS {
            break;
        }
    }
    (days > 0).then(|| (rows * u64::from(window.days())).div_ceil(days))
}

fn distance(a: Window, b: Window) -> i64 {
    if a.overlaps(&b) { 0 } else { (b.from - a.to).num_days().max((a.from - b.to).num_days()) + 1 }
}
