//! The footer of an object of ours, read back: what the file says of itself, without reading its rows.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::ObjectStoreExt as _;
use parquet::file::metadata::{FileMetaData, ParquetMetaDataReader};

use super::parquet::Footer;
use super::store::Store;
use super::stored::Stored;
use super::told::Told;
use crate::error::Result;

/// A footer is rarely longer; a longer one takes a second request.
const TAIL: u64 = 64 << 10;
/// Length of the footer and the magic word, at the end of each file.
const END: u64 = 8;
const MAGIC: &[u8] = b"PAR1";

/// What an object says of itself.
#[derive(Debug, Clone)]
pub struct Said {
    /// The facts that its writer put there. `object` is the path it was found at.
    pub footer: Footer,
    /// Its rows.
    pub rows: u64,
}

impl Store {
    /// The footer of an object that lies in the output; `None` if it is no Parquet file of ours.
    ///
    /// # Errors
    /// [`crate::error::Kind::Output`] if it cannot be read.
    pub async fn footer(&self, object: &Stored) -> Result<Option<Said>> {
        let Some(tail) = self.tail(object, TAIL).await? else { return Ok(None) };
        let Some(length) = metadata_length(&tail) else { return Ok(None) };
        let tail = if length + END > tail.len() as u64 { self.tail(object, length + END).await? } else { Some(tail) };
        Ok(tail.and_then(|tail| parse(&object.path, &tail, length)))
    }

    async fn tail(&self, object: &Stored, most: u64) -> Result<Option<Bytes>> {
        let range = object.bytes.saturating_sub(most)..object.bytes;
        if range.is_empty() {
            return Ok(None);
        }
        match self.objects().get_range(&self.at(&object.path), range).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(e) => Err(self.failed("read", &object.path).caused_by(Told::from(e))),
        }
    }
}

fn metadata_length(tail: &Bytes) -> Option<u64> {
    let end = tail.len().checked_sub(END as usize)?;
    let (length, magic) = tail.get(end..)?.split_at_checked(4)?;
    (magic == MAGIC).then(|| u64::from(u32::from_le_bytes(length.try_into().unwrap_or_default())))
}

fn parse(path: &str, tail: &Bytes, length: u64) -> Option<Said> {
    let end = tail.len().checked_sub(END as usize)?;
    let from = end.checked_sub(usize::try_from(length).ok()?)?;
    let metadata = ParquetMetaDataReader::decode_metadata(tail.get(from..end)?).ok()?;
    let file = metadata.file_metadata();
    let read_at: DateTime<Utc> = value(file, "read_at")?.parse().ok()?;
    let footer = Footer {
        entity: value(file, "entity")?,
        from: value(file, "from")?,
        to: value(file, "to")?,
        read_at,
        schema_version: value(file, "schema_version")?.parse().ok()?,
        run_id: value(file, "run_id")?,
        ledger_id: value(file, "ledger_id")?,
        fingerprint: value(file, "fingerprint"),
        include_private: value(file, "include_private").and_then(|text| text.parse().ok()),
        object: path.to_owned(),
    };
    Some(Said { footer, rows: u64::try_from(file.num_rows()).ok()? })
}

fn value(file: &FileMetaData, key: &str) -> Option<String> {
    let key = format!("gong_elt.{key}");
    file.key_value_metadata()?.iter().find(|pair| pair.key == key)?.value.clone()
}
