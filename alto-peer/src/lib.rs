//! Shares and fetches files on a network with an ALTO (RFC 7285) server; and an ALTO client for other programs.

pub mod client;
mod commands;
pub mod content;
pub mod events;
pub mod fetch;
pub mod policy;
pub mod serving;

pub use commands::{Exit, run};
