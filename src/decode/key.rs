//! What tells one row from another: digests of keys, and where a record carries its own.

use arrow::array::{Array, ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use sha2::{Digest as _, Sha256};

use super::raw;
use super::row::{self, Record};
use crate::entity::Entity;
use crate::entity::tree::{Field, Leaf, Origin, Shape};

/// Digests of the rows' keys. A null in a key is a value.
pub fn keys(batch: &RecordBatch, names: &[String]) -> Vec<[u8; 16]> {
    let columns: Vec<_> = names.iter().filter_map(|name| nested(batch, name)).collect();
    let digest = |row| {
        let mut hash = Sha256::new();
        for column in &columns {
            match key_text(column, row) {
                Some(text) => {
                    hash.update(text.len().to_le_bytes());
                    hash.update(text);
                }
                None => hash.update(u64::MAX.to_le_bytes()),
            }
        }
        half(hash)
    };
    (0..batch.num_rows()).map(digest).collect()
}

/// A plain value of a key as text; `None` for null.
pub fn key_text(column: &ArrayRef, row: usize) -> Option<String> {
    if column.is_null(row) {
        return None;
    }
    let any = column.as_any();
    let text = any.downcast_ref::<StringArray>().map(|c| c.value(row).to_owned());
    let int = || any.downcast_ref::<Int64Array>().map(|c| c.value(row).to_string());
    let instant = || any.downcast_ref::<TimestampMicrosecondArray>().map(|c| c.value(row).to_string());
    let day = || any.downcast_ref::<Date32Array>().map(|c| c.value(row).to_string());
    text.or_else(int).or_else(instant).or_else(day)
}

/// A column by name, or a member of a struct column by `struct.member`.
fn nested(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    let mut names = name.split('.');
    let mut column = batch.column_by_name(names.next()?)?.clone();
    for member in names {
        let group = column.as_any().downcast_ref::<arrow::array::StructArray>()?;
        column = group.column_by_name(member)?.clone();
    }
    Some(column)
}

/// A part of the key that the record itself carries.
pub struct Part {
    /// Where it stands; of several spellings the first one that has a value counts, as for its column.
    pub places: Vec<Vec<String>>,
    /// A record without it is no row.
    needed: bool,
}

impl Part {
    /// True if the record's value can tell it from others: nothing written is no id, and all such records would pass for one.
    pub fn is_given(&self, record: Record) -> bool {
        match self.places.iter().find_map(|names| row::lifted(record, names)) {
            None => !self.needed,
            Some(raw) => match raw::text(raw) {
                Some(text) => !is_blank(&text),
                None => !self.needed,
            },
        }
    }
}

/// True for a text in which nothing is written.
pub fn is_blank(text: &str) -> bool {
    text.trim().is_empty()
}

/// The parts of the key that the record itself carries: the first must be there, and no id or day among the others may be blank.
pub fn identity(entity: &Entity) -> Vec<Part> {
    let explode = entity.page.explode.as_deref();
    let places = |field: &Field| match &field.from {
        Origin::Keys(keys) => keys.iter().map(|key| vec![key.clone()]).collect(),
        Origin::ItemKeys(keys) => {
            keys.iter().map(|key| vec![explode.unwrap_or_default().to_owned(), key.clone()]).collect()
        }
        Origin::Lifted(places) => places.clone(),
        Origin::Stamp { given: Some(names), .. } => vec![names.clone()],
        _ => Vec::new(),
    };
    let fields = entity.key.iter().filter_map(|name| entity.fields.iter().find(|field| field.name == *name));
    let carried = fields.map(|field| (field, places(field))).filter(|(_, places)| !places.is_empty());
    let part = |(nth, (field, places)): (usize, (&Field, Vec<Vec<String>>))| {
        let needed = nth == 0;
        // Of other types, null is a value of the key, and what cannot be read is null.
        let is_id = matches!(field.shape, Shape::Leaf(Leaf::Id)) || matches!(field.from, Origin::Stamp { .. });
        (needed || is_id).then_some(Part { places, needed })
    };
    carried.enumerate().filter_map(part).collect()
}

/// The digest of a key that is one text, as [`RowFacts::key`] has it.
pub fn key_digest(text: &str) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(text.len().to_le_bytes());
    hash.update(text);
    half(hash)
}

fn half(hash: Sha256) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.finalize()[..16]);
    digest
}
