//! Durations as text: "90s", "14d".

use std::fmt;

use serde::{Deserialize, Deserializer, de};

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
    type Err = humantime::DurationError;

    fn from_str(text: &str) -> Result<Span, Self::Err> {
        humantime::parse_duration(text).map(Span)
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
        let text = String::deserialize(deserializer)?;
        text.parse()
            .map_err(|e| de::Error::custom(format!("\"{text}\" is not a duration such as \"90s\" or \"14d\": {e}")))
    }
}
