//! Integration tests of alto-feed: one module for each format.
#![allow(clippy::unwrap_used, missing_docs, reason = "a panic fails the test, and tests need no documentation")]

mod arbitrary;
mod bgp;
mod bgp_ls;
mod command_line;
mod csv;
mod dns;
mod export;
mod isis;
mod lab;
mod live;
mod ospf;
mod prometheus;
mod rfc8345;
mod topohub;
mod zoo;
