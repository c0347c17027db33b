//! Staying registered with a real server: lease, changes, restarts on either side, limits.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use crate::support::Server;
use alto_client::Client;
use alto_peer::content::Library;
use alto_peer::content::manifest::MIN_PIECE_SIZE;
use alto_peer::events::{Event, Events, Line, Sink};
use alto_peer::registration::{
    RegistrationStatus, RegistryClient, RegistryError, Renewal, RenewalSettings, SavedRegistration,
};
use alto_types::swarm::{Credentials, FileId, Registration};
use test_support::alto_server::{data, program};
use test_support::patience::{PATIENCE, wait_until};
use test_support::scripted_server::{Reply, Script};

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Event>>>);

impl Sink for Seen {
    fn take(&self, line: &Line) {
        self.0.lock().unwrap().push(line.event.clone());
    }
}

struct Peer {
    registration: Renewal,
    library: Arc<Library>,
    registry: Arc<RegistryClient>,
    seen: Seen,
    folder: tempfile::TempDir,
}

fn client(directory: &str, address: [u8; 4]) -> Client {
    Client::builder(directory).source(address.into()).timeout(PATIENCE).retries(0).build().unwrap()
}

impl Peer {
    fn new(directory: &str, address: [u8; 4], saved: Option<SavedRegistration>) -> Self {
        let library = Arc::new(Library::new());
        let registry = Arc::new(RegistryClient::new(client(directory, address)));
        let seen = Seen::default();
        let events = Events::new(Arc::new(SystemTime::now), seen.clone());
        let settings = RenewalSettings { name: "p1".to_owned(), port: 6881, saved, seed: Some(1), register: true };
        let registration = Renewal::start(settings, Arc::clone(&registry), Arc::clone(&library), events).unwrap();
        Self { registration, library, registry, seen, folder: tempfile::tempdir().unwrap() }
    }

    fn share(&self, name: &str) -> FileId {
        let path = self.folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        self.library.add_file(&path, MIN_PIECE_SIZE, |_, _, _| ()).unwrap().manifest().id
    }

    fn wait(&self, what: &str, reached: impl Fn(&RegistrationStatus) -> bool) -> RegistrationStatus {
        wait_until(what, || Some(self.registration.status()).filter(|status| reached(status)))
    }

    fn registered(&self) -> RegistrationStatus {
        self.wait("registered", |status| status.peer.is_some() && status.problem.is_none())
    }
}

/// Addresses of the holders of a file, as this client of the registry sees them.
fn holders(registry: &RegistryClient, id: FileId) -> Vec<String> {
    match registry.holders(id, 10) {
        Ok(holders) => {
            holders.holders.into_iter().map(|holder| format!("{}:{}", holder.address, holder.port)).collect()
        }
        Err(error) => {
            assert_eq!(error.status().map(|status| status.as_u16()), Some(404), "{error}");
            Vec::new()
        }
    }
}

fn wait_for_holders(registry: &RegistryClient, id: FileId, count: usize) -> Vec<String> {
    wait_until("so many holders", || Some(holders(registry, id)).filter(|holders| holders.len() == count))
}

#[test]
fn what_is_shared_is_known_while_the_peer_lives() {
    let server = Server::of_with("two-isps.json", &["--swarm-lease", "12"]);
    let others = RegistryClient::new(client(&server.directory(), [127, 1, 1, 9]));
    let peer = Peer::new(&server.directory(), [127, 1, 1, 1], None);
    let status = peer.registered();
    assert_eq!(status.lease, 12);
    let (a, b) = (peer.share("a"), peer.share("b"));
    assert_eq!(wait_for_holders(&others, a, 1), ["127.1.1.1:6881"]);
    assert_eq!(holders(&peer.registry, a), [""; 0], "it does not see itself");
    // Longer than the lease.
    std::thread::sleep(Duration::from_millis(12_500));
    assert_eq!(holders(&others, b).len(), 1, "heartbeats keep it");
    // A file that is gone from the disk is found out and told.
    std::fs::remove_file(peer.folder.path().join("a")).unwrap();
    wait_for_holders(&others, a, 0);
    peer.library.remove(b);
    wait_for_holders(&others, b, 0);

    peer.registration.unregister();
    peer.wait("unregistered", |status| status.peer.is_none());
    let c = peer.share("c");
    peer.registration.register();
    let again = peer.registered();
    assert_ne!(again.peer, status.peer);
    wait_for_holders(&others, c, 1);
    let Peer { registration, seen, .. } = peer;
    registration.stop();
    assert_eq!(holders(&others, c), [""; 0]);
    let seen = seen.0.lock().unwrap();
    let registered = |event: &&Event| matches!(event, Event::Registered { .. });
    let unregistered = |event: &&Event| matches!(event, Event::Unregistered { .. });
    assert_eq!((seen.iter().filter(registered).count(), seen.iter().filter(unregistered).count()), (2, 2), "{seen:?}");
}

#[test]
fn very_many_files_are_told_in_parts_up_to_what_the_server_takes() {
    let server = Server::of("two-isps.json");
    let others = RegistryClient::new(client(&server.directory(), [127, 1, 1, 9]));
    let peer = Peer::new(&server.directory(), [127, 1, 1, 1], None);
    peer.registered();
    let first = peer.share("first");
    for n in 0..998 {
        peer.share(&format!("file{n}"));
    }
    let last = peer.share("last");
    peer.wait("all told", |status| status.files == 1000);
    assert!(holders(&others, first).len() == 1 && holders(&others, last).len() == 1);
    // One more than the server takes.
    let excess = peer.share("excess");
    let status = peer.wait("what is left out", |status| status.left_out.is_some());
    let left_out = status.left_out.unwrap();
    assert!(left_out.starts_with("1 of 1001 files are not registered") && left_out.contains("the limit is 1000"));
    assert!(left_out.contains("swarm-max-files-per-peer") && status.peer.is_some() && status.problem.is_none());
    peer.library.remove(first);
    wait_for_holders(&others, excess, 1);
    peer.wait("nothing left out", |status| status.left_out.is_none());
}

#[test]
fn as_many_files_are_registered_as_the_server_takes() {
    let server = Server::of_with("two-isps.json", &["--swarm-max-files-per-peer", "7"]);
    let peer = Peer::new(&server.directory(), [127, 1, 1, 1], None);
    for n in 0..20 {
        peer.share(&format!("file{n}"));
    }
    // The peer may register before all files are shared.
    let all = |text: &String| text.starts_with("13 of 20 files are not registered");
    peer.wait("what is left out", |status| status.left_out.as_ref().is_some_and(all));
    peer.wait("the others are told", |status| status.files == 7);
}

#[test]
fn a_final_refusal_ends_the_attempts() {
    let server = Server::of_with("two-isps.json", &["--no-swarm"]);
    let peer = Peer::new(&server.directory(), [127, 1, 1, 1], None);
    let status = peer.wait("a problem", |status| status.problem.is_some());
    assert!(status.problem.unwrap().ends_with("has no registry of peers"));
    assert!(peer.registration.wait_for_refusal().unwrap().ends_with("has no registry of peers"));
}

#[test]
fn the_registry_is_beside_the_directory_that_was_redirected_to() {
    let server = Server::of("two-isps.json");
    let front = Script::start();
    front.on("GET /alto", [Reply::redirect(302, &server.directory())]);
    let peer = Peer::new(&front.uri("/alto"), [127, 1, 1, 1], None);
    peer.registered();
    let id = peer.share("a");
    let others = RegistryClient::new(client(&server.directory(), [127, 1, 1, 9]));
    wait_for_holders(&others, id, 1);
}

#[test]
fn a_server_that_restarts_is_told_again() {
    // Without --state it forgets everybody. It returns to the port it had, at an address that no other test uses.
    let start = |listen: &str| {
        let mut command = program();
        command.arg("--topology").arg(data("two-isps.json")).args(["--listen", listen, "--swarm-lease", "2"]);
        Server::start(&mut command)
    };
    let server = start("127.0.3.1:0");
    let (address, directory) = (server.address, server.directory());
    let peer = Peer::new(&directory, [127, 1, 1, 1], None);
    let before = peer.registered();
    let id = peer.share("a");
    let others = RegistryClient::new(client(&directory, [127, 1, 1, 9]));
    wait_for_holders(&others, id, 1);
    drop(server);
    peer.wait("a problem", |status| status.problem.is_some());
    let _server = start(&address.to_string());
    assert_eq!(wait_for_holders(&others, id, 1), ["127.1.1.1:6881"]);
    let after = peer.registered();
    assert_ne!(before.peer, after.peer);
}

#[test]
fn a_peer_that_was_killed_takes_its_registration_over() {
    let server = Server::of_with("two-isps.json", &["--swarm-lease", "60"]);
    let directory = server.directory();
    let folder = tempfile::tempdir().unwrap();
    let saved = || SavedRegistration::new(folder.path(), &directory, "p1", 6881);
    let killed = Peer::new(&directory, [127, 1, 1, 1], Some(saved()));
    let before = killed.registered();
    let id = killed.share("a");
    let others = RegistryClient::new(client(&directory, [127, 1, 1, 9]));
    wait_for_holders(&others, id, 1);
    // Killed: its thread is never told to stop.
    std::mem::forget(killed.registration);
    killed.library.remove(id);
    // Somebody without the secret has to wait for the end of the lease.
    let stranger = Peer::new(&directory, [127, 1, 1, 1], None);
    let status = stranger.wait("a refusal", |status| status.problem.is_some());
    assert!(status.problem.unwrap().contains("409") && status.peer.is_none());
    drop(stranger);
    let next = Peer::new(&directory, [127, 1, 1, 1], Some(saved()));
    assert_eq!(next.registered().peer, before.peer);
    wait_for_holders(&others, id, 0);
}

#[test]
fn the_registry_says_why_not() {
    let server = Server::of("two-isps.json");
    let registry = RegistryClient::new(client(&server.directory(), [127, 1, 1, 1]));
    let wanted =
        |name: &str| Registration { name: name.to_owned(), port: 1, files: Vec::new(), renew: None, probe: false };
    let refused = |error: RegistryError| (error.status().unwrap().as_u16(), error.to_string());
    let (status, text) = refused(registry.register(&wanted("")).unwrap_err());
    assert!(status == 400 && text.contains("name: is empty"), "{text}");
    let registered = registry.register(&wanted("p1")).unwrap();
    let taken = registry.register(&wanted("p1")).unwrap_err();
    assert!(taken.retry_after().is_some());
    assert_eq!(refused(taken).0, 409);
    let wrong = Credentials { peer: registered.peer, secret: alto_types::swarm::Secret("wrong".to_owned()) };
    assert_eq!(refused(registry.heartbeat(&wrong).unwrap_err()).0, 403);
    assert_eq!(refused(registry.file(FileId::from_digest([1; 32])).unwrap_err()).0, 404);
    assert!(registry.files(Some("a b&c"), None).unwrap().files.is_empty());
    drop(server);
    assert!(matches!(registry.files(None, None), Err(RegistryError::Unreachable(_))));
}
