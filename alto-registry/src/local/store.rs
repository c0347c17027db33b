//! Storage below the memory of the local registry: what is written to it, and the storage that keeps nothing.

use crate::credentials::SecretHash;
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::name::PeerName;
use crate::peer::PeerAddress;
use crate::store_file::StoreError;

/// Storage of registrations. It is read once, at the start; from then on the memory has everything.
pub(super) trait Store: Send + 'static {
    /// Reports whether the storage outlives the process. If not, changes are confirmed without being saved.
    fn is_durable(&self) -> bool {
        true
    }

    /// Reads every registration that was saved and not forgotten, in the order of their IDs.
    fn load(&mut self, each: &mut dyn FnMut(Saved)) -> Result<(), StoreError>;

    /// Applies changes in their order, all or none. They survive a crash once this returns. After a failure the next
    /// call tries anew.
    fn save(&mut self, changes: &[Change]) -> Result<(), StoreError>;
}

/// A change to what is stored.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// Inserts or replaces a registration, but not its holdings.
    Peer(SavedPeer),
    /// Inserts or replaces a holding.
    Hold(PeerId, Holding),
    /// Deletes a holding.
    Drop(PeerId, ContentId),
    /// Deletes registrations and all their holdings.
    Forget(Vec<PeerId>),
}

impl Change {
    /// Approximate number of rows to write.
    pub(super) fn weight(&self) -> usize {
        match self {
            Self::Forget(peers) => peers.len(),
            _ => 1,
        }
    }
}

/// A registration as it is stored.
#[derive(Clone, Debug)]
pub(super) struct SavedPeer {
    pub(super) id: PeerId,
    pub(super) secret: SecretHash,
    pub(super) address: PeerAddress,
    pub(super) name: Option<PeerName>,
}

/// A stored registration with its holdings.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    pub(super) peer: SavedPeer,
    pub(super) holdings: Vec<Holding>,
}

/// Storage that keeps nothing: the registry lives in memory only.
pub(super) struct Volatile;

impl Store for Volatile {
    fn is_durable(&self) -> bool {
        false
    }

    fn load(&mut self, _each: &mut dyn FnMut(Saved)) -> Result<(), StoreError> {
        Ok(())
    }

    fn save(&mut self, _changes: &[Change]) -> Result<(), StoreError> {
        Ok(())
    }
}
