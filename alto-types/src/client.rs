//! The unit in which limits count clients: an IPv4 address, or an IPv6 /64.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// IPv4 address, or the /64 of an IPv6 address.
///
/// One IPv6 host can use every address of its /64, so limits per address would not bind it. An IPv4-mapped IPv6 address
/// is the IPv4 address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientNet(IpAddr);

/// Mask of the first 64 bits.
const NETWORK: u128 = !0 << 64;

impl From<IpAddr> for ClientNet {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & NETWORK)),
        })
    }
}

impl fmt::Display for ClientNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => write!(f, "{address}"),
            IpAddr::V6(network) => write!(f, "{network}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(address: &str) -> ClientNet {
        ClientNet::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn addresses_of_one_ipv6_64_are_one_client() {
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff:ffff:ffff:ffff"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("2001:db8:1:2::1").to_string(), "2001:db8:1:2::/64");
    }

    #[test]
    fn every_ipv4_address_is_a_client_of_its_own() {
        assert_ne!(client("192.0.2.1"), client("192.0.2.2"));
        assert_eq!(client("192.0.2.1").to_string(), "192.0.2.1");
    }

    #[test]
    fn an_ipv4_mapped_address_is_the_ipv4_address() {
        assert_eq!(client("::ffff:192.0.2.1"), client("192.0.2.1"));
        // Loopback shares the /64 that mapped addresses are in, but not their client.
        assert_ne!(client("::1"), client("::ffff:0.0.0.1"));
    }
}
