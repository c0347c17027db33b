//! Addresses to listen on: their text, and listeners that get in each other's way.

use std::net::SocketAddr;

/// Forms of an address that are accepted, to complete "is not ...".
pub(super) const ADDRESS_FORMS: &str = "an address with a port: use for example \"127.0.0.1:8080\", \"0.0.0.0:8080\" for all of IPv4 or \"[::]:8080\" for all of IPv6";

/// Listener of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Listener {
    /// Setting that names it.
    pub(crate) key: &'static str,
    pub(crate) address: SocketAddr,
    pub(crate) protocol: Protocol,
}

/// Protocol of a listener. Listeners of different protocols share addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

/// Parses an option.
pub(super) fn parse(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("{text:?} is not {ADDRESS_FORMS}"))
}

/// Lists the listeners that take an address which an earlier one has, after that one.
pub(super) fn conflicts(listeners: &[Listener]) -> Vec<(Listener, Listener)> {
    let second = |(position, listener): (usize, &Listener)| {
        let earlier = listeners.iter().take(position).find(|earlier| earlier.excludes(listener))?;
        Some((*earlier, *listener))
    };
    listeners.iter().enumerate().filter_map(second).collect()
}

impl Listener {
    /// Tells whether both cannot listen at the same time. `[::]` is IPv6 only, and leaves `0.0.0.0` alone.
    fn excludes(&self, other: &Self) -> bool {
        let (a, b) = (self.address, other.address);
        let overlap = a.ip() == b.ip() || a.ip().is_unspecified() || b.ip().is_unspecified();
        a.port() != 0
            && a.port() == b.port()
            && a.is_ipv4() == b.is_ipv4()
            && overlap
            && self.protocol == other.protocol
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflicts_of(addresses: &[&str]) -> usize {
        let listen =
            |address: &&str| Listener { key: "listen", address: parse(address).unwrap(), protocol: Protocol::Tcp };
        conflicts(&addresses.iter().map(listen).collect::<Vec<_>>()).len()
    }

    #[test]
    fn one_address_has_one_listener() {
        assert_eq!(conflicts_of(&["127.0.0.1:80", "127.0.0.1:80"]), 1);
        assert_eq!(conflicts_of(&["0.0.0.0:80", "127.0.0.1:80", "[::]:80", "[::1]:80"]), 2);
        assert_eq!(conflicts_of(&["0.0.0.0:80", "[::]:80", "127.0.0.1:81", "127.0.0.2:82"]), 0);
        assert_eq!(conflicts_of(&["127.0.0.1:0", "127.0.0.1:0"]), 0, "each gets a port of its own");
        for text in ["8080", "localhost:8080", "::1:8080", "[::1]"] {
            assert!(parse(text).unwrap_err().contains("[::]:8080"), "{text}");
        }
    }
}
