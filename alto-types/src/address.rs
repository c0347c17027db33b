//! Typed endpoint addresses (RFC 7285 §10.4): `ipv4:192.0.2.1`, `ipv6:2001:db8::1`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// An address type registered by RFC 7285 (§10.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// IPv4, `ipv4`.
    Ipv4,
    /// IPv6, `ipv6`.
    Ipv6,
}

/// An endpoint address with its type (RFC 7285 §10.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TypedEndpointAddr(pub IpAddr);

/// An address together with the sender's spelling, which the answer repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeltAddr {
    /// Parsed address.
    pub address: TypedEndpointAddr,
    /// Spelling in the request.
    pub spelling: String,
}

/// A reason why a text is not a typed endpoint address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Missing address type: there is no colon.
    #[error("has no address type: write ipv4:ADDRESS or ipv6:ADDRESS (RFC 7285 §10.4.1)")]
    Untyped,
    /// Unregistered address type before the first colon.
    #[error("has an unknown address type: the registered ones are ipv4 and ipv6 (RFC 7285 §10.4.2)")]
    UnknownType,
    /// Malformed address after the type.
    #[error("is not an address of its type: no prefix length, port, zone or brackets (RFC 7285 §10.4.3)")]
    Malformed,
}

impl AddressType {
    /// Returns the case-sensitive identifier on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// Finds the registered type with an identifier.
    pub fn from_identifier(identifier: &str) -> Option<Self> {
        match identifier {
            "ipv4" => Some(Self::Ipv4),
            "ipv6" => Some(Self::Ipv6),
            _ => None,
        }
    }
}

impl FromStr for TypedEndpointAddr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        // Split at the first colon only, because IPv6 addresses contain colons.
        let (identifier, address) = text.split_once(':').ok_or(AddressError::Untyped)?;
        let parsed = match AddressType::from_identifier(identifier).ok_or(AddressError::UnknownType)? {
            // The standard library's grammars match the RFC's: dotted quads without leading zeros (RFC 3986
            // `IPv4address`), and every IPv6 form of RFC 4291 §2.2 without zone.
            AddressType::Ipv4 => address.parse::<Ipv4Addr>().map(IpAddr::V4),
            AddressType::Ipv6 => address.parse::<Ipv6Addr>().map(IpAddr::V6),
        };
        parsed.map(Self).map_err(|_| AddressError::Malformed)
    }
}

impl FromStr for SpeltAddr {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Ok(Self { address: text.parse()?, spelling: text.to_owned() })
    }
}

impl TryFrom<String> for TypedEndpointAddr {
    type Error = AddressError;

    fn try_from(text: String) -> Result<Self, AddressError> {
        text.parse()
    }
}

impl From<TypedEndpointAddr> for String {
    fn from(address: TypedEndpointAddr) -> Self {
        address.to_string()
    }
}

impl From<IpAddr> for TypedEndpointAddr {
    /// Converts an address; an IPv4-mapped one, as dual-stack sockets report IPv4 peers, becomes IPv4.
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl fmt::Display for TypedEndpointAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Ipv6Addr` prints per RFC 5952 §4, as RFC 7285 §10.4.3.2 requires.
        match self.0 {
            IpAddr::V4(address) => write!(f, "ipv4:{address}"),
            IpAddr::V6(address) => write!(f, "ipv6:{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn legal_forms_are_accepted() {
        for (text, canonical) in [
            ("ipv4:192.0.2.1", "ipv4:192.0.2.1"),
            ("ipv6:::1", "ipv6:::1"),
            ("ipv6:2001:0DB8:000A:000B:0:0:0:1", "ipv6:2001:db8:a:b::1"),
            ("ipv6:::ffff:192.0.2.1", "ipv6:::ffff:192.0.2.1"),
        ] {
            assert_eq!(text.parse::<TypedEndpointAddr>().unwrap().to_string(), canonical);
        }
    }

    #[test]
    fn illegal_forms_are_rejected() {
        for text in [
            "192.0.2.1",
            "ipv4:",
            "ipv4192.0.2.1",
            "IPV4:192.0.2.1",
            "ipv4:192.0.2.034",
            "ipv4:192.0.2",
            "ipv4:1.2.3.4.5",
            "ipv4: 192.0.2.1",
            "ipv4:300.1.1.1",
            "ipv4:0xC0.0.2.1",
            "ipv4:192.0.2.0/24",
            "ipv6:2001:db8::1%eth0",
            "ipv6:[::1]",
            "ipv6:1::2::3",
            "mac:00-00-5E-00-53-00",
        ] {
            assert!(text.parse::<TypedEndpointAddr>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,80}") {
            let _ = text.parse::<TypedEndpointAddr>();
        }

        #[test]
        fn formatted_addresses_parse_back_equal(address in any::<IpAddr>()) {
            let typed = TypedEndpointAddr(address);
            prop_assert_eq!(typed.to_string().parse::<TypedEndpointAddr>(), Ok(typed));
        }
    }
}
