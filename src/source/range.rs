//! A part of a media file.

use std::fmt;
use std::str::FromStr;

/// A part of a file, as in the `Range` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// From a byte to the end.
    From(u64),
    /// From a byte to another, inclusive.
    Between(u64, u64),
    /// So many bytes at the end.
    Last(u64),
}

impl FromStr for ByteRange {
    type Err = &'static str;

    fn from_str(text: &str) -> std::result::Result<ByteRange, Self::Err> {
        let rule = "is not a range such as bytes=0-99, bytes=100- or bytes=-100";
        let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
        let (first, last) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-')).ok_or(rule)?;
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last && last < u64::MAX => Ok(ByteRange::Between(first, last)),
            (Some(first), None) if last.is_empty() => Ok(ByteRange::From(first)),
            (None, Some(last)) if first.is_empty() && last > 0 => Ok(ByteRange::Last(last)),
            _ => Err(rule),
        }
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ByteRange::From(first) => write!(f, "bytes={first}-"),
            ByteRange::Between(first, last) => write!(f, "bytes={first}-{last}"),
            ByteRange::Last(last) => write!(f, "bytes=-{last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_and_written() {
        for text in ["bytes=0-99", "bytes=100-", "bytes=-100", "bytes=7-7"] {
            assert_eq!(text.parse::<ByteRange>().map(|range| range.to_string()).as_deref(), Ok(text));
        }
        let bad =
            ["", "0-99", "bytes=", "bytes=-", "bytes=9-1", "bytes=-0", "bytes=0-1,3-4", "bytes=a-b", "bytes=+1-2"];
        for text in bad {
            assert!(text.parse::<ByteRange>().is_err(), "{text}");
        }
    }
}
