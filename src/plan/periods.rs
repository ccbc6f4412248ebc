//! Periods of company days: days, weeks that start on Monday, calendar months. Pure.

use chrono::{Datelike, Days, NaiveDate};

use super::grid::month_of;
use crate::config::Period;
use crate::unit::{Window, next};

/// The whole period that holds `day`.
pub fn period_of(day: NaiveDate, period: Period) -> Window {
    match period {
        Period::Day => Window::day(day),
        Period::Month => month_of(day),
        Period::Week => {
            let back = u64::from(day.weekday().num_days_from_monday());
            let from = day.checked_sub_days(Days::new(back)).unwrap_or(day);
            Window { from, to: from.checked_add_days(Days::new(7)).unwrap_or(NaiveDate::MAX) }
        }
    }
}

/// The whole periods that touch `range`, in order.
pub fn periods(range: Window, period: Period) -> Vec<Window> {
    let mut periods = Vec::new();
    let mut day = range.from;
    while day < range.to {
        let one = period_of(day, period);
        day = one.to.max(next(day));
        periods.push(one);
    }
    periods
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(from: &str, to: &str) -> Window {
        Window { from: from.parse().expect("a day"), to: to.parse().expect("a day") }
    }

    #[test]
    fn the_first_period_holds_the_start_whole_and_weeks_start_on_monday() {
        let range = window("2026-05-20", "2026-06-02");
        assert_eq!(
            periods(range, Period::Month),
            [window("2026-05-01", "2026-06-01"), window("2026-06-01", "2026-07-01")]
        );
        let weeks = periods(range, Period::Week);
        assert_eq!(
            weeks,
            [
                window("2026-05-18", "2026-05-25"),
                window("2026-05-25", "2026-06-01"),
                window("2026-06-01", "2026-06-08")
            ]
        );
        assert_eq!(periods(range, Period::Day).len(), 13);
    }

    proptest::proptest! {
        #[test]
        fn periods_tile_time_and_hold_the_range(from in 0u64..3000, days in 0u64..400, kind in 0..3) {
            let day = |n| NaiveDate::default() + Days::new(n);
            let range = Window { from: day(from), to: day(from + days) };
            let kind = [Period::Day, Period::Week, Period::Month][usize::try_from(kind).expect("small")];
            let found = periods(range, kind);
            proptest::prop_assert_eq!(found.is_empty(), days == 0);
            proptest::prop_assert!(found.windows(2).all(|pair| pair[0].to == pair[1].from));
            for one in &found {
                proptest::prop_assert!(one.overlaps(&range) && period_of(one.from, kind) == *one);
            }
            if let (Some(first), Some(last)) = (found.first(), found.last()) {
                let whole = Window { from: first.from, to: last.to };
                proptest::prop_assert!(whole.holds(&range));
            }
        }
    }
}
