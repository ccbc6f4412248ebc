//! The endpoints: one file per family, one line per endpoint in [`ROUTES`].

pub(crate) mod admin;
mod calls;
mod coaching;
mod extensive;
mod filter;
mod library;
pub(crate) mod media;
pub(crate) mod oauth;
mod pages;
mod reviews;
mod settings;
mod stats;
mod transcript;
mod users;
mod workspaces;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::faults::Effects;
use crate::server::http::Request;
use crate::server::{Answer, Caller, Shared};

/// What the API says to a body or a value that it cannot read (API reference, section F.2).
pub(crate) const PARSE_ERROR: &str = "Json parse error, verify Json format matches the API description.";
/// What the calls endpoints say when nothing matches (API reference, section F.3).
const NO_CALLS: &str = "No calls found corresponding to the provided filters";

/// A request on its way to an answer.
pub(crate) struct Context<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) request: &'a Request,
    /// The body, if it is JSON.
    pub(crate) body: Option<Value>,
    pub(crate) caller: Option<Caller>,
    pub(crate) trace: &'a str,
    pub(crate) now: DateTime<Utc>,
    pub(crate) effects: Effects,
}

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    text: String,
}

impl Refusal {
    fn bad(text: impl Into<String>) -> Self {
        Self { status: 400, text: text.into() }
    }

    fn missing(text: impl Into<String>) -> Self {
        Self { status: 404, text: text.into() }
    }

    /// A scope that the token does not have: 401, not 403 (API reference, section C).
    fn scope(scope: &str) -> Self {
        let text = format!("You don't have permission to use '{scope}' in your app.");
        Self { status: 401, text }
    }
}

type Reply = Result<Answer, Refusal>;

struct Route {
    method: &'static str,
    /// A last part of `{id}` takes any.
    path: &'static str,
    scope: &'static str,
    /// The text of the 404 for "nothing matches".
    nothing: &'static str,
    handle: fn(&Context<'_>) -> Reply,
}

const fn route(
    method: &'static str,
    path: &'static str,
    scope: &'static str,
    nothing: &'static str,
    handle: fn(&Context<'_>) -> Reply,
) -> Route {
    Route { method, path, scope, nothing, handle }
}

/// Every endpoint of the API reference, section 0.3. Exact paths come before those with an id.
#[rustfmt::skip]
const ROUTES: &[Route] = &[
    route("GET", "/v2/users", "api:users:read", users::NO_USERS, users::list),
    route("POST", "/v2/users/extensive", "api:users:read", users::NO_USERS, users::extensive),
    route("GET", "/v2/users/{id}", "api:users:read", users::NO_USERS, users::get),
    route("GET", "/v2/calls", "api:calls:read:basic", NO_CALLS, calls::list),
    route("POST", "/v2/calls/extensive", "api:calls:read:extensive", NO_CALLS, extensive::list),
    route("POST", "/v2/calls/transcript", "api:calls:read:transcript", NO_CALLS, transcript::list),
    route("GET", "/v2/calls/{id}", "api:calls:read:basic", NO_CALLS, calls::get),
    route("GET", "/v2/workspaces", "api:workspaces:read", "", workspaces::list),
    route("POST", "/v2/stats/activity/aggregate", "api:stats:user-actions", stats::NO_STATS, stats::aggregate),
    route("POST", "/v2/stats/activity/day-by-day", "api:stats:user-actions:detailed", stats::NO_STATS, stats::day_by_day),
    route("POST", "/v2/stats/interaction", "api:stats:interaction", stats::NO_STATS, stats::interaction),
    route("POST", "/v2/stats/activity/scorecards", "api:stats:scorecards", reviews::NO_REVIEWS, reviews::list),
    route("GET", "/v2/settings/scorecards", "api:settings:scorecards:read", "Scorecards not found", settings::scorecards),
    route("GET", "/v2/settings/trackers", "api:settings:trackers:read", "Workspace not found", settings::trackers),
    route("GET", "/v2/library/folders", "api:library:read", library::NO_FOLDERS, library::folders),
    route("GET", "/v2/library/folder-content", "api:library:read", library::NO_FOLDERS, library::content),
    route("GET", "/v2/coaching", "api:coaching:read", "", coaching::list),
];

/// The answer to a request of the API, faults apart.
pub(crate) fn answer(context: Context<'_>) -> Answer {
    let request = context.request;
    if request.path == oauth::PATH {
        return oauth::answer(context.shared, request, context.trace);
    }
    let error = |status, text: &str| Answer::error(status, context.trace, text);
    if let Some(list) = plain(&context) {
        return list;
    }
    let exact = ROUTES.iter().any(|route| route.path == request.path);
    let here = |route: &&Route| if exact { route.path == request.path } else { fits(route.path, &request.path) };
    if !ROUTES.iter().any(|route| here(&route)) {
        return Answer::html(404, "Not Found").violating("no such path");
    }
    let Some(caller) = &context.caller else {
        return error(401, "Invalid credentials");
    };
    let Some(route) = ROUTES.iter().filter(here).find(|route| route.method == request.method) else {
        let creates = request.method == "POST" && request.path == "/v2/calls";
        let what = if creates { "POST /v2/calls would have created a call" } else { "wrong method" };
        return error(405, "Method Not Allowed").violating(what);
    };
    if route.method == "POST" && !is_json(request) {
        return error(415, "Unsupported Media Type").violating("body is not declared as JSON");
    }
    let outcome = if !caller.may(route.scope) || context.effects.no_scope {
        Err(Refusal::scope(route.scope))
    } else if context.effects.nothing {
        Err(Refusal::missing(route.nothing))
    } else {
        (route.handle)(&context)
    };
    let mut answer = outcome.unwrap_or_else(|refusal| error(refusal.status, &refusal.text));
    if route.method == "POST" && request.parameter("cursor").is_some() {
        answer = answer.violating("cursor in the query of a POST");
    }
    answer
}

/// The answer of a list that a test added.
fn plain(context: &Context<'_>) -> Option<Answer> {
    let world = context.shared.world();
    let list = world.lists.iter().find(|list| list.path == context.request.path && context.request.method == "GET")?;
    let may = context.caller.as_ref().map(|caller| caller.may(list.scope) && !context.effects.no_scope);
    let refused = |refusal: Refusal| Answer::error(refusal.status, context.trace, &refusal.text);
    Some(match may {
        None => Answer::error(401, context.trace, "Invalid credentials"),
        Some(false) => refused(Refusal::scope(list.scope)),
        Some(true) => context.ok(&[(list.rows, &json!(list.records).to_string())], list.records.len()),
    })
}

fn fits(pattern: &str, path: &str) -> bool {
    let Some(start) = pattern.strip_suffix("{id}") else {
        return pattern == path;
    };
    path.strip_prefix(start).is_some_and(|id| !id.is_empty() && !id.contains('/'))
}

fn is_json(request: &Request) -> bool {
    request.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"))
}

/// The cursor of a request: from the query of a GET, from the body of a POST; null and empty count as absent.
pub(crate) fn cursor_of(request: &Request, body: Option<&Value>) -> Option<String> {
    let cursor = match request.method.as_str() {
        "POST" => body.and_then(|body| body["cursor"].as_str()),
        _ => request.parameter("cursor"),
    };
    cursor.filter(|cursor| !cursor.is_empty()).map(str::to_owned)
}

/// The number of the page that a cursor leads to, whether or not it is still valid.
pub(crate) fn page_of(cursor: Option<&str>) -> u64 {
    use base64::Engine;
    let body = cursor.and_then(|cursor| cursor.split('.').nth(1));
    let bytes = body.and_then(|body| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(body).ok());
    let claims: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    claims.and_then(|claims| claims["pageNumber"].as_u64()).unwrap_or(0)
}

impl Context<'_> {
    /// The last part of the path.
    fn id(&self) -> &str {
        self.request.path.rsplit('/').next().unwrap_or_default()
    }

    /// A POST's `filter`; without one the API cannot read the body.
    fn filter(&self) -> Result<&Value, Refusal> {
        let filter = self.body.as_ref().map(|body| &body["filter"]).filter(|filter| filter.is_object());
        filter.ok_or_else(|| Refusal::bad(PARSE_ERROR))
    }

    /// A body of its own parts, the request id first.
    fn ok(&self, parts: &[(&str, &str)], rows: usize) -> Answer {
        let size = parts.iter().map(|(key, text)| key.len() + text.len() + 4).sum::<usize>() + 48;
        let mut body = String::with_capacity(size);
        body.push_str("{\"requestId\":\"");
        body.push_str(self.trace);
        body.push('"');
        for (key, text) in parts {
            body.push_str(",\"");
            body.push_str(key);
            body.push_str("\":");
            body.push_str(text);
        }
        body.push('}');
        Answer { rows, ..Answer::json(200, body) }
    }
}
