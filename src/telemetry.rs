//! Log lines on stderr: ours only, because other crates' might show addresses with cursors or links.

use tracing_subscriber::EnvFilter;

use crate::cli::LogFormat;

/// Sets logging up, once. `verbose` 0 shows warnings, 1 units too, 2 attempts too; `quiet` only errors.
pub fn start(format: LogFormat, verbose: u8, quiet: bool) {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "info",
        (false, _) => "debug",
    };
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(format!("off,gong_elt={level}")))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    // A second start in one process (tests) keeps the first.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().try_init(),
    };
}
