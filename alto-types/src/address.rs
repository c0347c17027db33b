//! Typed endpoint addresses (RFC 7285 §10.4): `ipv4:192.0.2.1`, `ipv6:2001:db8::1`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The address types registered for RFC 7285 (§10.4.2); case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressType {
    /// `ipv4`
    Ipv4,
    /// `ipv6`
    Ipv6,
}

/// An endpoint address with its type (RFC 7285 §10.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TypedEndpointAddr(pub IpAddr);

/// An address together with the spelling its sender chose, which the answer repeats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpeltAddr {
    /// The address.
    pub address: TypedEndpointAddr,
    /// How the client wrote it.
    pub spelling: String,
}

/// Why a string is not a typed endpoint address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No colon, so no address type.
    #[error("has no address type: write ipv4:ADDRESS or ipv6:ADDRESS (RFC 7285 §10.4.1)")]
    Untyped,
    /// The part before the first colon is not a registered type.
    #[error("has an unknown address type: the registered ones are ipv4 and ipv6 (RFC 7285 §10.4.2)")]
    UnknownType,
    /// The rest is not an address of that type.
    #[error("is not an address of its type: no prefix length, port, zone or brackets (RFC 7285 §10.4.3)")]
    Malformed,
}

impl AddressType {
    /// The identifier on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
        }
    }

    /// The registered type with this identifier, if there is one.
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
        // At the first colon only: an IPv6 address has colons of its own.
        let (identifier, address) = text.split_once(':').ok_or(AddressError::Untyped)?;
        let parsed = match AddressType::from_identifier(identifier).ok_or(AddressError::UnknownType)? {
            // The standard library's grammars are those wanted: dotted quads without leading zeros (RFC 3986
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
    /// An IPv4-mapped address is what a dual-stack socket calls an IPv4 peer, so it becomes `ipv4`.
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical())
    }
}

impl fmt::Display for TypedEndpointAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Ipv6Addr` prints per RFC 5952 §4, as RFC 7285 §10.4.3.2 wants.
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
    fn every_legal_form_is_accepted() {
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
    fn everything_else_is_refused() {
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
        fn printing_and_parsing_agree(address in any::<IpAddr>()) {
            let typed = TypedEndpointAddr(address);
            prop_assert_eq!(typed.to_string().parse::<TypedEndpointAddr>(), Ok(typed));
        }
    }
}
