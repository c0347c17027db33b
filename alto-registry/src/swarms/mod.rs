//! Swarms of BitTorrent peers, by infohash and place, for a tracker.
//!
//! A tracker has many more peers than the JSON API has, and knows less about each: no name, no manifest, no secret, one
//! lease for all, ended by silence. So they are kept in a table of their own, at about 200 bytes for a peer, and not as
//! registrations: [`table`] is what front ends call, split by infohash into [`shard`]s with a lock each; a [`swarm`] lists
//! its peers by [`Place`], so that a tracker can count and name those of one place without looking at the others.
//! [`saved`] writes all of it to a file and reads it back; [`survey`] counts all of it.
//!
//! Addresses, origins, time and refusals are those of the rest of the crate.

mod entry;
mod saved;
mod shard;
mod survey;
mod swarm;
mod table;

use std::net::IpAddr;
use std::time::Duration;

use crate::peer::PeerAddress;

pub use saved::SavedError;
pub use survey::{Population, Survey, SurveyedSwarm};
pub use swarm::{Counts, Members, Section};
pub use table::Swarms;

/// Infohash of a torrent: SHA-1 of its `info` dictionary (BEP 3), or its SHA-256 cut to 20 bytes (BEP 52).
pub type Infohash = [u8; 20];

/// Number of a location in the network, as the front end counts them: a PID, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place(pub u32);

/// Source of the places of addresses.
pub trait Locator {
    /// Number of the present division into places. Another number makes all peers be located anew.
    fn version(&self) -> u64;

    /// Place of an address.
    fn place(&self, address: IpAddr) -> Place;
}

/// Bounds of the table.
#[derive(Clone, Copy, Debug)]
pub struct SwarmLimits {
    /// Time for which a peer stays without another announcement.
    pub lease: Duration,
    /// Greatest number of peers: a peer counts once in each of its swarms.
    pub peers: u32,
    /// Greatest number of peers of one [`Origin`](crate::origin::Origin), each counted once in each of its swarms.
    pub peers_per_address: u32,
    /// Greatest number of swarms.
    pub swarms: u32,
}

/// Announcement of one peer in one swarm.
#[derive(Clone, Copy, Debug)]
pub struct Announcement {
    /// Swarm of the peer.
    pub infohash: Infohash,
    /// Address at which other peers reach it.
    pub address: PeerAddress,
    /// Number that the peer gives at each of its addresses (BEP 7), so that it is counted once.
    pub identity: Option<u64>,
    /// Whether it has all of the content.
    pub complete: bool,
    /// Whether it has just got the last piece.
    pub finished: bool,
}

/// Size of the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SwarmStats {
    /// Number of swarms with at least one peer.
    pub swarms: usize,
    /// Number of peers, each counted once in each of its swarms.
    pub peers: usize,
}
