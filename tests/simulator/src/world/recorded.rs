//! A world made of recorded answers: the calls and transcripts as they were, users and workspaces made up from the ids
//! in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{Call, Origin, Timed, User, World};
use crate::random::hash;
use crate::record::Record;
use crate::spec::WorldSpec;
use crate::stamp;

type Object = BTreeMap<String, Box<RawValue>>;

impl World {
    /// The world of `calls_extensive.json` and, if there, `call_transcripts.json` in a folder. Record values are served
    /// with their literal digits. The clock starts at 09:00 UTC on the day after the last call.
    pub fn recorded(folder: &Path) -> Result<Self, String> {
        let records: Vec<Object> = array(&read(&folder.join("calls_extensive.json"))?, "calls")?;
        let path = folder.join("call_transcripts.json");
        let transcripts: Vec<Object> = match path.exists() {
            true => array(&read(&path)?, "callTranscripts")?,
            false => Vec::new(),
        };
        let mut said: BTreeMap<String, String> = BTreeMap::new();
        for mut transcript in transcripts {
            let id = transcript.get("callId").and_then(|raw| serde_json::from_str(raw.get()).ok());
            let (Some(id), Some(text)) = (id, transcript.remove("transcript")) else { continue };
            said.insert(id, text.get().to_owned());
        }
        let values: Vec<Value> = records.iter().map(value).collect();
        let users = users(&values);
        let workspaces = workspaces(&values);
        let mut calls = Vec::new();
        for (number, record) in records.into_iter().enumerate() {
            calls.push(call(number as u64, record, &values[number], &users, &mut said)?);
        }
        let last = calls.iter().map(Call::ended).max().ok_or("no call was recorded")?;
        let morning = last.date_naive().and_time(chrono::NaiveTime::MIN).and_utc() + TimeDelta::hours(33);
        let spec = WorldSpec { calls: calls.len(), users: users.len(), now: morning, ..WorldSpec::default() };
        Ok(Self::of(spec, users, workspaces, calls, &mut super::ids::Ids::default()))
    }
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn array(text: &str, key: &str) -> Result<Vec<Object>, String> {
    let body: Object = serde_json::from_str(text).map_err(|error| format!("not JSON: {error}"))?;
    let list = body.get(key).ok_or_else(|| format!("no `{key}` in it"))?;
    serde_json::from_str(list.get()).map_err(|error| format!("`{key}` is no list of objects: {error}"))
}

fn value(record: &Object) -> Value {
    let parse = |raw: &RawValue| serde_json::from_str::<Value>(raw.get()).unwrap_or_default();
    record.iter().map(|(key, raw)| (key.clone(), parse(raw))).collect()
}

/// The blocks of a record, those with leaves of their own divided.
fn blocks(record: Object) -> Record {
    let mut blocks = BTreeMap::new();
    for (key, raw) in record {
        let divided = matches!(key.as_str(), "content" | "interaction" | "collaboration");
        match serde_json::from_str::<Object>(raw.get()).ok().filter(|_| divided) {
            Some(leaves) => {
                blocks.extend(leaves.into_iter().map(|(leaf, raw)| (format!("{key}.{leaf}"), raw.get().to_owned())));
            }
            None => {
                blocks.insert(key, raw.get().to_owned());
            }
        }
    }
    Record { blocks }
}

fn call(
    number: u64,
    record: Object,
    value: &Value,
    users: &[User],
    said: &mut BTreeMap<String, String>,
) -> Result<Call, String> {
    let meta = &value["metaData"];
    let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
    let instant =
        |key: &str| stamp::parse(&text(key)).ok_or_else(|| format!("metaData.{key} of call {number} is no time"));
    let (scheduled, started) = (instant("scheduled")?, instant("started")?);
    let duration = meta["duration"].as_u64().unwrap_or(0) as u32;
    let visible = started + TimeDelta::seconds(i64::from(duration)) + TimeDelta::minutes(10);
    let mut record = blocks(record);
    // Its urls are long dead; the block is made for each request.
    record.blocks.remove("media");
    let id = text("id");
    let transcript = said.remove(&id);
    let host = users.iter().position(|user| user.row.id == text("primaryUserId"));
    let private = meta["isPrivate"] == true;
    let call = Call {
        number,
        workspace: text("workspaceId"),
        origin: if scheduled == started { Origin::Upload } else { Origin::Conference },
        scheduled,
        started,
        duration,
        host: host.unwrap_or(0),
        attendees: Vec::new(),
        video: meta["media"] == "Video",
        has_media: false,
        listed_at: visible,
        detailed_at: visible,
        analysed_at: Some(visible),
        transcribed_at: transcript.is_some().then_some(visible),
        deleted_at: None,
        privacy: if private { vec![(DateTime::UNIX_EPOCH, true)] } else { Vec::new() },
        edits: Vec::new(),
        hidden: false,
        recorded: None,
        id,
    };
    record.blocks.extend(transcript.map(|text| ("transcript".to_owned(), text)));
    Ok(Call { recorded: Some(Arc::new(record)), ..call })
}

/// A user for every id of one, with the name and address of a party that has them.
fn users(records: &[Value]) -> Vec<User> {
    let mut found: BTreeMap<String, (String, String)> = BTreeMap::new();
    for record in records {
        found.entry(text(&record["metaData"]["primaryUserId"])).or_default();
        for speaker in record["interaction"]["speakers"].as_array().into_iter().flatten() {
            found.entry(text(&speaker["userId"])).or_default();
        }
        for party in record["parties"].as_array().into_iter().flatten() {
            if party["userId"].is_string() {
                found.insert(text(&party["userId"]), (text(&party["name"]), text(&party["emailAddress"])));
            }
        }
    }
    found.remove("");
    let created = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000);
    found.into_iter().map(|(id, (name, email))| user(id, name, email, created)).collect()
}

fn user(id: String, name: String, email: String, created: DateTime<Utc>) -> User {
    let zone = WorldSpec::default().zone;
    let email = if email.is_empty() { format!("user-{id}@example.com") } else { email };
    let last = format!("U{}", hash(&id) % 1_000);
    let record = json!({
        "id": id, "emailAddress": email, "created": stamp::millis(created, zone), "active": true,
        "emailAliases": [], "trustedEmailAddress": null, "firstName": name, "lastName": last,
        "title": null, "phoneNumber": null, "extension": null, "personalMeetingUrls": [],
        "settings": super::people::settings(true), "managerId": null, "meetingConsentPageUrl": null,
        "conferencingProviders": null, "spokenLanguages": [],
    });
    let row = Timed::new(id, record, DateTime::UNIX_EPOCH);
    User { row, name: (name, last), email, title: String::new(), manager: None, created, avatar: false }
}

fn workspaces(records: &[Value]) -> Vec<Timed> {
    let ids: BTreeSet<String> = records.iter().map(|record| text(&record["metaData"]["workspaceId"])).collect();
    let numbered = ids.into_iter().enumerate();
    let row = |(number, id): (usize, String)| {
        let record = json!({"id": id, "name": format!("Workspace {}", number + 1), "description": null});
        Timed::new(id, record, DateTime::UNIX_EPOCH)
    };
    numbered.map(row).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
