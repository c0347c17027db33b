//! Tests of the program from outside: a server process, requests over sockets, command lines.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod admin;
mod attacks;
#[cfg(feature = "redis")]
mod cluster;
#[cfg(feature = "redis")]
mod cluster_secure;
#[cfg(feature = "redis")]
mod cluster_strained;
mod command_line;
mod conformance;
mod ctl;
mod errors;
mod fixture;
mod http;
mod maps;
mod metrics;
mod multi_cost;
mod openapi;
mod overrides;
mod page;
mod prefixes;
mod properties;
mod property_map;
mod reload;
mod rfc7971;
mod secure;
mod separate_listener;
mod service_manager;
mod settings_errors;
mod single_cost;
mod state_files;
mod support;
mod swarm;
mod tracker;
mod updates;
