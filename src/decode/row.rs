//! One record into the columns: the walk over the vendor's object and the table's tree side by side.
//!
//! Nothing here can fail half-way: a value that does not fit is null in its column and kept in `_extra`, so the columns stay even.

use std::collections::HashSet;

use chrono_tz::Tz;
use serde_json::value::RawValue;

use super::column::Column;
use super::digest::RowDigest;
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
    digest: RowDigest,
    extras: Extras,
    drift: &'d mut Drift,
    /// Places that a lifted column or a count reads, as lists of names.
    elsewhere: &'d [Vec<String>],
    /// Where in the page's text the values lie that such a column has read. Names would not do: a key may come twice, or hold a dot.
    read: HashSet<usize>,
    /// The company's, if it is known.
    zone: Option<Tz>,
}

impl<'d> Walk<'d> {
    /// A walk that counts into `drift`; `zone` is the company's, if it is known.
    pub fn new(drift: &'d mut Drift, elsewhere: &'d [Vec<String>], zone: Option<Tz>) -> Self {
        let (digest, extras) = (RowDigest::default(), Extras::default());
        Walk { digest, extras, drift, elsewhere, read: HashSet::new(), zone }
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
                    let found = take(&whole, &mut taken, keys);
                    self.field(field, column, found, "");
                }
                Origin::ItemKeys(keys) => {
                    let found = item_entries.and_then(|entries| take(entries, &mut item_taken, keys));
                    let at = item.as_ref().map_or("", |(at, _)| at);
                    self.field(field, column, found, at);
                }
                Origin::Lifted(places) => {
                    let found = places.iter().find_map(|names| Some((lifted(record, names)?, names)));
                    self.lifted(field, column, record, found);
                }
                Origin::Count { list, given } => {
                    let count = self.count(record, list, given.as_deref());
                    self.push(field, column, count);
                }
                Origin::Stamp { given, .. } => {
                    let found = given.as_ref().and_then(|names| Some((lifted(record, names)?, names)));
                    match found {
                        None => self.push(field, column, stamp(field)),
                        found => self.lifted(field, column, record, found),
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
    pub fn finish(self) -> (Option<String>, [u8; 16]) {
        let extra = self.extras.text();
        let digest = self.digest.finish(extra.as_deref().unwrap_or_default());
        (extra, digest)
    }

    /// A value that a column reads at a place of its own. It lands in the column or in `_extra`, so it is read either way.
    fn lifted(&mut self, field: &Field, column: &mut Column, record: Record, found: Option<(&RawValue, &Vec<String>)>) {
        let Some((raw, names)) = found else { return self.null(field, column) };
        let path = match (record.item, names.split_first()) {
            (Some((array, index, _)), Some((first, rest))) if first == array => {
                format!("{array}[{index}].{}", rest.join("."))
            }
            _ => names.join("."),
        };
        // A value that another column has read is not kept once more where this one cannot.
        let fresh = self.read.insert(place_of(raw));
        match &field.shape {
            Shape::Leaf(leaf) if !fresh => {
                let value = value::read(*leaf, raw.get(), self.zone);
                self.push(field, column, value);
            }
            _ => self.field(field, column, Some((raw, &path)), ""),
        }
    }

    /// The number that is given, or that of the items. The items themselves are another column's to read.
    fn count(&mut self, record: Record, list: &[String], given: Option<&[String]>) -> Option<Value> {
        let found = given.and_then(|names| lifted(record, names));
        if let Some((raw, value)) = found.and_then(|raw| Some((raw, value::read(Leaf::Int, raw.get(), None)?))) {
            self.read.insert(place_of(raw));
            return Some(value);
        }
        let items = raw::items(lifted(record, list)?)?;
        i64::try_from(items.len()).ok().map(Value::Int)
    }

    /// `found` is the value with its name as the vendor spells it, in the object at `at`.
    fn field(&mut self, field: &Field, column: &mut Column, found: Option<(&RawValue, &str)>, at: &str) {
        let raw = found.map(|(raw, _)| raw).filter(|raw| !raw::is_null(raw));
        let path = |_: &RawValue| format!("{at}{}", found.map_or("", |(_, name)| name));
        match (&field.shape, raw) {
            (_, None) => self.null(field, column),
            (Shape::Leaf(leaf), Some(raw)) => match value::read(*leaf, raw.get(), self.zone) {
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
        self.digest.mark(b'{');
        let at = format!("{at}.");
        let mut taken = vec![false; entries.0.len()];
        for (field, member) in inner.iter().zip(&mut group.members) {
            let found = match &field.from {
                Origin::Keys(keys) => take(entries, &mut taken, keys),
                _ => None,
            };
            self.field(field, member, found, &at);
        }
        group.close();
        self.leftover(entries, &taken, &at);
    }

    fn items(&mut self, field: &Field, column: &mut Column, items: &[&RawValue], at: &str) {
        let Column::List(list) = column else { return };
        self.digest.mark(b'[');
        if !field.volatile {
            self.digest.length(items.len());
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
        match value::read(leaf, raw.get(), self.zone) {
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
            self.digest.mark(b'0');
        }
        column.push_null();
    }

    fn push(&mut self, field: &Field, column: &mut Column, value: Option<Value>) {
        let Some(value) = value else { return self.null(field, column) };
        if !field.volatile {
            self.digest.value(&value);
        }
        column.push(value);
    }

    fn keep(&mut self, path: &str, raw: &RawValue) {
        self.drift.note(path, raw.get());
        self.extras.keep(path, raw);
    }

    /// Keeps what no column has read.
    fn leftover(&mut self, entries: &Entries, taken: &[bool], at: &str) {
        for ((key, raw), _) in entries.0.iter().zip(taken).filter(|(_, taken)| !**taken) {
            self.unknown(&format!("{at}{key}"), raw);
        }
    }

    fn unknown(&mut self, path: &str, raw: &RawValue) {
        if self.read.contains(&place_of(raw)) {
            return;
        }
        let names: Vec<&str> = path.split('.').map(|name| name.split('[').next().unwrap_or(name)).collect();
        let known = |place: &Vec<String>| place.len() >= names.len() && place.iter().zip(&names).all(|(a, b)| a == b);
        let known = self.elsewhere.iter().any(known);
        match raw::entries(raw) {
            Some(entries) if known || self.has_read_within(raw) => {
                for (key, inner) in &entries.0 {
                    self.unknown(&format!("{path}.{key}"), inner);
                }
            }
            // Of a known field, null and absent are alike.
            _ if known && raw::is_null(raw) => {}
            _ => self.keep(path, raw),
        }
    }

    fn has_read_within(&self, raw: &RawValue) -> bool {
        let (from, to) = (place_of(raw), place_of(raw) + raw.get().len());
        self.read.iter().any(|place| (from..to).contains(place))
    }
}

/// Where a value's text lies: the same for each look at it, and another one's never.
fn place_of(raw: &RawValue) -> usize {
    raw.get().as_ptr() as usize
}

fn find(entries: &Entries, name: &str) -> Option<usize> {
    entries.0.iter().position(|(key, _)| key == name)
}

/// The first spelling that has a value, or else is present; it counts as read, and so does one that is null.
fn take<'e>(entries: &'e Entries, taken: &mut [bool], keys: &[String]) -> Option<(&'e RawValue, &'e str)> {
    let present: Vec<usize> = keys.iter().filter_map(|key| find(entries, key)).collect();
    let (null, given): (Vec<usize>, Vec<usize>) = present.iter().partition(|place| raw::is_null(entries.0[**place].1));
    null.iter().for_each(|place| taken[*place] = true);
    let place = *given.first().or(null.first())?;
    taken[place] = true;
    let (name, raw) = &entries.0[place];
    Some((raw, name))
}

/// The value at a nested place of the record, or of the exploded item where the place leads through it.
pub fn lifted<'a>(record: Record<'a>, names: &[String]) -> Option<&'a RawValue> {
    match (record.item, names.split_first()) {
        (Some((array, _, item)), Some((first, rest))) if first == array => raw::at(item, rest),
        _ => raw::at(record.whole, names),
    }
}
