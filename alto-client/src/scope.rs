//! Scope of an IP address: how far from this host it reaches, and so how far another host may point at it.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Scope of an IP address, from the widest to the narrowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressScope {
    /// Address that is routed on the Internet.
    Public,
    /// Address within a site: RFC 1918, RFC 4193, or shared by a provider's customers (RFC 6598).
    Private,
    /// Address on the same link (RFC 3927, RFC 4291 §2.5.6).
    LinkLocal,
    /// Address of this host itself, or the unspecified address, which connects to it.
    Loopback,
}

/// Reason why a client does not go where a server leads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReachFault {
    /// Address of a narrower scope than the server's own.
    #[error("it is at the {} address {address}, where a server at a {server} address may not lead this client", AddressScope::of(*address))]
    Scope {
        /// Address that the server leads to.
        address: IpAddr,
        /// Scope of the server's own address.
        server: AddressScope,
    },
    /// Port that belongs to another service.
    #[error("port {0} is privileged and not one of HTTP (80, 443)")]
    Port(u16),
}

impl AddressScope {
    /// Scope that an address belongs to. IPv4 addresses within IPv6 ones (mapped, NAT64, 6to4) count as themselves.
    pub fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_ipv4(address),
            IpAddr::V6(address) => match embedded(address) {
                Some(address) => Self::of_ipv4(address),
                None if address.is_loopback() || address.is_unspecified() => Self::Loopback,
                None if address.is_unicast_link_local() => Self::LinkLocal,
                None if address.is_unique_local() => Self::Private,
                None => Self::Public,
            },
        }
    }

    fn of_ipv4(address: Ipv4Addr) -> Self {
        let [a, b, ..] = address.octets();
        if address.is_loopback() || a == 0 {
            Self::Loopback
        } else if address.is_link_local() {
            Self::LinkLocal
        } else if address.is_private() || (a == 100 && (64..128).contains(&b)) {
            Self::Private
        } else {
            Self::Public
        }
    }

    /// True if a server in this scope may lead a client to an address: to one of its own scope or of a wider one, and to
    /// no group of hosts.
    pub fn may_lead_to(self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let group = address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
        !group && Self::of(address) <= self
    }
}

/// IPv4 address within a NAT64 (RFC 6052 §2.1) or 6to4 (RFC 3056 §2) address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

impl fmt::Display for AddressScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Loopback => "loopback",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_an_address_has_its_scope() {
        for (scope, addresses) in [
            (AddressScope::Loopback, ["127.0.0.1", "127.1.2.3", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1"].as_slice()),
            (AddressScope::LinkLocal, &["169.254.169.254", "fe80::1", "64:ff9b::169.254.0.1"]),
            (
                AddressScope::Private,
                &["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "2002:a00:1::"],
            ),
            (AddressScope::Public, &["192.0.2.1", "172.32.0.1", "100.128.0.1", "2001:db8::1", "2002:808:808::1"]),
        ] {
            for address in addresses {
                assert_eq!(AddressScope::of(address.parse().unwrap()), scope, "{address}");
            }
        }
    }

    #[test]
    fn a_server_leads_to_its_own_scope_and_wider_ones() {
        let leads = |scope: AddressScope, address: &str| scope.may_lead_to(address.parse().unwrap());
        assert!(leads(AddressScope::Public, "192.0.2.1") && !leads(AddressScope::Public, "10.0.0.1"));
        assert!(leads(AddressScope::Private, "10.0.0.1") && leads(AddressScope::Private, "192.0.2.1"));
        assert!(!leads(AddressScope::Private, "127.0.0.1") && !leads(AddressScope::Private, "169.254.169.254"));
        assert!(leads(AddressScope::Loopback, "127.0.0.1") && leads(AddressScope::Loopback, "10.0.0.1"));
        for group in ["224.0.0.1", "255.255.255.255", "ff02::1"] {
            assert!(!leads(AddressScope::Loopback, group), "{group}");
        }
    }
}
