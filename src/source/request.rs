//! An entity's file, a window and a cursor into one request. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::entity::Entity;
use crate::entity::spec::{Dates, Method};

/// One request to the vendor, without its credentials.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// GET or POST.
    pub method: Method,
    /// Below the base URL.
    pub path: String,
    /// Inputs of a GET.
    pub query: Vec<(String, String)>,
    /// Inputs of a POST.
    pub body: Option<Value>,
    /// What it is for, in messages: entity and window.
    pub subject: String,
    /// Attempts beyond the first, if fewer than the settings allow.
    pub retries: Option<u32>,
}

/// What varies between requests of one entity.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inputs {
    /// Bounds for entities that take instants.
    pub instants: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Bounds for entities that take company days.
    pub days: Option<(NaiveDate, NaiveDate)>,
    /// The batch of ids.
    pub ids: Vec<String>,
    /// Further inputs by the vendor's names: fan-out members, workspace.
    pub named: BTreeMap<String, Value>,
    /// Replaces the entity file's `contentSelector`.
    pub selector: Option<Value>,
    /// What it is for, in messages.
    pub subject: String,
    /// Attempts beyond the first, if fewer than the settings allow: where another request decides as well.
    pub retries: Option<u32>,
}

/// Builds the request for one page. All inputs but the cursor stay the same from page to page (API reference, E.3).
pub fn build(entity: &Entity, inputs: &Inputs, cursor: Option<&str>) -> Request {
    let spec = &entity.request;
    let mut filter: Map<String, Value> = spec.fixed.clone().into_iter().collect();
    filter.extend(inputs.named.clone());
    if let (Some(from), Some(to), Some((start, end))) = (&spec.from, &spec.to, bounds(spec.dates, inputs)) {
        filter.insert(from.clone(), start.into());
        filter.insert(to.clone(), end.into());
    }
    if let Some(name) = spec.ids.as_ref().filter(|_| !inputs.ids.is_empty()) {
        filter.insert(name.clone(), inputs.ids.clone().into());
    }
    let (query, body) = match spec.method {
        Method::Get => {
            let inputs = filter.into_iter().map(|(name, value)| (name, plain(&value)));
            (inputs.chain(cursor.map(|c| ("cursor".to_owned(), c.to_owned()))).collect(), None)
        }
        Method::Post => {
            let mut body = json!({ "filter": filter });
            if let Some(selector) = inputs.selector.as_ref().or(spec.selector.as_ref()) {
                body["contentSelector"] = selector.clone();
            }
            if let Some(cursor) = cursor {
                body["cursor"] = cursor.into();
            }
            (Vec::new(), Some(body))
        }
    };
    let (path, subject, retries) = (spec.path.clone(), inputs.subject.clone(), inputs.retries);
    Request { method: spec.method, path, query, body, subject, retries }
}

fn bounds(dates: Dates, inputs: &Inputs) -> Option<(String, String)> {
    match dates {
        Dates::Instant => {
            let text = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::AutoSi, true);
            inputs.instants.map(|(from, to)| (text(from), text(to)))
        }
        Dates::Date => inputs.days.map(|(from, to)| (from.to_string(), to.to_string())),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
