//! Each entity's example in the API reference becomes rows without drift, and every leaf of it is found again.

use arrow::array::{Array as _, ArrayRef};
use serde_json::Value;

use super::*;
use crate::entity::Catalog;

/// The entity's examples, as records.
fn golden(entity: &str) -> Option<String> {
    std::fs::read_to_string(format!("{}/tests/golden/{entity}.json", env!("CARGO_MANIFEST_DIR"))).ok()
}

/// Plain values of a JSON value.
fn leaves(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(map) => map.values().for_each(|v| leaves(v, found)),
        Value::Array(items) => items.iter().for_each(|v| leaves(v, found)),
        Value::Null => {}
        leaf => found.push(leaf.clone()),
    }
}

/// Every text of a batch, however deep.
fn shown(column: &ArrayRef, out: &mut String) {
    use arrow::array::{ListArray, StructArray};
    if let Some(texts) = column.as_any().downcast_ref::<StringArray>() {
        texts.iter().flatten().for_each(|text| out.extend([text, " "]));
    } else if let Some(list) = column.as_any().downcast_ref::<ListArray>() {
        shown(list.values(), out);
    } else if let Some(group) = column.as_any().downcast_ref::<StructArray>() {
        group.columns().iter().for_each(|member| shown(member, out));
    }
}

#[test]
fn every_example_of_the_reference_decodes_without_drift() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    for entity in catalog.all().filter(|entity| entity.is_list()) {
        let records = golden(&entity.name).unwrap_or_else(|| panic!("{} has no example", entity.name));
        let body = format!("{{\"{}\":{records}}}", entity.page.rows);
        let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
        assert_eq!(decoded.drift.lines().collect::<Vec<_>>(), Vec::<String>::new(), "{}", entity.name);
        assert!(decoded.bad.is_empty() && !decoded.rows.is_empty(), "{}", entity.name);
        let (mut text, mut found) = (String::new(), Vec::new());
        decoded.batch.columns().iter().for_each(|column| shown(column, &mut text));
        leaves(&serde_json::from_str(&records).expect("JSON"), &mut found);
        for leaf in found
            .iter()
            .filter_map(Value::as_str)
            .filter(|text| !text.contains("T0") && !text.contains("T1") && !text.contains("T2"))
        {
            assert!(text.contains(leaf), "{}: {leaf} is lost", entity.name);
        }
    }
}

#[test]
fn t21_unknown_keys_and_wrong_types_are_kept_with_their_path() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let entity = catalog.get("calls_extensive").expect("a known entity");
    let body = r#"{"calls":[{"metaData":{"id":35657219295037524478,"duration":"x","isPrivate":null},"parties":[{"id":"1","foo":{"a":1}},5],
        "context":5,"new":[1],"new":2,"content":{"trackers":[{"count":1.5}]}}]}"#;
    let decoded = Decoder::new(entity).page(body, &Stamps::default()).expect("a page");
    let extra = decoded.text_column("_extra").expect("a column").value(0).to_owned();
    let extra: Value = serde_json::from_str(&extra).expect("JSON");
    let expected = serde_json::json!({
        "metaData.duration": "x", "parties[0].foo": {"a": 1}, "parties[1]": 5, "context": 5, "new": [1], "new#2": 2,
        "content.trackers[0].count": 1.5,
    });
    assert_eq!(extra, expected);
    assert_eq!(decoded.drift.total(), 7);
    assert_eq!(decoded.text_column("call_id").expect("a column").value(0), "35657219295037524478");
}

#[test]
fn a_spelling_that_is_null_does_not_hide_the_other() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let entity = catalog.get("library_folder_content").expect("a known entity");
    for body in
        [r#"{"calls":[{"id":null,"callId":"1"}]}"#, r#"{"calls":[{"callId":"1"}]}"#, r#"{"calls":[{"id":"1"}]}"#]
    {
        let decoded = Decoder::new(entity).page(body, &Stamps::default()).expect("a page");
        assert_eq!(decoded.text_column("call_id").expect("a column").value(0), "1", "{body}");
        assert_eq!(decoded.drift.total(), 0, "{body}");
    }
}

#[test]
fn a_manager_without_reports_gives_no_row_and_a_flat_record_gives_one() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let entity = catalog.get("coaching").expect("a known entity");
    let manager = r#""manager":{"id":"1"}"#;
    for (record, rows) in [
        (format!("{{{manager}}}"), 0),
        (format!("{{{manager},\"directReportsMetrics\":null}}"), 0),
        (format!("{{{manager},\"directReportsMetrics\":[]}}"), 0),
        (format!("{{{manager},\"directReportsMetrics\":[{{\"report\":{{\"id\":\"2\"}}}}]}}"), 1),
        (r#"{"userId":"2"}"#.to_owned(), 1),
    ] {
        let body = format!("{{\"coachingData\":[{record}]}}");
        let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
        assert_eq!((decoded.rows.len(), decoded.bad.len()), (rows, 0), "{record}");
    }
}

#[test]
fn a_record_without_its_key_is_set_aside_and_the_rest_lands() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let entity = catalog.get("calls").expect("a known entity");
    let body = r#"{"calls":[{"title":"no id"},{"id":"1"},7,{"id":null},{"id":"2"}]}"#;
    let decoded = Decoder::new(entity).page(body, &Stamps::default()).expect("a page");
    assert_eq!((decoded.rows.len(), decoded.bad.len(), decoded.batch.num_rows()), (2, 3, 2));
}

proptest::proptest! {
    /// Whatever JSON comes, nothing panics and every record is a row or set aside.
    #[test]
    fn no_page_panics(json in json()) {
        let catalog = Catalog::load(None).expect("the embedded files are valid");
        for name in ["calls", "calls_extensive", "call_transcripts", "coaching", "stats_activity_day_by_day"] {
            let entity = catalog.get(name).expect("a known entity");
            let body = serde_json::json!({ entity.page.rows.clone(): [json] }).to_string();
            let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
            proptest::prop_assert_eq!(decoded.rows.len(), decoded.batch.num_rows());
        }
    }
}

/// Arbitrary JSON with the vendor's names among its keys.
fn json() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let names = [
        "id",
        "metaData",
        "parties",
        "context",
        "callId",
        "transcript",
        "userDailyActivityStats",
        "report",
        "x",
        "started",
    ];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "\\PC{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 5, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::btree_map(proptest::sample::select(names.to_vec()), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().map(|(k, v)| (k.to_owned(), v)).collect())),
        ]
    })
}
