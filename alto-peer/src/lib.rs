//! Shares and fetches files on a network with an ALTO (RFC 7285) server; and an ALTO client for other programs.

pub mod client;
mod commands;
pub mod content;
pub mod events;
pub mod fetch;
pub mod node;
pub mod policy;
pub mod serving;
pub mod settings;
pub mod swarm;

pub use commands::{Exit, run};
