//! Arithmetic of half-open windows: what is missing of a range, and how far an unbroken run of windows reaches. Pure.

use chrono::NaiveDate;

use crate::unit::Window;

/// The parts of `range` that no window covers, in order.
pub fn gaps(range: Window, covered: &[Window]) -> Vec<Window> {
    let mut sorted: Vec<Window> = covered.iter().copied().filter(|w| w.overlaps(&range)).collect();
    sorted.sort();
    let mut gaps = Vec::new();
    let mut at = range.from;
    for window in sorted {
        if window.from > at {
            gaps.push(Window { from: at, to: window.from });
        }
        at = at.max(window.to);
    }
    if at < range.to {
        gaps.push(Window { from: at, to: range.to });
    }
    gaps
}

/// The end of the unbroken run of windows that begins at `start`; `start` itself if nothing covers it.
pub fn reach(start: NaiveDate, windows: &[Window]) -> NaiveDate {
    let mut sorted = windows.to_vec();
    sorted.sort();
    let mut at = start;
    for window in sorted {
        if window.from > at {
            break;
        }
        at = at.max(window.to);
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(n: u32) -> NaiveDate {
        NaiveDate::from_num_days_from_ce_opt(730_000 + i32::try_from(n).expect("small")).expect("a date")
    }

    fn window(from: u32, to: u32) -> Window {
        Window { from: day(from), to: day(to) }
    }

    #[test]
    fn t22_a_hole_stays_visible_and_holds_the_reach() {
        let covered = [window(0, 1), window(1, 2), window(3, 4)];
        assert_eq!(gaps(window(0, 5), &covered), [window(2, 3), window(4, 5)]);
        assert_eq!(reach(day(0), &covered), day(2));
        assert_eq!(reach(day(9), &covered), day(9));
    }

    proptest! {
        #[test]
        fn range_is_covered_plus_gaps_without_overlap(cuts in proptest::collection::vec((0u32..60, 1u32..8), 0..12), from in 0u32..30, len in 1u32..40) {
            let range = window(from, from + len);
            let covered: Vec<Window> = cuts.iter().map(|(at, len)| window(*at, at + len)).collect();
            let gaps = gaps(range, &covered);
            for n in from..from + len {
                let one = window(n, n + 1);
                let inside = covered.iter().any(|w| w.overlaps(&one));
                let missing = gaps.iter().filter(|g| g.overlaps(&one)).count();
                prop_assert_eq!(missing, usize::from(!inside));
            }
            for gap in &gaps {
                prop_assert!(range.holds(gap) && gap.from < gap.to);
            }
        }
    }
}
