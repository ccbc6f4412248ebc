//! Objects of ours read back: how many rows they hold, and some of their columns as text and instants.

use arrow::array::{Array, AsArray as _};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::Result;
use parquet::file::metadata::ParquetMetaDataReader;

/// Rows of an object, as its metadata counts them.
///
/// # Errors
/// If the bytes are no Parquet file.
pub fn count_rows(object: Bytes) -> Result<u64> {
    let metadata = ParquetMetaDataReader::new().parse_and_finish(&object)?;
    Ok(u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(0))
}

/// True if each of the object's `rows` rows can be read.
pub fn is_whole(object: Bytes, rows: u64) -> bool {
    let count = |object| -> Result<u64> {
        let mut count = 0;
        for batch in ParquetRecordBatchReaderBuilder::try_new(object)?.build()? {
            count += batch?.num_rows() as u64;
        }
        Ok(count)
    };
    count(object).is_ok_and(|count| count == rows)
}

/// One value of a column that is read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Null, or of a type that nobody asks for.
    Null,
    /// Text, ids included.
    Text(String),
    /// A whole number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
    /// An instant.
    Instant(DateTime<Utc>),
}

/// The rows of an object, of each just the plain columns `names`, in that order; a column that is not there is null.
///
/// # Errors
/// If the bytes are no Parquet file.
pub fn read_columns(object: Bytes, names: &[&str]) -> Result<Vec<Vec<Cell>>> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(object)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    let mut rows = Vec::new();
    for batch in builder.with_projection(mask).build()? {
        let batch = batch?;
        let columns: Vec<_> = names.iter().map(|name| batch.column_by_name(name)).collect();
        for row in 0..batch.num_rows() {
            rows.push(columns.iter().map(|column| column.map_or(Cell::Null, |c| cell(c.as_ref(), row))).collect());
        }
    }
    Ok(rows)
}

fn cell(column: &dyn Array, row: usize) -> Cell {
    if column.is_null(row) {
        return Cell::Null;
    }
    if let Some(texts) = column.as_string_opt::<i32>() {
        return Cell::Text(texts.value(row).to_owned());
    }
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return Cell::Number(numbers.value(row));
    }
    if let Some(flags) = column.as_boolean_opt() {
        return Cell::Flag(flags.value(row));
    }
    let instants = column.as_primitive_opt::<TimestampMicrosecondType>();
    instants.and_then(|i| DateTime::from_timestamp_micros(i.value(row))).map_or(Cell::Null, Cell::Instant)
}

impl Cell {
    /// The text, if it is one.
    pub fn text(self) -> Option<String> {
        match self {
            Cell::Text(text) => Some(text),
            _ => None,
        }
    }
}
