//! Integration tests of the crate, through its public API only.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod files;
mod incremental;
mod maps;
mod pid_costs;
mod prefixes;
mod properties;
mod round_trip;
mod routes;
