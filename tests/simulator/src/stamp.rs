//! Times as the API writes them: in the company's zone, with a numeric offset and a varying number of fraction digits
//! (API reference, section G.2).

use chrono::{DateTime, NaiveDate, SubsecRound, TimeZone, Utc};
use chrono_tz::Tz;

/// An instant without fraction digits.
pub(crate) fn seconds(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

/// An instant with one to three fraction digits, none if they are all zero: `...:46.814-07:00`, `...:19.72-07:00`.
pub(crate) fn millis(at: DateTime<Utc>, zone: Tz) -> String {
    let fraction = at.timestamp_subsec_millis();
    let text = format!("{fraction:03}");
    let digits = text.trim_end_matches('0');
    let local = at.with_timezone(&zone);
    let point = if digits.is_empty() { "" } else { "." };
    format!("{}{point}{digits}{}", local.format("%Y-%m-%dT%H:%M:%S"), local.format("%:z"))
}

/// An instant with six fraction digits, as trackers and folders have them.
pub(crate) fn micros(at: DateTime<Utc>, zone: Tz) -> String {
    at.with_timezone(&zone).format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string()
}

/// The first instant of a day in a zone. Where the clocks skip midnight, the day starts at the first hour it has.
pub(crate) fn day_start(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    (0..4)
        .filter_map(|hour| day.and_hms_opt(hour, 0, 0))
        .find_map(|local| zone.from_local_datetime(&local).earliest())
        .map_or(DateTime::UNIX_EPOCH, |at| at.with_timezone(&Utc))
}

/// The day of an instant in a zone.
pub(crate) fn day_of(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    at.with_timezone(&zone).date_naive()
}

/// An instant of the API: ISO-8601 with an offset that must be there.
pub(crate) fn parse(text: &str) -> Option<DateTime<Utc>> {
    let at = DateTime::parse_from_rfc3339(text).ok()?;
    Some(at.with_timezone(&Utc).trunc_subsecs(6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_follow_daylight_saving_and_fractions_vary() {
        let zone = chrono_tz::America::Los_Angeles;
        let winter = parse("2026-03-01T08:00:00.720Z").unwrap();
        let summer = parse("2026-04-01T08:00:00Z").unwrap();
        assert_eq!(millis(winter, zone), "2026-03-01T00:00:00.72-08:00");
        assert_eq!(millis(summer, zone), "2026-04-01T01:00:00-07:00");
        assert_eq!(micros(summer, zone), "2026-04-01T01:00:00.000000-07:00");
    }

    #[test]
    fn a_day_starts_at_local_midnight() {
        let day = NaiveDate::from_ymd_opt(2026, 3, 8).unwrap();
        assert_eq!(day_start(day, chrono_tz::America::Los_Angeles).to_rfc3339(), "2026-03-08T08:00:00+00:00");
    }
}
