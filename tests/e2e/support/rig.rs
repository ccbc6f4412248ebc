//! A folder with a configuration, a simulated account and the real binary.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use chrono::{DateTime, SecondsFormat, Utc};
use gong_sim::{Server, ServerOptions, World, WorldSpec};
use serde_json::Value;

use super::bucket::Bucket;

/// Small accounts begin after this day.
pub const START: &str = "2026-04-01";

/// A line of `[sync]` for tests that count requests: what is read does not grow with the catalog.
pub const FIVE: &str = "entities = [\"users\", \"workspaces\", \"calls\", \"calls_extensive\", \"call_transcripts\"]";

/// A line of `[sync]` that makes every window due every day, so that what was missing is asked for again.
pub const DAILY: &str = "reread = [\"1d\", \"2d\", \"3d\", \"4d\", \"5d\", \"6d\", \"7d\", \"8d\", \"9d\", \"10d\", \"11d\", \"12d\", \
    \"13d\", \"14d\", \"15d\"]";

/// One account, one output, one ledger.
pub struct Rig {
    /// The vendor.
    pub server: Server,
    /// The output's server, if the output is no folder.
    pub bucket: Option<Bucket>,
    folder: tempfile::TempDir,
    /// The highest rate that was configured; infinite if others ask, too.
    rate: Cell<f64>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit code; -1 if killed.
    pub code: i32,
    /// Result.
    pub stdout: String,
    /// Progress, logs, errors.
    pub stderr: String,
}

impl Ended {
    /// Fails the test unless the command ended with `code`.
    #[track_caller]
    pub fn expect(self, code: i32) -> Ended {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// The JSON on stdout.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {}", self.stdout))
    }
}

impl Rig {
    /// A small account without limits.
    pub fn small(seed: u64) -> Rig {
        Rig::new(World::generate(WorldSpec::small(seed)), ServerOptions::unlimited())
    }

    /// An account of `calls` calls over `days` days without limits.
    pub fn sized(seed: u64, calls: usize, days: u32) -> Rig {
        let spec = WorldSpec { calls, days, ..WorldSpec::small(seed) };
        Rig::new(World::generate(spec), ServerOptions::unlimited())
    }

    /// Any account.
    pub fn new(world: World, options: ServerOptions) -> Rig {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let rig = Rig { server: Server::start(world, options), bucket: None, folder, rate: Cell::new(0.0) };
        rig.configure("");
        rig
    }

    /// The same with its output in a bucket of a real S3 server.
    pub fn in_bucket(self) -> Rig {
        self.with_bucket(Bucket::start())
    }

    /// The same with its output in this bucket.
    pub fn with_bucket(mut self, bucket: Bucket) -> Rig {
        self.bucket = Some(bucket);
        self.configure("");
        self
    }

    /// The output's server.
    pub fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().expect("an output in a bucket")
    }

    /// Writes the configuration: the account, a rate that costs no time, and `more` TOML after it.
    pub fn configure(&self, more: &str) {
        self.configure_whole(&format!("[sync]\nstart_date = \"{START}\"\n{more}"));
    }

    /// The same without a `[sync]` table of its own.
    pub fn configure_whole(&self, more: &str) {
        let limits = if more.contains("[limits]") {
            ""
        } else {
            "[limits]\nrequests_per_second = 2000\nrequests_per_day = 1000000\n"
        };
        let output = self.bucket.as_ref().map(Bucket::settings).unwrap_or_default();
        let text = format!(
            "[source]\nbase_url = \"{}\"\naccess_key = \"sim-key\"\naccess_key_secret = \"sim-secret\"\n{limits}{more}\n{output}",
            self.server.url()
        );
        self.write("gong-elt.toml", &text);
    }

    /// Writes a file into the folder.
    pub fn write(&self, name: &str, text: &str) {
        let rate = text.split("requests_per_second = ").nth(1).and_then(|rest| rest.lines().next()?.parse().ok());
        self.rate.set(self.rate.get().max(rate.unwrap_or(0.0)));
        std::fs::write(self.path(name), text).expect("the folder is writable");
    }

    /// Other programs ask the vendor too: the requests that it sees are not only ours.
    pub fn others_ask(&self) {
        self.rate.set(f64::INFINITY);
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The output; of a bucket, the folder where its server keeps the objects.
    pub fn data(&self) -> PathBuf {
        self.bucket.as_ref().map_or_else(|| self.path("data"), Bucket::folder)
    }

    /// The configured start date.
    pub fn start(&self) -> chrono::NaiveDate {
        let text = std::fs::read_to_string(self.path("gong-elt.toml")).expect("a configuration");
        let day = text.split("start_date = \"").nth(1).and_then(|rest| rest.get(..10));
        day.and_then(|day| day.parse().ok()).expect("a start date")
    }

    /// The simulated now.
    pub fn now(&self) -> DateTime<Utc> {
        self.server.clock().now()
    }

    /// A command of the real binary in the folder, with the simulated now.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_at(self.now(), args)
    }

    /// The same with another now.
    pub fn command_at(&self, now: DateTime<Utc>, args: &[&str]) -> Command {
        let mut command = self.bare(args);
        command.args(["--as-of", &now.to_rfc3339_opts(SecondsFormat::Secs, true)]);
        command
    }

    /// A command of the real binary in the folder, with an empty environment and the real now.
    pub fn bare(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gong-elt"));
        command.args(args).current_dir(self.folder.path()).env_clear().stdin(Stdio::null());
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Ended {
        end(&mut self.command(args))
    }

    /// `sync` that must end well; its report.
    #[track_caller]
    pub fn sync(&self) -> Value {
        self.sync_to(0)
    }

    /// `sync` that must end with `code`; its report.
    #[track_caller]
    pub fn sync_to(&self, code: i32) -> Value {
        self.run(&["sync", "--format", "json"]).expect(code).json()
    }

    /// The ledger, for a look or a change by hand.
    pub fn ledger(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path("state/gong-elt.db")).expect("a ledger")
    }

    /// Starts a command and lets it run.
    pub fn spawn(&self, args: &[&str]) -> Child {
        let mut command = self.command(args);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.spawn().expect("the binary starts")
    }

    /// Every object of the entities' folders, with its bytes' modification time, to see what was rewritten.
    pub fn objects(&self) -> Vec<(String, std::time::SystemTime)> {
        let mut found = Vec::new();
        walk(&self.data(), &mut |path| {
            let below = path.strip_prefix(self.data()).expect("below the output").to_string_lossy().into_owned();
            if !below.starts_with("_gong_elt/") {
                let modified = path.metadata().and_then(|m| m.modified()).expect("a file on disk");
                found.push((below, modified));
            }
        });
        found.sort();
        found
    }

    /// The manifest.
    pub fn manifest(&self) -> Value {
        let text = std::fs::read_to_string(self.data().join("_gong_elt/manifest.json")).expect("a manifest");
        serde_json::from_str(&text).expect("JSON")
    }
}

impl Drop for Rig {
    /// What every test must leave true: never more requests in a second than the configured rate, as the vendor saw them.
    fn drop(&mut self) {
        let (rate, most) = (self.rate.get(), self.server.journal().max_in_any_second());
        if rate > 0.0 && most as f64 > rate && !std::thread::panicking() {
            panic!("{most} requests in a second at a rate of {rate}");
        }
    }
}

/// Runs a command to its end.
pub fn end(command: &mut Command) -> Ended {
    let output = command.output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code().unwrap_or(-1), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

fn walk(folder: &Path, file: &mut impl FnMut(&Path)) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { walk(&path, file) } else { file(&path) }
    }
}
