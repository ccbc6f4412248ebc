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
/// And hold this many rows, because fewer tell little of a mean ...
const ENOUGH_ROWS: u64 = 20;
/// ... or span this many days.
const MOST_DAYS: u64 = 90;

/// Rows that a unit is expected to hold.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Expected {
    /// So many as its last reading held.
    Counted(u64),
    /// About so many, by what was seen nearby.
    About(f64),
}

impl Expected {
    /// The rows, rounded up.
    pub fn rows(self) -> u64 {
        self.rows_about().ceil() as u64
    }

    /// The rows, as far as a day may hold a part of one on average.
    pub fn rows_about(self) -> f64 {
        match self {
            Expected::Counted(rows) => rows as f64,
            Expected::About(rows) => rows,
        }
    }

    /// Pages of `page` rows that they fill. What is not counted fills half a page more on average: a last page is partly filled, and
    /// a window in which hardly a row is expected may hold none.
    pub fn pages(self, page: u64) -> f64 {
        match self {
            Expected::Counted(rows) => rows.div_ceil(page) as f64,
            Expected::About(rows) if rows * 2.0 < page as f64 => 1.0 - (-rows).exp(),
            Expected::About(rows) => rows / page as f64 + 0.5,
        }
    }
}

/// Rows expected in `window`; `None` if nothing was ever seen.
pub fn expected(window: Window, samples: &[Sample]) -> Option<f64> {
    let mut nearest: Vec<&Sample> = samples.iter().collect();
    nearest.sort_by_key(|s| (distance(window, s.window), s.window));
    // Wide, because a vendor's total may be any number.
    let (mut seen, mut days, mut rows) = (0_u64, 0_u64, 0_u128);
    for sample in nearest {
        // What was counted in all of the window itself needs no neighbour.
        if distance(window, sample.window) > 0 && seen > 0 && seen >= u64::from(window.days()) {
            break;
        }
        seen += if distance(window, sample.window) == 0 { u64::from(sample.window.days()) } else { 0 };
        days += u64::from(sample.window.days());
        rows += u128::from(sample.rows);
        if days >= ENOUGH_DAYS && (rows >= u128::from(ENOUGH_ROWS) || days >= MOST_DAYS) {
            break;
        }
    }
    (days > 0).then(|| rows as f64 * f64::from(window.days()) / days as f64)
}

fn distance(a: Window, b: Window) -> i64 {
    if a.overlaps(&b) { 0 } else { (b.from - a.to).num_days().max((a.from - b.to).num_days()) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn window(from: &str, to: &str) -> Window {
        Window { from: from.parse().expect("a day"), to: to.parse().expect("a day") }
    }

    #[test]
    fn the_nearest_week_tells_what_is_expected() {
        let sample = |from, to, rows| Sample { window: window(from, to), rows };
        let samples = [sample("2026-05-01", "2026-05-08", 70), sample("2026-01-01", "2026-02-01", 3_100)];
        assert_eq!(expected(window("2026-05-10", "2026-05-12"), &samples), Some(20.0));
        assert_eq!(expected(window("2026-02-01", "2026-02-11"), &samples), Some(1_000.0));
        assert_eq!(expected(window("2026-02-01", "2026-02-11"), &[]), None);
        // AND a month that was counted tells all of itself, also that it is empty
        let empty = [sample("2026-03-01", "2026-04-01", 0), sample("2026-04-01", "2026-05-01", 900)];
        assert_eq!(expected(window("2026-03-01", "2026-04-01"), &empty), Some(0.0));
        assert!(expected(window("2026-04-29", "2026-05-02"), &empty).is_some_and(|rows| rows > 80.0));
    }

    #[test]
    fn rows_that_were_counted_fill_their_pages_and_others_half_a_page_more() {
        assert_eq!([0, 1, 100, 101].map(|rows| Expected::Counted(rows).pages(100)), [0.0, 1.0, 1.0, 2.0]);
        assert_eq!(Expected::About(250.0).pages(100), 3.0);
        assert_eq!(Expected::About(0.0).pages(100), 0.0);
        let few = Expected::About(0.1).pages(100);
        assert!((0.09..0.1).contains(&few), "{few}");
    }

    proptest! {
        #[test]
        fn what_is_expected_lies_between_the_least_and_the_most_that_was_seen(
            seen in proptest::collection::vec((0u64..300, 1u64..40, prop_oneof![0u64..10_000, any::<u64>()]), 1..12),
            from in 0u64..300,
            days in 0u64..70,
        ) {
            let day = |n| chrono::NaiveDate::default() + chrono::Days::new(n);
            let window = |from: u64, days: u64| Window { from: day(from), to: day(from + days) };
            let samples: Vec<Sample> =
                seen.iter().map(|(from, days, rows)| Sample { window: window(*from, *days), rows: *rows }).collect();
            let expected = expected(window(from, days), &samples).expect("something was seen");
            let a_day = |sample: &Sample| sample.rows as f64 / f64::from(sample.window.days());
            let least = samples.iter().map(a_day).fold(f64::INFINITY, f64::min) * days as f64;
            let most = samples.iter().map(a_day).fold(0.0, f64::max) * days as f64;
            prop_assert!(expected >= least * 0.999_999, "{expected} < {least}");
            prop_assert!(expected <= most * 1.000_001, "{expected} > {most}");
        }
    }
}
