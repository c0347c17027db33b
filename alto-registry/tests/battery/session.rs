//! A registry with a clock and a random number generator of the test's own.

use std::net::IpAddr;
use std::time::Duration;

use alto_registry::{
    Announcer, Completeness, ContentId, Credentials, FileName, Holder, HolderQuery, Holding, Limits, ManifestDigest,
    Peer, PeerAddress, PeerName, Refusal, Registration, Registry, Timestamp,
};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::Backend;

/// Length of a lease in all tests.
pub const LEASE: Duration = Duration::from_mins(1);

/// Limits that no test reaches by accident.
pub const ROOMY: Limits = Limits {
    lease: LEASE,
    peers: 10_000,
    peers_per_address: 10_000,
    files: 10_000,
    files_per_peer: 1000,
    files_per_address: 10_000,
    holdings: 10_000,
};

/// Registry of one backend, and what its calls need.
pub struct Session<B> {
    backend: B,
    limits: Limits,
    registry: Option<Box<dyn Registry>>,
    pub now: Timestamp,
    pub rng: SmallRng,
}

impl<B: Backend> Session<B> {
    /// Opens an empty registry.
    pub fn new(limits: Limits) -> Self {
        let (backend, now) = (B::new(), Timestamp::from_unix_milliseconds(1_790_000_000_000));
        let registry = Some(backend.open(limits, now));
        Self { backend, limits, registry, now, rng: SmallRng::seed_from_u64(1) }
    }

    pub fn registry(&self) -> &dyn Registry {
        self.registry.as_deref().unwrap()
    }

    /// Closes the registry, then opens it again.
    pub fn restart(&mut self) {
        self.registry = None;
        self.registry = Some(self.backend.open(self.limits, self.now));
    }

    /// Moves the clock on.
    pub fn wait(&mut self, duration: Duration) {
        self.now = self.now.plus(duration);
    }

    pub fn register(&mut self, peer: &Peer) -> Result<Registration, Refusal> {
        let registry = self.registry.as_deref().unwrap();
        registry.register(peer, self.now, &mut self.rng)?.wait()
    }

    pub fn renew(&self, caller: &Credentials, peer: &Peer) -> Result<Registration, Refusal> {
        self.registry().renew(caller, peer, self.now)?.wait()
    }

    pub fn announce(
        &mut self,
        announcer: &Announcer,
        add: &[Holding],
        remove: &[ContentId],
    ) -> Result<Duration, Refusal> {
        let registry = self.registry.as_deref().unwrap();
        registry.announce(announcer, add, remove, self.now, &mut self.rng)?.wait()
    }

    pub fn heartbeat(&self, caller: &Credentials) -> Result<Duration, Refusal> {
        self.registry().heartbeat(caller, self.now)
    }

    pub fn leave(&self, caller: &Credentials) -> Result<(), Refusal> {
        self.registry().leave(caller, self.now)?.wait()
    }

    /// Holders of a file, of any completeness, sorted by address; none where the file is unknown.
    pub fn holders(&mut self, file: ContentId) -> Vec<Holder> {
        let query = HolderQuery { file, except: None, having: Completeness::Any, limit: usize::MAX };
        let registry = self.registry.as_deref().unwrap();
        let mut holders = match registry.candidates(&query, self.now, &mut self.rng) {
            Ok(holders) => holders,
            Err(refusal) => {
                assert_eq!(refusal, Refusal::UnknownFile(file));
                Vec::new()
            }
        };
        holders.sort_by_key(|holder| holder.address);
        holders
    }

    /// Ports of the holders of a file.
    pub fn ports(&mut self, file: ContentId) -> Vec<u16> {
        self.holders(file).iter().map(|holder| holder.address.port()).collect()
    }
}

/// ID of a file that is named by SHA-256.
pub const fn file(number: u8) -> ContentId {
    ContentId::Sha256([number; 32])
}

/// ID of a file that is named by infohash.
pub const fn torrent(number: u8) -> ContentId {
    ContentId::Infohash([number; 20])
}

/// A complete file with all details.
pub fn holding(number: u8) -> Holding {
    Holding {
        name: Some(FileName::new(&format!("file-{number}")).unwrap()),
        size: Some(1000 + u64::from(number)),
        manifest: Some(ManifestDigest([100 + number; 32])),
        ..Holding::new(file(number), true)
    }
}

/// An address by its text.
pub fn address(ip: &str, port: u16) -> PeerAddress {
    PeerAddress::new(ip.parse::<IpAddr>().unwrap(), port)
}

/// A peer at 127.0.0.1 that holds some complete files.
pub fn peer(port: u16, files: impl IntoIterator<Item = u8>) -> Peer {
    peer_at("127.0.0.1", port, files)
}

/// A peer that holds some complete files.
pub fn peer_at(ip: &str, port: u16, files: impl IntoIterator<Item = u8>) -> Peer {
    let name = Some(PeerName::new(&format!("peer {port}")).unwrap());
    Peer { address: address(ip, port), name, holdings: files.into_iter().map(holding).collect() }
}

/// Credentials that a registration was confirmed with.
pub fn credentials(registration: &Registration) -> Credentials {
    Credentials { peer: registration.peer, secret: registration.secret.clone() }
}
