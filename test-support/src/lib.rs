//! Servers that the tests of several crates talk to: a real `alto-server`, and one that answers as a test scripts it.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test that cannot go on fails")]
#![allow(missing_docs, reason = "names of test helpers speak for themselves")]

pub mod alto_server;
pub mod scripted_server;
pub mod single_cost;
