//! Storage below the memory of the local registry: what is written to it, and the storage that keeps nothing.

use crate::credentials::SecretHash;
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::name::PeerName;
use crate::peer::PeerAddress;
use crate::store_file::StoreError;

/// Storage of registrations. It is read once, at the start; from then on the memory has everything.
pub(crate) trait Store: Send + 'static {
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
pub(crate) enum Change {
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
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Forget(peers) => peers.len(),
            _ => 1,
        }
    }
}

/// A registration as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct SavedPeer {
    pub(crate) id: PeerId,
    pub(crate) secret: SecretHash,
    pub(crate) address: PeerAddress,
    pub(crate) name: Option<PeerName>,
}

/// A stored registration with its holdings.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) peer: SavedPeer,
    pub(crate) holdings: Vec<Holding>,
}

/// Storage that keeps nothing: the registry lives in memory only.
pub(crate) struct Volatile;

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
