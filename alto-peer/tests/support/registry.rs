//! The registry of a server as a client sees it that is no peer.

use alto_client::Client;
use alto_peer::registration::RegistryClient;
use alto_types::swarm::{Credentials, FileEntry, Holder, Registration};
use test_support::patience::wait_until;

use super::Server;
use super::download::Original;

/// Client of the registry from an address that no peer has.
pub(crate) fn registry(directory: &str) -> RegistryClient {
    let address = [127, 9, 9, 9].into();
    RegistryClient::new(Client::builder(directory).source(address).build().unwrap())
}

/// The files that the registry lists: name, number of complete holders, number of others.
pub(crate) fn listed(registry: &RegistryClient) -> Vec<(String, usize, usize)> {
    let files = registry.files(None, None).unwrap().files;
    files.into_iter().map(|file| (file.name, file.complete, file.partial)).collect()
}

/// Registers a mock holder of the original.
pub(crate) fn register(server: &Server, original: &Original, holder: &Holder) {
    let client = Client::builder(&server.directory()).source(holder.address).build().unwrap();
    let entry = FileEntry {
        id: original.manifest.id,
        name: "movie.bin".to_owned(),
        size: original.manifest.size,
        manifest: holder.manifest,
        complete: holder.complete,
    };
    let registration =
        Registration { name: holder.name.clone(), port: holder.port, files: vec![entry], renew: None, probe: false };
    RegistryClient::new(client).register(&registration).unwrap();
}

/// What the registry says about a peer from this address at whose port nobody listens.
pub(crate) fn unreachable(server: &Server, address: &str) -> Option<bool> {
    let address = address.parse().unwrap();
    // Bound and dropped, so that the port is free.
    let port = std::net::TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port();
    let client = Client::builder(&server.directory()).source(address).build().unwrap();
    let registry = RegistryClient::new(client);
    let wanted = Registration { name: "closed".to_owned(), port, files: Vec::new(), renew: None, probe: true };
    let registered = registry.register(&wanted).unwrap();
    let credentials = Credentials { peer: registered.peer, secret: registered.secret };
    wait_until("the registry has tried", || registry.heartbeat(&credentials).unwrap().reachable).into()
}
