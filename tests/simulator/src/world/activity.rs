//! Who did what on which call, and the statistics made of it (API reference, sections 8 to 10).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Call, Origin, World};
use crate::random::{chance, stream};
use crate::record::posts;
use crate::stamp;

/// The counters, by their names on the wire.
pub(crate) const METRICS: [&str; 15] = [
    "callsAsHost",
    "callsAttended",
    "callsGaveFeedback",
    "callsRequestedFeedback",
    "callsReceivedFeedback",
    "ownCallsListenedTo",
    "othersCallsListenedTo",
    "callsSharedInternally",
    "callsSharedExternally",
    "callsScorecardsFilled",
    "callsScorecardsReceived",
    "callsCommentsGiven",
    "callsCommentsReceived",
    "callsMarkedAsFeedbackGiven",
    "callsMarkedAsFeedbackReceived",
];

/// Something a user did with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Act {
    pub(crate) at: DateTime<Utc>,
    pub(crate) user: usize,
    pub(crate) metric: usize,
    pub(crate) call: usize,
}

/// Days of a request: the first inclusive, the last exclusive.
pub(crate) type Days = (NaiveDate, NaiveDate);

/// Everything that is ever done, in the order of time.
pub(super) fn acts(world: &World) -> Vec<Act> {
    let mut acts = Vec::new();
    for (number, call) in world.calls.iter().enumerate() {
        of_call(world, number, call, &mut acts);
    }
    for review in &world.reviews {
        if let Some(reviewer) = review.reviewer {
            let host = world.calls[review.call].host;
            acts.push(Act { at: review.at, user: reviewer, metric: 9, call: review.call });
            acts.push(Act { at: review.at, user: host, metric: 10, call: review.call });
        }
    }
    acts.sort_unstable();
    acts
}

fn of_call(world: &World, number: usize, call: &Call, acts: &mut Vec<Act>) {
    let mut rng = stream(world.spec.seed, "activity", call.number);
    let mut add = |at, user, metric| acts.push(Act { at, user, metric, call: number });
    add(call.started, call.host, 0);
    call.attendees.iter().for_each(|user| add(call.started, *user, 1));
    for post in posts(world, call) {
        add(post.at, post.author, 11);
        add(post.at, call.host, 12);
    }
    let manager = world.users.get(call.host).and_then(|user| user.manager).unwrap_or(0);
    let mut later = || call.listed_at + TimeDelta::minutes(rng.i64(5..6_000));
    let (listened, heard, shared) = (later(), later(), later());
    if chance(&mut rng, 20.0) {
        add(listened, call.host, 5);
    }
    if chance(&mut rng, 25.0) {
        add(heard, manager, 6);
        if chance(&mut rng, 40.0) {
            add(heard, manager, 2);
            add(heard, call.host, 4);
            add(heard, manager, 13);
            add(heard, call.host, 14);
        }
    }
    if chance(&mut rng, 6.0) {
        add(shared, call.host, 3);
    }
    if chance(&mut rng, 8.0) {
        add(shared, call.host, 7 + usize::from(chance(&mut rng, 30.0)));
    }
}

impl World {
    /// What was done in a stretch of time with calls that are known by now. Deleted calls still count.
    pub(crate) fn acts(&self, from: DateTime<Utc>, to: DateTime<Utc>, now: DateTime<Utc>) -> impl Iterator<Item = Act> {
        let all = self.activity.get_or_init(|| acts(self));
        let range = &all[all.partition_point(|act| act.at < from)..all.partition_point(|act| act.at < to.min(now))];
        range.iter().copied().filter(move |act| {
            let call = &self.calls[act.call];
            call.listed_at <= now && !call.hidden && self.users.get(act.user).is_some_and(|user| !user.avatar)
        })
    }

    fn acts_by_user(&self, days: Days, now: DateTime<Utc>) -> BTreeMap<usize, Vec<Act>> {
        let (from, to) = self.instants(days);
        let mut by_user: BTreeMap<usize, Vec<Act>> = BTreeMap::new();
        self.acts(from, to, now).for_each(|act| by_user.entry(act.user).or_default().push(act));
        by_user
    }

    /// The first and the last instant of days in the company's zone.
    pub(crate) fn instants(&self, days: Days) -> (DateTime<Utc>, DateTime<Utc>) {
        (stamp::day_start(days.0, self.spec.zone), stamp::day_start(days.1, self.spec.zone))
    }

    /// `stats_activity_aggregate`: a record for each user who did something.
    pub fn truth_aggregate(&self, days: (NaiveDate, NaiveDate), now: DateTime<Utc>) -> Vec<Value> {
        let record = |(user, acts): (usize, Vec<Act>)| {
            let mut counts = Map::new();
            for (metric, name) in METRICS.iter().enumerate() {
                let calls: BTreeSet<usize> =
                    acts.iter().filter(|act| act.metric == metric).map(|act| act.call).collect();
                counts.insert((*name).to_owned(), json!(calls.len()));
            }
            self.about(user, "userAggregateActivityStats", Value::Object(counts))
        };
        self.acts_by_user(days, now).into_iter().map(record).collect()
    }

    /// `stats_activity_day_by_day`: for each user who did something, every day with the ids of the calls.
    pub fn truth_day_by_day(&self, days: (NaiveDate, NaiveDate), now: DateTime<Utc>) -> Vec<Value> {
        let record = |(user, acts): (usize, Vec<Act>)| {
            let each = days.0.iter_days().take_while(|day| *day < days.1);
            let list = each.map(|day| self.day(day, &acts)).collect();
            self.about(user, "userDailyActivityStats", list)
        };
        self.acts_by_user(days, now).into_iter().map(record).collect()
    }

    fn day(&self, day: NaiveDate, acts: &[Act]) -> Value {
        let next = day.succ_opt().unwrap_or(day);
        let (from, to) = self.instants((day, next));
        let mut entry = json!({
            "fromDate": stamp::seconds(from, self.spec.zone),
            "toDate": stamp::seconds(to, self.spec.zone),
        });
        let today = acts.iter().filter(|act| from <= act.at && act.at < to);
        let today: Vec<&Act> = today.collect();
        for (metric, name) in METRICS.iter().enumerate() {
            let calls: BTreeSet<usize> = today.iter().filter(|act| act.metric == metric).map(|act| act.call).collect();
            entry[*name] = calls.into_iter().map(|call| json!(self.calls[call].id)).collect();
        }
        entry
    }

    /// `stats_interaction`: averages over the web conferences that each user hosted.
    pub fn truth_interaction(&self, days: (NaiveDate, NaiveDate), now: DateTime<Utc>) -> Vec<Value> {
        let record = |(user, acts): (usize, Vec<Act>)| {
            let hosted = acts.iter().filter(|act| act.metric == 0 && self.calls[act.call].origin == Origin::Conference);
            let calls: Vec<usize> = hosted.map(|act| act.call).collect();
            (!calls.is_empty()).then(|| self.about(user, "personInteractionStats", self.averages(&calls)))
        };
        self.acts_by_user(days, now).into_iter().filter_map(record).collect()
    }

    fn averages(&self, calls: &[usize]) -> Value {
        const NAMES: [(&str, u32); 5] = [
            ("Longest Monologue", 300),
            ("Longest Customer Story", 200),
            ("Interactivity", 20),
            ("Patience", 3),
            ("Question Rate", 30),
        ];
        let mut stats = Vec::new();
        for (name, most) in NAMES {
            let values = calls.iter().map(|call| stream(self.spec.seed, name, *call as u64).u32(..most * 100));
            let mean = values.map(u64::from).sum::<u64>() / calls.len() as u64;
            // Whole numbers come without a point, and one without a basis is null or left out.
            let value = if mean.is_multiple_of(100) { json!(mean / 100) } else { json!(mean as f64 / 100.0) };
            match mean % 40 {
                0 => {}
                1 => stats.push(json!({"name": name, "value": null})),
                _ => stats.push(json!({"name": name, "value": value})),
            }
        }
        Value::Array(stats)
    }

    fn about(&self, user: usize, key: &str, value: Value) -> Value {
        let user = &self.users[user];
        let mut record = json!({"userId": user.row.id, "userEmailAddress": user.email});
        record[key] = value;
        record
    }
}
