//! Bounds on where a server may lead its client by redirects and by the URIs in its directory.
//!
//! Whoever runs a public server could otherwise send requests into the network of the client, at services that trust
//! their neighbours. So a client reaches hosts of the server's own scope or a wider one only, at no privileged port but
//! those of HTTP. This is decided where names are resolved, so that no name can stand for another address later.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use ureq::Error;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::uri::HttpUri;
use crate::scope::{AddressScope, ReachFault};

/// Ports below this one belong to services of the system.
const PRIVILEGED: u16 = 1024;
/// Privileged ports of HTTP and HTTPS.
const HTTP_PORTS: [u16; 2] = [80, 443];

/// Place of the server that a client was built for, which bounds where it may be led.
#[derive(Debug)]
pub(crate) struct Reach {
    host: String,
    port: u16,
    /// Narrowest scope among the addresses of the server, once its name was resolved.
    scope: OnceLock<AddressScope>,
}

impl Reach {
    /// Bounds for a client of the server at this URI.
    pub(crate) fn of(server: &HttpUri) -> Self {
        let (host, port) = server.host_and_port();
        let reach = Self { host, port, scope: OnceLock::new() };
        if let Ok(address) = reach.host.trim_matches(['[', ']']).parse::<IpAddr>() {
            let _set_once = reach.scope.set(AddressScope::of(address));
        }
        reach
    }

    /// Scope of the server, or the widest one while its name has not been resolved.
    pub(crate) fn scope(&self) -> AddressScope {
        self.scope.get().copied().unwrap_or(AddressScope::Public)
    }

    /// Addresses of a host that may be connected to; the first one refused decides if there are none.
    fn allowed(&self, host: &str, port: u16, resolved: &[SocketAddr]) -> Result<Vec<SocketAddr>, ReachFault> {
        let home = host.eq_ignore_ascii_case(&self.host);
        if port < PRIVILEGED && !HTTP_PORTS.contains(&port) && !(home && port == self.port) {
            return Err(ReachFault::Port(port));
        }
        if home && let Some(narrowest) = resolved.iter().map(|address| AddressScope::of(address.ip())).max() {
            // Fixed by the first answer: a name that moves into another network later is not followed there.
            self.scope.get_or_init(|| narrowest);
        }
        let server = self.scope();
        let (allowed, refused): (Vec<_>, Vec<_>) =
            resolved.iter().copied().partition(|address| server.may_lead_to(address.ip()));
        match refused.first() {
            Some(first) if allowed.is_empty() => Err(ReachFault::Scope { address: first.ip(), server }),
            _ => Ok(allowed),
        }
    }
}

/// Resolver that leaves out addresses beyond the reach of the client.
#[derive(Debug)]
pub(super) struct BoundedResolver {
    pub(super) reach: Arc<Reach>,
    pub(super) resolver: DefaultResolver,
}

impl Resolver for BoundedResolver {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let resolved = self.resolver.resolve(uri, config, timeout)?;
        let port = resolved.first().map_or(0, SocketAddr::port);
        let allowed = self.reach.allowed(uri.host().unwrap_or_default(), port, &resolved);
        let allowed = allowed.map_err(|fault| io::Error::new(io::ErrorKind::PermissionDenied, fault))?;
        let mut addresses = self.empty();
        for address in allowed {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(uri: &str) -> Reach {
        Reach::of(&HttpUri::parse(uri).unwrap())
    }

    fn at(addresses: &[&str]) -> Vec<SocketAddr> {
        addresses.iter().map(|address| address.parse().unwrap()).collect()
    }

    #[test]
    fn a_public_server_leads_to_no_address_within_the_network_of_the_client() {
        let reach = reach("http://alto.example/directory");
        assert!(reach.allowed("alto.example", 80, &at(&["192.0.2.1:80"])).is_ok());
        for address in ["10.0.0.1:80", "127.0.0.1:80", "169.254.169.254:80", "[::1]:80", "[fd00::1]:80"] {
            let fault = reach.allowed("other.example", 80, &at(&[address])).unwrap_err();
            assert!(matches!(fault, ReachFault::Scope { server: AddressScope::Public, .. }), "{fault}");
        }
        let mixed = at(&["10.0.0.1:80", "192.0.2.2:80"]);
        assert_eq!(reach.allowed("other.example", 80, &mixed).unwrap(), mixed[1..]);
    }

    #[test]
    fn a_server_within_the_network_of_the_client_leads_to_its_neighbours() {
        let reach = reach("http://10.0.0.1:8080/directory");
        assert!(reach.allowed("10.0.0.2", 8080, &at(&["10.0.0.2:8080"])).is_ok());
        assert!(reach.allowed("localhost", 8080, &at(&["127.0.0.1:8080"])).is_err());
        assert_eq!(self::reach("http://[::1]/directory").scope(), AddressScope::Loopback);
    }

    #[test]
    fn a_name_that_moves_into_the_network_of_the_client_is_not_followed() {
        let reach = reach("http://alto.example/directory");
        assert!(reach.allowed("alto.example", 80, &at(&["192.0.2.1:80"])).is_ok());
        assert!(reach.allowed("ALTO.example", 80, &at(&["192.168.0.1:80"])).is_err());
    }

    #[test]
    fn privileged_ports_are_those_of_http_and_of_the_server_itself() {
        let reach = reach("http://alto.example:99/directory");
        let allowed = |host: &str, port: u16| reach.allowed(host, port, &at(&[&format!("192.0.2.1:{port}")]));
        assert_eq!(allowed("other.example", 25).unwrap_err(), ReachFault::Port(25));
        assert_eq!(allowed("other.example", 99).unwrap_err(), ReachFault::Port(99));
        assert!(allowed("alto.example", 99).is_ok() && allowed("other.example", 443).is_ok());
        assert!(allowed("other.example", 8080).is_ok());
    }
}
