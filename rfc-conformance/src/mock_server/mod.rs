//! A small, scriptable ALTO server, used to grade clients and to prove that the suite detects faulty servers.
//!
//! - [`http`] reads requests and writes responses, with a limit on everything it reads; [`listener`] serves them over
//!   TCP and TLS.
//! - [`network`] holds the network maps, costs and endpoint properties, [`cost_type`] the cost types and modes,
//!   [`property_map`] the entity properties of RFC 9240; [`fixture`] and [`metrics`] are the example data.
//! - [`resource`] describes directories and resources; [`service`] routes requests to them and answers as RFC 7285
//!   requires, except where its hooks say otherwise.
//! - [`updates`] tells what changes, in streams (RFC 8895) and views (RFC 9569).
//! - [`query`] answers request bodies, which [`request`] and [`cost_query`] parse; [`error`] holds the ALTO errors.
//!
//! Without hooks the server conforms. The scenarios for clients make it unusual but valid; the mutants in the crate's
//! tests make it violate one requirement each.

mod accept;
pub mod cost_query;
pub mod cost_type;
pub mod error;
pub mod fixture;
pub mod http;
pub mod listener;
pub mod media_type;
pub mod metrics;
pub mod network;
pub mod property_map;
pub mod query;
pub mod request;
pub mod resource;
pub mod service;
pub mod updates;

pub(crate) use accept::admits;
