//! The 20 fields of the plain call record (API reference, section 2.3).

use serde_json::{Value, json};

use super::cast::Cast;
use super::words;
use crate::random::{chance, pick, stream};
use crate::stamp;
use crate::world::{Call, Origin, World};

pub(super) fn metadata(world: &World, call: &Call, cast: &Cast) -> Value {
    let mut rng = stream(world.spec.seed, "metadata", call.number);
    let zone = world.spec.zone;
    let conference = call.origin == Origin::Conference;
    let (system, direction) = match call.origin {
        Origin::Conference => (*pick(&mut rng, words::SYSTEMS), "Conference"),
        Origin::Telephone => (*pick(&mut rng, words::PHONES), *pick(&mut rng, &["Inbound", "Outbound"])),
        Origin::Upload => ("Upload API", *pick(&mut rng, &["Unknown", "Inbound"])),
    };
    let scope = if cast.unknown {
        "Unknown"
    } else if cast.internal {
        "Internal"
    } else {
        "External"
    };
    let language = match rng.u8(..20) {
        0 => "ger",
        1 => "fre",
        2 => "und",
        3 => "zxx",
        _ => "eng",
    };
    let some = |keep: bool, value: Value| if keep { value } else { Value::Null };
    let upload = call.origin == Origin::Upload;
    let telephone = call.origin == Origin::Telephone;
    let meeting = if conference {
        format!("https://meet.example/{:010x}", rng.u64(..1 << 40))
    } else {
        format!("https://media.example/{}.mp3", call.id)
    };
    let host = &world.users[call.host.min(world.users.len() - 1)];
    json!({
        "id": call.id,
        "url": format!("https://us-55616.app.gong.io/call?id={}", call.id),
        "title": format!("{} / Example Co: {}", cast.company, pick(&mut rng, words::SUBJECTS)),
        "scheduled": scheduled(call, zone),
        "started": stamp::millis(call.started, zone),
        "duration": call.duration,
        "primaryUserId": host.row.id,
        "direction": direction,
        "system": system,
        "scope": scope,
        "media": if call.video { "Video" } else { "Audio" },
        "language": language,
        "workspaceId": call.workspace,
        "sdrDisposition": some(telephone && chance(&mut rng, 40.0), json!("Connected - follow up")),
        "clientUniqueId": some(upload, json!(format!("rec-{:08x}", rng.u32(..)))),
        "customData": some(upload && chance(&mut rng, 60.0), json!("{\"source\": \"import\", \"n\": 7}")),
        "purpose": some(chance(&mut rng, 6.0), json!("Demo Call")),
        "meetingUrl": meeting,
        "isPrivate": false,
        "calendarEventId": some(conference, json!(format!("{}{:020}@example.com", rng.u32(..), rng.u64(..)))),
    })
}

fn scheduled(call: &Call, zone: chrono_tz::Tz) -> String {
    if call.origin == Origin::Conference {
        stamp::seconds(call.scheduled, zone)
    } else {
        stamp::millis(call.scheduled, zone)
    }
}
