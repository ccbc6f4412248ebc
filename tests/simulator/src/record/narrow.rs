//! Blocks with less in them than there is: CRM links of one timing or without fields, trackers without occurrences.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::Timing;

type Object = BTreeMap<String, Box<RawValue>>;

/// Context with the objects of a timing and their fields, or all objects as links only.
pub(super) fn links(text: &str, timing: Option<Timing>) -> String {
    let keep = |object: &Object| {
        let own = object.get("timing").map(|raw| raw.get());
        match own {
            Some("\"Now\"") => timing != Some(Timing::TimeOfCall),
            Some("\"TimeOfCall\"") => matches!(timing, Some(Timing::TimeOfCall | Timing::Both)),
            _ => true,
        }
    };
    let all = match timing {
        Some(Timing::Both) => true,
        Some(Timing::Now) => !text.contains("\"TimeOfCall\""),
        _ => text == "[]",
    };
    if all {
        return text.to_owned();
    }
    each(text, |system| {
        nested(system, "objects", |objects| {
            let mut list: Vec<Object> = serde_json::from_str(objects).ok()?;
            list.retain(keep);
            if timing.is_none() {
                for object in &mut list {
                    object.remove("fields");
                    object.remove("timing");
                }
            }
            serde_json::to_string(&list).ok()
        });
    })
}

/// Participants without CRM links, or with links that carry no fields.
pub(super) fn parties(text: &str, with_links: bool) -> String {
    each(text, |party| {
        if !with_links {
            party.remove("context");
        } else {
            nested(party, "context", |links_text| Some(links(links_text, None)));
        }
    })
}

pub(super) fn without_occurrences(text: &str) -> String {
    each(text, |tracker| {
        nested(tracker, "occurrences", |_| Some("[]".to_owned()));
        nested(tracker, "phrases", |phrases| {
            Some(each(phrases, |phrase| nested(phrase, "occurrences", |_| Some("[]".to_owned()))))
        });
    })
}

fn each(text: &str, change: impl Fn(&mut Object)) -> String {
    let Ok(mut list) = serde_json::from_str::<Vec<Object>>(text) else {
        return text.to_owned();
    };
    list.iter_mut().for_each(change);
    serde_json::to_string(&list).unwrap_or_default()
}

fn nested(object: &mut Object, key: &str, change: impl Fn(&str) -> Option<String>) {
    let changed = object.get(key).and_then(|raw| change(raw.get()));
    if let Some(raw) = changed.and_then(|text| RawValue::from_string(text).ok()) {
        object.insert(key.to_owned(), raw);
    }
}
