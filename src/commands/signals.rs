//! SIGINT and SIGTERM end a run cleanly; a second one ends the process at once, which is safe at any instant.

use crate::error::{Error, Kind, Result};
use crate::halt::{Reason, Stop};

/// Listens for signals until the process ends.
pub fn listen(stop: &Stop) -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let failed = |e| Error::new(Kind::Config, "cannot listen for signals").caused_by(e);
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let stop = stop.clone();
    tokio::spawn(async move {
        for count in 0.. {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if count > 0 {
                std::process::exit(i32::from(Kind::Interrupted.exit_code()));
            }
            eprintln!("stopping: what was read is kept; once more to stop at once");
            stop.pull(Reason::Signal);
        }
    });
    Ok(())
}
