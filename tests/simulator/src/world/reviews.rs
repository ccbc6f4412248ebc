//! Answered scorecards (API reference, section 16).

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

use super::ids::Ids;
use super::timed::Timed;
use super::{Call, World, wire_id};
use crate::random::{chance, pick, stream};
use crate::stamp;

/// An answered scorecard and what its filters look at.
#[derive(Clone, Debug)]
pub struct Review {
    /// The record.
    pub row: Timed,
    /// The call, by number.
    pub(crate) call: usize,
    /// When it was published.
    pub at: DateTime<Utc>,
    /// The reviewer, by number; `None` for automatic ones.
    pub(crate) reviewer: Option<usize>,
    pub(crate) scorecard: String,
}

/// One call in eight is reviewed, some twice with the same card; a few reviews come months after the call.
pub(super) fn reviews(world: &World, ids: &mut Ids) -> Vec<Review> {
    let mut reviews = Vec::new();
    for (number, call) in world.calls.iter().enumerate() {
        let mut rng = stream(world.spec.seed, "review", call.number);
        // Calls with odd ids are reviewed in any case, so that the ids show here too.
        let must = world.spec.oddities.huge_ids && number < 2;
        if !chance(&mut rng, 12.0) && !must {
            continue;
        }
        let card = rng.usize(..world.scorecards.len());
        for _ in 0..if chance(&mut rng, 15.0) { 2 } else { 1 } {
            let days = if chance(&mut rng, 5.0) { rng.i64(30..80) } else { rng.i64(0..6) };
            let at = call.listed_at + TimeDelta::milliseconds(days * 86_400_000 + rng.i64(600_000..80_000_000));
            let id = ids.any(&mut rng);
            reviews.push(review(&mut rng, world, (number, call), card, id, at));
        }
    }
    reviews.sort_by_key(|review| review.at);
    reviews
}

fn review(
    rng: &mut Rng,
    world: &World,
    (number, call): (usize, &Call),
    card: usize,
    id: String,
    at: DateTime<Utc>,
) -> Review {
    const VISIBILITY: [&str; 5] = ["PUBLIC", "PRIVATE", "OPT_IN_USERS", "MANAGERS", "MANAGERS_AND_REVIEWEE"];
    let spec = &world.spec;
    let automatic = chance(rng, 30.0);
    let host = call.host.min(world.users.len() - 1);
    let reviewer = (!automatic).then(|| world.users[host].manager.unwrap_or_else(|| rng.usize(..world.users.len())));
    let scorecard = &world.scorecards[card];
    let questions = scorecard.base["questions"].as_array().cloned().unwrap_or_default();
    let mut record = json!({
        "answeredScorecardId": wire_id(spec, &id),
        "scorecardId": scorecard.base["scorecardId"],
        "scorecardName": scorecard.base["scorecardName"],
        "callId": wire_id(spec, &call.id),
        "callStartTime": stamp::millis(call.started, spec.zone),
        "reviewedUserId": wire_id(spec, &world.users[host].row.id),
        "reviewerUserId": reviewer.map(|user| wire_id(spec, &world.users[user].row.id)),
        "reviewMethod": if automatic { "AUTOMATIC" } else { "MANUAL" },
        "editorUserId": null,
        "reviewTime": stamp::millis(at, spec.zone),
        "visibilityType": pick(rng, &VISIBILITY),
        "answers": questions.iter().map(|question| answer(rng, question)).collect::<Value>(),
    });
    if spec.oddities.wrong_types && chance(rng, 20.0) {
        record["answers"][0]["score"] = json!("4");
    }
    let mut row = Timed::new(id, record, at);
    if chance(rng, 10.0) {
        let later = at + TimeDelta::minutes(rng.i64(60..30_000));
        let editor = wire_id(spec, &pick(rng, &world.users).row.id);
        row.edit(later, json!({"editorUserId": editor, "visibilityType": "PUBLIC"}));
    }
    Review { row, call: number, at, reviewer, scorecard: scorecard.id.clone() }
}

fn answer(rng: &mut Rng, question: &Value) -> Value {
    let kind = question["questionType"].as_str().unwrap_or_default();
    let skipped = chance(rng, 8.0);
    let score = match kind {
        "RANGE" if !skipped => json!(rng.u32(1..=5)),
        _ => Value::Null,
    };
    let text = if kind == "OPEN" || chance(rng, 10.0) {
        json!("Goals were restated — «bestätigt».")
    } else {
        Value::Null
    };
    let options = match kind {
        "SINGLE_SELECT" => json!(["2"]),
        "MULTI_SELECT" => json!(["1", "3"]),
        _ => Value::Null,
    };
    json!({
        "questionId": question["questionId"],
        "questionRevisionId": question["questionRevisionId"],
        "isOverall": question["isOverall"],
        "score": score,
        "answerText": text,
        "notApplicable": skipped,
        "selectedOptions": options,
    })
}

impl World {
    /// Adds a review of a call, published at `at`, and gives back its id. The patch is merged into the record.
    pub fn add_review(&mut self, call: &str, at: DateTime<Utc>, patch: Value) -> String {
        let mut rng = stream(self.spec.seed, "added review", self.reviews.len() as u64);
        let number = self.number_of(call).unwrap_or_else(|| panic!("no call {call}"));
        let id = crate::random::id(&mut rng);
        let mut review = review(&mut rng, self, (number, &self.calls[number]), 0, id.clone(), at);
        review.row.edits.clear();
        if patch.is_object() {
            review.row.edit(at, patch);
        }
        let place = self.reviews.partition_point(|other| other.at <= at);
        self.reviews.insert(place, review);
        self.forget_activity();
        id
    }
}
