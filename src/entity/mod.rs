//! What can be extracted: the entity files of `schemas/`, parsed, checked and given their nested shape.
//!
//! Knows no vendor and no file format; every stage reads its own part of an [`Entity`].

mod catalog;
mod columns;
pub mod direct;
mod naming;
pub mod spec;
pub mod tree;
mod validate;

pub use catalog::{Catalog, Entity, SCHEMAS_VARIABLE};
