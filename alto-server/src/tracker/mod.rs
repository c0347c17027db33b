//! BitTorrent tracker whose answers name peers that are near in the network (RFC 7285 §12.1).
//!
//! An announcement arrives over HTTP ([`routes`]) or UDP ([`udp`]); both are decoded by `alto-types` and answered by the
//! [`service`]. That one asks [`access`] whether it may, records the peer in the swarms of `alto-registry`, and lets
//! `alto-selection` choose among the other peers by the costs of the present network, which [`guide`] reads. A
//! [`refusal`] becomes a failure reason of the protocol in one place; [`meters`] counts.

pub(crate) mod access;
mod guide;
mod meters;
mod refusal;
pub(crate) mod routes;
pub(crate) mod service;
pub(crate) mod udp;
