//! The digest of one row, by which a changed row is told from the one before. What is unambiguous in it must stay as it is: a ledger keeps digests
//! of earlier versions.

use sha2::{Digest as _, Sha256};

use super::value::Value;

/// A row's digest under construction.
#[derive(Default)]
pub struct RowDigest(Sha256);

impl RowDigest {
    /// Notes what comes: an object, an array, nothing.
    pub fn mark(&mut self, tag: u8) {
        self.0.update([tag]);
    }

    /// Notes the number of an array's items.
    pub fn length(&mut self, items: usize) {
        self.0.update(items.to_le_bytes());
    }

    /// Notes a value.
    pub fn value(&mut self, value: &Value) {
        self.mark(b'1');
        match value {
            Value::Text(text) => {
                self.length(text.len());
                self.0.update(text);
            }
            Value::Int(v) | Value::Timestamp(v) => self.0.update(v.to_le_bytes()),
            Value::Float(v) => self.0.update(v.to_bits().to_le_bytes()),
            Value::Bool(v) => self.0.update([u8::from(*v)]),
            Value::Date(v) => self.0.update(v.to_le_bytes()),
        }
    }

    /// The digest, with the text of what found no column.
    pub fn finish(mut self, extra: &str) -> [u8; 16] {
        self.0.update(extra);
        let mut digest = [0; 16];
        digest.copy_from_slice(&self.0.finalize()[..16]);
        digest
    }
}
