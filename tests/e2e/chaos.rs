//! The seeded fault run: one seed decides the world, the settings, the latencies, what goes wrong and where the process dies.
//!
//! `make test` runs a few dozen seeds, `make soak` hundreds. `SEED=n cargo test --test e2e -- chaos` replays one.

use std::time::Duration;

use chrono::TimeDelta;
use gong_sim::{Entry, Fault, Latency, Matcher, RetryAfter, ServerOptions, World, WorldSpec};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use crate::support::Rig;
use crate::support::bucket;
use crate::support::journal::asked;
use crate::support::ledger::assert_whole;
use crate::support::rig::{FIVE, START, end};
use crate::support::seeds;
use crate::support::truth::assert_conserved;

/// Seeds in `make test`.
const FEW: u64 = 24;

/// A busy machine reads an answer so long after it has left; until then others may go.
const READ_WITHIN: Duration = Duration::from_millis(250);

/// Where a process may die.
pub const PLACES: [&str; 12] = [
    "asking",
    "answered",
    "staged",
    "encoding",
    "before-object",
    "temporary",
    "renamed",
    "object",
    "clearing",
    "committed",
    "before-manifest",
    "manifest",
];

#[test]
fn seeded_faults_and_kills_lose_double_and_invent_nothing() {
    seeds::each("chaos", FEW, |seed| Chaos::new(seed).survive());
}

/// One seed's run.
struct Chaos {
    seed: u64,
    chance: StdRng,
    rig: Rig,
    rate: usize,
    in_flight: usize,
    /// How this vendor's 429 says when to come back.
    throttle: RetryAfter,
    story: Vec<String>,
}

impl Chaos {
    fn new(seed: u64) -> Chaos {
        let mut chance = StdRng::seed_from_u64(seed);
        let spec = WorldSpec {
            calls: chance.gen_range(10..160),
            days: chance.gen_range(3..15),
            users: chance.gen_range(3..13),
            workspaces: chance.gen_range(1..4),
            ..WorldSpec::small(seed)
        };
        let latency = Latency {
            fixed: Duration::from_millis(chance.gen_range(0..4)),
            slow_percent: f64::from(chance.gen_range(0..10)),
            slow: Duration::from_millis(chance.gen_range(0..120)),
            seed,
        };
        let page_size = *[3, 10, 100].choose(&mut chance).expect("one of three");
        let options = ServerOptions { latency, ..ServerOptions::unlimited().page_size(page_size) };
        let rig = Rig::new(World::generate(spec), options);
        let in_bucket = chance.gen_bool(0.25);
        let rig = if in_bucket { rig.in_bucket() } else { rig };
        let rate = *[60, 150, 2000].choose(&mut chance).expect("one of three");
        let in_flight = chance.gen_range(1..9);
        let window = *["day", "auto", "month"].choose(&mut chance).expect("one of three");
        let entities = if chance.gen_bool(0.5) { FIVE } else { "" };
        let through = if chance.gen_bool(0.3) { "[entities.calls]\ncalls_from = \"details\"" } else { "" };
        let ages: Vec<String> = (1..=40).map(|day| format!("\"{day}d\"")).collect();
        rig.configure_whole(&format!(
            "[limits]\nrequests_per_second = {rate}\nrequests_per_day = 1000000\nmax_in_flight = {in_flight}\nmax_retries = 4\n\
             [sync]\nstart_date = \"{START}\"\nwindow = \"{window}\"\nreread = [{}]\n{entities}\n[entities.coaching]\nevery = \"1h\"\n{through}",
            ages.join(", ")
        ));
        let story = vec![format!(
            "rate {rate}, {in_flight} in flight, pages of {page_size}, windows of a {window}, bucket {in_bucket}, {through}, {entities}"
        )];
        let hours = chance.gen_range(1..8) * 3600;
        let (short, long) = (RetryAfter::Seconds(chance.gen_range(1..3)), RetryAfter::Seconds(hours));
        let throttles = [short, RetryAfter::Missing, long, RetryAfter::Date(hours)];
        let throttle = throttles.choose(&mut chance).expect("one of four").clone();
        Chaos { seed, chance, rig, rate, in_flight, throttle, story }
    }

    /// Runs through faults and deaths, then once in peace, and looks.
    fn survive(mut self) {
        self.break_things();
        for _ in 0..self.chance.gen_range(2..6) {
            self.disturbed();
            if self.chance.gen_bool(0.3) {
                let night = self.rig.server.night();
                self.story.push(format!("{night:?}"));
            }
        }
        self.rig.server.faults().clear();
        self.rig.bucket.iter().for_each(bucket::Bucket::calm);
        self.open_gate();
        // What the vendor left out or hid by a fault is asked again when its age has passed.
        self.rig.server.clock().advance(TimeDelta::days(1));
        let ended = self.rig.run(&["sync", "--format", "json"]);
        assert_eq!(ended.code, 0, "{}\nthe run in peace: {}", self.told(), ended.stderr);
        let told = self.told();
        assert_whole(&self.rig, &told);
        assert_conserved(&self.rig, &told);
        crate::resume::assert_no_orphan(&self.rig, &told);
        assert_eq!(self.rig.server.journal().violations(), Vec::<String>::new(), "{told}");
        let most = self.rig.server.journal().max_in_any_second();
        assert!(most <= self.rate, "{told}\n{most} requests in a second");
        // AND nothing is left to do, but for a window of which Gong counts more than it gives: that is read a second time
        if ended.stdout.contains(": the next run reads it again") {
            self.rig.sync();
        }
        let again = self.rig.sync();
        assert_eq!(again["requests"], 0, "{told}\n{again}");
    }

    /// One run among faults, which may die, fail, or be told to come back later.
    fn disturbed(&mut self) {
        let before = self.rig.server.journal().len();
        let mut command = self.rig.command(&["sync", "--format", "json"]);
        let place = self.chance.gen_bool(0.6).then(|| {
            let place = PLACES.choose(&mut self.chance).expect("a place");
            format!("{place}:{}", self.chance.gen_range(1..16))
        });
        command.envs(place.iter().map(|place| ("GONG_ELT_FAILPOINT", place)));
        let ended = end(&mut command);
        self.story.push(format!("exit {} with kill at {place:?}", ended.code));
        let told = self.told();
        assert!([-1, 0, 1, 75].contains(&ended.code), "{told}\n{}", ended.stderr);
        assert!(ended.code != -1 || place.is_some(), "{told}\n{}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{told}\n{}", ended.stderr);
        assert_whole(&self.rig, &told);
        let entries = self.rig.server.journal().entries().split_off(before);
        self.assert_silent(&entries);
        self.assert_paid_once(&entries);
        if ended.code == 75 {
            let requests = self.rig.server.journal().len();
            assert_eq!(self.rig.run(&["sync"]).code, 75, "{told}");
            assert_eq!(self.rig.server.journal().len(), requests, "{told}\nasked before the time named");
            self.open_gate();
        }
    }

    /// What the vendor will do wrong, by chance.
    fn break_things(&mut self) {
        let listings = ["/v2/*", "/v2/calls", "/v2/calls/extensive", "/v2/calls/transcript", "/v2/users"];
        let throttled = Fault::TooManyRequests { retry_after: self.throttle.clone() };
        let kinds = [
            throttled.clone(),
            throttled,
            Fault::ServerError,
            Fault::BadGateway,
            Fault::Unavailable,
            Fault::Status { status: 408, text: "Request timeout".to_owned() },
            Fault::ResetBeforeAnswer,
            Fault::LoseAnswer,
            Fault::ResetInBody { after: 200 },
            Fault::CutBody { percent: 60 },
            Fault::WrongContentType,
            Fault::SlowBody { bytes: 2000, pause_ms: 5 },
            Fault::Delay { ms: 150 },
            Fault::CursorExpired,
            Fault::CursorRepeated,
            Fault::CursorBroken,
            Fault::NothingFound,
            Fault::EmptyPage,
            Fault::OmitId { id: None },
            Fault::NoRecords,
        ];
        for number in 0..self.chance.gen_range(2..8) {
            let fault = kinds.choose(&mut self.chance).expect("a kind").clone();
            let seldom = matches!(&fault, Fault::TooManyRequests { .. });
            let percent = if seldom { 1.0 } else { f64::from(self.chance.gen_range(1..6)) };
            let path = listings.choose(&mut self.chance).expect("a path");
            let mut matcher = Matcher::path(path);
            let paged = matches!(&fault, Fault::CursorExpired | Fault::CursorRepeated | Fault::NothingFound);
            if paged {
                matcher = matcher.page(self.chance.gen_range(1..3));
            }
            self.story.push(format!("{percent} % of {path}: {fault:?}"));
            self.rig.server.faults().seeded(self.seed * 100 + number, matcher, fault, percent);
        }
        if let Some(bucket) = &self.rig.bucket {
            let kinds = [
                bucket::Fault::Status(503),
                bucket::Fault::Reset,
                bucket::Fault::LoseAnswer,
                bucket::Fault::FalseAlarm,
                bucket::Fault::CutBody,
                bucket::Fault::Slow(Duration::from_millis(40)),
            ];
            bucket.faults_by_chance(self.seed, self.chance.gen_range(0..12), &kinds);
        }
    }

    /// Once a 429 that named a time has left the vendor, nothing arrives but what was under way.
    fn assert_silent(&self, entries: &[Entry]) {
        let RetryAfter::Seconds(silence) = self.throttle else { return };
        let throttled = entries.iter().filter(|e| e.fault.as_deref() == Some("too_many_requests"));
        for told in throttled.filter_map(|e| e.answered) {
            let (read, end) = (told + READ_WITHIN, told + Duration::from_secs(silence));
            let early = entries.iter().filter(|e| e.arrived > read && e.arrived < end).count();
            assert!(early <= self.in_flight, "{}\n{early} requests in the silence after a 429", self.told());
        }
    }

    /// One run asks for the same page twice only when the listing had to start again.
    fn assert_paid_once(&self, entries: &[Entry]) {
        let restarts =
            ["cursor_expired", "cursor_repeated", "cursor_broken", "nothing_found", "empty_page", "no_records"];
        let cursors = entries.iter().any(|e| e.fault.as_ref().is_some_and(|f| restarts.contains(&f.as_str())));
        // After a night, a reading of the day before is taken up, ended and then due again.
        let nights = self.story.iter().any(|line| line.contains("new_calls"));
        if cursors || nights {
            return;
        }
        let mut good: Vec<String> =
            entries.iter().filter(|e| e.status == Some(200) && e.fault.is_none()).map(asked).collect();
        good.sort();
        for pair in good.windows(2) {
            assert_ne!(pair[0], pair[1], "{}\npaid twice in one run", self.told());
        }
    }

    /// The time named by the vendor has come.
    fn open_gate(&self) {
        if self.rig.path("state/gong-elt.db").exists() {
            self.rig.ledger().execute("UPDATE gate SET closed_until = 0", []).expect("a gate");
        }
    }

    fn told(&self) -> String {
        format!("seed {}: {}", self.seed, self.story.join("; "))
    }
}
