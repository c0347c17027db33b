//! Peers as they describe themselves, and their registrations.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use crate::credentials::{Credentials, Secret};
use crate::holding::Holding;
use crate::id::PeerId;
use crate::name::PeerName;

/// IP address and port at which a peer serves. At any time at most one registration has it.
///
/// A peer with an IPv4 and an IPv6 address has one registration for each, as it has with a BitTorrent tracker (BEP 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerAddress {
    ip: IpAddr,
    port: u16,
}

/// A peer as it describes itself in a registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Address at which it serves, as the front end knows it.
    pub address: PeerAddress,
    /// Display name; absent where the front end has none.
    pub name: Option<PeerName>,
    /// All files that it holds, each at most once.
    pub holdings: Vec<Holding>,
}

/// A registration as it is confirmed to its peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// ID of the registration.
    pub peer: PeerId,
    /// Secret that changes and ends it.
    pub secret: Secret,
    /// Time until it ends unless it is renewed.
    pub lease: Duration,
}

/// Author of an announcement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Announcer {
    /// A registered peer, by its secret.
    Registered(Credentials),
    /// The peer at an address, for front ends without registrations, such as a BitTorrent tracker.
    ///
    /// The first announcement makes a registration without name, secret and lease of its own: each of its holdings has
    /// a lease ([`Limits::lease`](crate::Limits::lease) where it gives none), and the registration ends with the last
    /// of them. An address that is registered with a secret is refused.
    Address(PeerAddress),
}

impl PeerAddress {
    /// Builds an address. An IPv4-mapped IPv6 address becomes the IPv4 address.
    pub const fn new(ip: IpAddr, port: u16) -> Self {
        Self { ip: ip.to_canonical(), port }
    }

    /// IP address of the peer.
    pub const fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Port on which the peer serves.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::net::SocketAddr::new(self.ip, self.port).fmt(f)
    }
}
