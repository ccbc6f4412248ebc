//! Arguments in; exit code, error and hint out.

use std::process::ExitCode;

use clap::Parser;
use gong_elt::cli::Cli;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are not failures. clap prints both kinds; a closed pipe is no reason to fail.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
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
