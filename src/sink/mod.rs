//! Where rows become files: Parquet bytes, and the store that makes them visible whole or not at all.
//!
//! Knows no vendor and no ledger.

mod bucket;
mod condition;
mod disk;
mod incoming;
mod parquet;
mod store;
mod told;
mod upload;

pub use condition::{Expected, Preconditions, Version, Written};
pub use incoming::Incoming;
pub use parquet::{Encoded, Footer, encode};
pub use store::Store;
pub use upload::{Unfinished, UploadLog};
