//! Integration tests of the crate, through its public API only.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod multi_cost;
mod requests;
