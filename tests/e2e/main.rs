//! End-to-end tests: the real binary, real SQLite, real files, and the simulated vendor.

mod bad_input;
mod bad_places;
mod conservation;
mod faults;
mod incremental;
mod limits;
mod lock;
mod recorded;
mod resume;
mod support;
