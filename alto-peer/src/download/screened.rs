//! A directory of holders whose answers are bounded: no more holders than asked for, and only at addresses and ports where
//! a peer can be.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use alto_client::{AddressScope, Client};
use alto_types::swarm::{FileId, FileSummary, Holder, Holders};

use super::rendezvous::{Rendezvous, RendezvousError};
use super::wanted::IdPrefix;

/// Ports below this one belong to services of the system.
const PRIVILEGED: u16 = 1024;
/// Maximum number of holders that are reported as unusable.
const MAX_REPORTED: usize = 100;

/// Directory that leaves out what no honest registry lists.
pub(super) struct Screened {
    inner: Arc<dyn Rendezvous>,
    /// Client of the registry, which knows where the server is.
    client: Client,
    /// Holders that were reported as unusable.
    reported: Mutex<BTreeSet<SocketAddr>>,
}

impl Screened {
    /// Screens the answers of a directory. Holders may be where the server of the client may lead to.
    pub(super) fn new(inner: Arc<dyn Rendezvous>, client: Client) -> Self {
        Self { inner, client, reported: Mutex::default() }
    }

    /// True if the holder can be used. One that cannot is reported once.
    fn is_usable(&self, holder: &Holder, server: AddressScope) -> bool {
        let Some(fault) = fault(holder, server) else { return true };
        let source = SocketAddr::new(holder.address, holder.port);
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.len() < MAX_REPORTED && reported.insert(source) {
            tracing::warn!("the holder {source} is not contacted: {fault}");
        }
        false
    }
}

impl Rendezvous for Screened {
    fn named(&self, name: &str) -> Result<Vec<FileSummary>, RendezvousError> {
        self.inner.named(name)
    }

    fn beginning(&self, prefix: &IdPrefix) -> Result<Vec<FileSummary>, RendezvousError> {
        self.inner.beginning(prefix)
    }

    fn holders(&self, file: FileId, limit: usize) -> Result<Holders, RendezvousError> {
        let mut holders = self.inner.holders(file, limit)?;
        let server = self.client.server_scope();
        let mut seen = BTreeSet::new();
        holders.holders.truncate(limit);
        holders.holders.retain(|holder| {
            self.is_usable(holder, server) && seen.insert(SocketAddr::new(holder.address, holder.port))
        });
        Ok(holders)
    }
}

/// Reason why a holder cannot be used, if there is one.
fn fault(holder: &Holder, server: AddressScope) -> Option<String> {
    if holder.port < PRIVILEGED {
        return Some(format!("port {} is privileged, and peers have ports from {PRIVILEGED} on", holder.port));
    }
    let scope = AddressScope::of(holder.address);
    (!server.may_lead_to(holder.address))
        .then(|| format!("its address is {scope}, and a registry at a {server} address may not lead this peer there"))
}

#[cfg(test)]
mod tests {
    use alto_types::swarm::PeerId;

    use super::*;

    struct Listing(Vec<&'static str>);

    impl Rendezvous for Listing {
        fn named(&self, _: &str) -> Result<Vec<FileSummary>, RendezvousError> {
            Ok(Vec::new())
        }

        fn beginning(&self, _: &IdPrefix) -> Result<Vec<FileSummary>, RendezvousError> {
            Ok(Vec::new())
        }

        fn holders(&self, file: FileId, _: usize) -> Result<Holders, RendezvousError> {
            let holder = |at: &&str| {
                let source: SocketAddr = at.parse().unwrap();
                let (address, port) = (source.ip(), source.port());
                Holder {
                    peer: PeerId((*at).to_owned()),
                    name: String::new(),
                    address,
                    port,
                    manifest: file,
                    complete: true,
                }
            };
            let file = FileSummary { id: file, name: String::new(), size: 1, complete: 1, partial: 0 };
            Ok(Holders { file, holders: self.0.iter().map(holder).collect() })
        }
    }

    fn usable(server: &str, listed: &[&'static str], limit: usize) -> Vec<String> {
        let client = Client::builder(server).build().unwrap();
        let screened = Screened::new(Arc::new(Listing(listed.to_vec())), client);
        let holders = screened.holders(FileId::from_digest([1; 32]), limit).unwrap().holders;
        holders.iter().map(|holder| SocketAddr::new(holder.address, holder.port).to_string()).collect()
    }

    #[test]
    fn no_more_holders_are_used_than_were_asked_for_and_none_twice() {
        let listed = ["192.0.2.1:6881", "192.0.2.1:6881", "192.0.2.2:6881", "192.0.2.3:6881"];
        assert_eq!(usable("http://192.0.2.9/", &listed, 3), ["192.0.2.1:6881", "192.0.2.2:6881"]);
    }

    #[test]
    fn a_public_registry_leads_to_public_addresses_and_unprivileged_ports_only() {
        let listed = ["192.0.2.1:22", "10.0.0.1:6881", "127.0.0.1:6881", "169.254.169.254:8080", "192.0.2.1:6881"];
        assert_eq!(usable("http://192.0.2.9/", &listed, 9), ["192.0.2.1:6881"]);
        assert_eq!(usable("http://10.0.0.9/", &listed, 9), ["10.0.0.1:6881", "192.0.2.1:6881"]);
        assert_eq!(usable("http://127.0.0.9/", &listed, 9).len(), 4);
        assert_eq!(usable("http://alto.example/", &listed, 9).len(), 1, "a name that was not resolved");
    }
}
