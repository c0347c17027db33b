//! An ALTO (RFC 7285) server over a network topology whose costs change while it runs.
//!
//! Data flows one way:
//!
//! ```text
//! topo.json -> Topology (checked) -> View (network map and costs, immutable, tagged)
//!           -> Published (every GET body rendered once, with its entity tag) -> warp routes -> tower layers -> sockets
//! ```
//!
//! * [`settings`] and [`config`] are what the operator says, on the command line and in `server.json`.
//! * [`network`] holds the present state and changes it: a change builds the next state beside the present one and
//!   swaps it in; a request reads exactly one state ([`published`]).
//! * [`service`] has one file per ALTO resource, [`http`] what they share on HTTP.
//! * [`admin`] lets the operator change the network, and makes changes survive a restart.
//! * [`swarm`] is the registry of peers beside it: who holds which file, and who is the least costly to fetch it from.
//! * [`observe`] counts and logs; [`server`] starts everything and ends it; [`routes_export`] prints the routes, for
//!   those who build the same network elsewhere.

mod admin;
mod app;
mod config;
mod exit;
mod http;
mod logging;
mod network;
mod observe;
mod published;
mod routes_export;
mod server;
mod service;
mod settings;
mod swarm;

pub use exit::{Exit, run};
pub use settings::Settings;
