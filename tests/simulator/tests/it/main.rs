//! The simulator against its specification: one test for each point of the API reference, section 21.

mod admin;
mod calls;
mod changes;
mod extensive;
mod faults;
mod harness;
mod http;
mod limits;
mod media;
mod oauth;
mod openapi;
mod paging;
mod people;
mod recorded;
mod refusals;
mod settings;
mod stats;
mod transcripts;
mod validator;
mod worlds;
