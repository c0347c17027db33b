//! The network that is served: its source file, the changes made to it, and what is published of it.
//!
//! Data flows one way: the topology from a [`source`] and the changes kept in the [`store`], each with an entry of the
//! [`audit`] trail, make the [`snapshot`] that
//! resources read; prefixes from other programs come as [`prefix_lines`] and are kept in the [`prefix_store`],
//! in the same [`folder`]; several servers keep all of it in one place, which [`replication`] describes; [`published`] adds the rendered documents; [`network`] replaces it when something changes.

pub(crate) mod audit;
pub(crate) mod folder;
pub(crate) mod network;
pub(crate) mod prefix_lines;
pub(crate) mod prefix_store;
pub(crate) mod published;
pub(crate) mod replication;
#[cfg(feature = "redis")]
pub(crate) mod shared;
pub(crate) mod snapshot;
pub(crate) mod source;
pub(crate) mod store;
