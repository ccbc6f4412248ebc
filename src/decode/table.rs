//! The Arrow schema of an entity's table: its own columns, then the three that every table has.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field as ArrowField, Fields, Schema, SchemaRef, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::entity::tree::{Field, ITEM_ID_OFFSET, Leaf, Shape};

/// Fields that the schema does not name: one JSON object, path to value.
pub const EXTRA: &str = "_extra";
/// The now of the reading that wrote the object.
pub const EXTRACTED_AT: &str = "_extracted_at";
/// The object's path below the output.
pub const OBJECT: &str = "_object";

const EXTRA_ID: i32 = 9001;
const EXTRACTED_AT_ID: i32 = 9002;
const OBJECT_ID: i32 = 9003;

/// Instants are microseconds UTC.
pub fn instant_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// The schema of the table whose own columns are `fields`.
pub fn schema(fields: &[Field]) -> SchemaRef {
    let common = [
        named(EXTRA, DataType::Utf8, true, EXTRA_ID),
        named(EXTRACTED_AT, instant_type(), false, EXTRACTED_AT_ID),
        named(OBJECT, DataType::Utf8, false, OBJECT_ID),
    ];
    Arc::new(Schema::new(fields.iter().map(field).chain(common).collect::<Fields>()))
}

/// The Arrow field of one column.
pub fn field(field: &Field) -> ArrowField {
    let item = |kind: DataType| DataType::List(Arc::new(named("element", kind, true, field.id + ITEM_ID_OFFSET)));
    let kind = match &field.shape {
        Shape::Leaf(leaf) => leaf_type(*leaf),
        Shape::Leaves(leaf) => item(leaf_type(*leaf)),
        Shape::Group(inner) => group_type(inner),
        Shape::Groups(inner) => item(group_type(inner)),
    };
    named(&field.name, kind, true, field.id)
}

/// The type of an object.
pub fn group_type(inner: &[Field]) -> DataType {
    DataType::Struct(inner.iter().map(field).collect())
}

/// The type of a plain value.
pub fn leaf_type(leaf: Leaf) -> DataType {
    match leaf {
        Leaf::String | Leaf::Id | Leaf::Text | Leaf::Json => DataType::Utf8,
        Leaf::Int => DataType::Int64,
        Leaf::Float => DataType::Float64,
        Leaf::Bool => DataType::Boolean,
        Leaf::Timestamp => instant_type(),
        Leaf::Date => DataType::Date32,
    }
}

fn named(name: &str, kind: DataType, nullable: bool, id: i32) -> ArrowField {
    let metadata = HashMap::from([(PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string())]);
    ArrowField::new(name, kind, nullable).with_metadata(metadata)
}
