//! Durations as text: "90s", "14d".

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// Units, in milliseconds.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
/// A longer one is a slip, and no instant could be moved by it.
const LONGEST: std::time::Duration = std::time::Duration::from_secs(3653 * 86_400);

/// A length of time, written as in "90s", "20h" or "14d".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(std::time::Duration);

impl Span {
    /// That many seconds.
    pub const fn seconds(seconds: u64) -> Span {
        Span(std::time::Duration::from_secs(seconds))
    }

    /// That many days of 24 hours.
    pub const fn days(days: u64) -> Span {
        Span::seconds(days * 86_400)
    }

    /// For timers.
    pub const fn std(self) -> std::time::Duration {
        self.0
    }

    /// For arithmetic with instants.
    pub fn chrono(self) -> chrono::Duration {
        chrono::Duration::from_std(self.0).unwrap_or(chrono::Duration::MAX)
    }
}

impl std::str::FromStr for Span {
    type Err = String;

    /// One or more numbers with a unit each. "M" would be months elsewhere, and a month is no length.
    fn from_str(text: &str) -> Result<Span, String> {
        let bad = || format!("\"{text}\" is not a duration such as \"90s\" or \"14d\": units are s, m, h and d");
        let mut rest = text.trim();
        let mut sum = std::time::Duration::ZERO;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
            let (number, after) = rest.split_at(digits);
            let letters = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
            let (unit, after) = after.split_at(letters);
            let millis = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(bad)?.1;
            let number: u64 = number.parse().map_err(|_| bad())?;
            let part = std::time::Duration::from_millis(number.saturating_mul(millis));
            sum = sum.saturating_add(part);
            rest = after.trim_start();
        }
        match sum {
            _ if text.trim().is_empty() => Err(bad()),
            sum if sum > LONGEST => Err(format!("\"{text}\" is longer than ten years")),
            sum => Ok(Span(sum)),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            s if s > 0 && s % 86_400 == 0 => write!(f, "{}d", s / 86_400),
            _ => write!(f, "{}", humantime::format_duration(self.0)),
        }
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        struct Text;

        impl de::Visitor<'_> for Text {
            type Value = Span;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"90s\" or \"14d\"")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Span, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_units_of_one_meaning_are_taken() {
        let seconds = |text: &str| text.parse::<Span>().map(|span| span.std().as_secs());
        for (text, length) in [("90s", 90), ("2m", 120), ("1h 30m", 5400), ("14d", 1_209_600), ("0s", 0), ("1500ms", 1)]
        {
            assert_eq!(seconds(text), Ok(length), "{text}");
        }
        for text in ["2M", "1w", "1y", "90", "s", "", "-1s", "1.5h", "2 m", "99999999999999999999s"] {
            assert!(seconds(text).is_err_and(|why| why.contains("is not a duration such as")), "{text}");
        }
        for text in ["4000d", "99999999999999d"] {
            assert!(seconds(text).is_err_and(|why| why.ends_with("is longer than ten years")), "{text}");
        }
    }
}
