//! Entities with properties (RFC 9240 §5.1): `ipv4:192.0.2.0/24`, `network-map.pid:isp-a`.
//!
//! An entity identifier consists of a domain name, a colon and an identifier. Domain names may contain colons, so only
//! the list of known domains determines where the name ends. [`Entity::parse`] therefore takes the type of the domain
//! and the identifier separately.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::name::PidName;

/// An entity domain type registered by RFC 9240 (§12.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DomainType {
    /// IPv4 addresses and prefixes (§6.1.1).
    Ipv4,
    /// IPv6 addresses and prefixes (§6.1.2).
    Ipv6,
    /// PIDs of a network map (§6.2).
    Pid,
}

/// An entity within its domain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Entity {
    /// Prefix, or address as a prefix of full length (§6.1); bits beyond the length are kept as sent.
    Net(IpNet),
    /// PID of a network map.
    Pid(PidName),
}

impl DomainType {
    /// Returns the identifier of the type on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Pid => "pid",
        }
    }
}

impl Entity {
    /// Parses the part of an entity identifier that follows the domain; `None` if it is invalid in a domain of that type.
    pub fn parse(domain: DomainType, id: &str) -> Option<Self> {
        if domain == DomainType::Pid {
            return id.parse().ok().map(Self::Pid);
        }
        let (address, len) = id.split_once('/').map_or((id, None), |(address, len)| (address, Some(len)));
        // The grammars of addresses are those of endpoints (RFC 7285 §10.4.3).
        let address = match domain {
            DomainType::Ipv4 => IpAddr::V4(address.parse::<Ipv4Addr>().ok()?),
            _ => IpAddr::V6(address.parse::<Ipv6Addr>().ok()?),
        };
        let Some(len) = len else { return Some(Self::Net(address.into())) };
        // The standard parser would also accept a sign and leading zeros.
        let plain = len == "0" || (!len.starts_with('0') && len.bytes().all(|byte| byte.is_ascii_digit()));
        let len = len.parse().ok().filter(|_| plain)?;
        IpNet::new(address, len).ok().map(Self::Net)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn legal_forms_are_accepted() {
        for (domain, id, net) in [
            (DomainType::Ipv4, "192.0.2.1", "192.0.2.1/32"),
            (DomainType::Ipv4, "192.0.2.1/32", "192.0.2.1/32"),
            (DomainType::Ipv4, "192.0.2.0/24", "192.0.2.0/24"),
            (DomainType::Ipv4, "192.0.2.7/24", "192.0.2.7/24"),
            (DomainType::Ipv4, "0.0.0.0/0", "0.0.0.0/0"),
            (DomainType::Ipv6, "2001:DB8:0:0::1", "2001:db8::1/128"),
            (DomainType::Ipv6, "::ffff:192.0.2.1", "::ffff:192.0.2.1/128"),
            (DomainType::Ipv6, "::/0", "::/0"),
        ] {
            assert_eq!(Entity::parse(domain, id), Some(Entity::Net(net.parse().unwrap())), "{id}");
        }
        assert_eq!(Entity::parse(DomainType::Pid, "a:b@c"), Some(Entity::Pid("a:b@c".parse().unwrap())));
    }

    #[test]
    fn illegal_forms_are_rejected() {
        for id in [
            "",
            "/",
            "/24",
            "300.1.1.1",
            "192.0.2",
            "192.0.2.0/33",
            "192.0.2.0/",
            "192.0.2.0/024",
            "192.0.2.0/+24",
            "192.0.2.0/-1",
            "192.0.2.0/24/8",
            "192.0.2.0/24 ",
            "192.0.2.0/255.255.255.0",
            "2001:db8::1",
            "isp-a",
        ] {
            assert_eq!(Entity::parse(DomainType::Ipv4, id), None, "{id:?}");
        }
        for id in ["2001:db8::/129", "192.0.2.1", "1::2::3", "2001:db8::1%eth0", "[::1]"] {
            assert_eq!(Entity::parse(DomainType::Ipv6, id), None, "{id:?}");
        }
        for id in ["", "a.b", "a b", &"x".repeat(65)] {
            assert_eq!(Entity::parse(DomainType::Pid, id), None, "{id:?}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(id in "[0-9a-f:./]{0,40}|.{0,20}") {
            for domain in [DomainType::Ipv4, DomainType::Ipv6, DomainType::Pid] {
                let _ = Entity::parse(domain, &id);
            }
        }

        #[test]
        fn formatted_prefixes_parse_back_equal(address in any::<IpAddr>(), len in 0u8..=128) {
            let Ok(net) = IpNet::new(address, len.min(if address.is_ipv4() { 32 } else { 128 })) else { unreachable!() };
            let domain = if address.is_ipv4() { DomainType::Ipv4 } else { DomainType::Ipv6 };
            prop_assert_eq!(Entity::parse(domain, &net.to_string()), Some(Entity::Net(net)));
        }
    }
}
