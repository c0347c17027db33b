//! The state of the network in Redis: scripts that change it, and the follower that makes the same changes here.

mod derivation;
mod store;
mod stored;

pub(crate) use store::SharedStore;
