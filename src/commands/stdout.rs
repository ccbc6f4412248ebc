//! Results on stdout. A closed pipe is the reader's choice and ends in peace; any other failure is one, so that no result is lost in silence.

use std::io::{ErrorKind, Write as _};

use crate::cli::OutputFormat;
use crate::error::{Error, Kind, Result};

/// Prints a result, as JSON or as text.
///
/// # Errors
/// As for [`printed`].
pub fn print(format: OutputFormat, value: &impl serde::Serialize, text: impl FnOnce() -> String) -> Result<()> {
    say(&match format {
        // Plain data of our own always serialises.
        OutputFormat::Json => serde_json::to_string_pretty(value).unwrap_or_default() + "\n",
        OutputFormat::Text => text(),
    })
}

/// Prints a text as it is.
///
/// # Errors
/// As for [`printed`].
pub fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    // What would stay in the buffer would fail only when nobody looks any more.
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush())).map(|_| ())
}

/// False if nobody reads any more.
///
/// # Errors
/// [`Kind::Output`] if stdout cannot be written.
pub fn printed(result: std::io::Result<()>) -> Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Error::new(Kind::Output, "cannot write to stdout").caused_by(e)),
    }
}
