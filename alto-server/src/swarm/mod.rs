//! JSON API of the registry of peers, and the ranking of holders by their cost to the caller.
//!
//! This is not ALTO and not in the directory; `docs/swarm.md` describes it for clients. The registry itself is the crate
//! `alto-registry`. Here [`routes`] answers HTTP requests, [`query`] reads their query strings, [`translate`] converts
//! between the JSON of `alto-types` and the types of the registry, [`rank`] sorts holders by cost, and [`error`] turns a
//! refusal into an HTTP error. [`probe`] finds out whether new peers can be reached. [`service`] opens the registry and gives it its clock and its metrics.

mod error;
mod probe;
mod query;
mod rank;
pub(crate) mod routes;
pub(crate) mod service;
mod translate;
