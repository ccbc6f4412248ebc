//! The thing that travels: one entity over one span, planned, fetched, written, committed and reported as one.

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;

use crate::entity::Entity;

/// Half-open run of whole days, `[from, to)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// First day.
    pub from: NaiveDate,
    /// Day after the last.
    pub to: NaiveDate,
}

impl Window {
    /// The window of one day.
    pub fn day(day: NaiveDate) -> Window {
        Window { from: day, to: next(day) }
    }

    /// Number of days.
    pub fn days(&self) -> u32 {
        u32::try_from((self.to - self.from).num_days()).unwrap_or(0)
    }

    /// True if both share a day.
    pub fn overlaps(&self, other: &Window) -> bool {
        self.from < other.to && other.from < self.to
    }

    /// True if every day of `other` is in this window.
    pub fn holds(&self, other: &Window) -> bool {
        self.from <= other.from && other.to <= self.to
    }

    /// The instant at which the window's first day begins in `zone`.
    pub fn starts_at(&self, zone: Tz) -> DateTime<Utc> {
        midnight(self.from, zone)
    }

    /// The instant at which the window is over in `zone`.
    pub fn ends_at(&self, zone: Tz) -> DateTime<Utc> {
        midnight(self.to, zone)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.from, self.to)
    }
}

/// The day after.
pub fn next(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(NaiveDate::MAX)
}

/// The first instant of `day` in `zone`: where the clock jumps over midnight, the first that exists.
pub fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let mut local = day.and_time(NaiveTime::MIN);
    for _ in 0..48 {
        if let Some(instant) = zone.from_local_datetime(&local).earliest() {
            return instant.with_timezone(&Utc);
        }
        local += chrono::Duration::minutes(30);
    }
    day.and_time(NaiveTime::MIN).and_utc()
}

/// What a unit spans.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// The whole list, as it is now.
    Snapshot,
    /// A window of days.
    Window(Window),
}

impl Span {
    /// The window, unless it is a snapshot.
    pub fn window(&self) -> Option<Window> {
        match self {
            Span::Snapshot => None,
            Span::Window(window) => Some(*window),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Span::Snapshot => f.write_str("snapshot"),
            Span::Window(window) => window.fmt(f),
        }
    }
}

/// One entity over one span: the grain of planning, writing, committing and reporting.
#[derive(Clone, Copy)]
pub struct Unit {
    /// The entity.
    pub entity: &'static Entity,
    /// The span.
    pub span: Span,
}

impl Unit {
    /// Path of the unit's object below the output.
    pub fn object(&self) -> String {
        let name = &self.entity.name;
        match self.span {
            Span::Snapshot => format!("{name}/{name}.parquet"),
            Span::Window(window) => format!("{name}/month={}/{window}.parquet", window.from.format("%Y-%m")),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.entity.name, self.span)
    }
}

impl fmt::Debug for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn midnight_follows_the_zone_and_its_clock_changes() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 8).expect("a date");
        let zone = chrono_tz::America::Los_Angeles;
        let window = Window::day(day);
        assert_eq!(window.starts_at(zone).to_rfc3339(), "2026-03-08T08:00:00+00:00");
        assert_eq!(window.ends_at(zone).to_rfc3339(), "2026-03-09T07:00:00+00:00");
        // Santiago skips midnight on its spring change.
        let skipped = NaiveDate::from_ymd_opt(2026, 9, 6).expect("a date");
        assert_eq!(midnight(skipped, chrono_tz::America::Santiago).to_rfc3339(), "2026-09-06T04:00:00+00:00");
    }

    proptest::proptest! {
        #![proptest_config(proptest::test_runner::Config { cases: 2000, ..Default::default() })]

        /// Of any zone in any year: each day begins after the one before, at an instant that is of this day and not of the one before.
        #[test]
        fn days_tile_time_in_every_zone(zone in proptest::sample::select(&chrono_tz::TZ_VARIANTS[..]), n in 0u64..66_000) {
            // From 1920 to 2100; before that clocks were local.
            let day = NaiveDate::from_ymd_opt(1920, 1, 1).expect("a date") + Days::new(n);
            let (start, end) = (midnight(day, zone), midnight(next(day), zone));
            let hours = (end - start).num_minutes() as f64 / 60.0;
            proptest::prop_assert!(hours > 0.0 && hours <= 38.0, "{zone} {day}: {hours} hours");
            let of = |at: DateTime<Utc>| at.with_timezone(&zone).date_naive();
            let is_real = (0..24).any(|hour| {
                let local = day.and_time(NaiveTime::MIN) + chrono::Duration::hours(hour);
                zone.from_local_datetime(&local).earliest().is_some()
            });
            if is_real {
                proptest::prop_assert_eq!(of(start), day, "{} begins on another day", zone);
                proptest::prop_assert!(of(start - chrono::Duration::microseconds(1)) < day, "{zone} {day} begins late");
            }
        }
    }
}
