//! The vendor's count against what came. It may run ahead of what comes (API reference, E.1), so that it never ends a listing; but a
//! difference is explained, or the unit is read once more, and what is then still short is a known gap. Pure.
//!
//! What was left out here is no difference: private rows, repeated keys and records set aside all came. More than was counted is none
//! either: it was listed meanwhile.

use crate::state::{StagedPage, UnitRow};

/// What a listing counted and gave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// The vendor's count.
    pub total: u64,
    /// Records that came.
    pub records: u64,
    /// Records short of the count, part by part.
    pub short: u64,
    /// A page that was announced by a cursor was answered "nothing found" (API reference, F.3).
    pub cut: bool,
}

/// Adds up the parts of a listing; `pages` are in the order of part and page.
pub fn counted(pages: &[StagedPage]) -> Counted {
    let mut sum = Counted::default();
    for part in pages.chunk_by(|a, b| a.part == b.part) {
        let Some(total) = part.first().and_then(|page| page.total) else { continue };
        // Staged by an earlier version, which did not count.
        let Some(records) = part.iter().map(|page| page.records).sum::<Option<u64>>() else { continue };
        sum.total += total;
        sum.records += records;
        sum.short += total.saturating_sub(records);
        sum.cut |= part.len() > 1 && part.last().is_some_and(|last| last.records == Some(0) && last.total.is_none());
    }
    sum
}

/// What a shortfall means for its unit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Records without an explanation.
    pub unexplained: u64,
    /// Readings in a row that had some.
    pub readings: u32,
    /// It is read again before its age says so.
    pub again: bool,
}

/// Judges a reading. `waits` says that the unit is read again anyway, so that what is still being processed will come.
pub fn judge(counted: Counted, waits: bool, before: Option<&UnitRow>) -> Verdict {
    if counted.short == 0 || (waits && !counted.cut) {
        return Verdict::default();
    }
    let known = before.map_or(0, |row| row.unexplained);
    // One reading more for each shortfall that was not there: a lasting one must not be read every night.
    let readings = if counted.short > known { 1 } else { before.map_or(0, |row| row.unexplained_readings) + 1 };
    Verdict { unexplained: counted.short, readings, again: readings == 1 }
}

/// What a person should read of it, when it is new.
pub fn told(verdict: &Verdict, counted: &Counted) -> Option<String> {
    let Counted { total, records, .. } = counted;
    let what = match verdict.readings {
        1 => "the next run reads it again",
        2 => "this is the second time, so it is kept as a known gap; see `gong-elt status`",
        _ => return None,
    };
    Some(format!("Gong counts {total} records and gave {records}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(part: &str, page: u32, total: Option<u64>, records: Option<u64>) -> StagedPage {
        StagedPage {
            part: part.to_owned(),
            page,
            body: Vec::new(),
            cursor: None,
            expires: None,
            ids: None,
            total,
            records,
            sighted: true,
        }
    }

    #[test]
    fn parts_are_counted_apart_so_that_one_does_not_make_up_for_another() {
        let pages = [page("a", 0, Some(3), Some(2)), page("a", 1, Some(3), Some(0)), page("b", 0, Some(1), Some(2))];
        assert_eq!(counted(&pages), Counted { total: 4, records: 4, short: 1, cut: false });
        assert_eq!(counted(&[page("a", 0, Some(9), None)]), Counted::default(), "staged by an earlier version");
        assert_eq!(counted(&[page("a", 0, None, Some(0))]), Counted::default(), "nothing found");
        let cut = [page("a", 0, Some(5), Some(3)), page("a", 1, None, Some(0))];
        assert_eq!(counted(&cut), Counted { total: 5, records: 3, short: 2, cut: true });
    }

    #[test]
    fn a_shortfall_is_read_once_more_and_then_known_unless_it_grows() {
        let two = Counted { total: 9, records: 7, short: 2, cut: false };
        assert_eq!(judge(two, true, None), Verdict::default(), "still being processed");
        assert!(judge(Counted { cut: true, ..two }, true, None).again, "cut short");
        let first = judge(two, false, None);
        assert_eq!(first, Verdict { unexplained: 2, readings: 1, again: true });
        let row = |verdict: Verdict| UnitRow {
            unexplained: verdict.unexplained,
            unexplained_readings: verdict.readings,
            ..super::super::guard::blank_row()
        };
        let second = judge(two, false, Some(&row(first)));
        assert_eq!(second, Verdict { unexplained: 2, readings: 2, again: false });
        let one = Counted { records: 8, short: 1, ..two };
        assert!(!judge(one, false, Some(&row(second))).again, "fewer are missing");
        let three = Counted { records: 6, short: 3, ..two };
        assert!(judge(three, false, Some(&row(second))).again, "more are missing");
        assert_eq!(judge(Counted { short: 0, ..two }, false, Some(&row(second))), Verdict::default());
    }
}
