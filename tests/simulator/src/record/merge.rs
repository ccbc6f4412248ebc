//! Merging of changes, and numbers by their literal digits.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Number, Value};

use super::REMOVE;

/// How a number that fits no machine type travels inside a `Value`: as a string with this prefix.
pub(crate) const NUMBER: &str = "\u{1}number:";

/// Merges a change into a record: objects key by key, anything else replaces.
pub(crate) fn merge(base: &mut Value, patch: &Value) {
    match (base, patch) {
        (Value::Object(base), Value::Object(patch)) => {
            for (key, change) in patch {
                if change.as_str() == Some(REMOVE) {
                    base.remove(key);
                } else {
                    merge(base.entry(key.clone()).or_insert(Value::Null), change);
                }
            }
        }
        (base, patch) => *base = patch.clone(),
    }
}

/// The same on JSON text, so that what is not changed keeps its literal digits.
pub(crate) fn merge_text(base: Option<&str>, patch: &Value) -> String {
    let object = base.and_then(|text| serde_json::from_str::<BTreeMap<String, Box<RawValue>>>(text).ok());
    let (Some(mut object), Some(patch)) = (object, patch.as_object()) else {
        return literal(patch.to_string());
    };
    for (key, change) in patch {
        if change.as_str() == Some(REMOVE) {
            object.remove(key);
            continue;
        }
        let merged = merge_text(object.get(key).map(|raw| raw.get()), change);
        if let Ok(raw) = RawValue::from_string(merged) {
            object.insert(key.clone(), raw);
        }
    }
    serde_json::to_string(&object).unwrap_or_default()
}

/// Turns the strings that stand for numbers into numbers.
pub(crate) fn literal(text: String) -> String {
    const MARK: &str = "\"\\u0001number:";
    if !text.contains(MARK) {
        return text;
    }
    let mut parts = text.split(MARK);
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (digits, rest) = part.split_once('"').unwrap_or((part, ""));
        out.push_str(digits);
        out.push_str(rest);
    }
    out
}

/// JSON text as a tree whose floats are the nearest to the text. (`serde_json` without `float_roundtrip` may be one
/// unit off in the 17th digit; turning that feature on here would turn it on in the program under test as well.) What
/// is not JSON is null.
pub fn exact(text: &str) -> Value {
    match text.trim_start().as_bytes().first() {
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(text)
            .map(|map| map.into_iter().map(|(key, raw)| (key, exact(raw.get()))).collect())
            .unwrap_or_default(),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
            .map(|list| list.into_iter().map(|raw| exact(raw.get())).collect())
            .unwrap_or_default(),
        Some(b'-' | b'0'..=b'9') if text.contains(['.', 'e', 'E']) => {
            let float = text.trim().parse().ok().and_then(Number::from_f64);
            float.map_or(Value::Null, Value::Number)
        }
        _ => serde_json::from_str(text).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_leaves_other_digits_alone() {
        let base = r#"{"a":0.30399999022483826,"b":35657219295037524478,"c":{"d":1.0}}"#;
        let merged = merge_text(Some(base), &serde_json::json!({"c": {"e": null}, "a": REMOVE}));
        assert_eq!(merged, r#"{"b":35657219295037524478,"c":{"d":1.0,"e":null}}"#);
    }

    #[test]
    fn marked_numbers_become_numbers() {
        let text = serde_json::json!({"id": format!("{NUMBER}35657219295037524478"), "x": "y"}).to_string();
        assert_eq!(literal(text), r#"{"id":35657219295037524478,"x":"y"}"#);
    }
}
