//! A local Gong: the vendor's API with seeded data, for tests, the demo and benchmarks.
//!
//! It behaves as the vendor's public documentation says the real one does ("API reference" in comments: notes on it), and knows nothing of any
//! program that reads from it.
//!
//! - [`WorldSpec`] is the recipe of an account, [`World`] the account: all its data, past and future, and the truth to
//!   compare an extract with.
//! - [`Clock`] decides what of the world is visible.
//! - [`Server`] serves it on the loopback interface, with [`Faults`] on demand and a [`Journal`] of every request.

mod client;
mod clock;
mod faults;
mod journal;
mod media;
mod random;
mod record;
mod routes;
mod server;
mod spec;
mod stamp;
mod world;

pub use client::{Client, Response};
pub use clock::Clock;
pub use faults::{Fault, Faults, Matcher, RetryAfter};
pub use journal::{Entry, Journal};
pub use media::Kind as MediaKind;
pub use record::{REMOVE, exact as exact_json};
pub use server::{Credential, Latency, Rates, SCOPES, Server, ServerOptions, Unknowns, all_scopes};
pub use spec::{Oddities, Text, WorldSpec};
pub use world::{Call, ENTITIES, Edit, Folder, FolderItem, NewCall, Origin, PlainList, Review, Timed, User, World};
