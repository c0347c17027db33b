//! Processes and mock holders that several of these tests share.

pub(crate) mod content;
pub(crate) mod download;
pub(crate) mod holder;
pub(crate) mod process;
pub(crate) mod registry;
pub(crate) mod seed;

pub(crate) use test_support::alto_server::Server;
