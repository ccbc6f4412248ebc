//! One unit's rows into the bytes of one Parquet file.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::compute::{SortColumn, concat, interleave_record_batch, lexsort_to_indices};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Codec, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use sha2::{Digest, Sha256};

use crate::config::Compression;
use crate::error::{Error, Kind, Result};

/// Rows handed to the writer at once: transcripts have some 60 KB a row.
const CHUNK: usize = 512;
/// A row group ends at this size, so that readers can skip within a large file.
const ROW_GROUP_BYTES: usize = 64 << 20;
/// Three is within a few per cent of the smallest files at nearly the speed of one.
const ZSTD_LEVEL: i32 = 3;

/// What the file says of itself.
#[derive(Debug, Clone)]
pub struct Footer {
    /// Entity.
    pub entity: String,
    /// First day of the window; empty for a snapshot.
    pub from: String,
    /// Day after the window; empty for a snapshot.
    pub to: String,
    /// The now of the reading.
    pub read_at: DateTime<Utc>,
    /// Version of the entity file.
    pub schema_version: u32,
    /// The run.
    pub run_id: String,
    /// The ledger.
    pub ledger_id: String,
    /// Of the settings that shape its rows; objects of the first version have none.
    pub fingerprint: Option<String>,
    /// Private calls were wanted; likewise.
    pub include_private: Option<bool>,
    /// Path below the output: the `_object` of each row.
    pub object: String,
}

/// A finished file, in memory.
#[derive(Debug)]
pub struct Encoded {
    /// The file.
    pub bytes: Bytes,
    /// Of the file, in hex.
    pub sha256: String,
}

/// Puts the rows `keep` (batch and row, any order) of `batches` in order and encodes them. `schema` is the whole table's.
///
/// # Errors
/// [`Kind::Output`] if Arrow or Parquet refuses, which names the object.
pub fn encode(
    schema: &SchemaRef,
    sort: &[String],
    batches: &[RecordBatch],
    keep: &[(usize, usize)],
    footer: &Footer,
    compression: Compression,
) -> Result<Encoded> {
    let bytes = write(schema, sort, batches, keep, footer, compression)
        .map_err(|e| Error::new(Kind::Output, format!("cannot encode {}", footer.object)).caused_by(e))?;
    let sha256 = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    Ok(Encoded { bytes: bytes.into(), sha256 })
}

type Parquet<T> = parquet::errors::Result<T>;

fn write(
    schema: &SchemaRef,
    sort: &[String],
    batches: &[RecordBatch],
    keep: &[(usize, usize)],
    footer: &Footer,
    compression: Compression,
) -> Parquet<Vec<u8>> {
    let order = ordered(sort, batches, keep)?;
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties(footer, keep.len(), compression)))?;
    let parts: Vec<&RecordBatch> = batches.iter().collect();
    for chunk in order.chunks(CHUNK) {
        let rows = interleave_record_batch(&parts, chunk)?;
        writer.write(&complete(schema, &rows, footer)?)?;
    }
    writer.into_inner()
}

/// The kept rows by time, then key.
fn ordered(
    sort: &[String],
    batches: &[RecordBatch],
    keep: &[(usize, usize)],
) -> Result<Vec<(usize, usize)>, ArrowError> {
    if keep.is_empty() {
        return Ok(Vec::new());
    }
    let mut starts = Vec::with_capacity(batches.len());
    let mut rows = 0;
    for batch in batches {
        starts.push(rows);
        rows += batch.num_rows();
    }
    let places: arrow::array::UInt64Array = keep.iter().map(|(batch, row)| (starts[*batch] + row) as u64).collect();
    let mut columns = Vec::new();
    for name in sort {
        let parts: Vec<ArrayRef> = batches.iter().filter_map(|b| column(b, name)).collect();
        let whole = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<&dyn Array>>())?;
        columns.push(SortColumn { values: arrow::compute::take(&whole, &places, None)?, options: None });
    }
    let indices = lexsort_to_indices(&columns, None)?;
    Ok(indices.values().iter().map(|i| keep[*i as usize]).collect())
}

/// A column, or a member of a struct column written `struct.member`.
fn column(batch: &RecordBatch, name: &str) -> Option<ArrayRef> {
    let mut names = name.split('.');
    let mut found = batch.column_by_name(names.next()?)?.clone();
    for member in names {
        found = found.as_any().downcast_ref::<arrow::array::StructArray>()?.column_by_name(member)?.clone();
    }
    Some(found)
}

/// Adds the two columns that only the writer knows.
fn complete(schema: &SchemaRef, rows: &RecordBatch, footer: &Footer) -> Result<RecordBatch, ArrowError> {
    let count = rows.num_rows();
    let mut columns = rows.columns().to_vec();
    let extracted =
        TimestampMicrosecondArray::from(vec![footer.read_at.timestamp_micros(); count]).with_timezone("UTC");
    columns.push(Arc::new(extracted));
    columns.push(Arc::new(StringArray::from(vec![footer.object.as_str(); count])));
    RecordBatch::try_new(schema.clone(), columns)
}

fn properties(footer: &Footer, rows: usize, compression: Compression) -> WriterProperties {
    let pair = |key: &str, value: String| KeyValue::new(format!("gong_elt.{key}"), value);
    let mut facts = vec![
        pair("entity", footer.entity.clone()),
        pair("from", footer.from.clone()),
        pair("to", footer.to.clone()),
        pair("read_at", footer.read_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)),
        pair("rows", rows.to_string()),
        pair("schema_version", footer.schema_version.to_string()),
        pair("run_id", footer.run_id.clone()),
        pair("ledger_id", footer.ledger_id.clone()),
    ];
    facts.extend(footer.fingerprint.clone().map(|value| pair("fingerprint", value)));
    facts.extend(footer.include_private.map(|value| pair("include_private", value.to_string())));
    let codec = match compression {
        Compression::Zstd => Codec::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL).unwrap_or_default()),
        Compression::Snappy => Codec::SNAPPY,
        Compression::None => Codec::UNCOMPRESSED,
    };
    WriterProperties::builder()
        .set_compression(codec)
        // Under zstd a dictionary makes these files no smaller and the writer slower.
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_key_value_metadata(Some(facts))
        .build()
}
