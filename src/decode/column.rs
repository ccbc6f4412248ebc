//! Builders of Arrow columns, nested as the table is. Appending never fails.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanBuilder, Date32Builder, Float64Builder, Int64Builder, ListArray, StringBuilder, StructArray,
    TimestampMicrosecondBuilder,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Fields};

use super::table;
use super::value::Value;
use crate::entity::tree::{Field, Leaf, Shape};

/// One column under construction.
pub enum Column {
    /// Text, ids, JSON text.
    Text(StringBuilder),
    /// Integers.
    Int(Int64Builder),
    /// Floats.
    Float(Float64Builder),
    /// Booleans.
    Bool(BooleanBuilder),
    /// Instants.
    Timestamp(TimestampMicrosecondBuilder),
    /// Days.
    Date(Date32Builder),
    /// Objects.
    Group(Group),
    /// Arrays.
    List(List),
}

/// An object column: its members and which rows have it.
pub struct Group {
    fields: Fields,
    /// In the order of the table's fields.
    pub members: Vec<Column>,
    valid: Vec<bool>,
}

/// An array column: its items and where each row's items end.
pub struct List {
    item: Arc<arrow::datatypes::Field>,
    /// The items of all rows.
    pub items: Box<Column>,
    ends: Vec<i32>,
    length: i32,
    valid: Vec<bool>,
}

impl Column {
    /// An empty column for a field.
    pub fn of(field: &Field) -> Column {
        let kind = table::field(field).data_type().clone();
        match (&field.shape, kind) {
            (Shape::Leaf(leaf), _) => Column::leaf(*leaf),
            (Shape::Leaves(leaf), DataType::List(item)) => Column::list(item, Column::leaf(*leaf)),
            (Shape::Groups(inner), DataType::List(item)) => Column::list(item, Column::group(inner)),
            (Shape::Group(inner) | Shape::Groups(inner), _) => Column::group(inner),
            (Shape::Leaves(leaf), _) => Column::leaf(*leaf),
        }
    }

    fn leaf(leaf: Leaf) -> Column {
        match leaf {
            Leaf::String | Leaf::Id | Leaf::Text | Leaf::Json => Column::Text(StringBuilder::new()),
            Leaf::Int => Column::Int(Int64Builder::new()),
            Leaf::Float => Column::Float(Float64Builder::new()),
            Leaf::Bool => Column::Bool(BooleanBuilder::new()),
            Leaf::Timestamp => Column::Timestamp(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            Leaf::Date => Column::Date(Date32Builder::new()),
        }
    }

    fn group(inner: &[Field]) -> Column {
        let fields = inner.iter().map(table::field).collect();
        Column::Group(Group { fields, members: inner.iter().map(Column::of).collect(), valid: Vec::new() })
    }

    fn list(item: Arc<arrow::datatypes::Field>, items: Column) -> Column {
        Column::List(List { item, items: Box::new(items), ends: vec![0], length: 0, valid: Vec::new() })
    }

    /// Appends a typed value. One of another type than the column's counts as null; `value::read` never makes one.
    pub fn push(&mut self, value: Value) {
        match (self, value) {
            (Column::Text(b), Value::Text(v)) => b.append_value(v),
            (Column::Int(b), Value::Int(v)) => b.append_value(v),
            (Column::Float(b), Value::Float(v)) => b.append_value(v),
            (Column::Bool(b), Value::Bool(v)) => b.append_value(v),
            (Column::Timestamp(b), Value::Timestamp(v)) => b.append_value(v),
            (Column::Date(b), Value::Date(v)) => b.append_value(v),
            (column, _) => column.push_null(),
        }
    }

    /// Appends null.
    pub fn push_null(&mut self) {
        match self {
            Column::Text(b) => b.append_null(),
            Column::Int(b) => b.append_null(),
            Column::Float(b) => b.append_null(),
            Column::Bool(b) => b.append_null(),
            Column::Timestamp(b) => b.append_null(),
            Column::Date(b) => b.append_null(),
            Column::Group(group) => {
                group.members.iter_mut().for_each(Column::push_null);
                group.valid.push(false);
            }
            Column::List(list) => list.close(0, false),
        }
    }

    /// The finished array.
    pub fn finish(self) -> ArrayRef {
        match self {
            Column::Text(mut b) => Arc::new(b.finish()),
            Column::Int(mut b) => Arc::new(b.finish()),
            Column::Float(mut b) => Arc::new(b.finish()),
            Column::Bool(mut b) => Arc::new(b.finish()),
            Column::Timestamp(mut b) => Arc::new(b.finish()),
            Column::Date(mut b) => Arc::new(b.finish()),
            Column::Group(group) => {
                let members = group.members.into_iter().map(Column::finish).collect();
                Arc::new(StructArray::new(group.fields, members, Some(NullBuffer::from(group.valid))))
            }
            Column::List(list) => {
                let ends = OffsetBuffer::new(ScalarBuffer::from(list.ends));
                Arc::new(ListArray::new(list.item, ends, list.items.finish(), Some(NullBuffer::from(list.valid))))
            }
        }
    }
}

impl Group {
    /// Ends an object whose members were all appended.
    pub fn close(&mut self) {
        self.valid.push(true);
    }
}

impl List {
    /// Ends a row whose `count` items were appended.
    pub fn close(&mut self, count: usize, valid: bool) {
        // A page is far below 2^31 items: its text is limited to 256 MiB.
        self.length += i32::try_from(count).unwrap_or(0);
        self.ends.push(self.length);
        self.valid.push(valid);
    }
}
