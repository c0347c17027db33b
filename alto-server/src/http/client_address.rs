//! The address of the client: the other end of the connection, or what a trusted proxy reports.
//!
//! TCP proxies report it once per connection ([`super::proxy_protocol`]), HTTP proxies in every request.
//! Anyone can send `X-Forwarded-For`, so it counts only on connections from proxies that the operator trusts. Its addresses
//! are followed from the last one backwards, up to the first that is not such a proxy.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Trusted proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientAddress {
    trusted_proxies: Vec<IpNet>,
    tcp_proxies: Vec<IpNet>,
}

impl ClientAddress {
    /// Trusts HTTP and TCP proxies in these prefixes.
    pub(crate) fn new(trusted_proxies: Vec<IpNet>, tcp_proxies: Vec<IpNet>) -> Self {
        Self { trusted_proxies, tcp_proxies }
    }

    /// Returns the client of a request whose connection comes from `peer`.
    pub(crate) fn of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        // Dual-stack sockets report IPv4 peers as ::ffff:a.b.c.d.
        let mut client = peer.to_canonical();
        let lines = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|line| line.to_str().ok());
        let hops: Vec<&str> = lines.flat_map(|line| line.split(',')).map(str::trim).collect();
        for hop in hops.into_iter().rev() {
            if !self.trusts(client) {
                break;
            }
            match hop.parse::<IpAddr>() {
                Ok(address) => client = address.to_canonical(),
                Err(_) => break,
            }
        }
        client
    }

    /// Whether a connection from this address begins with a PROXY protocol header.
    pub(super) fn is_tcp_proxy(&self, address: IpAddr) -> bool {
        self.tcp_proxies.iter().any(|proxy| proxy.contains(&address))
    }

    /// Whether requests on a connection from this address are those of an HTTP proxy.
    pub(super) fn trusts(&self, address: IpAddr) -> bool {
        self.trusted_proxies.iter().any(|proxy| proxy.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, line.parse().unwrap());
        }
        let trusted = trusted.iter().map(|net| net.parse().unwrap()).collect();
        ClientAddress::new(trusted, Vec::new()).of(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn no_proxy_is_trusted_by_default() {
        assert_eq!(client(&[], "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        assert_eq!(client(&[], "::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn trusted_proxies_are_followed_to_the_first_untrusted_address() {
        let proxies = ["192.0.2.0/24"];
        assert_eq!(client(&proxies, "192.0.2.1", &["198.51.100.7"]), "198.51.100.7");
        // The client itself may have sent the addresses in front.
        assert_eq!(client(&proxies, "192.0.2.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        // Two trusted proxies in sequence, in two lines.
        assert_eq!(client(&proxies, "192.0.2.1", &["198.51.100.7", "192.0.2.2"]), "198.51.100.7");
        assert_eq!(client(&proxies, "192.0.2.1", &["unknown"]), "192.0.2.1");
        assert_eq!(client(&proxies, "198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
    }
}
