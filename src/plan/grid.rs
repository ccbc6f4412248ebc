//! Windows as cells of a fixed grid: a day, a third of a month (1-11, 11-21, 21-end), a month. Pure.

use chrono::{Datelike, Days, Months, NaiveDate};

use crate::config::WindowSize;
use crate::unit::{Window, next};

/// A cell is meant to hold no more rows than this.
pub const MOST_ROWS: u64 = 5_000;

/// Cuts `gap` into cells. Days from `unsettled` on; before it the largest cell that fits and, for `auto`, is expected to hold at most
/// [`MOST_ROWS`]. `expected` gives the rows expected in a window, if anything is known.
pub fn cells(
    gap: Window,
    unsettled: NaiveDate,
    size: WindowSize,
    expected: impl Fn(Window) -> Option<u64>,
) -> Vec<Window> {
    let mut cells = Vec::new();
    let mut at = gap.from;
    while at < gap.to {
        let end = if at < unsettled { gap.to.min(unsettled) } else { next(at) };
        let fits = |cell: &Window| cell.to <= end && size != WindowSize::Day;
        let small = |cell: &Window| size == WindowSize::Month || expected(*cell).is_none_or(|rows| rows <= MOST_ROWS);
        let larger = [month(at), third(at)].into_iter().flatten();
        let cell = larger.filter(fits).find(small).unwrap_or_else(|| Window::day(at));
        at = cell.to;
        cells.push(cell);
    }
    cells
}

/// The smaller cells that make up `window`, for one that turned out to hold too many rows.
pub fn smaller(window: Window) -> Vec<Window> {
    let mut cells = Vec::new();
    let mut at = window.from;
    while at < window.to {
        let cell = third(at).filter(|cell| *cell != window && cell.to <= window.to).unwrap_or_else(|| Window::day(at));
        at = cell.to;
        cells.push(cell);
    }
    cells
}

/// The month that holds `day`.
pub fn month_of(day: NaiveDate) -> Window {
    day.with_day(1).and_then(month).unwrap_or_else(|| Window::day(day))
}

/// The month that begins on `day`, if one does.
fn month(day: NaiveDate) -> Option<Window> {
    let to = day.checked_add_months(Months::new(1))?;
    (day.day() == 1).then_some(Window { from: day, to })
}

/// The third of a month that begins on `day`, if one does.
fn third(day: NaiveDate) -> Option<Window> {
    let to = match day.day() {
        1 | 11 => day.checked_add_days(Days::new(10))?,
        21 => day.with_day(1)?.checked_add_months(Months::new(1))?,
        _ => return None,
    };
    Some(Window { from: day, to })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    fn window(from: &str, to: &str) -> Window {
        Window { from: date(from), to: date(to) }
    }

    fn shown(cells: &[Window]) -> Vec<String> {
        cells.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn settled_time_gets_the_largest_cells_that_fit() {
        let gap = window("2026-01-28", "2026-04-13");
        let sparse = cells(gap, date("2026-04-12"), WindowSize::Auto, |_| None);
        let expected = [
            "2026-01-28_2026-01-29",
            "2026-01-29_2026-01-30",
            "2026-01-30_2026-01-31",
            "2026-01-31_2026-02-01",
            "2026-02-01_2026-03-01",
            "2026-03-01_2026-04-01",
            "2026-04-01_2026-04-11",
            "2026-04-11_2026-04-12",
            "2026-04-12_2026-04-13",
        ];
        assert_eq!(shown(&sparse), expected);
        let dense = cells(window("2026-02-01", "2026-03-01"), date("2026-05-01"), WindowSize::Auto, |w| {
            Some(u64::from(w.days()) * 300)
        });
        assert_eq!(shown(&dense), ["2026-02-01_2026-02-11", "2026-02-11_2026-02-21", "2026-02-21_2026-03-01"]);
        let days = cells(window("2026-02-01", "2026-03-01"), date("2026-05-01"), WindowSize::Day, |_| None);
        assert_eq!(days.len(), 28);
    }

    #[test]
    fn a_window_that_is_too_full_is_cut_into_cells_of_the_grid() {
        assert_eq!(
            shown(&smaller(window("2026-02-01", "2026-03-01"))),
            ["2026-02-01_2026-02-11", "2026-02-11_2026-02-21", "2026-02-21_2026-03-01"]
        );
        assert_eq!(smaller(window("2026-02-11", "2026-02-21")).len(), 10);
        assert_eq!(smaller(window("2026-02-11", "2026-02-12")), [window("2026-02-11", "2026-02-12")]);
    }

    proptest! {
        #[test]
        fn cells_tile_the_gap_and_lie_on_the_grid(from in 0u64..700, len in 1u64..200, unsettled in 0u64..900, rows in proptest::option::of(0u64..2000), size in 0..3) {
            let base = date("2024-01-01");
            let gap = Window { from: base + Days::new(from), to: base + Days::new(from + len) };
            let size = [WindowSize::Auto, WindowSize::Day, WindowSize::Month][usize::try_from(size).expect("small")];
            let unsettled = base + Days::new(unsettled);
            let cells = cells(gap, unsettled, size, |w| rows.map(|r| r * u64::from(w.days())));
            let mut at = gap.from;
            for cell in &cells {
                prop_assert_eq!(cell.from, at);
                prop_assert!(cell.days() == 1 || month(cell.from) == Some(*cell) || third(cell.from) == Some(*cell));
                prop_assert!(cell.days() == 1 || cell.to <= unsettled);
                at = cell.to;
            }
            prop_assert_eq!(at, gap.to);
        }
    }
}
