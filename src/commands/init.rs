//! `init`: a commented configuration file.

use std::io::Write as _;

use super::stdout::say;
use crate::cli::Cli;
use crate::config;
use crate::error::{Error, Kind, Result};

/// Writes the example to `--config`, unless there is a file.
pub fn run(cli: &Cli) -> Result<u8> {
    let path = &cli.config;
    let shown = path.display();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    // Credentials may be put into it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = options.open(path);
    let written = created.and_then(|mut file| file.write_all(uncommented().as_bytes()));
    written.map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => Error::new(Kind::Config, format!("{shown} exists already"))
            .hint("name another file with --config, or edit that one"),
        _ => Error::new(Kind::Config, format!("cannot write {shown}")).caused_by(e),
    })?;
    say(&format!(
        "wrote {shown}\nnext: set sync.start_date in it, put GONG_ACCESS_KEY and GONG_ACCESS_KEY_SECRET into the environment, then run `gong-elt check`\n"
    ))?;
    Ok(0)
}

/// The example with its optional settings as ordinary comments.
fn uncommented() -> String {
    let lines = config::EXAMPLE
        .lines()
        .map(|line| line.replacen("#: ", "# ", 1).replace(" Lines that start with \"#:\" are", " Commented lines are"));
    lines.map(|line| line + "\n").collect()
}
