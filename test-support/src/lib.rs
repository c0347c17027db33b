//! Helpers that the tests of several crates share: the program `alto-server`, a server with scripted replies, a raw HTTP
//! client, certificates, free ports, `redis-server`, and waits.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a panic fails the test")]
#![allow(clippy::must_use_candidate, missing_docs, reason = "the names of test helpers are self-explanatory")]
#![allow(clippy::format_push_string, clippy::expect_used, reason = "brevity matters more than speed in a test")]

pub mod alto_server;
pub mod certificate;
pub mod http;
pub mod patience;
pub mod ports;
pub mod redis_server;
pub mod scripted_server;
pub mod single_cost;
