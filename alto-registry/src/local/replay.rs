//! The state as a follower of somebody else's decisions: changes are applied as they come, once or again, and nothing ends
//! by itself.

use std::collections::HashSet;

use super::holdings::number;
use super::state::State;
use super::store::SavedPeer;
use crate::credentials::Credentials;
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::origin::Origin;
use crate::peer::{Peer, PeerAddress};
use crate::refusal::Refusal;

impl State {
    /// Refuses a registration that does not fit in.
    pub(crate) fn may_register(&self, peer: &Peer) -> Result<(), Refusal> {
        self.check_address(peer.address, None)?;
        self.admit(peer.address, None, &peer.holdings, &[])
    }

    /// Refuses a renewal that its caller may not make, or that does not fit in.
    pub(crate) fn may_renew(&self, caller: &Credentials, peer: &Peer) -> Result<(), Refusal> {
        let renewed = self.authenticate(caller)?;
        self.check_address(peer.address, Some(renewed))?;
        let kept: HashSet<ContentId> = peer.holdings.iter().map(|holding| holding.file).collect();
        let dropped: Vec<ContentId> = self.holdings.of(renewed).filter(|id| !kept.contains(id)).collect();
        self.admit(peer.address, Some(renewed), &peer.holdings, &dropped)
    }

    /// Refuses an announcement that its caller may not make, or that does not fit in. Returns what it really removes.
    pub(crate) fn may_announce(
        &self,
        caller: &Credentials,
        add: &[Holding],
        remove: &[ContentId],
    ) -> Result<Vec<ContentId>, Refusal> {
        let peer = self.authenticate(caller)?;
        let dropped = self.dropped(peer, add, remove);
        self.admit(self.address(peer), Some(peer), add, &dropped)?;
        Ok(dropped)
    }

    /// Refuses an announcement from an address that does not fit in. Returns the registration of the address, if it has one,
    /// and what is really removed.
    pub(crate) fn may_announce_from(
        &self,
        address: PeerAddress,
        add: &[Holding],
        remove: &[ContentId],
    ) -> Result<(Option<PeerId>, Vec<ContentId>), Refusal> {
        let present = self.peers.at(address);
        let present = present.filter(|peer| self.peers.get(*peer).secret.is_none());
        self.check_address(address, present)?;
        let dropped = present.map(|peer| self.dropped(peer, add, remove)).unwrap_or_default();
        self.admit(address, present, add, &dropped)?;
        Ok((present.map(|peer| self.peers.get(peer).id), dropped))
    }

    /// Refuses whoever may not change a registration.
    pub(crate) fn may_change(&self, caller: &Credentials) -> Result<(), Refusal> {
        self.authenticate(caller).map(drop)
    }

    /// Puts a registration in the place of what is known of it, with all that it holds.
    pub(crate) fn put(&mut self, peer: SavedPeer, holdings: &[Holding]) {
        self.forget(peer.id);
        // Its entry is yet to come, but the address has another owner already.
        if let Some(other) = self.peers.at(peer.address) {
            let other = self.peers.get(other).id;
            self.forget(other);
        }
        let id = peer.id;
        self.add(peer);
        self.change(id, holdings, &[]);
    }

    /// Changes what a registration holds; nothing where it is not known any more.
    pub(crate) fn change(&mut self, id: PeerId, add: &[Holding], dropped: &[ContentId]) {
        let Some(peer) = self.peers.find(id) else { return };
        let before = number(self.holdings.count_of(peer));
        for file in dropped {
            self.holdings.remove(peer, file);
        }
        for holding in add {
            self.holdings.put(peer, holding, None);
        }
        let origin = Origin::of(self.address(peer).ip());
        self.origins.change(origin, before, number(self.holdings.count_of(peer)));
    }

    /// Ends a registration, where it is known.
    pub(crate) fn forget(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.find(id) {
            self.remove(peer);
        }
    }
}
