//! Flags and verbs.

use std::io::Write;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use crate::bench;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::{Args, Parser, Subcommand, ValueEnum};
use gong_sim::{Latency, Oddities, Rates, Server, ServerOptions, Text, World, WorldSpec};

/// A local Gong: the vendor's API with seeded data, its limits, late and changing calls, and faults on demand.
///
/// Sign in with access key "sim-key" and secret "sim-secret", or with the bearer token "sim-token".
#[derive(Parser)]
#[command(name = "gong-sim", version)]
pub struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve an account on the loopback interface until interrupted or told to stop over POST /_sim/shutdown.
    ///
    /// Prints one line with the base URL when ready.
    Serve(Serve),
    /// Measure how many pages a second an account is served with. Build with --release for figures of use.
    Bench {
        /// Connections at once.
        #[arg(long, default_value_t = 2)]
        connections: usize,
        /// Seconds for each list.
        #[arg(long, default_value_t = 3)]
        seconds: u64,
        #[command(flatten)]
        account: Account,
    },
}

#[derive(Args)]
struct Serve {
    /// Port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Write the base URL to this file when ready.
    #[arg(long, value_name = "FILE")]
    port_file: Option<PathBuf>,
    /// Requests in any one second, over all credentials; 0 switches the limit off.
    #[arg(long, default_value_t = 3, value_name = "N")]
    rate: u32,
    /// Requests in a day of the simulated clock; 0 switches the limit off.
    #[arg(long, default_value_t = 10_000, value_name = "N")]
    per_day: u32,
    /// Milliseconds that every answer takes.
    #[arg(long, default_value_t = 0, value_name = "MS")]
    latency_ms: u64,
    /// Let the simulated clock run in real time; without this it moves only over POST /_sim/clock and /_sim/night.
    #[arg(long)]
    running_clock: bool,
    #[command(flatten)]
    account: Account,
}

/// What the account holds.
#[derive(Args)]
struct Account {
    /// Source of all chance; the same seed gives the same account.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Calls in the days before now.
    #[arg(long, default_value_t = 2_000)]
    calls: usize,
    /// Users.
    #[arg(long, default_value_t = 60)]
    users: usize,
    /// Days of history.
    #[arg(long, default_value_t = 90)]
    days: u32,
    /// Days after now that hold calls too; they appear as the clock moves on.
    #[arg(long, default_value_t = 30)]
    future_days: u32,
    /// Workspaces.
    #[arg(long, default_value_t = 2)]
    workspaces: usize,
    /// Library folders of each workspace, one to six.
    #[arg(long, default_value_t = 6)]
    folders: usize,
    /// The company's time zone.
    #[arg(long, default_value = "America/Los_Angeles")]
    zone: Tz,
    /// Where the simulated clock starts.
    #[arg(long, value_name = "INSTANT")]
    now: Option<DateTime<Utc>>,
    /// How much text calls and transcripts carry.
    #[arg(long, value_enum, default_value_t = Density::Normal)]
    text: Density,
    /// Serve the recorded answers in this folder (calls_extensive.json, call_transcripts.json) in place of made ones.
    #[arg(long, value_name = "DIR")]
    recorded: Option<PathBuf>,
    /// Put all records together before serving, for benchmarks.
    #[arg(long)]
    warm: bool,
    /// Add data that breaks the API's own rules: huge ids, unknown fields, wrong types, ids as numbers.
    #[arg(long)]
    oddities: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Density {
    Sparse,
    Normal,
    Full,
}

impl Cli {
    /// Does what was asked.
    pub fn run(self) -> Result<(), String> {
        match self.verb {
            Verb::Serve(serve) => serve.run(),
            Verb::Bench { connections, seconds, account } => bench::run(account.world()?, connections, seconds),
        }
    }
}

impl Account {
    fn world(&self) -> Result<World, String> {
        let world = self.made()?;
        if self.warm {
            world.warm(world.spec.now);
        }
        Ok(world)
    }

    fn made(&self) -> Result<World, String> {
        if let Some(folder) = &self.recorded {
            let mut world = World::recorded(folder)?;
            world.spec.now = self.now.unwrap_or(world.spec.now);
            return Ok(world);
        }
        let default = WorldSpec::default();
        let spec = WorldSpec {
            seed: self.seed,
            calls: self.calls,
            users: self.users,
            days: self.days,
            workspaces: self.workspaces,
            folders: self.folders,
            future_days: self.future_days,
            zone: self.zone,
            now: self.now.unwrap_or(default.now),
            text: match self.text {
                Density::Sparse => Text::Sparse,
                Density::Normal => Text::Normal,
                Density::Full => Text::Full,
            },
            oddities: if self.oddities { Oddities::all() } else { Oddities::default() },
        };
        Ok(World::generate(spec))
    }
}

impl Serve {
    fn run(&self) -> Result<(), String> {
        let limit = |number: u32| (number > 0).then_some(number);
        let options = ServerOptions {
            port: self.port,
            rates: Rates { per_second: limit(self.rate), per_day: limit(self.per_day) },
            latency: Latency { fixed: Duration::from_millis(self.latency_ms), ..Latency::default() },
            running_clock: self.running_clock,
            ..ServerOptions::default()
        };
        let world = self.account.world()?;
        let server = Server::try_start(world, options)
            .map_err(|error| format!("cannot listen on 127.0.0.1:{}: {error}", self.port))?;
        if let Some(file) = &self.port_file {
            std::fs::write(file, server.url()).map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        }
        println!("{}", server.url());
        std::io::stdout().flush().map_err(|error| error.to_string())?;
        while !server.stopping() {
            sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}
