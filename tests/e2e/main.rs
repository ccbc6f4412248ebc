//! End-to-end tests: the real binary, real SQLite, real files, and the simulated vendor.

mod bad_input;
mod bad_places;
mod bucket;
mod cli;
mod conformance;
mod conservation;
mod direct;
mod entities;
mod faults;
mod incremental;
mod limits;
mod loading;
mod lock;
mod media;
mod memory;
mod oauth;
mod oauth_loss;
mod paging;
mod rebuild;
mod recorded;
mod refusals;
mod report;
mod resume;
mod signals;
mod support;
mod verify;
