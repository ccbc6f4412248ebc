//! Vendor JSON to Arrow, driven by an entity's file: one page in, one batch of rows out, no field lost.
//!
//! Pure: no I/O, no clock. Knows no request and no file. Ids keep their digits, null and absent are alike, a wrong type is never fatal.

mod column;
mod digest;
mod drift;
mod key;
mod parents;
mod raw;
mod row;
pub mod table;
mod value;

use std::collections::HashMap;

use arrow::array::{RecordBatch, StringArray};
use arrow::datatypes::SchemaRef;
use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use serde_json::value::RawValue;

pub use drift::Drift;
pub use key::key_digest;
pub use parents::parents;

use crate::entity::Entity;
use crate::entity::spec::Stamp;
use crate::entity::tree::{Field, Origin};
use column::Column;
use key::{Part, identity, keys};
use row::{Record, Walk};
use value::Value;

/// A value that the request knows.
#[derive(Debug, Clone, PartialEq)]
pub enum StampValue {
    /// Ids and names.
    Text(String),
    /// Instants.
    Instant(DateTime<Utc>),
    /// Days.
    Day(NaiveDate),
    /// Numbers.
    Int(i64),
}

/// The values that the request knows, for a page and for single ids.
#[derive(Debug, Clone, Default)]
pub struct Stamps {
    /// For every row.
    pub all: HashMap<Stamp, StampValue>,
    /// Start of each call, by id.
    pub call_started: HashMap<String, DateTime<Utc>>,
    /// The company's zone, in whose days dates are meant.
    pub zone: Option<Tz>,
}

/// One page, decoded.
#[derive(Debug)]
pub struct Decoded {
    /// The table's own columns and `_extra`; the two last columns are put there by the writer.
    pub batch: RecordBatch,
    /// What is known of each row of the batch.
    pub rows: Vec<RowFacts>,
    /// Records that could not become rows: the reason, and the vendor's text.
    pub bad: Vec<(&'static str, String)>,
    /// What the schema did not expect.
    pub drift: Drift,
}

/// What is known of one row beside its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    /// Of the row's key.
    pub key: [u8; 16],
    /// Of the row, volatile columns apart.
    pub digest: [u8; 16],
    /// The id that was asked, where ids are.
    pub id: Option<String>,
    /// Marked private by the vendor.
    pub private: bool,
}

impl Decoded {
    /// A column of texts at the top of the table.
    pub fn text_column(&self, name: &str) -> Option<&StringArray> {
        self.batch.column_by_name(name)?.as_any().downcast_ref()
    }
}

/// Turns the answers of one entity into rows.
pub struct Decoder {
    entity: &'static Entity,
    schema: SchemaRef,
    elsewhere: Vec<Vec<String>>,
    identity: Vec<Part>,
}

impl Decoder {
    /// A decoder for `entity`.
    pub fn new(entity: &'static Entity) -> Decoder {
        let schema = table::schema(&entity.fields);
        let kept = schema.fields().len() - 2;
        let schema =
            std::sync::Arc::new(schema.project(&(0..kept).collect::<Vec<_>>()).unwrap_or_else(|_| (*schema).clone()));
        Decoder { entity, schema, elsewhere: elsewhere(&entity.fields), identity: identity(entity) }
    }

    /// True for a record that has no list of items because it is one itself.
    fn is_flat(&self, record: &RawValue) -> bool {
        self.entity.page.flat.as_deref().is_some_and(|name| raw::at(record, &[name]).is_some())
    }

    /// Decodes the body of one answer, which must be JSON with the entity's records array.
    pub fn page(&self, body: &str, stamps: &Stamps) -> Option<Decoded> {
        let whole: &RawValue = serde_json::from_str(body).ok()?;
        let records = raw::items(raw::at(whole, &self.entity.page.rows.split('.').collect::<Vec<_>>())?)?;
        let mut page = Page::new(self);
        for record in records {
            match self.entity.page.explode.as_deref() {
                None => page.record(Record { whole: record, item: None }, stamps),
                Some(array) if raw::at(record, &[array]).is_none() && self.is_flat(record) => {
                    page.record(Record { whole: record, item: None }, stamps);
                }
                Some(array) => {
                    let Some(items) = exploded(record, array) else {
                        page.bad.push(("the record has no list that can be read", record.get().to_owned()));
                        continue;
                    };
                    for (index, item) in items.into_iter().enumerate() {
                        page.record(Record { whole: record, item: Some((array, index, item)) }, stamps);
                    }
                }
            }
        }
        Some(page.finish())
    }
}

/// The items of a record that each become a row: none if it has no list, or null; `None` if the list or the record is something else.
fn exploded<'a>(record: &'a RawValue, array: &str) -> Option<Vec<&'a RawValue>> {
    raw::entries(record)?;
    raw::at(record, &[array]).map_or(Some(Vec::new()), raw::items)
}

struct Page<'d> {
    decoder: &'d Decoder,
    columns: Vec<Column>,
    extra: arrow::array::StringBuilder,
    rows: Vec<RowFacts>,
    bad: Vec<(&'static str, String)>,
    drift: Drift,
}

impl<'d> Page<'d> {
    fn new(decoder: &'d Decoder) -> Self {
        let columns = decoder.entity.fields.iter().map(Column::of).collect();
        let extra = arrow::array::StringBuilder::new();
        Page { decoder, columns, extra, rows: Vec::new(), bad: Vec::new(), drift: Drift::default() }
    }

    fn record(&mut self, record: Record, stamps: &Stamps) {
        let decoder = self.decoder;
        let subject = record.item.map_or(record.whole, |(_, _, item)| item);
        if raw::entries(subject).is_none() {
            return self.bad.push(("the record is not an object that can be read", record.whole.get().to_owned()));
        }
        if !decoder.identity.iter().all(|part| part.is_given(record)) {
            return self.bad.push(("the record has no key", record.whole.get().to_owned()));
        }
        let page = &decoder.entity.page;
        let place = |path: &Option<String>| {
            path.as_deref().and_then(|path| raw::at(record.whole, &path.split('.').collect::<Vec<_>>()))
        };
        let id = place(&page.id).and_then(raw::text).filter(|id| !key::is_blank(id));
        let private = place(&page.private).is_some_and(|raw| raw.get() == "true");
        let started = id.as_ref().and_then(|id| stamps.call_started.get(id));
        let stamp = |field: &Field| match (&field.from, started) {
            (Origin::Stamp { stamp: Stamp::CallStarted, .. }, Some(at)) => {
                Some(Value::Timestamp(at.timestamp_micros()))
            }
            (Origin::Stamp { stamp, .. }, _) => stamps.all.get(stamp).and_then(stamp_value),
            _ => None,
        };
        let mut walk = Walk::new(&mut self.drift, &decoder.elsewhere, stamps.zone);
        walk.row(&decoder.entity.fields, &mut self.columns, record, stamp);
        let (extra, digest) = walk.finish();
        self.extra.append_option(extra);
        self.rows.push(RowFacts { key: [0; 16], digest, id, private });
    }

    fn finish(mut self) -> Decoded {
        let extra = self.extra.finish();
        let mut arrays: Vec<_> = self.columns.into_iter().map(Column::finish).collect();
        arrays.push(std::sync::Arc::new(extra));
        let options = arrow::array::RecordBatchOptions::new().with_row_count(Some(self.rows.len()));
        let batch = RecordBatch::try_new_with_options(self.decoder.schema.clone(), arrays, &options)
            .expect("columns and schema are built from the same tree, and every append adds one row to each");
        for (facts, key) in self.rows.iter_mut().zip(keys(&batch, &self.decoder.entity.key)) {
            facts.key = key;
        }
        Decoded { batch, rows: self.rows, bad: self.bad, drift: self.drift }
    }
}

fn stamp_value(value: &StampValue) -> Option<Value> {
    Some(match value {
        StampValue::Text(text) => Value::Text(text.clone()),
        StampValue::Instant(at) => Value::Timestamp(at.timestamp_micros()),
        StampValue::Day(day) => Value::Date(value::days(*day)?),
        StampValue::Int(number) => Value::Int(*number),
    })
}

/// Places that lifted columns and counts read.
fn elsewhere(fields: &[Field]) -> Vec<Vec<String>> {
    let mut places = Vec::new();
    for field in fields {
        match &field.from {
            Origin::Lifted(alternatives) => places.extend(alternatives.clone()),
            Origin::Stamp { given, .. } => places.extend(given.clone()),
            Origin::Count { list, given } => {
                places.push(list.clone());
                places.extend(given.clone());
            }
            _ => {}
        }
    }
    places
}

/// The ids and file addresses of a page of media records (API reference, section 4).
#[derive(Debug, Default)]
pub struct Links {
    /// No address where a call has no such file.
    pub found: Vec<(String, Option<String>)>,
    /// True if a record has the object in which an address would stand.
    pub told: bool,
}

/// Reads the addresses of a page.
pub fn links(entity: &Entity, body: &str) -> Links {
    let path = |path: &Option<String>| path.iter().flat_map(|p| p.split('.')).map(str::to_owned).collect::<Vec<_>>();
    let (id, link) = (path(&entity.page.id), path(&entity.page.link));
    let whole: Option<&RawValue> = serde_json::from_str(body).ok();
    let records = whole.and_then(|whole| raw::items(raw::at(whole, &[&entity.page.rows])?)).unwrap_or_default();
    let one = |record: &&RawValue| {
        Some((raw::at(record, &id).and_then(raw::text)?, raw::at(record, &link).and_then(raw::text)))
    };
    let place = &link[..link.len().saturating_sub(1)];
    let told = records.iter().any(|record| raw::at(record, place).is_some());
    Links { found: records.iter().filter_map(one).collect(), told }
}

#[cfg(test)]
mod golden_tests;
#[cfg(test)]
mod loss_tests;
