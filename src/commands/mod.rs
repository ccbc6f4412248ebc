//! One file per verb: builds the components from the settings, runs, prints.

mod backfill;
mod check;
mod context;
mod direct;
mod download;
mod filters;
mod get;
mod hold;
mod init;
mod list;
mod plan;
mod rights;
mod schema;
mod signals;
mod state;
mod status;
mod stdout;
mod sync;
mod target;
mod unused;
mod verify;

use stdout::print;

use crate::cli::{Cli, Command, StateArgs, StateWhat};
use crate::entity::Catalog;
use crate::error::{Error, Kind, Result};

/// Does what the command line says; returns the exit code.
///
/// # Errors
/// What stopped the command before it had a result of its own.
pub fn dispatch(cli: &Cli) -> Result<u8> {
    unused::options(&cli.command)?;
    let catalog = Catalog::of_environment()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| Error::new(Kind::Config, "cannot start the runtime").caused_by(e))?;
    let done = match &cli.command {
        Command::Init => init::run(cli),
        Command::List(args) => runtime.block_on(list::run(cli, catalog, args)),
        Command::Get(args) => runtime.block_on(get::run(cli, catalog, args)),
        Command::Download(args) => runtime.block_on(download::run(cli, catalog, args)),
        Command::Schema { entity } => schema::run(catalog, entity.as_deref()),
        Command::Status(args) => runtime.block_on(status::run(cli, catalog, args)),
        Command::Plan(args) => runtime.block_on(plan::run(cli, catalog, args)),
        Command::Check(args) => runtime.block_on(check::run(cli, catalog, args.format.format)),
        Command::Verify(args) => runtime.block_on(verify::run(cli, catalog, args)),
        Command::State(StateArgs { what: StateWhat::Rebuild(args) }) => {
            runtime.block_on(state::rebuild(cli, catalog, args))
        }
        Command::Sync(args) => runtime.block_on(sync::run(cli, catalog, args)),
        Command::Backfill(args) => runtime.block_on(backfill::run(cli, catalog, args)),
    };
    // A file that is still being encoded for a run that was stopped is nobody's any more.
    runtime.shutdown_background();
    done
}
