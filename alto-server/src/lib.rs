//! An ALTO (RFC 7285) server for a network topology whose costs change while it runs.
//!
//! Data flows one way:
//!
//! ```text
//! topo.json, /admin -> Topology (checked) -> View (network map and costs, immutable, tagged) -> Snapshot
//!     -> Published (every document rendered once, with its entity tag) -> routes -> layers -> sockets
//! ```
//!
//! * [`cli`] parses the command line, and dispatches to one of its commands or to [`serve`], which tells the
//!   [`service_manager`].
//! * [`config`] merges command line and `server.json` into one set of checked settings; [`regular_file`] reads the files
//!   that they name, and [`listening`] opens the sockets.
//! * With the feature `redis`, `cluster` lets several servers share network and registry.
//! * [`state`] holds the current state and changes it: a change computes the next state beside the current one and swaps
//!   it in, and a request reads exactly one state.
//! * [`resource`] has one file per ALTO resource, and the catalogue of all; [`http`] has what they share.
//! * [`routes`] lists every path of the server, [`observe`] collects metrics, those of the [`process`] among them, and
//!   writes the log, of which [`journal`] keeps the latest warnings and errors; [`reload`] reads everything again while the
//!   server runs.
//! * [`openapi`] describes the APIs beside ALTO, which are these two:
//! * [`admin`] lets operators change the network; [`swarm`] is the registry of peers, [`tracker`] the
//!   BitTorrent tracker; [`ui`] shows all of it to people.

// Both end a program whose output nobody reads any more; `command_line` has what does not.
#![warn(clippy::print_stderr, clippy::print_stdout)]

mod admin;
mod cli;
mod clock;
#[cfg(feature = "redis")]
mod cluster;
mod config;
mod http;
mod journal;
mod listening;
mod observe;
mod openapi;
mod process;
mod regular_file;
mod reload;
mod resource;
mod routes;
mod serve;
mod service_manager;
mod state;
mod swarm;
mod tracker;
mod ui;
mod update;

pub use cli::run;
pub use config::settings::Settings;
