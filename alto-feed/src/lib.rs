//! Real networks in, other programs' formats out.
//!
//! ```text
//! GraphML, OSPF, IS-IS, RFC 8345, CSV -> import -> topo.json
//! MRT -> rules -> PIDs -> topo.json
//! ```
//!
//! * [`import`] has one module for each format that describes a network. Link-state protocols share [`link_state`]: a
//!   database of routers, LANs and adjacencies, from which one function makes a topology file.
//! * [`bgp`] decodes messages and archives of BGP.
//! * [`pids`] groups the prefixes of BGP by rules, and merges them.
//! * [`live`] keeps a server up to date.
//! * [`topology_file`] has what everything that writes topology files shares.
//! * [`export`] writes maps for other programs.
//! * [`input`] reads bounded files, [`output`] replaces files atomically; [`excerpt`] quotes other programs.
//! * [`cli`] is the command line.

// Both end a program whose output nobody reads any more; `command_line` has what does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

pub mod bgp;
pub mod cli;
pub mod excerpt;
pub mod export;
pub mod import;
pub mod input;
pub mod link_state;
pub mod live;
pub mod output;
pub mod pids;
pub mod topology_file;
