//! How much the registry takes in, so that neither one address nor all together can fill the memory.

use std::net::IpAddr;
use std::time::Duration;

/// The bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How long a registration lasts without a heartbeat.
    pub(crate) lease: Duration,
    /// Registrations in all.
    pub(crate) peers: u32,
    /// Registrations of one [`Origin`].
    pub(crate) peers_per_address: u32,
    /// Different files in all.
    pub(crate) files: u32,
    /// Files of one registration.
    pub(crate) files_per_peer: u32,
    /// Files of all registrations of one [`Origin`], counted once for each registration.
    pub(crate) files_per_address: u32,
    /// Files of all registrations, counted once for each registration.
    pub(crate) holdings: u32,
}

/// Longest name of a peer, in bytes.
pub(super) const PEER_NAME_BYTES: usize = 64;
/// Longest name of a file, in bytes.
pub(super) const FILE_NAME_BYTES: usize = 255;
/// Rows of a list where the request does not say.
pub(super) const DEFAULT_ROWS: usize = 200;
/// Rows of a list at most; who asks for more is given these.
pub(super) const MAX_ROWS: usize = 1000;
/// Holders of one file that are ranked at most; of more, a random choice is ranked.
pub(super) const MAX_RANKED: usize = 20_000;

/// What limits per address count by: an IPv4 address, or the /64 that an IPv6 host can pick its addresses from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Origin(u64);

impl Origin {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            // ::/64 holds no address that a client can come from, so the two never meet.
            IpAddr::V4(address) => Self(u64::from(address.to_bits())),
            IpAddr::V6(address) => Self((address.to_bits() >> 64) as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_host_cannot_multiply_itself() {
        let origin = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(origin("2001:db8:1:2::1"), origin("2001:db8:1:2:ffff::"));
        assert_ne!(origin("2001:db8:1:2::1"), origin("2001:db8:1:3::1"));
        assert_ne!(origin("192.0.2.1"), origin("192.0.2.2"));
        assert_eq!(origin("192.0.2.1"), origin("::ffff:192.0.2.1"));
    }
}
