//! Days of which hardly any is expected to hold a row: one request over all of them tells which are empty. Pure.

use crate::unit::Window;

/// More days than this are not asked for together.
const MOST_DAYS: usize = 31;

/// The first of `days` that are worth one request over all of them before any is asked for alone: they lie side by side, newest first,
/// and the request and the days that hold something are at most half as many requests as there are days. `expected` gives the rows
/// expected in a window. Zero if none are.
pub fn together(days: &[Window], expected: impl Fn(Window) -> Option<f64>) -> usize {
    let Some(&first) = days.first() else { return 0 };
    let beside = days.windows(2).take_while(|pair| pair[1].to == pair[0].from).count() + 1;
    let count = beside.min(MOST_DAYS);
    let whole = Window { from: days[count - 1].from, to: first.to };
    let worth = |rows: f64| 2.0 * (1.0 + rows) <= count as f64;
    if expected(whole).is_some_and(worth) { count } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Window;

    fn days(of: &[u32]) -> Vec<Window> {
        of.iter().filter_map(|day| chrono::NaiveDate::from_ymd_opt(2026, 5, *day)).map(Window::day).collect()
    }

    fn a_day(rows: f64) -> impl Fn(Window) -> Option<f64> {
        move |window| Some(rows * f64::from(window.days()))
    }

    #[test]
    fn only_days_side_by_side_that_hold_hardly_anything_are_asked_for_together() {
        let five = days(&[9, 8, 7, 6, 5, 2]);
        assert_eq!(together(&five, a_day(0.1)), 5);
        assert_eq!(together(&five, a_day(1.0)), 0, "most of them hold a call");
        assert_eq!(together(&five, |_| None), 0, "nothing is known");
        assert_eq!(together(&days(&[9]), a_day(0.0)), 0, "a day alone");
        assert_eq!(together(&[], a_day(0.0)), 0);
        let many: Vec<Window> =
            (0..40).rev().map(|n| Window::day(chrono::NaiveDate::default() + chrono::Days::new(n))).collect();
        assert_eq!(together(&many, a_day(0.0)), MOST_DAYS);
    }
}
