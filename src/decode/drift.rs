//! What the schema did not expect: unknown fields and values of another type, kept per row and counted per place.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::value::RawValue;

/// Places where the vendor's answers differ from the schema, with counts; indexes are left out of the place.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    places: BTreeMap<String, (u64, &'static str)>,
}

impl Drift {
    /// Counts one value at `path`.
    pub fn note(&mut self, path: &str, raw: &str) {
        let entry = self.places.entry(without_indexes(path)).or_insert((0, json_type(raw)));
        entry.0 += 1;
    }

    /// Number of values that did not fit.
    pub fn total(&self) -> u64 {
        self.places.values().map(|(count, _)| count).sum()
    }

    /// One line per place: path, JSON type of a sample, count. Never a value.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.places.iter().map(|(place, (count, kind))| format!("{place}: {kind} not in the schema, {count} times"))
    }
}

/// The values of one row that found no column, as one JSON object; `None` if there are none.
#[derive(Default)]
pub struct Extras {
    kept: Vec<(String, String)>,
    places: HashSet<String>,
    repeated: HashMap<String, u32>,
}

impl Extras {
    /// Keeps a value; a second one at the same place gets a number. No two have the same place.
    pub fn keep(&mut self, path: &str, raw: &RawValue) {
        let mut place = path.to_owned();
        while !self.places.insert(place.clone()) {
            let count = self.repeated.entry(path.to_owned()).or_insert(1);
            *count += 1;
            place = format!("{path}#{count}");
        }
        self.kept.push((place, raw.get().to_owned()));
    }

    /// The text of `_extra`.
    pub fn text(&self) -> Option<String> {
        if self.kept.is_empty() {
            return None;
        }
        let members: Vec<String> =
            self.kept.iter().map(|(path, raw)| format!("{}:{raw}", serde_json::Value::from(path.as_str()))).collect();
        Some(format!("{{{}}}", members.join(",")))
    }
}

fn without_indexes(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '[' => {
                inside = true;
                out.push('[');
            }
            ']' => {
                inside = false;
                out.push(']');
            }
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

fn json_type(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "a string",
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}
