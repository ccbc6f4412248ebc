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
    // Wide, because a vendor's total may be any number.
    let (mut days, mut rows) = (0_u64, 0_u128);
    for sample in nearest {
        days += u64::from(sample.window.days());
        rows += u128::from(sample.rows);
        if days >= ENOUGH_DAYS {
            break;
        }
    }
    let expected = |rows: u128| (rows * u128::from(window.days())).div_ceil(u128::from(days));
    (days > 0).then(|| u64::try_from(expected(rows)).unwrap_or(u64::MAX))
}

fn distance(a: Window, b: Window) -> i64 {
    if a.overlaps(&b) { 0 } else { (b.from - a.to).num_days().max((a.from - b.to).num_days()) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(from: i64, days: i64) -> Window {
        let day = |n| chrono::NaiveDate::default() + chrono::Duration::days(n);
        Window { from: day(from), to: day(from + days) }
    }

    #[test]
    fn the_nearest_week_decides() {
        let samples = [Sample { window: window(0, 7), rows: 70 }, Sample { window: window(100, 7), rows: 700 }];
        assert_eq!(expected(window(8, 1), &samples), Some(10));
        assert_eq!(expected(window(99, 2), &samples), Some(200));
        assert_eq!(expected(window(99, 2), &[]), None);
    }

    proptest! {
        #[test]
        fn what_is_expected_lies_between_the_least_and_the_most_that_was_seen(
            seen in proptest::collection::vec((0i64..300, 1i64..40, prop_oneof![0u64..10_000, any::<u64>()]), 1..12),
            from in 0i64..300,
            days in 0i64..70,
        ) {
            let samples: Vec<Sample> =
                seen.iter().map(|(from, days, rows)| Sample { window: window(*from, *days), rows: *rows }).collect();
            let expected = expected(window(from, days), &samples).expect("something was seen");
            let a_day = |sample: &Sample| sample.rows as f64 / f64::from(sample.window.days());
            let least = samples.iter().map(a_day).fold(f64::INFINITY, f64::min) * days as f64;
            let most = samples.iter().map(a_day).fold(0.0, f64::max) * days as f64;
            let expected = expected as f64;
            prop_assert!(expected >= (least * 0.999_999).floor().min(u64::MAX as f64), "{expected} < {least}");
            prop_assert!(expected <= (most * 1.000_001).ceil(), "{expected} > {most}");
        }
    }
}
