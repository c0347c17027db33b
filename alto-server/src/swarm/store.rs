//! What makes registrations survive a restart: the one trait that a store of them has, and what goes through it.

use std::net::IpAddr;
use std::path::PathBuf;

use alto_types::swarm::{FileEntry, FileId};

use super::credentials::{PeerKey, SecretHash};

/// Keeps registrations. The registry itself has all of them in memory and never reads but at the start.
pub(crate) trait Store: Send + 'static {
    /// Whether anything outlives the process. Where nothing does, nothing is saved, and nobody waits for it.
    fn keeps(&self) -> bool {
        true
    }

    /// Hands over every registration that was saved and not forgotten.
    fn load(&mut self, each: &mut dyn FnMut(Saved)) -> Result<(), StoreError>;

    /// Makes changes, in their order, all or none. They survive whatever comes once this returns. After a failure the
    /// next call tries anew.
    fn save(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}

/// A change of what is kept.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// A registration is there, or is different from before. What it holds is not touched.
    Peer(SavedPeer),
    /// A registered peer holds a file, in place of what it said of it before.
    Hold(PeerKey, FileEntry),
    /// A registered peer no longer holds a file.
    Drop(PeerKey, FileId),
    /// Registrations are over, with all that they held. Their keys are never used again.
    Forget(Vec<PeerKey>),
}

impl Change {
    /// About how much work it is to save this.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Forget(peers) => peers.len(),
            _ => 1,
        }
    }
}

/// A registration as it is kept.
#[derive(Clone, Debug)]
pub(crate) struct SavedPeer {
    pub(crate) key: PeerKey,
    pub(crate) secret: SecretHash,
    pub(crate) address: IpAddr,
    pub(crate) port: u16,
    pub(crate) name: Box<str>,
}

/// A registration with the files it holds.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) peer: SavedPeer,
    pub(crate) files: Vec<FileEntry>,
}

/// The store of a server without `state`: what the registry holds in memory is all there is, and ends with it.
pub(crate) struct Volatile;

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub(crate) struct StoreError {
    pub(crate) path: PathBuf,
    pub(crate) problem: String,
}

impl Store for Volatile {
    fn keeps(&self) -> bool {
        false
    }

    fn load(&mut self, _each: &mut dyn FnMut(Saved)) -> Result<(), StoreError> {
        Ok(())
    }

    fn save(&mut self, _changes: &[Change]) -> Result<(), StoreError> {
        Ok(())
    }
}
