//! `gong-sim`: the simulator as a program of its own.

mod bench;
mod cli;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("gong-sim: {message}");
            ExitCode::FAILURE
        }
    }
}
