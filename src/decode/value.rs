//! One JSON value to one typed value, or nothing if it is of another type. Pure; never rounds, never guesses.

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use crate::entity::tree::Leaf;

/// A typed value, ready for its column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Text, ids and JSON text.
    Text(String),
    /// Integers.
    Int(i64),
    /// Floats.
    Float(f64),
    /// Booleans.
    Bool(bool),
    /// Microseconds since 1970 UTC.
    Timestamp(i64),
    /// Days since 1970-01-01.
    Date(i32),
}

/// Reads `raw`, a JSON value that is not null, as `leaf`; `None` if it is of another type. `zone` is the company's, if it is known.
pub fn read(leaf: Leaf, raw: &str, zone: Option<Tz>) -> Option<Value> {
    match leaf {
        Leaf::String => string(raw).map(Value::Text),
        Leaf::Id => id(raw).map(Value::Text),
        Leaf::Text => plain(raw).map(Value::Text),
        Leaf::Json => Some(Value::Text(raw.to_owned())),
        Leaf::Int => int(raw).map(Value::Int),
        Leaf::Float => raw.parse().ok().filter(|f: &f64| f.is_finite() && is_number(raw)).map(Value::Float),
        Leaf::Bool => raw.parse().ok().map(Value::Bool),
        Leaf::Timestamp => timestamp(&string(raw)?).map(Value::Timestamp),
        Leaf::Date => date(&string(raw)?, zone).map(Value::Date),
    }
}

fn is_number(raw: &str) -> bool {
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

fn string(raw: &str) -> Option<String> {
    if raw.starts_with('"') { serde_json::from_str(raw).ok() } else { None }
}

/// A string, or a whole number by its literal digits.
pub fn id(raw: &str) -> Option<String> {
    if raw.starts_with('"') {
        return string(raw);
    }
    let digits = raw.strip_prefix('-').unwrap_or(raw);
    (is_number(raw) && digits.bytes().all(|b| b.is_ascii_digit())).then(|| raw.to_owned())
}

fn plain(raw: &str) -> Option<String> {
    match raw.as_bytes().first()? {
        b'"' => string(raw),
        b'{' | b'[' => None,
        _ => Some(raw.to_owned()),
    }
}

/// An integer; also one written as a float without a fraction (`1339.0`, `1e3`), unless a float would round it.
fn int(raw: &str) -> Option<i64> {
    /// Numbers of so many digits are each a float of their own.
    const EXACT_DIGITS: usize = 15;
    if !is_number(raw) {
        return None;
    }
    let whole = match raw.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|b| b == b'0') => whole,
        _ => raw,
    };
    let of_float = || {
        let digits = raw.split(['e', 'E']).next()?.bytes().filter(u8::is_ascii_digit).count();
        let float: f64 = raw.parse().ok().filter(|f: &f64| f.fract() == 0.0 && f.abs() < 1e15)?;
        (digits <= EXACT_DIGITS).then(|| format!("{float:.0}").parse().ok())?
    };
    whole.parse().ok().or_else(of_float)
}

/// ISO 8601 with any offset and 0 to 9 digits of fraction (API reference, G.2), as microseconds UTC.
fn timestamp(text: &str) -> Option<i64> {
    instant(text).map(|at| at.timestamp_micros())
}

fn instant(text: &str) -> Option<DateTime<FixedOffset>> {
    DateTime::parse_from_rfc3339(text).ok()
}

/// A calendar day, or the one that a date-time tells: as it is written, which is with the company's offset (API reference, section 9). One that
/// is a midnight in the company's zone only is that day, for Gong's description allows UTC.
fn date(text: &str, zone: Option<Tz>) -> Option<i32> {
    let written = NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    if text.len() == 10 {
        return days(written);
    }
    let at = instant(text)?;
    let company = zone.map(|zone| at.with_timezone(&zone).naive_local());
    let midnight = |time: NaiveTime| time == NaiveTime::MIN;
    match company.filter(|company| midnight(company.time()) && !midnight(at.time())) {
        Some(company) => days(company.date()),
        None => days(written),
    }
}

/// Days since 1970-01-01.
pub fn days(day: NaiveDate) -> Option<i32> {
    i32::try_from((day - NaiveDate::default()).num_days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(leaf: Leaf, raw: &str) -> Option<Value> {
        super::read(leaf, raw, None)
    }

    fn text(s: &str) -> Option<Value> {
        Some(Value::Text(s.to_owned()))
    }

    #[test]
    fn ids_keep_their_literal_digits() {
        assert_eq!(read(Leaf::Id, "\"35657219295037524478\""), text("35657219295037524478"));
        assert_eq!(read(Leaf::Id, "35657219295037524478"), text("35657219295037524478"));
        assert_eq!(read(Leaf::Id, "-1"), text("-1"));
        assert_eq!(read(Leaf::Id, "1.5"), None);
        assert_eq!(read(Leaf::Id, "1e3"), None);
        assert_eq!(read(Leaf::Id, "true"), None);
    }

    #[test]
    fn instants_with_any_offset_and_fraction_become_microseconds_utc() {
        let micros = |s: &str| read(Leaf::Timestamp, &format!("\"{s}\""));
        assert_eq!(micros("2026-08-28T08:00:00-07:00"), micros("2026-08-28T15:00:00Z"));
        assert_eq!(micros("1970-01-01T00:00:00.72+00:00"), Some(Value::Timestamp(720_000)));
        assert_eq!(micros("1970-01-01T02:00:00.816562+02:00"), Some(Value::Timestamp(816_562)));
        assert_eq!(micros("0001-01-01T00:00:00Z"), Some(Value::Timestamp(-62_135_596_800_000_000)));
        assert_eq!(micros("2019-01-21T000:00:00-08:00"), None);
        assert_eq!(micros("2019-01-21"), None);
        assert_eq!(read(Leaf::Timestamp, "1714590000"), None);
    }

    #[test]
    fn numbers_are_never_rounded() {
        assert_eq!(read(Leaf::Int, "9223372036854775807"), Some(Value::Int(i64::MAX)));
        assert_eq!(read(Leaf::Int, "9223372036854775808"), None);
        assert_eq!(read(Leaf::Int, "1339.0"), Some(Value::Int(1339)));
        assert_eq!(read(Leaf::Int, "1.5"), None);
        assert_eq!(read(Leaf::Int, "1e3"), Some(Value::Int(1000)));
        // Each of these is rounded to a whole number as a float.
        for rounded in ["9007199254740993.0e0", "9007199254740991.4", "5.00000000000000000001", "4503599627370497.1"] {
            assert_eq!(read(Leaf::Int, rounded), None, "{rounded}");
        }
        assert_eq!(read(Leaf::Int, "9007199254740993.0"), Some(Value::Int(9_007_199_254_740_993)));
        assert_eq!(read(Leaf::Int, "\"5\""), None);
        assert_eq!(read(Leaf::Float, "155.2100067138672"), Some(Value::Float(155.2100067138672)));
        assert_eq!(read(Leaf::Float, "1e999"), None);
    }

    #[test]
    fn json_is_kept_as_it_came() {
        assert_eq!(read(Leaf::Json, "\"a\""), text("\"a\""));
        assert_eq!(read(Leaf::Json, "[1, 2.0]"), text("[1, 2.0]"));
    }

    #[test]
    fn a_date_time_gives_its_own_calendar_day() {
        assert_eq!(read(Leaf::Date, "\"2019-01-20T00:00:00-08:00\""), read(Leaf::Date, "\"2019-01-20\""));
        assert_eq!(read(Leaf::Date, "\"2019-01-2x\""), None);
    }

    #[test]
    fn a_midnight_of_the_company_that_is_written_in_another_offset_is_that_day() {
        let day = |zone: Tz, text: &str| super::read(Leaf::Date, &format!("\"{text}\""), Some(zone));
        let fifteenth = read(Leaf::Date, "\"2026-05-15\"");
        for text in [
            "2026-05-14T22:00:00Z",
            "2026-05-15T00:00:00+02:00",
            "2026-05-15T00:00:00Z",
            "2026-05-15T13:00:00Z",
            "2026-05-15",
        ] {
            assert_eq!(day(Tz::Europe__Berlin, text), fifteenth, "{text}");
        }
        // The zone of the settings may be wrong: a midnight as it is written stays what it is.
        assert_eq!(day(Tz::UTC, "2026-05-15T00:00:00+02:00"), fifteenth);
        assert_eq!(day(Tz::Pacific__Auckland, "2026-05-14T12:00:00Z"), fifteenth);
        assert_eq!(day(Tz::US__Pacific, "2026-05-15T07:00:00Z"), fifteenth);
    }

    proptest::proptest! {
        #[test]
        fn no_json_text_panics(raw in "[\\[{\"a-z0-9.:eE+\\-T]{1,24}") {
            for leaf in [Leaf::String, Leaf::Id, Leaf::Text, Leaf::Int, Leaf::Float, Leaf::Bool, Leaf::Timestamp, Leaf::Date] {
                let _ = read(leaf, &raw);
            }
        }
    }
}
