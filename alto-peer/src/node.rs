//! Peer as a whole: its library, its server and its registration.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::content::Library;
use crate::content::library::{ShareError, Shared};
use crate::events::{Event, Events};
use crate::registration::{RegistryClient, Renewal, RenewalSettings, SavedRegistration};
use crate::serving::{Serving, ServingError, ServingSettings};
use alto_client::Client;

/// Settings of a peer.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Name, for people.
    pub name: String,
    /// Settings of its server.
    pub serving: ServingSettings,
    /// Size of the pieces of files that it shares, in bytes.
    pub piece_size: u32,
    /// Folder for its registration, which the next process takes over; not saved if absent.
    pub state: Option<PathBuf>,
    /// Seed of random choices; random if absent.
    pub seed: Option<u64>,
}

/// Running peer, stopped when dropped.
pub struct Node {
    library: Arc<Library>,
    registry: Arc<RegistryClient>,
    serving: Serving,
    registration: Renewal,
    events: Events,
    piece_size: u32,
}

/// Reason why a peer does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// Server that does not start.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// Thread that cannot be started.
    #[error("cannot start a thread: {0}")]
    System(#[from] io::Error),
}

impl Node {
    /// Starts a peer that serves, and that registers when [`Renewal::register`] is called.
    pub fn start(settings: NodeSettings, client: Client, events: Events) -> Result<Self, NodeError> {
        let library = Arc::new(Library::new());
        let serving = Serving::start(&settings.serving, Arc::clone(&library))?;
        let registry = Arc::new(RegistryClient::new(client));
        let (address, name) = (serving.address(), settings.name);
        events.emit(Event::Listening { address: address.ip(), port: address.port() });
        let saved = settings
            .state
            .map(|folder| SavedRegistration::new(&folder, registry.directory_uri(), &name, address.port()));
        let renewal = RenewalSettings { name, port: address.port(), saved, seed: settings.seed, register: false };
        let registration = Renewal::start(renewal, Arc::clone(&registry), Arc::clone(&library), events.clone())?;
        Ok(Self { library, registry, serving, registration, events, piece_size: settings.piece_size })
    }

    /// Shares a file, or the files of a folder. Returns what it shares and what it left out. `progress` gets the file, the
    /// bytes hashed and the file's size.
    pub fn share(
        &self,
        path: &Path,
        progress: impl FnMut(&Path, u64, u64),
    ) -> Result<(Vec<Arc<Shared>>, Vec<ShareError>), ShareError> {
        let added = self.library.add(path, self.piece_size, progress)?;
        for shared in &added.files {
            let manifest = shared.manifest();
            self.events.emit(Event::Shared {
                file: manifest.id,
                name: shared.name().to_string(),
                size: manifest.size,
                pieces: manifest.piece_count(),
            });
        }
        Ok((added.files, added.left_out))
    }

    /// Address at which it serves.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// Files that it shares.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Client of the registry in which it is registered and finds others.
    pub fn registry(&self) -> &Arc<RegistryClient> {
        &self.registry
    }

    /// Server of the peer.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Registration of the peer.
    pub fn registration(&self) -> &Renewal {
        &self.registration
    }

    /// Unregisters, so that no new requests come, and then stops the server. Dropping does the same.
    pub fn stop(&self) {
        self.registration.stop();
        self.serving.stop();
    }
}
