//! Backend in the memory of one process, with a copy on disk where a folder is given.
//!
//! [`state`] holds the rules and all data; [`LocalRegistry`] guards it with one lock. [`peers`] has the registrations,
//! [`holdings`] leads from peers to files and back, [`tally`] counts what holders say of a file, [`leases`] and
//! [`holding_leases`] say when they end, [`admission`] applies the limits. Every change goes through the [`writer`] to a
//! [`store`]; a change is confirmed once it is on disk. Heartbeats are not saved: after a restart every lease begins anew,
//! so that none is shorter than what was confirmed.

mod admission;
mod holding_leases;
mod holdings;
mod leases;
mod peers;
mod redb_store;
mod registry;
#[cfg(feature = "redis")]
mod replay;
pub(crate) mod row;
mod sampling;
pub(crate) mod state;
pub(crate) mod store;
mod tally;
#[cfg(test)]
mod tests;
mod writer;

pub use registry::{LocalRegistry, OpenError};
