//! Arguments in; exit code, error and hint out.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use gong_elt::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not failures, and a closed pipe is no reason to fail. clap prints both kinds.
            let is_lost = |e: std::io::Error| e.kind() != std::io::ErrorKind::BrokenPipe;
            let lost = error.print().and_then(|()| std::io::stdout().flush()).is_err_and(is_lost);
            if lost && !error.use_stderr() {
                eprintln!("error: cannot write to stdout");
            }
            return ExitCode::from(if lost || error.use_stderr() { 2 } else { 0 });
        }
    };
    gong_elt::telemetry::start(cli.log_format, cli.verbose, cli.quiet);
    match gong_elt::commands::dispatch(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(hint) = error.advice() {
                eprintln!("\nhint: {hint}");
            }
            ExitCode::from(error.kind().exit_code())
        }
    }
}
