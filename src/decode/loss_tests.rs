//! No leaf is lost: whatever a record holds, each of its values is found in the columns or in `_extra`, to the digit and at its place.

use std::sync::LazyLock;

use arrow::array::{Array as _, ArrayRef, BooleanArray, Float64Array, ListArray, StructArray};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::key::key_text;
use super::*;
use crate::entity::Catalog;
use crate::entity::tree::{Leaf, Shape};

#[path = "loss_tests/records.rs"]
mod records;
use records::{Json, Maker};

/// One value found again: its place as the vendor names it, and how it is kept.
struct Found {
    places: Vec<String>,
    value: Kept,
}

enum Kept {
    /// The vendor's own text.
    Raw(String),
    /// A column's value.
    Typed(Leaf, String),
}

fn join(at: &str, name: &str) -> String {
    if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") }
}

/// Each plain value of vendor text, below `at`.
fn raw_leaves(at: &str, raw: &RawValue, found: &mut Vec<Found>) {
    if let Some(entries) = raw::entries(raw) {
        entries.0.iter().for_each(|(name, inner)| raw_leaves(&join(at, name), inner, found));
    } else if let Some(items) = raw::items(raw) {
        items.iter().enumerate().for_each(|(n, inner)| raw_leaves(&format!("{at}[{n}]"), inner, found));
    } else {
        found.push(Found { places: vec![at.to_owned()], value: Kept::Raw(raw.get().to_owned()) });
    }
}

/// Each value of a column at `row`; `places` are the column's, one for each spelling.
fn column_leaves(shape: &Shape, places: &[String], column: &ArrayRef, row: usize, found: &mut Vec<Found>) {
    if column.is_null(row) {
        return;
    }
    let any = column.as_any();
    match shape {
        Shape::Leaf(leaf) => leaf_of(*leaf, places, column, row, found),
        Shape::Group(inner) => {
            let group = any.downcast_ref::<StructArray>().expect("a struct");
            members(inner, places, group, row, found);
        }
        Shape::Leaves(_) | Shape::Groups(_) => {
            let items = any.downcast_ref::<ListArray>().expect("a list").value(row);
            for n in 0..items.len() {
                let places: Vec<String> = places.iter().map(|place| format!("{place}[{n}]")).collect();
                match shape {
                    Shape::Groups(_) if items.is_null(n) => {}
                    Shape::Groups(inner) => {
                        members(inner, &places, items.as_any().downcast_ref().expect("structs"), n, found);
                    }
                    Shape::Leaves(leaf) => column_leaves(&Shape::Leaf(*leaf), &places, &items, n, found),
                    _ => {}
                }
            }
        }
    }
}

fn members(inner: &[Field], places: &[String], group: &StructArray, row: usize, found: &mut Vec<Found>) {
    for (field, column) in inner.iter().zip(group.columns()) {
        let Origin::Keys(keys) = &field.from else { continue };
        let places: Vec<String> =
            places.iter().flat_map(|place| keys.iter().map(move |key| join(place, key))).collect();
        column_leaves(&field.shape, &places, column, row, found);
    }
}

fn leaf_of(leaf: Leaf, places: &[String], column: &ArrayRef, row: usize, found: &mut Vec<Found>) {
    let any = column.as_any();
    let text = key_text(column, row)
        .or_else(|| any.downcast_ref::<BooleanArray>().map(|c| c.value(row).to_string()))
        .or_else(|| any.downcast_ref::<Float64Array>().map(|c| c.value(row).to_bits().to_string()))
        .expect("a plain column");
    if leaf != Leaf::Json {
        return found.push(Found { places: places.to_vec(), value: Kept::Typed(leaf, text) });
    }
    let raw: &RawValue = serde_json::from_str(&text).expect("JSON text");
    places.iter().for_each(|place| raw_leaves(place, raw, found));
}

/// Everything of one row of the batch.
fn row_leaves(entity: &Entity, decoded: &Decoded, row: usize, found: &mut Vec<Found>) {
    let array = entity.page.explode.as_deref();
    for (field, column) in entity.fields.iter().zip(decoded.batch.columns()) {
        let in_item = |place: &[String]| match (place.split_first(), array) {
            (Some((first, rest)), Some(array)) if first == array => format!("{array}[{row}].{}", rest.join(".")),
            _ => place.join("."),
        };
        let places: Vec<String> = match &field.from {
            Origin::Keys(keys) => keys.clone(),
            Origin::ItemKeys(keys) => {
                keys.iter().map(|key| format!("{}[{row}].{key}", array.expect("a list"))).collect()
            }
            Origin::Lifted(places) => places.iter().map(|place| in_item(place)).collect(),
            Origin::Stamp { given, .. } | Origin::Count { given, .. } => given.iter().map(|p| in_item(p)).collect(),
        };
        column_leaves(&field.shape, &places, column, row, found);
    }
    let extra = decoded.text_column("_extra").expect("a column");
    if extra.is_null(row) {
        return;
    }
    let extra: &RawValue = serde_json::from_str(extra.value(row)).expect("_extra is JSON");
    let entries = raw::entries(extra).expect("_extra is an object").0;
    let names: std::collections::HashSet<_> = entries.iter().map(|(name, _)| name.clone()).collect();
    assert_eq!(names.len(), entries.len(), "a place of _extra comes twice: {}", extra.get());
    for (name, raw) in &entries {
        // The second value at a place has a number.
        let place = name.rsplit_once('#').map_or(&**name, |(place, _)| place);
        raw_leaves(place, raw, found);
    }
}

/// The whole number that a literal means, by its digits alone.
fn exact(literal: &str) -> Option<i128> {
    let (mantissa, exponent) = literal.split_once(['e', 'E']).unwrap_or((literal, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let shift = exponent.parse::<i32>().ok()? - i32::try_from(fraction.len()).ok()?;
    let mut digits = format!("{whole}{fraction}");
    for _ in shift..0 {
        digits = digits.strip_suffix('0')?.to_owned();
    }
    (0..shift.min(40)).for_each(|_| digits.push('0'));
    digits.parse().ok()
}

/// True if a value that was kept is the one that came as `literal`.
fn is_same(kept: &Kept, literal: &str) -> bool {
    let (leaf, text) = match kept {
        Kept::Raw(raw) => return raw == literal,
        Kept::Typed(leaf, text) => (leaf, text),
    };
    let string: Option<String> = serde_json::from_str(literal).ok();
    let instant = || DateTime::parse_from_rfc3339(string.as_deref()?).ok().map(|at| at.timestamp_micros());
    match leaf {
        Leaf::String | Leaf::Id | Leaf::Text => string.as_deref().unwrap_or(literal) == text,
        Leaf::Int => exact(literal).is_some_and(|number| number.to_string() == *text),
        Leaf::Float => literal.parse::<f64>().is_ok_and(|number| number.to_bits().to_string() == *text),
        Leaf::Bool => literal == text,
        Leaf::Timestamp => instant().is_some_and(|at| at.to_string() == *text),
        Leaf::Date => {
            let day = string.as_deref().and_then(|s| s.get(..10)?.parse::<NaiveDate>().ok());
            day.and_then(value::days).is_some_and(|day| day.to_string() == *text)
        }
        Leaf::Json => false,
    }
}

/// Decodes a record and looks for each of its values. Returns how many were looked for.
fn assert_nothing_lost(entity: &'static Entity, record: &Json) -> usize {
    let text = record.text();
    let body = format!("{{\"{}\":[{text}]}}", entity.page.rows);
    let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
    if !decoded.bad.is_empty() {
        assert!(decoded.bad.iter().all(|(_, kept)| *kept == text), "what is set aside is the record: {text}");
        return 0;
    }
    // A record whose list is absent or empty has no row: nothing was counted of it.
    if decoded.rows.is_empty() {
        let list = record.member(entity.page.explode.as_deref().expect("a record without a list is a row"));
        assert!(list.is_none_or(Json::is_empty), "{}: no row of {text}", entity.name);
        return 0;
    }
    let mut found = Vec::new();
    (0..decoded.rows.len()).for_each(|row| row_leaves(entity, &decoded, row, &mut found));
    let mut wanted = Vec::new();
    record.leaves("", &mut wanted);
    for (place, literal) in &wanted {
        let here = |one: &Found| one.places.contains(place) && is_same(&one.value, literal);
        assert!(found.iter().any(here), "{}: {literal} at {place} is lost of {text}", entity.name);
    }
    wanted.len()
}

fn entities() -> impl Iterator<Item = &'static Entity> {
    static CATALOG: LazyLock<&'static Catalog> =
        LazyLock::new(|| Catalog::load(None).expect("the embedded files are valid"));
    // Media tables have no column of the vendor's.
    CATALOG.all().filter(|entity| entity.page.link.is_none())
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 48, ..Default::default() })]

    #[test]
    fn t21_no_record_loses_a_leaf(seed in proptest::prelude::any::<u64>()) {
        for entity in entities() {
            let mut maker = Maker::new(seed, 0.3);
            for _ in 0..3 {
                assert_nothing_lost(entity, &maker.record(entity));
            }
        }
    }

    #[test]
    fn a_right_record_lands_in_its_columns_whole(seed in proptest::prelude::any::<u64>()) {
        for entity in entities() {
            let record = Maker::new(seed, 0.0).record(entity);
            let leaves = assert_nothing_lost(entity, &record);
            let body = format!("{{\"{}\":[{}]}}", entity.page.rows, record.text());
            let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
            let drift: Vec<String> = decoded.drift.lines().collect();
            assert!(drift.is_empty() && decoded.bad.is_empty() && leaves > 0, "{}: {drift:?} {body}", entity.name);
            let extra = decoded.text_column("_extra").expect("a column");
            assert_eq!(extra.null_count(), extra.len(), "{}: {body}", entity.name);
        }
    }
}

#[test]
fn what_hides_behind_another_place_is_kept() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let extra = |entity: &str, record: &str| {
        let entity = catalog.get(entity).expect("a known entity");
        let body = format!("{{\"{}\":[{record}]}}", entity.page.rows);
        let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
        assert!(decoded.bad.is_empty(), "{record}");
        decoded.text_column("_extra").expect("a column").value(0).to_owned()
    };
    // The second spelling beside the first, a place that comes twice, a key that is written like a place, a count that is none.
    let report = r#"{"report":{"id":"1","id":"2"},"report.title":"3"}"#;
    let coaching =
        format!(r#"{{"directReportsMetrics":[{report}],"userId":"4","coachingMetrics":{{"callsListened":"5"}}}}"#);
    assert_eq!(
        extra("coaching", &coaching),
        r#"{"userId":"4","coachingMetrics.callsListened":"5","directReportsMetrics[0].report.id":"2","directReportsMetrics[0].report.title":"3"}"#
    );
    // A name that is the one we would give, and one that means two places.
    let doubled = r#"{"id":"1","x#2":1,"x":2,"x":3,"x":4}"#;
    assert_eq!(extra("users", doubled), r#"{"x#2":1,"x":2,"x#3":3,"x#4":4}"#);
    // A value of the other spelling is kept under the name it came with.
    let options = r#"{"scorecardId":"1","questions":[{"answerOptions":[{"optionText":7}]}]}"#;
    assert_eq!(extra("settings_scorecards", options), r#"{"questions[0].answerOptions[0].optionText":7}"#);
}

#[test]
fn a_record_whose_list_cannot_be_read_is_set_aside() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    let entity = catalog.get("stats_activity_day_by_day").expect("a known entity");
    let body = format!("{{\"{}\":[{{\"userId\":\"1\",\"userDailyActivityStats\":\"x\"}},7,{{}}]}}", entity.page.rows);
    let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
    assert_eq!((decoded.rows.len(), decoded.bad.len()), (0, 2));
}

#[test]
fn a_key_in_which_nothing_is_written_is_none() {
    let catalog = Catalog::load(None).expect("the embedded files are valid");
    // Rows that are kept, and records that are set aside.
    let counts = |entity: &str, records: &str| {
        let entity = catalog.get(entity).expect("a known entity");
        let body = format!("{{\"{}\":[{records}]}}", entity.page.rows);
        let decoded = Decoder::new(entity).page(&body, &Stamps::default()).expect("a page");
        assert!(decoded.bad.iter().all(|(reason, _)| *reason == "the record has no key"), "{records}");
        assert!(decoded.rows.iter().all(|row| row.id.as_ref().is_none_or(|id| !id.trim().is_empty())), "{records}");
        (decoded.rows.len(), decoded.bad.len())
    };
    for entity in ["users", "calls"] {
        assert_eq!(counts(entity, r#"{"id":""},{"id":" \t"},{"id":null},{},{"id":"1"},{"id":0}"#), (2, 4), "{entity}");
    }
    assert_eq!(counts("calls_extensive", r#"{"metaData":{"id":""}},{"metaData":{"id":"1"}}"#), (1, 1));
    // The value that its column takes counts, of several spellings.
    assert_eq!(counts("library_folder_content", r#"{"id":"","callId":"1"},{"id":null,"callId":"1"}"#), (1, 1));
    // A day is given with the record or comes from the request; an item's time may be anything.
    let days = r#"{"fromDate":""},{"fromDate":"2026-05-01"},{"fromDate":null},{}"#;
    let days = format!(r#"{{"userId":"1","userDailyActivityStats":[{days}]}}"#);
    assert_eq!(counts("stats_activity_day_by_day", &days), (3, 1));
    assert_eq!(counts("library_folder_content", r#"{"id":"1","created":""},{"id":"1","created":null}"#), (2, 0));
    let coaching = r#"{"directReportsMetrics":[{"report":{"id":" "}},{"report":{"id":"1"}},{"report":{}}]}"#;
    assert_eq!(counts("coaching", coaching), (1, 2));
}
