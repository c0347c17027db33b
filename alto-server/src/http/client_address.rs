//! The address of the client: the other end of the connection, or what a trusted proxy reports.
//!
//! TCP proxies report it once per connection ([`super::proxy_protocol`]), HTTP proxies in every request.
//! Anyone can send `X-Forwarded-For`, so it counts only on connections from proxies that the operator trusts. Its addresses
//! are followed from the last one backwards, up to the first that is not such a proxy.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// Longest part of an element that a message quotes, in characters.
const QUOTED: usize = 60;

/// Trusted proxies.
#[derive(Clone, Debug, Default)]
pub(crate) struct ClientAddress {
    trusted_proxies: Vec<IpNet>,
    tcp_proxies: Vec<IpNet>,
}

/// Element of `X-Forwarded-For` that is no address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "X-Forwarded-For has {0:?}, which is not an address: write it as 192.0.2.1, 192.0.2.1:port, 2001:db8::1 or \
         [2001:db8::1]:port"
)]
pub(crate) struct ForwardedError(String);

impl ClientAddress {
    /// Trusts HTTP and TCP proxies in these prefixes.
    pub(crate) fn new(trusted_proxies: Vec<IpNet>, tcp_proxies: Vec<IpNet>) -> Self {
        Self { trusted_proxies, tcp_proxies }
    }

    /// Returns the client of a request whose connection comes from `peer`.
    ///
    /// What a trusted proxy reports and cannot be read is refused, because the request would be counted and answered as
    /// one of the proxy itself.
    pub(crate) fn of(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, ForwardedError> {
        // Dual-stack sockets report IPv4 peers as ::ffff:a.b.c.d.
        let mut client = peer.to_canonical();
        for line in headers.get_all(X_FORWARDED_FOR).iter().rev() {
            for hop in line.as_bytes().rsplit(|octet| *octet == b',') {
                if !self.trusts(client) {
                    return Ok(client);
                }
                // Lists may have empty elements (RFC 9110 §5.6.1).
                if hop.trim_ascii().is_empty() {
                    continue;
                }
                let text = String::from_utf8_lossy(hop.trim_ascii());
                client = address(&text).ok_or_else(|| ForwardedError(text.chars().take(QUOTED).collect()))?;
            }
        }
        Ok(client)
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

/// Reads an address, with or without the port that some gateways add, in the forms of `Forwarded` as well: quoted, and
/// IPv6 in brackets (RFC 7239 §6). An IPv4-mapped address is the IPv4 address.
fn address(element: &str) -> Option<IpAddr> {
    let element = element.strip_prefix('"').map_or(Some(element), |quoted| quoted.strip_suffix('"'))?;
    let with_port = || element.parse::<SocketAddr>().ok().filter(|_| !element.contains('%')).map(|addr| addr.ip());
    let in_brackets = || element.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let address = element.parse().ok().or_else(with_port).or_else(in_brackets)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn try_client(trusted: &[&str], peer: &str, forwarded: &[&[u8]]) -> Result<String, ForwardedError> {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_bytes(line).unwrap());
        }
        let trusted = trusted.iter().map(|net| net.parse().unwrap()).collect();
        let addressing = ClientAddress::new(trusted, Vec::new());
        addressing.of(peer.parse().unwrap(), &headers).map(|address| address.to_string())
    }

    fn client(trusted: &[&str], peer: &str, forwarded: &[&str]) -> String {
        let forwarded: Vec<_> = forwarded.iter().map(|line| line.as_bytes()).collect();
        try_client(trusted, peer, &forwarded).unwrap()
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
        // A proxy asks for itself, as for a health check.
        assert_eq!(client(&proxies, "192.0.2.1", &[]), "192.0.2.1");
        assert_eq!(client(&proxies, "192.0.2.1", &[", ,"]), "192.0.2.1");
        assert_eq!(client(&proxies, "198.51.100.1", &["203.0.113.9"]), "198.51.100.1");
    }

    #[test]
    fn an_address_is_read_in_every_form_that_gateways_write() {
        for (element, expected) in [
            ("198.51.100.7:51008", "198.51.100.7"),
            ("\"198.51.100.7:51008\"", "198.51.100.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("\"[2001:db8::7]:443\"", "2001:db8::7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("[::ffff:198.51.100.7]:443", "198.51.100.7"),
            ("203.0.113.9:1, 198.51.100.7:2 , 192.0.2.2:3", "198.51.100.7"),
            (" ,198.51.100.7,, ", "198.51.100.7"),
        ] {
            assert_eq!(client(&["192.0.2.0/24"], "192.0.2.1", &[element]), expected, "{element}");
        }
    }

    #[test]
    fn what_a_trusted_proxy_reports_unreadably_is_refused_and_never_taken_for_the_proxy() {
        let unreadable: [&[u8]; 14] = [
            b"unknown",
            b"_hidden",
            b"-",
            b"198.51.100.7:",
            b"198.51.100.7:70000",
            b"198.51.100.7:port",
            b"198.51.100",
            b"198.51.100.7 203.0.113.9",
            b"[198.51.100.7]:443",
            b"[2001:db8::7",
            b"fe80::1%eth0",
            b"[fe80::1%1]:443",
            b"\"198.51.100.7",
            b"198.51.100.7\xff",
        ];
        for element in unreadable {
            let text = String::from_utf8_lossy(element);
            assert!(try_client(&["192.0.2.1/32"], "192.0.2.1", &[element]).is_err(), "{text}");
            // What the client itself sent is not read, and neither is what an untrusted peer sent.
            let behind = [element, b", 198.51.100.7"].concat();
            assert_eq!(try_client(&["192.0.2.1/32"], "192.0.2.1", &[&behind]).unwrap(), "198.51.100.7", "{text}");
            assert_eq!(try_client(&["192.0.2.1/32"], "198.51.100.7", &[element]).unwrap(), "198.51.100.7", "{text}");
        }
    }
}
