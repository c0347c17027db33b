//! A peer as a whole: what it shares, the server it serves that with, and its registration.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::content::Library;
use crate::content::library::{ShareError, Shared};
use crate::events::{Event, Events};
use crate::serving::{Serving, ServingError, ServingSettings};
use crate::swarm::{Keepsake, Registry, Upkeep, UpkeepSettings};
use alto_client::Client;

/// How a peer is set up.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// What people call it.
    pub name: String,
    /// How it serves.
    pub serving: ServingSettings,
    /// Size of the pieces of what it shares.
    pub piece_size: u32,
    /// Where its registration is kept for the process after this one.
    pub state: Option<PathBuf>,
    /// For random choices; random themselves if absent.
    pub seed: Option<u64>,
}

/// A running peer.
pub struct Node {
    library: Arc<Library>,
    registry: Arc<Registry>,
    serving: Serving,
    upkeep: Upkeep,
    events: Events,
    piece_size: u32,
}

/// Why a peer does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot serve.
    #[error(transparent)]
    Serving(#[from] ServingError),
    /// No threads.
    #[error("the operating system refused: {0}")]
    System(#[from] io::Error),
}

/// Where a peer's own requests come from: the address it serves at, unless that is any.
pub fn source(address: IpAddr) -> Option<IpAddr> {
    (!address.is_unspecified()).then_some(address)
}

impl Node {
    /// Serves from now on. It registers when it is told to.
    pub fn start(settings: NodeSettings, client: Client, events: Events) -> Result<Self, NodeError> {
        let library = Arc::new(Library::new());
        let serving = Serving::start(&settings.serving, Arc::clone(&library))?;
        let registry = Arc::new(Registry::new(client));
        let (address, name) = (serving.address(), settings.name);
        events.emit(Event::Listening { address: address.ip(), port: address.port() });
        let keep = |folder: PathBuf| Keepsake::new(&folder, registry.directory_uri(), &name, address.port());
        let keepsake = settings.state.map(keep);
        let upkeep = UpkeepSettings { name, port: address.port(), keepsake, seed: settings.seed, register: false };
        let upkeep = Upkeep::start(upkeep, Arc::clone(&registry), Arc::clone(&library), events.clone())?;
        Ok(Self { library, registry, serving, upkeep, events, piece_size: settings.piece_size })
    }

    /// Shares a file, or the files of a folder; says what it left out. `progress` is told the file, the bytes hashed
    /// and its size.
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

    /// Where it serves.
    pub fn address(&self) -> SocketAddr {
        self.serving.address()
    }

    /// What it shares.
    pub fn library(&self) -> &Arc<Library> {
        &self.library
    }

    /// Where it is registered, and finds others.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Its server.
    pub fn serving(&self) -> &Serving {
        &self.serving
    }

    /// Its registration.
    pub fn upkeep(&self) -> &Upkeep {
        &self.upkeep
    }

    /// Unregisters, so that nobody comes any more, and then ends. Dropping does the same.
    pub fn stop(&self) {
        self.upkeep.stop();
        self.serving.stop();
    }
}
