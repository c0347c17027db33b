//! The registry of peers: who is there, who holds which file, and which holder is the least costly to a caller.
//!
//! This is not ALTO, and none of it is in the directory; `docs/swarm.md` describes the conversation. Read in the order
//! a request travels: [`routes`] turns HTTP into calls of [`service::Swarm`], which guards the one [`registry`] with a
//! lock and waits until a change is saved. [`registry`] holds the rules and, in memory, all that is known: peers, their
//! [`leases`], and the [`holdings`], which lead from peers to files and back. [`limits`] says how much of each there may
//! be, [`check`] what a name may look like, [`credentials`] who may change what, and [`refused`] why somebody may not.
//! [`rank`] puts holders in order of their cost.
//!
//! What is acknowledged must survive `kill -9`: every change goes to the [`store`] through the [`writer`], which saves
//! together what arrives together. A heartbeat is not saved: after a restart every registration gets a whole lease,
//! which is never less than what was acknowledged.

mod check;
mod credentials;
mod holdings;
mod leases;
pub(crate) mod limits;
mod rank;
mod redb_store;
mod refused;
mod registry;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod store;
#[cfg(test)]
mod tests;
mod writer;
