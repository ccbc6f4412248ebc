//! The nested shape of a table, made from the flat lines of an entity file.
//!
//! `parties[].emailAddress` is the field `email_address` of the items of the list `parties`. The decoder and the Parquet schema
//! both walk this tree, so that they cannot differ.

use super::naming::snake_case;
use super::spec::{ColumnKind, ColumnSpec, Stamp};

/// A field of the table or of a nested object.
#[derive(Debug)]
pub struct Field {
    /// Column name.
    pub name: String,
    /// Stable Parquet field id; the items of a list have it plus [`ITEM_ID_OFFSET`].
    pub id: i32,
    /// What it holds.
    pub shape: Shape,
    /// Where the value comes from.
    pub from: Origin,
    /// Not part of change detection.
    pub volatile: bool,
    /// What a reader must know.
    pub about: String,
}

/// The items of a list have the list's field id plus this.
pub const ITEM_ID_OFFSET: i32 = 10_000;

/// What a field holds.
#[derive(Debug)]
pub enum Shape {
    /// One plain value.
    Leaf(Leaf),
    /// An array of plain values.
    Leaves(Leaf),
    /// An object.
    Group(Vec<Field>),
    /// An array of objects.
    Groups(Vec<Field>),
}

/// A plain value's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaf {
    /// A JSON string.
    String,
    /// String or whole number, by its literal digits.
    Id,
    /// Any plain value as text.
    Text,
    /// 64-bit integer.
    Int,
    /// 64-bit float.
    Float,
    /// true or false.
    Bool,
    /// Microseconds UTC.
    Timestamp,
    /// Days.
    Date,
    /// JSON text.
    Json,
}

/// Where a field's value comes from.
#[derive(Debug)]
pub enum Origin {
    /// A key of the object that the field's parent is made of; the first spelling present is read.
    Keys(Vec<String>),
    /// The same, of the exploded item that became the row.
    ItemKeys(Vec<String>),
    /// Nested places, from the top of the record; the first that is present is read.
    Lifted(Vec<Vec<String>>),
    /// The request; `given` is a place of the record that is preferred.
    Stamp {
        /// Which value.
        stamp: Stamp,
        /// Preferred source.
        given: Option<Vec<String>>,
    },
    /// The number of items at a nested place; `given` is a place that carries the number itself.
    Count {
        /// The list that is counted.
        list: Vec<String>,
        /// Preferred source.
        given: Option<Vec<String>>,
    },
}

impl Leaf {
    /// The leaf type of a column line; `None` for groups.
    pub fn of(kind: ColumnKind) -> Option<Leaf> {
        Some(match kind {
            ColumnKind::String => Leaf::String,
            ColumnKind::Id => Leaf::Id,
            ColumnKind::Text => Leaf::Text,
            ColumnKind::Int => Leaf::Int,
            ColumnKind::Float => Leaf::Float,
            ColumnKind::Bool => Leaf::Bool,
            ColumnKind::Timestamp => Leaf::Timestamp,
            ColumnKind::Date => Leaf::Date,
            ColumnKind::Json => Leaf::Json,
            ColumnKind::Struct | ColumnKind::List => return None,
        })
    }
}

/// A path cut into the group it stands in and its last name: `a.b[].c` -> (`a.b[]`, `c`).
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('.').unwrap_or(("", path))
}

fn bare(name: &str) -> &str {
    name.trim_end_matches("[]")
}

fn names(path: &str) -> Vec<String> {
    path.split('.').map(|n| bare(n).to_owned()).collect()
}

/// A path and its other spellings, which with `$.` in front are whole paths.
fn places(path: &str, or: &[String]) -> Vec<Vec<String>> {
    let group = split(path).0;
    let spelled = |other: &String| match other.strip_prefix("$.") {
        Some(whole) => names(whole),
        None if group.is_empty() => names(other),
        None => names(&format!("{group}.{other}")),
    };
    std::iter::once(names(path)).chain(or.iter().map(spelled)).collect()
}

/// Builds the tree below group `at` (`""` is the record, or the exploded item `explode[]`).
///
/// Lines whose group has no line of its own are left out here; `validate` reports them.
pub fn build(columns: &[ColumnSpec], explode: Option<&str>) -> Vec<Field> {
    let item = explode.map(|name| format!("{name}[]"));
    fields_of(columns, "", item.as_deref())
}

fn fields_of(columns: &[ColumnSpec], at: &str, item: Option<&str>) -> Vec<Field> {
    columns.iter().filter_map(|column| field(columns, column, at, item)).collect()
}

fn field(columns: &[ColumnSpec], column: &ColumnSpec, at: &str, item: Option<&str>) -> Option<Field> {
    let top = at.is_empty();
    let make = |name: &str, shape: Shape, from: Origin| {
        let name = column.name.clone().unwrap_or_else(|| snake_case(bare(name)));
        Some(Field { name, id: column.id, shape, from, volatile: column.volatile, about: column.about.clone() })
    };
    if let Some(stamp) = column.stamp {
        let from = Origin::Stamp { stamp, given: column.path.as_deref().map(names) };
        return if top { make(stamp.name(), Shape::Leaf(Leaf::of(column.kind)?), from) } else { None };
    }
    if let Some(list) = &column.count {
        let given = column.path.as_deref().map(names);
        let from = Origin::Count { list: names(list), given };
        return if top { make("", Shape::Leaf(Leaf::of(column.kind)?), from) } else { None };
    }
    let path = column.path.as_deref()?;
    if column.lift {
        let shape = if path.ends_with("[]") {
            Shape::Leaves(Leaf::of(column.kind)?)
        } else {
            Shape::Leaf(Leaf::of(column.kind)?)
        };
        return if top { make(split(path).1, shape, Origin::Lifted(places(path, &column.or))) } else { None };
    }
    let (group, last) = split(path);
    let here = if Some(group) == item { "" } else { group };
    if here != at {
        return None;
    }
    let keys = std::iter::once(bare(last)).chain(column.or.iter().map(String::as_str));
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    let from = if Some(group) == item { Origin::ItemKeys(keys) } else { Origin::Keys(keys) };
    let shape = match column.kind {
        ColumnKind::Struct => Shape::Group(fields_of(columns, path, item)),
        ColumnKind::List => Shape::Groups(fields_of(columns, path, item)),
        kind if last.ends_with("[]") => Shape::Leaves(Leaf::of(kind)?),
        kind => Shape::Leaf(Leaf::of(kind)?),
    };
    make(last, shape, from)
}
