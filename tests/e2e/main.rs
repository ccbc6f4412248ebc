//! End-to-end tests: the real binary, real SQLite, real files, and the simulated vendor.

mod bad_input;
mod conservation;
mod incremental;
mod recorded;
mod resume;
mod support;
