//! What can go wrong, by what the caller can do about it.
//!
//! One table turns a kind into an exit code. A message says what was tried and what came back; the hint says what to do. The
//! cause stays in the source chain. No message holds a credential, a signed link or customer data.

use std::error::Error as StdError;
use std::fmt;

/// Why something failed, by who has to act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Command line or configuration file: the user changes a setting.
    Config,
    /// An entity file in `schemas/` is wrong.
    Schema,
    /// The output cannot be read or written.
    Output,
    /// The ledger cannot be used: damaged, foreign, newer, another output's.
    Ledger,
    /// Another run holds the ledger.
    Locked,
    /// The vendor refused the credentials.
    Credentials,
    /// The vendor refused one entity to these credentials.
    Permission,
    /// The vendor's quota or our own daily budget is used up.
    Quota,
    /// A signal ended the run.
    Interrupted,
    /// The vendor answered something that is not usable, to the end of the attempts.
    Vendor,
}

impl Kind {
    /// The process's exit code for a run that ends with this kind (README, "Exit codes").
    pub fn exit_code(self) -> u8 {
        match self {
            Kind::Config | Kind::Schema | Kind::Output | Kind::Ledger => 2,
            Kind::Credentials => 3,
            Kind::Locked => 4,
            Kind::Quota => 75,
            Kind::Interrupted => 130,
            Kind::Permission | Kind::Vendor => 1,
        }
    }
}

/// The one error that `main` prints.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    message: String,
    hint: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// Result with our error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` says what was tried and what came back.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hint: None, source: None }
    }

    /// Adds what the reader can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the cause, which is printed after the message.
    #[must_use]
    pub fn caused_by(mut self, cause: impl StdError + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(cause));
        self
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub fn context(mut self, doing: impl fmt::Display) -> Self {
        self.message = format!("{doing}: {}", self.message);
        self
    }

    /// Who has to act.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What to do, if something can be said.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        let mut cause = self.source.as_deref().map(|s| s as &dyn StdError);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl StdError for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_exit_code() {
        let table = [
            (Kind::Config, 2),
            (Kind::Schema, 2),
            (Kind::Output, 2),
            (Kind::Ledger, 2),
            (Kind::Locked, 4),
            (Kind::Credentials, 3),
            (Kind::Permission, 1),
            (Kind::Vendor, 1),
            (Kind::Quota, 75),
            (Kind::Interrupted, 130),
        ];
        for (kind, code) in table {
            assert_eq!(kind.exit_code(), code, "{kind:?}");
        }
    }

    #[test]
    fn a_message_tells_the_story_once() {
        let cause = std::io::Error::other("disk on fire");
        let error = Error::new(Kind::Output, "cannot write users.parquet").caused_by(cause).context("users");
        assert_eq!(error.to_string(), "users: cannot write users.parquet: disk on fire");
    }
}
