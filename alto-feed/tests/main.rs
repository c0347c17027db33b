//! Integration tests of alto-feed: one module for each format.
#![allow(clippy::unwrap_used, missing_docs, reason = "a panic fails the test, and tests need no documentation")]

mod bgp;
mod command_line;
mod csv;
mod isis;
mod lab;
mod ospf;
mod rfc8345;
mod zoo;
