//! Scorecards and keyword trackers (API reference, sections 11 and 12).

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

use super::ids::Ids;
use super::timed::Timed;
use super::{User, wire_id};
use crate::random::{chance, pick, stream};
use crate::record::words;
use crate::spec::WorldSpec;
use crate::stamp;

const KINDS: [&str; 5] = ["RANGE", "BOOLEAN", "OPEN", "SINGLE_SELECT", "MULTI_SELECT"];

/// The scorecards: one built in, for all workspaces; one disabled; one with a question of each kind.
pub(super) fn scorecards(spec: &WorldSpec, users: &[User], workspaces: &[Timed], ids: &mut Ids) -> Vec<Timed> {
    const NAMES: [&str; 5] = ["Discovery and qualification", "Built-in", "Demo quality", "Alte Karte", "Next steps"];
    let mut made = Vec::new();
    for (number, name) in NAMES.iter().enumerate() {
        let mut rng = stream(spec.seed, "scorecard", number as u64);
        let id = ids.any(&mut rng);
        let created = spec.now - TimeDelta::seconds(rng.i64(20_000_000..80_000_000));
        let built_in = number == 1;
        let updater = if built_in { "-1".to_owned() } else { pick(&mut rng, users).row.id.clone() };
        let questions: Value =
            (0..if number == 0 { 5 } else { 2 }).map(|n| question(&mut rng, spec, ids, n, created, &updater)).collect();
        let workspace = match number {
            1 => Value::Null,
            n => wire_id(spec, &workspaces[n % workspaces.len()].id),
        };
        let mut record = json!({
            "scorecardId": wire_id(spec, &id),
            "scorecardName": name,
            "workspaceId": workspace,
            "enabled": number != 3,
            "updaterUserId": wire_id(spec, &updater),
            "created": stamp::seconds(created, spec.zone),
            "updated": stamp::seconds(created + TimeDelta::days(3), spec.zone),
            "questions": questions,
        });
        if number != 4 {
            record["reviewMethod"] = json!(if number % 2 == 0 { "AUTOMATIC" } else { "MANUAL" });
        }
        if spec.oddities.unknown_fields && number == 2 {
            record["ownerTeam"] = json!({"name": "Enablement"});
        }
        made.push(Timed::new(id, record, DateTime::UNIX_EPOCH));
    }
    rename_later(&mut made, spec);
    made
}

/// The last scorecard is renamed while the simulation runs.
fn rename_later(scorecards: &mut [Timed], spec: &WorldSpec) {
    if let Some(last) = scorecards.last_mut() {
        let at = spec.now + TimeDelta::hours(30);
        let updated = stamp::seconds(at, spec.zone);
        last.edit(at, json!({"scorecardName": "Next steps, agreed", "updated": updated}));
    }
}

fn question(rng: &mut Rng, spec: &WorldSpec, ids: &mut Ids, n: usize, created: DateTime<Utc>, updater: &str) -> Value {
    let kind = KINDS[n % KINDS.len()];
    let range = kind == "RANGE";
    let guide = match rng.u8(..3) {
        0 => Value::Null,
        1 => json!(""),
        _ => json!("<p>Listen for <b>goals</b> &amp; dates.</p>"),
    };
    let option = |id: usize| json!({"id": id, "text": format!("Option {id}")});
    let options: Value = if kind.ends_with("SELECT") { (1..4).map(option).collect() } else { json!([]) };
    json!({
        "questionId": wire_id(spec, &ids.any(rng)),
        "questionRevisionId": wire_id(spec, &ids.any(rng)),
        "questionText": format!("How well was it done? ({})", n + 1),
        "questionType": kind,
        "isOverall": n == 0,
        "updaterUserId": wire_id(spec, updater),
        "answerGuide": guide,
        "minRange": if range { json!("1") } else { Value::Null },
        "maxRange": if range { json!("5") } else { Value::Null },
        "answerOptions": options,
        "created": stamp::seconds(created, spec.zone),
        "updated": stamp::seconds(created + TimeDelta::hours(20), spec.zone),
    })
}

/// The keyword trackers; built-in ones have null users, company-wide ones a null workspace.
pub(super) fn trackers(spec: &WorldSpec, users: &[User], workspaces: &[Timed], ids: &mut Ids) -> Vec<Timed> {
    let mut made = Vec::new();
    for (number, name) in words::TRACKERS.iter().cycle().take(9).enumerate() {
        let mut rng = stream(spec.seed, "tracker", number as u64);
        let id = ids.any(&mut rng);
        let created = spec.now - TimeDelta::microseconds(rng.i64(20_000_000_000_000..80_000_000_000_000));
        let user = if number < 3 { Value::Null } else { json!(pick(&mut rng, users).row.id) };
        let workspace = if number % 4 == 1 { Value::Null } else { json!(workspaces[number % workspaces.len()].id) };
        let at = *pick(&mut rng, &["Anytime", "First", "Last"]);
        let anytime = at == "Anytime";
        let unit = if chance(&mut rng, 50.0) { "minutes" } else { "percent" };
        let filters = ["{}", "{\"sort\": null, \"search\": null}", "{\"type\":\"And\",\"filters\":[{\"name\":\"Ü\"}]}"];
        let record = json!({
            "trackerId": id,
            "trackerName": name,
            "workspaceId": workspace,
            "languageKeywords": keywords(number),
            "affiliation": pick(&mut rng, &["Anyone", "Company", "NonCompany"]),
            "partOfQuestion": chance(&mut rng, 30.0),
            "saidAt": at,
            "saidAtInterval": if anytime { Value::Null } else { json!(rng.u32(1..20)) },
            "saidAtUnit": if anytime { Value::Null } else { json!(unit) },
            "saidInTopics": if number % 2 == 0 { json!([]) } else { json!(["Pricing", "Next Steps"]) },
            "filterQuery": filters[number % filters.len()],
            "created": stamp::micros(created, spec.zone),
            "creatorUserId": user,
            "updated": stamp::micros(created + TimeDelta::microseconds(86_400_000_123), spec.zone),
            "updaterUserId": user,
        });
        made.push(Timed::new(id, record, DateTime::UNIX_EPOCH));
    }
    made
}

fn keywords(number: usize) -> Value {
    match number % 3 {
        0 => json!([{"language": "eng", "keywords": ["budget", "funds", "have budget"], "includeRelatedForms": true}]),
        1 => json!([
            {"language": "ger", "keywords": ["Kündigung", "zu teuer"], "includeRelatedForms": false},
            {"language": "mul", "keywords": ["SOC 2"], "includeRelatedForms": false},
        ]),
        _ => json!([]),
    }
}
