//! The simulator's own routes under `/_sim/`, for shell scripts. They are neither limited nor journaled.

use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::faults::{Fault, Matcher};
use crate::server::http::Request;
use crate::server::{Answer, Shared, lock};

/// A fault as `POST /_sim/faults` takes it: `{"matcher": {"path": "/v2/calls"}, "fault": {"kind": "server_error"},
/// "times": 2}`. Without `times` it lasts; with `percent` it is drawn from `seed`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    #[serde(default)]
    matcher: Matcher,
    fault: Fault,
    times: Option<u32>,
    percent: Option<f64>,
    #[serde(default)]
    seed: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Time {
    now: Option<DateTime<Utc>>,
    advance_seconds: Option<i64>,
}

pub(crate) fn answer(shared: &Shared, request: &Request) -> Answer {
    let path = request.path.strip_prefix("/_sim/").unwrap_or_default();
    let outcome = match (request.method.as_str(), path) {
        ("GET", "state") => Ok(state(shared).to_string()),
        ("POST", "clock") => body(request).map(|time| clock(shared, &time).to_string()),
        ("POST", "night") => Ok(shared.night().to_string()),
        ("GET", "journal") => Ok(serde_json::to_string(&shared.journal.entries()).unwrap_or_default()),
        ("DELETE", "journal") => {
            shared.journal.clear();
            Ok(json!({"cleared": true}).to_string())
        }
        ("POST", "faults") => body(request).map(|order| fault(shared, order).to_string()),
        ("DELETE", "faults") => {
            shared.faults.clear();
            Ok(json!({"cleared": true}).to_string())
        }
        ("POST", "shutdown") => {
            shared.stop();
            Ok(json!({"stopping": true}).to_string())
        }
        ("GET", path) if path.starts_with("truth/") => truth(shared, request, &path[6..]),
        _ => {
            return Answer::json(
                404,
                json!({"error": format!("no admin route {} {path}", request.method)}).to_string(),
            );
        }
    };
    match outcome {
        Ok(text) => Answer::json(200, text),
        Err(error) => Answer::json(400, json!({"error": error}).to_string()),
    }
}

fn body<T: for<'de> Deserialize<'de>>(request: &Request) -> Result<T, String> {
    serde_json::from_slice(&request.body).map_err(|error| error.to_string())
}

fn state(shared: &Shared) -> Value {
    let now = shared.clock.now();
    let world = shared.world();
    let count = |shown: &dyn Fn(&crate::world::Call) -> bool| world.calls().iter().filter(|call| shown(call)).count();
    json!({
        "now": now,
        "seed": world.spec.seed,
        "zone": world.spec.zone.name(),
        "url": shared.url,
        "media_url": world.media_url,
        "counts": {
            "calls": count(&|call| call.listed(now)),
            "calls_extensive": count(&|call| call.detailed(now)),
            "call_transcripts": count(&|call| call.transcribed(now)),
            "private_calls": count(&|call| call.listed(now) && call.is_private(now)),
            "calls_in_the_world": world.calls().len(),
            "users": world.truth_text("users", now).len(),
            "workspaces": world.truth_text("workspaces", now).len(),
        },
        "requests": shared.journal.len(),
        "requests_today": lock(&shared.spent).today(now),
        "violations": shared.journal.violations(),
    })
}

fn clock(shared: &Shared, time: &Time) -> Value {
    if let Some(now) = time.now {
        shared.clock.set(now);
    }
    if let Some(seconds) = time.advance_seconds {
        shared.clock.advance(TimeDelta::seconds(seconds));
    }
    json!({"now": shared.clock.now()})
}

fn fault(shared: &Shared, order: Order) -> Value {
    let name = order.fault.name();
    match (order.percent, order.times) {
        (Some(percent), _) => shared.faults.seeded(order.seed, order.matcher, order.fault, percent),
        (None, Some(times)) => shared.faults.script(order.matcher, order.fault, times),
        (None, None) => shared.faults.always(order.matcher, order.fault),
    }
    json!({"queued": name})
}

/// The truth of an entity now, or at `?at=`, one record per line of the list.
fn truth(shared: &Shared, request: &Request, entity: &str) -> Result<String, String> {
    let at = match request.parameter("at") {
        Some(text) => crate::stamp::parse(text).ok_or("`at` is no instant with an offset")?,
        None => shared.clock.now(),
    };
    let world = shared.world();
    if !crate::world::ENTITIES.contains(&entity) {
        return Err(format!("no entity {entity}; there are {}", crate::world::ENTITIES.join(", ")));
    }
    Ok(format!("[{}]", world.truth_text(entity, at).join(",\n")))
}
