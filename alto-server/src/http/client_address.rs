//! Whose request it is: the address at the other end of the connection, unless a trusted proxy says otherwise.
//!
//! A header can claim anything, so `X-Forwarded-For` counts only where the connection comes from a proxy that the
//! operator trusts, and then only the last address that such a proxy did not itself report for another.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are believed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientAddress {
    trusted_proxies: Vec<IpNet>,
}

impl ClientAddress {
    pub(crate) fn new(trusted_proxies: Vec<IpNet>) -> Self {
        Self { trusted_proxies }
    }

    /// The client of a request that came from `peer`.
    pub(crate) fn of(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        // A dual-stack socket calls an IPv4 peer ::ffff:a.b.c.d.
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

    fn trusts(&self, address: IpAddr) -> bool {
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
        ClientAddress::new(trusted).of(peer.parse().unwrap(), &headers).to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&[], "192.0.2.1", &["203.0.113.9"]), "192.0.2.1");
    }

    #[test]
    fn a_mapped_address_is_an_ipv4_address() {
        assert_eq!(client(&[], "::ffff:192.0.2.1", &[]), "192.0.2.1");
    }

    #[test]
    fn a_trusted_proxy_is_believed_as_far_as_it_knows() {
        let proxies = ["192.0.2.0/24"];
        assert_eq!(client(&proxies, "192.0.2.1", &["198.51.100.7"]), "198.51.100.7");
        // What the client itself wrote in front is not believed.
        assert_eq!(client(&proxies, "192.0.2.1", &["203.0.113.9, 198.51.100.7"]), "198.51.100.7");
        // Two trusted proxies in a row, in two lines.
        assert_eq!(client(&proxies, "192.0.2.1", &["198.51.100.7", "192.0.2.2"]), "198.51.100.7");
        assert_eq!(client(&proxies, "192.0.2.1", &["unknown"]), "192.0.2.1");
        assert_eq!(client(&proxies, "198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
    }
}
