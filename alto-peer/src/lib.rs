//! A peer that shares files and fetches them from other peers, chosen by what an ALTO server (RFC 7285) says of costs.

mod commands;
pub mod content;
pub mod download;
pub mod events;
pub mod node;
pub mod policy;
pub mod serving;
pub mod settings;
pub mod swarm;

pub use commands::{Exit, run};
