//! Attributes of a route that rules can refer to.

use std::fmt;
use std::net::IpAddr;

/// Attributes of a route that decide its PID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Communities in the order of the route.
    pub communities: Vec<Community>,
    /// BGP next hop.
    pub next_hop: Option<IpAddr>,
    /// First AS of the path: the neighbour that the route came from.
    pub first_as: Option<u32>,
    /// Last AS of the path, unless it is a set.
    pub origin_as: Option<u32>,
}

/// A community (RFC 1997) or large community (RFC 8092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Community {
    /// AS number and value.
    Plain(u16, u16),
    /// Global administrator and two values.
    Large(u32, u32, u32),
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(asn, value) => write!(f, "{asn}:{value}"),
            Self::Large(asn, first, second) => write!(f, "{asn}:{first}:{second}"),
        }
    }
}
