//! Servers for the tests of several crates: the program `alto-server`, and a server with scripted replies.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a panic fails the test")]
#![allow(missing_docs, reason = "the names of test helpers are self-explanatory")]

pub mod alto_server;
pub mod scripted_server;
pub mod single_cost;
