//! Why a unit is read, for people and for the order of a run.

use std::fmt;

use chrono::Duration;

/// Why a unit is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// An earlier run began it and did not commit it.
    Begun,
    /// It was never read.
    New,
    /// It was read before it was over.
    Unfinished,
    /// It has passed this age.
    Age(Duration),
    /// A snapshot older than this.
    Every(Duration),
    /// A fact of the ledger asks for it.
    Early(String),
    /// Settled, and not looked at for this long: listed again.
    Recheck(Duration),
    /// `backfill --force`.
    Force,
    /// `backfill --force` of an entity that is on disk in periods of another length.
    Period,
    /// The rest of an unfinished backfill.
    Backfill,
}

impl Reason {
    /// Place in the order of a run: what was begun, what others need and what is fresh come before old time.
    pub fn rank(&self) -> u8 {
        match self {
            Reason::Begun => 0,
            Reason::New
            | Reason::Every(_)
            | Reason::Unfinished
            | Reason::Age(_)
            | Reason::Early(_)
            | Reason::Force
            | Reason::Period => 1,
            Reason::Recheck(_) => 2,
            Reason::Backfill => 3,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Begun => f.write_str("begun by an earlier run"),
            Reason::New => f.write_str("new"),
            Reason::Unfinished => f.write_str("read before it was over"),
            Reason::Age(age) => write!(f, "passed the age of {}", Span(age)),
            Reason::Every(every) => write!(f, "older than {}", Span(every)),
            Reason::Early(why) => f.write_str(why),
            Reason::Recheck(every) => write!(f, "not looked at for {}", Span(every)),
            Reason::Force => f.write_str("forced"),
            Reason::Period => f.write_str("replaces another period"),
            Reason::Backfill => f.write_str("unfinished backfill"),
        }
    }
}

struct Span<'a>(&'a Duration);

impl fmt::Display for Span<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.num_hours() {
            hours if hours > 0 && hours % 24 == 0 => write!(f, "{}d", hours / 24),
            hours if hours > 0 => write!(f, "{hours}h"),
            _ => write!(f, "{}s", self.0.num_seconds()),
        }
    }
}
