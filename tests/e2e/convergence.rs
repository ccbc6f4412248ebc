//! The property behind everything late, changed, deleted and private: whatever happens in sixty days, and on whatever days the job
//! runs, after the last age the files are the account.
//!
//! One seed decides the account, what happens in it, the ages, the sizes of windows and the runs. `make test` runs a few seeds,
//! `make e2e T=convergence SEEDS=100` many, `SEED=n make e2e T=convergence` one again.

use std::collections::HashMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use gong_sim::{NewCall, ServerOptions, World, WorldSpec};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use crate::support::Rig;
use crate::support::ledger::assert_whole;
use crate::support::rig::FIVE;
use crate::support::seeds;
use crate::support::truth::assert_conserved;

/// Seeds in `make test`.
const FEW: u64 = 4;
/// Simulated days.
const DAYS: i64 = 60;

#[test]
fn a_random_account_read_on_random_days_ends_as_it_is() {
    seeds::each("convergence", FEW, |seed| Life::new(seed).live());
}

/// One seed's account and what is known of it.
struct Life {
    seed: u64,
    chance: StdRng,
    rig: Rig,
    start: NaiveDate,
    /// Days, ascending.
    ages: Vec<i64>,
    recheck: i64,
    /// Calls by id with their planned start; those of every third day are never deleted.
    calls: Vec<(String, DateTime<Utc>)>,
    /// Deleted or hidden; the rest stays the larger part, so that no guard asks.
    gone: usize,
    hidden: Vec<String>,
    story: Vec<String>,
}

impl Life {
    fn new(seed: u64) -> Life {
        let mut chance = StdRng::seed_from_u64(seed);
        let spec = WorldSpec { calls: 0, future_days: 0, ..WorldSpec::small(seed) };
        let page_size = *[2, 5, 100].choose(&mut chance).expect("one of three");
        let rig = Rig::new(World::generate(spec), ServerOptions::unlimited().page_size(page_size));
        let mut ages: Vec<i64> = [1, 2, 3, 5, 7, 10, 14].into_iter().filter(|_| chance.gen_bool(0.5)).collect();
        ages.push(*[3, 7, 14, 21].choose(&mut chance).expect("one of four"));
        ages.sort_unstable();
        ages.dedup();
        let recheck = chance.gen_range(4..35);
        let start = rig.now().date_naive() - TimeDelta::days(chance.gen_range(0..50));
        let story =
            vec![format!("pages of {page_size}, ages {ages:?}, listed again after {recheck} days, from {start}")];
        Life { seed, chance, rig, start, ages, recheck, calls: Vec::new(), gone: 0, hidden: Vec::new(), story }
    }

    fn live(mut self) {
        let end = self.rig.now() + TimeDelta::days(DAYS);
        self.first_calls();
        while self.rig.now() < end {
            let days_off = self.chance.gen_bool(0.04);
            let usual = *[5, 24, 24, 24, 24, 24, 48, 72].choose(&mut self.chance).expect("one of eight");
            let pause = TimeDelta::hours(if days_off { 21 * 24 } else { usual });
            let next = self.rig.now() + pause;
            for _ in 0..self.chance.gen_range(0..3 + 3 * pause.num_days()) {
                self.something_happens(next);
            }
            self.rig.server.clock().set(next);
            self.run();
        }
        // After the last age, and after the next listing of settled windows, all is as it is.
        let last = self.ages.last().copied().unwrap_or(0);
        for days in [last + 1, self.recheck + 1, 1] {
            self.rig.server.clock().advance(TimeDelta::days(days));
            self.run_whole();
        }
        assert_conserved(&self.rig, &self.told());
    }

    /// A call of every third day stays for good; others begin the account.
    fn first_calls(&mut self) {
        let midnight = self.start.and_hms_opt(0, 0, 0).expect("midnight").and_utc();
        let days = (self.rig.now() - midnight).num_days() + DAYS;
        for day in (0..days).step_by(3) {
            let at = midnight + TimeDelta::days(day) + TimeDelta::minutes(self.chance.gen_range(0..1440));
            self.rig.server.world().add_call(NewCall::at(at));
        }
        for _ in 0..self.chance.gen_range(0..40) {
            let at = midnight
                + TimeDelta::minutes(self.chance.gen_range(0..(self.rig.now() - midnight).num_minutes().max(1)));
            let id = self.rig.server.world().add_call(NewCall::at(at));
            self.calls.push((id, at));
        }
    }

    /// Something between now and `next`.
    fn something_happens(&mut self, next: DateTime<Utc>) {
        let now = self.rig.now();
        let at = now + TimeDelta::minutes(self.chance.gen_range(1..(next - now).num_minutes()));
        let kind = self.chance.gen_range(0..10);
        if kind < 4 || self.calls.is_empty() {
            return self.call(at);
        }
        let (id, scheduled) = self.calls.choose(&mut self.chance).expect("a call").clone();
        // Only the listing is looked at after the last age: what it does not show is found while the window is unsettled.
        let unsettled = at < self.settles(scheduled);
        let mut world = self.rig.server.world();
        let what = match kind {
            4 => {
                world.edit_call(&id, at, json!({"metaData": {"title": format!("Title of {at}")}}));
                "another title"
            }
            5 if unsettled => {
                world.edit_call(&id, at, json!({"content": {"brief": format!("Brief of {at}")}}));
                "another brief"
            }
            6 if unsettled => {
                let sentences = json!([{"start": 0, "end": 900, "text": format!("Said at {at}.")}]);
                let monologue = json!([{"speakerId": "1", "topic": null, "sentences": sentences}]);
                world.edit_call(&id, at, json!({ "transcript": monologue }));
                "another transcript"
            }
            7 => {
                world.set_private(&id, self.chance.gen_bool(0.6), at);
                "private or public"
            }
            8 if 3 * self.gone < self.calls.len() => {
                self.gone += 1;
                world.delete_call(&id, at);
                "deleted"
            }
            9 if self.hidden.is_empty() && 3 * self.gone < self.calls.len() => {
                self.hidden.push(id.clone());
                world.hide(&id);
                "hidden"
            }
            9 => {
                let Some(id) = self.hidden.pop() else { return };
                world.restore(&id);
                "shown again"
            }
            _ => return,
        };
        drop(world);
        self.story.push(format!("{at}: {id} of {scheduled}: {what}"));
    }

    /// A call near `at`, some of it late.
    fn call(&mut self, at: DateTime<Utc>) {
        let first = self.start.and_hms_opt(0, 0, 0).expect("midnight").and_utc();
        let scheduled = (at - TimeDelta::minutes(self.chance.gen_range(0..5 * 1440))).max(first);
        let started = scheduled + TimeDelta::minutes(self.chance.gen_range(-2..20));
        let settles = self.settles(scheduled);
        let ended = started + TimeDelta::minutes(35);
        let mut later = |most: DateTime<Utc>| {
            let room = (most - ended).num_minutes().max(1);
            let late = if self.chance.gen_bool(0.5) { 0 } else { self.chance.gen_range(0..room) };
            ended + TimeDelta::minutes(late)
        };
        // A call may come to light after its window has settled; then all of it is there.
        let listed = later(settles + TimeDelta::days(5)).max(at);
        let rest = [later(settles), later(settles), later(settles)]
            .map(|at| if listed < settles { at.max(listed) } else { listed });
        let never = self.chance.gen_bool(0.1);
        let mut world = self.rig.server.world();
        let mut new = NewCall { scheduled, started, private: self.chance.gen_bool(0.1), ..NewCall::at(scheduled) };
        (new.listed_at, new.detailed_at, new.analysed_at) = (listed, rest[0], Some(rest[1]));
        new.transcribed_at = (!never).then_some(rest[2]);
        let id = world.add_call(new);
        drop(world);
        let [details, content, transcript] = rest;
        self.story.push(format!(
            "{id} of {scheduled}: listed {listed}, details {details}, content {content}, transcript {transcript}{}",
            if never { " never" } else { "" }
        ));
        self.calls.push((id, scheduled));
    }

    /// When the smallest window of a call has passed its last age; the larger ones pass it later.
    fn settles(&self, scheduled: DateTime<Utc>) -> DateTime<Utc> {
        let day = scheduled.date_naive().and_hms_opt(0, 0, 0).expect("midnight").and_utc();
        day + TimeDelta::days(1 + self.ages.last().copied().unwrap_or(0))
    }

    /// A run, whole or cut short, with windows of any size.
    fn run(&mut self) {
        if self.chance.gen_bool(0.2) {
            let most = self.chance.gen_range(1..20).to_string();
            self.configure();
            self.story.push(format!("{}: {most} requests of a run", self.rig.now()));
            self.rig.run(&["sync", "--max-requests", &most]).expect(0);
            return self.look();
        }
        self.run_whole();
    }

    fn run_whole(&mut self) {
        self.configure();
        self.story.push(format!("{}: a run", self.rig.now()));
        let ended = self.rig.run(&["sync", "--format", "json"]);
        assert_eq!(ended.code, 0, "{}\n{}", self.told(), ended.stderr);
        self.look();
    }

    fn configure(&mut self) {
        let window = *["day", "auto", "month"].choose(&mut self.chance).expect("one of three");
        let ages: Vec<String> = self.ages.iter().map(|age| format!("\"{age}d\"")).collect();
        self.rig.configure_whole(&format!(
            "[sync]\nstart_date = \"{}\"\nwindow = \"{window}\"\nreread = [{}]\nrecheck_every = \"{}d\"\n{FIVE}\n",
            self.start,
            ages.join(", "),
            self.recheck
        ));
    }

    /// What holds after every run: ledger and files belong together, and no object covers another's window.
    fn look(&self) {
        assert_whole(&self.rig, &self.told());
        let mut windows: HashMap<String, Vec<(String, String)>> = HashMap::new();
        for (path, _) in self.rig.objects() {
            let (table, file) =
                (path.split('/').next().unwrap_or_default(), path.rsplit('/').next().unwrap_or_default());
            if let Some((from, to)) =
                file.trim_end_matches(".parquet").split_once('_').filter(|(from, _)| from.len() == 10)
            {
                windows.entry(table.to_owned()).or_default().push((from.to_owned(), to.to_owned()));
            }
        }
        for (table, windows) in &mut windows {
            windows.sort();
            for pair in windows.windows(2) {
                assert!(pair[0].1 <= pair[1].0, "{}\n{table}: {pair:?} overlap", self.told());
            }
        }
    }

    fn told(&self) -> String {
        format!("seed {}:\n  {}", self.seed, self.story.join("\n  "))
    }
}
