//! One record into the columns: the walk over the vendor's object and the table's tree side by side.
//!
//! Nothing here can fail half-way: a value that does not fit is null in its column and kept in `_extra`, so the columns stay even.

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use super::column::Column;
use super::drift::{Drift, Extras};
use super::raw::{self, Entries};
use super::value::{self, Value};
use crate::entity::tree::{Field, Leaf, Origin, Shape};

/// The objects that one row is made of.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The vendor's record.
    pub whole: &'a RawValue,
    /// The exploded item that became the row: the array's name, the index and the item.
    pub item: Option<(&'a str, usize, &'a RawValue)>,
}

/// What the walk of one row collects beside the columns.
pub struct Walk<'d> {
    hash: Sha256,
    extras: Extras,
    drift: &'d mut Drift,
    /// Places that a lifted column or a count reads, as lists of names.
    elsewhere: &'d [Vec<String>],
}

impl<'d> Walk<'d> {
    /// A walk that counts into `drift`.
    pub fn new(drift: &'d mut Drift, elsewhere: &'d [Vec<String>]) -> Self {
        Walk { hash: Sha256::new(), extras: Extras::default(), drift, elsewhere }
    }

    /// Appends one row to the table's own columns. `stamp` gives the values that the request knows.
    pub fn row(
        &mut self,
        fields: &[Field],
        columns: &mut [Column],
        record: Record,
        stamp: impl Fn(&Field) -> Option<Value>,
    ) {
        let whole = raw::entries(record.whole).unwrap_or(Entries(Vec::new()));
        let item = record.item.map(|(name, index, raw)| (format!("{name}[{index}]."), raw::entries(raw)));
        let mut taken = vec![false; whole.0.len()];
        let item_entries = item.as_ref().and_then(|(_, entries)| entries.as_ref());
        let mut item_taken = vec![false; item_entries.map_or(0, |e| e.0.len())];
        if let (Some((name, ..)), Some(place)) = (record.item, record.item.and_then(|(name, ..)| find(&whole, name))) {
            debug_assert_eq!(whole.0[place].0, name);
            taken[place] = true;
        }
        for (field, column) in fields.iter().zip(columns) {
            match &field.from {
                Origin::Keys(keys) => {
                    let raw = take(&whole, &mut taken, keys);
                    self.field(field, column, raw, "");
                }
                Origin::ItemKeys(keys) => {
                    let raw = item_entries.and_then(|entries| take(entries, &mut item_taken, keys));
                    let at = item.as_ref().map_or("", |(at, _)| at);
                    self.field(field, column, raw, at);
                }
                Origin::Lifted(places) => {
                    let raw = places.iter().find_map(|names| lifted(record, names));
                    self.field(field, column, raw, "");
                }
                Origin::Count { list, given } => self.push(field, column, count(record, list, given.as_deref())),
                Origin::Stamp { given, .. } => {
                    let raw = given.as_ref().and_then(|names| lifted(record, names));
                    match (raw, stamp(field)) {
                        (None, stamped) => self.push(field, column, stamped),
                        (raw, _) => self.field(field, column, raw, ""),
                    }
                }
            }
        }
        self.leftover(&whole, &taken, "");
        if let Some((at, Some(entries))) = &item {
            self.leftover(entries, &item_taken, at);
        }
    }

    /// The text of `_extra` and the digest of the row.
    pub fn finish(mut self) -> (Option<String>, [u8; 16]) {
        let extra = self.extras.text();
        self.hash.update(extra.as_deref().unwrap_or_default());
        let mut digest = [0; 16];
        digest.copy_from_slice(&self.hash.finalize()[..16]);
        (extra, digest)
    }

    fn field(&mut self, field: &Field, column: &mut Column, raw: Option<&RawValue>, at: &str) {
        let raw = raw.filter(|raw| !raw::is_null(raw));
        let path = |_: &RawValue| format!("{at}{}", vendor_name(field));
        match (&field.shape, raw) {
            (_, None) => self.null(field, column),
            (Shape::Leaf(leaf), Some(raw)) => match value::read(*leaf, raw.get()) {
                Some(value) => self.push(field, column, Some(value)),
                None => {
                    self.keep(&path(raw), raw);
                    self.null(field, column);
                }
            },
            (Shape::Leaves(_) | Shape::Groups(_), Some(raw)) => match (raw::items(raw), &mut *column) {
                (Some(items), Column::List(_)) => self.items(field, column, &items, &path(raw)),
                _ => {
                    self.keep(&path(raw), raw);
                    self.null(field, column);
                }
            },
            (Shape::Group(inner), Some(raw)) => match (raw::entries(raw), &mut *column) {
                (Some(entries), Column::Group(_)) => self.group(inner, column, &entries, &path(raw)),
                _ => {
                    self.keep(&path(raw), raw);
                    self.null(field, column);
                }
            },
        }
    }

    fn group(&mut self, inner: &[Field], column: &mut Column, entries: &Entries, at: &str) {
        let Column::Group(group) = column else { return };
        self.mark(b'{');
        let at = format!("{at}.");
        let mut taken = vec![false; entries.0.len()];
        for (field, member) in inner.iter().zip(&mut group.members) {
            let raw = match &field.from {
                Origin::Keys(keys) => take(entries, &mut taken, keys),
                _ => None,
            };
            self.field(field, member, raw, &at);
        }
        group.close();
        self.leftover(entries, &taken, &at);
    }

    fn items(&mut self, field: &Field, column: &mut Column, items: &[&RawValue], at: &str) {
        let Column::List(list) = column else { return };
        self.mark(b'[');
        if !field.volatile {
            self.hash.update(items.len().to_le_bytes());
        }
        for (index, raw) in items.iter().enumerate() {
            let at = format!("{at}[{index}]");
            match &field.shape {
                Shape::Groups(inner) => match raw::entries(raw) {
                    Some(entries) => self.group(inner, &mut list.items, &entries, &at),
                    None => self.misfit(field, &mut list.items, raw, &at),
                },
                Shape::Leaves(leaf) => self.item(field, *leaf, &mut list.items, raw, &at),
                Shape::Leaf(_) | Shape::Group(_) => list.items.push_null(),
            }
        }
        list.close(items.len(), true);
    }

    fn item(&mut self, field: &Field, leaf: Leaf, column: &mut Column, raw: &RawValue, at: &str) {
        match value::read(leaf, raw.get()) {
            Some(value) if !raw::is_null(raw) => self.push(field, column, Some(value)),
            _ => self.misfit(field, column, raw, at),
        }
    }

    /// An item that is null or of another type: null in its place, so that the others keep theirs.
    fn misfit(&mut self, field: &Field, column: &mut Column, raw: &RawValue, at: &str) {
        if !raw::is_null(raw) {
            self.keep(at, raw);
        }
        self.null(field, column);
    }

    fn null(&mut self, field: &Field, column: &mut Column) {
        if !field.volatile {
            self.mark(b'0');
        }
        column.push_null();
    }

    fn push(&mut self, field: &Field, column: &mut Column, value: Option<Value>) {
        let Some(value) = value else { return self.null(field, column) };
        if !field.volatile {
            self.hash_value(&value);
        }
        column.push(value);
    }

    fn hash_value(&mut self, value: &Value) {
        self.mark(b'1');
        match value {
            Value::Text(text) => {
                self.hash.update(text.len().to_le_bytes());
                self.hash.update(text);
            }
            Value::Int(v) | Value::Timestamp(v) => self.hash.update(v.to_le_bytes()),
            Value::Float(v) => self.hash.update(v.to_bits().to_le_bytes()),
            Value::Bool(v) => self.hash.update([u8::from(*v)]),
            Value::Date(v) => self.hash.update(v.to_le_bytes()),
        }
    }

    fn mark(&mut self, tag: u8) {
        self.hash.update([tag]);
    }

    fn keep(&mut self, path: &str, raw: &RawValue) {
        self.drift.note(path, raw.get());
        self.extras.keep(path, raw);
    }

    /// Keeps what no column named, but for places that a lifted column or a count reads.
    fn leftover(&mut self, entries: &Entries, taken: &[bool], at: &str) {
        for ((key, raw), _) in entries.0.iter().zip(taken).filter(|(_, taken)| !**taken) {
            self.unknown(&format!("{at}{key}"), raw);
        }
    }

    fn unknown(&mut self, path: &str, raw: &RawValue) {
        let names: Vec<&str> = path.split('.').map(|name| name.split('[').next().unwrap_or(name)).collect();
        let read_there = |place: &Vec<String>| place.iter().map(String::as_str).eq(names.iter().copied());
        let read_below =
            |place: &Vec<String>| place.len() > names.len() && place.iter().zip(&names).all(|(a, b)| a == b);
        if self.elsewhere.iter().any(read_there) {
            return;
        }
        match raw::entries(raw) {
            Some(entries) if self.elsewhere.iter().any(read_below) => {
                for (key, inner) in &entries.0 {
                    self.unknown(&format!("{path}.{key}"), inner);
                }
            }
            _ => self.keep(path, raw),
        }
    }
}

fn find(entries: &Entries, name: &str) -> Option<usize> {
    entries.0.iter().position(|(key, _)| key == name)
}

/// The first spelling that is present; it counts as read.
fn take<'a>(entries: &Entries<'a>, taken: &mut [bool], keys: &[String]) -> Option<&'a RawValue> {
    let place = keys.iter().find_map(|key| find(entries, key))?;
    taken[place] = true;
    Some(entries.0[place].1)
}

/// The value at a nested place of the record, or of the exploded item where the place leads through it.
pub fn lifted<'a>(record: Record<'a>, names: &[String]) -> Option<&'a RawValue> {
    match (record.item, names.split_first()) {
        (Some((array, _, item)), Some((first, rest))) if first == array => raw::at(item, rest),
        _ => raw::at(record.whole, names),
    }
}

fn count(record: Record, list: &[String], given: Option<&[String]>) -> Option<Value> {
    let given = given.and_then(|names| lifted(record, names)).and_then(|raw| value::read(Leaf::Int, raw.get()));
    given.or_else(|| {
        let items = raw::items(lifted(record, list)?)?;
        i64::try_from(items.len()).ok().map(Value::Int)
    })
}

fn vendor_name(field: &Field) -> String {
    match &field.from {
        Origin::Keys(keys) | Origin::ItemKeys(keys) => keys.first().cloned().unwrap_or_default(),
        Origin::Lifted(places) => places.first().map(|names| names.join(".")).unwrap_or_default(),
        Origin::Count { .. } | Origin::Stamp { .. } => field.name.clone(),
    }
}
