//! The users of the company, and its workspaces.

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use serde_json::{Value, json};

use super::ids::Ids;
use super::timed::Timed;
use crate::random::{chance, pick, stream};
use crate::record::words;
use crate::spec::WorldSpec;
use crate::stamp;

/// Avatars stand for Gong's own staff in the company's account (API reference, section 1.1).
const AVATARS: usize = 2;

/// A user with what other records say of them.
#[derive(Clone, Debug)]
pub struct User {
    /// The record and its life.
    pub row: Timed,
    /// First and last name.
    pub name: (String, String),
    /// Their address.
    pub email: String,
    /// Their job.
    pub title: String,
    /// Their manager, by number.
    pub manager: Option<usize>,
    /// When the account was made.
    pub created: DateTime<Utc>,
    /// Whether they are left out of lists unless asked for.
    pub avatar: bool,
}

/// The users, avatars last.
pub(super) fn users(spec: &WorldSpec, ids: &mut Ids) -> Vec<User> {
    let mut users: Vec<User> = Vec::with_capacity(spec.users + AVATARS);
    for number in 0..spec.users.max(1) + AVATARS {
        let mut rng = stream(spec.seed, "user", number as u64);
        let id = ids.any(&mut rng);
        // Every eighth user leads those that follow; the first leads the leaders.
        let manager = match number {
            0 => None,
            n if n % 8 == 0 => Some(0),
            n => Some(n / 8 * 8).filter(|_| !chance(&mut rng, 8.0)),
        };
        let manager_id = manager.map(|n| users[n].row.id.clone());
        let user = user(&mut rng, spec, number, id, manager.zip(manager_id));
        users.push(user);
    }
    users
}

fn user(rng: &mut Rng, spec: &WorldSpec, number: usize, id: String, manager: Option<(usize, String)>) -> User {
    let avatar = number >= spec.users.max(1);
    let first = pick(rng, words::FIRST_NAMES).to_string();
    let last = pick(rng, words::LAST_NAMES).to_string();
    let email = format!("{}.{}{number}@example.com", ascii(&first), ascii(&last));
    let title = if number.is_multiple_of(8) { "Sales Manager" } else { pick(rng, words::TITLES) }.to_string();
    // Some users join while the simulation runs.
    let joins = chance(rng, 3.0) && number > 8 && !avatar;
    let created = if joins {
        spec.now + TimeDelta::milliseconds(rng.i64(0..=i64::from(spec.future_days) * 86_400_000))
    } else {
        spec.now - TimeDelta::milliseconds(rng.i64(10_000_000_000..90_000_000_000))
    };
    let record = record(rng, spec, &id, (&first, &last, &email, &title), manager.as_ref().map(|(_, id)| id), created);
    let mut row = Timed::new(id, record, if joins { created } else { DateTime::UNIX_EPOCH });
    if chance(rng, 5.0) {
        let at = spec.now + TimeDelta::minutes(rng.i64(-60_000..40_000));
        row.edit(at, json!({"active": false, "title": null}));
    }
    User { row, name: (first, last), email, title, manager: manager.map(|(n, _)| n), created, avatar }
}

fn record(
    rng: &mut Rng,
    spec: &WorldSpec,
    id: &str,
    (first, last, email, title): (&str, &str, &str, &str),
    manager: Option<&String>,
    created: DateTime<Utc>,
) -> Value {
    let aliases = if chance(rng, 20.0) { json!([format!("alias-{email}")]) } else { json!([]) };
    let meetings = if chance(rng, 30.0) { json!([format!("https://zoom.us/j/{}", rng.u32(..))]) } else { json!([]) };
    let phone = json!(format!("+1 415-555-{:04}", rng.u32(..10_000)));
    let extension = json!(rng.u32(100..999).to_string());
    let some = |rng: &mut Rng, percent: f64, value: Value| if chance(rng, percent) { value } else { Value::Null };
    let providers = json!([{"provider": "zoom", "isDefault": true}, {"provider": "google-meet", "isDefault": false}]);
    let spoken = match rng.u8(..3) {
        0 => json!([]),
        1 => json!([{"language": "en-US", "primary": true}]),
        _ => json!([{"language": "es-ES", "primary": false}, {"language": "en-US", "primary": true}]),
    };
    // In the list a third of the users have every setting off, though users/extensive shows them on (API reference,
    // section 1.6).
    let on = !chance(rng, 33.0);
    json!({
        "id": id,
        "emailAddress": email,
        "created": stamp::millis(created, spec.zone),
        "active": !chance(rng, 8.0),
        "emailAliases": aliases,
        "trustedEmailAddress": some(rng, 10.0, json!(format!("trusted-{email}"))),
        "firstName": first,
        "lastName": last,
        "title": some(rng, 90.0, json!(title)),
        "phoneNumber": some(rng, 50.0, phone),
        "extension": some(rng, 10.0, extension),
        "personalMeetingUrls": meetings,
        "settings": settings(on),
        "managerId": manager,
        "meetingConsentPageUrl": null,
        "conferencingProviders": some(rng, 40.0, providers),
        "spokenLanguages": spoken,
    })
}

pub(super) fn settings(on: bool) -> Value {
    json!({
        "webConferencesRecorded": on,
        "preventWebConferenceRecording": false,
        "telephonyCallsImported": on,
        "emailsImported": on,
        "preventEmailImport": false,
        "nonRecordedMeetingsImported": on,
        "gongConnectEnabled": on,
    })
}

/// A user's record as `POST /v2/users/extensive` shows it: settings on and a consent page, whatever the list says.
pub(crate) fn extensive(mut record: Value) -> Value {
    record["settings"] = settings(true);
    let id = record["id"].as_str().unwrap_or_default().to_owned();
    record["meetingConsentPageUrl"] = json!(format!("https://join.example.com/{id}"));
    record
}

/// The workspaces: the built-in one first.
pub(super) fn workspaces(spec: &WorldSpec, ids: &mut Ids) -> Vec<Timed> {
    let mut made = Vec::new();
    for number in 0..spec.workspaces.max(1) {
        let mut rng = stream(spec.seed, "workspace", number as u64);
        let id = ids.any(&mut rng);
        let (name, description) = match number {
            0 => ("Initial workspace".to_string(), json!("The built-in workspace")),
            1 => ("Customer success".to_string(), json!("")),
            n => (format!("Région {n}"), Value::Null),
        };
        let record = json!({"id": id, "name": name, "description": description});
        made.push(Timed::new(id, record, DateTime::UNIX_EPOCH));
    }
    made
}

fn ascii(name: &str) -> String {
    name.to_lowercase().chars().filter(char::is_ascii_alphanumeric).collect()
}
