//! A peer that shares files and fetches them from other peers, chosen by what an ALTO server (RFC 7285) says of costs.

// Both end a program whose output nobody reads any more; `command_line` has what does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod cli;
pub mod content;
pub mod download;
pub mod events;
pub mod node;
pub mod policy;
pub mod registration;
pub mod serving;
pub mod settings;
