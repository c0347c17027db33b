//! What tests need around them: a real ALTO server on a free port, and a server that answers as it is told.
#![allow(dead_code, unused_imports, unreachable_pub, reason = "each test program uses its own part of this")]

pub mod download;
pub mod holder;
pub mod peer;

pub use test_support::alto_server::{PATIENCE, Server, alto_server, data};
pub use test_support::scripted_server as script;
pub use test_support::single_cost::plain_directory;
