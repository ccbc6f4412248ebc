//! gong-elt copies everything a company has in Gong into typed Parquet on local disk or S3, again and again, at the least cost in
//! requests, without losing, doubling or inventing a row.
//!
//! ```text
//! main -> cli -> commands -> run -> { plan, source, decode, sink, state, report } -> { entity, config, unit, halt, clock, error }
//! ```
//!
//! One way through: config, plan, fetch, decode, write, commit, report. Each stage is a folder that never imports another stage; [`run`]
//! alone knows the order and translates between them. The bottom row imports nothing of ours but its own row.
//!
//! * [`entity`]: what can be extracted: the files of `schemas/`, parsed and checked.
//! * [`config`]: settings as plain data.
//! * [`plan`]: what to read, a pure function of settings, facts and now.
//! * [`source`]: the vendor: requests out, judged pages back, never faster than allowed.
//! * [`decode`]: vendor JSON to Arrow, no field lost.
//! * [`sink`]: Parquet bytes, and objects that appear whole or not at all.
//! * [`state`]: the ledger, one SQLite file of facts.
//! * [`report`]: what happened, as JSON and as text.
//!
//! What is promised: rows are neither lost, doubled nor invented, whatever fails and whenever the process is killed. The object is
//! durable before its commit (`run/land.rs`), the intent is recorded before the object, and a reading replaces its unit's object whole.
//!
//! The library exists for the binary and its tests; it is not a stable interface.

#![warn(missing_docs)]

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod decode;
pub mod entity;
pub mod error;
pub mod failpoint;
pub mod halt;
pub mod plan;
pub mod report;
pub mod run;
pub mod sink;
pub mod source;
pub mod state;
pub mod telemetry;
pub mod unit;
