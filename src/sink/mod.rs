//! Where rows become files: Parquet bytes, and the store that makes them visible whole or not at all.
//!
//! Knows no vendor and no ledger.

mod bucket;
mod condition;
mod disk;
mod footer;
mod incoming;
mod opening;
mod parquet;
mod rows;
mod store;
mod stored;
mod strays;
mod told;
mod upload;

pub use condition::{Expected, Preconditions, Version, Written};
pub use footer::Said;
pub use incoming::Incoming;
pub use parquet::{Encoded, Footer, encode};
pub use rows::{Cell, count_rows, is_whole, read_columns};
pub use store::Store;
pub use stored::Stored;
pub use upload::{Unfinished, UploadLog};
