//! One peer in one swarm, as it is kept.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU64;

use super::Place;
use crate::peer::PeerAddress;
use crate::time::Timestamp;

/// Number that no entry has.
pub(super) const NONE: u32 = u32::MAX;

/// One peer in one swarm.
pub(super) struct Entry {
    /// IPv6 address, or IPv4-mapped one.
    pub(super) ip: [u8; 16],
    pub(super) port: u16,
    pub(super) complete: bool,
    pub(super) swarm: u32,
    pub(super) place: Place,
    /// Index in the list of its section.
    pub(super) index: u32,
    /// Entry whose lease ends before this one's, or [`NONE`].
    pub(super) previous: u32,
    /// Entry whose lease ends after this one's, or [`NONE`].
    pub(super) next: u32,
    pub(super) end: Timestamp,
    pub(super) identity: Option<NonZeroU64>,
}

impl Entry {
    /// Address of the peer.
    pub(super) fn address(&self) -> PeerAddress {
        PeerAddress::new(IpAddr::V6(Ipv6Addr::from(self.ip)), self.port)
    }

    /// Whether the address is an IPv6 address.
    pub(super) fn is_ipv6(&self) -> bool {
        ipv4(self.ip).is_none()
    }
}

/// IPv4 address of which these are the mapped bytes.
pub(super) fn ipv4(bytes: [u8; 16]) -> Option<Ipv4Addr> {
    Ipv6Addr::from(bytes).to_ipv4_mapped()
}

/// Bytes of an address, IPv4 addresses mapped.
pub(super) fn bytes(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => address.octets(),
    }
}
