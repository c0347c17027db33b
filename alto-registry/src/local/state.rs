//! Rules and data of the local registry, without clock, randomness, lock and disk, which its caller provides.

use std::collections::HashSet;
use std::time::Duration;

use rand::Rng;

use super::admission::{Demand, Origins};
use super::holdings::{HeldAs, Holdings, number};
use super::leases::Leases;
use super::peers::Peers;
use super::sampling::sample;
use super::store::{Change, Saved, SavedPeer};
use crate::credentials::{Credentials, Secret, SecretHash};
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::limits::Limits;
use crate::observer::Stats;
use crate::origin::Origin;
use crate::peer::{Announcer, Peer, PeerAddress, Registration};
use crate::query::{FileList, FileQuery, FileSummary, Holder, HolderQuery, Holders};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// All peers, their leases, and what they hold.
pub(crate) struct State {
    limits: Limits,
    /// Latest time that any caller has told.
    now: Timestamp,
    /// Registrations by number. Their leases and holdings are kept under the same number.
    pub(super) peers: Peers,
    pub(super) origins: Origins,
    /// Leases of the registrations that have a secret. The others end with their last holding.
    leases: Leases,
    pub(super) holdings: Holdings,
}

/// A change as it was made in memory.
pub(crate) struct Made<T> {
    pub(crate) answer: T,
    pub(crate) changes: Vec<Change>,
    /// Registration that the change has made.
    pub(crate) creates: Option<PeerId>,
}

/// Registrations and single holdings that have expired.
#[derive(Default)]
pub(crate) struct Expired {
    pub(crate) peers: Vec<PeerId>,
    pub(crate) holdings: Vec<(PeerId, ContentId)>,
}

impl State {
    pub(crate) fn new(limits: Limits, now: Timestamp) -> Self {
        Self {
            limits,
            now,
            peers: Peers::default(),
            origins: Origins::default(),
            leases: Leases::default(),
            holdings: Holdings::default(),
        }
    }

    /// Makes a registration with a secret.
    pub(crate) fn register(&mut self, peer: &Peer, rng: &mut dyn Rng) -> Result<Made<Registration>, Refusal> {
        self.check_address(peer.address, None)?;
        self.admit(peer.address, None, &peer.holdings, &[])?;
        let secret = Secret::generate(rng);
        let (address, name) = (peer.address, peer.name.clone());
        let id = self.fresh_id(rng);
        let added = self.add(SavedPeer { id, secret: SecretHash::of(&secret), address, name });
        let changes = self.change_holdings(added, &peer.holdings, &[]);
        let changes = std::iter::once(self.saved(added)).chain(changes).collect();
        let answer = Registration { peer: id, secret, lease: self.limits.lease };
        Ok(Made { answer, changes, creates: Some(id) })
    }

    /// Gives a registration the address, the name and the holdings that its peer has now.
    pub(crate) fn renew(&mut self, caller: &Credentials, peer: &Peer) -> Result<Made<Registration>, Refusal> {
        let renewed = self.authenticate(caller)?;
        self.check_address(peer.address, Some(renewed))?;
        let kept: HashSet<ContentId> = peer.holdings.iter().map(|holding| holding.file).collect();
        let dropped: Vec<ContentId> = self.holdings.of(renewed).filter(|id| !kept.contains(id)).collect();
        self.admit(peer.address, Some(renewed), &peer.holdings, &dropped)?;
        self.relocate(renewed, peer);
        self.leases.renew(renewed, self.now.plus(self.limits.lease));
        let changes = self.change_holdings(renewed, &peer.holdings, &dropped);
        let changes = std::iter::once(self.saved(renewed)).chain(changes).collect();
        let answer = Registration { peer: caller.peer, secret: caller.secret.clone(), lease: self.limits.lease };
        Ok(Made { answer, changes, creates: None })
    }

    /// Changes the holdings of a peer.
    pub(crate) fn announce(
        &mut self,
        announcer: &Announcer,
        add: &[Holding],
        remove: &[ContentId],
        rng: &mut dyn Rng,
    ) -> Result<Made<Duration>, Refusal> {
        match announcer {
            Announcer::Registered(caller) => {
                let peer = self.authenticate(caller)?;
                let dropped = self.dropped(peer, add, remove);
                self.admit(self.address(peer), Some(peer), add, &dropped)?;
                self.leases.renew(peer, self.now.plus(self.limits.lease));
                let changes = self.change_holdings(peer, add, &dropped);
                Ok(Made { answer: self.limits.lease, changes, creates: None })
            }
            Announcer::Address(address) => self.announce_from(*address, add, remove, rng),
        }
    }

    /// Changes the holdings of an anonymous peer, which is registered from its first holding until its last.
    fn announce_from(
        &mut self,
        address: PeerAddress,
        add: &[Holding],
        remove: &[ContentId],
        rng: &mut dyn Rng,
    ) -> Result<Made<Duration>, Refusal> {
        let present = self.peers.at(address);
        let present = present.filter(|peer| self.peers.get(*peer).secret.is_none());
        self.check_address(address, present)?;
        let dropped = present.map(|peer| self.dropped(peer, add, remove)).unwrap_or_default();
        self.admit(address, present, add, &dropped)?;
        let answer = add.iter().filter_map(|holding| holding.lease).min().unwrap_or(self.limits.lease);
        let Some(peer) = present else {
            if add.is_empty() {
                return Ok(Made { answer, changes: Vec::new(), creates: None });
            }
            let id = self.fresh_id(rng);
            let peer = self.add(SavedPeer { id, secret: SecretHash::NONE, address, name: None });
            let changes = self.change_holdings(peer, add, &[]);
            let changes = std::iter::once(self.saved(peer)).chain(changes).collect();
            return Ok(Made { answer, changes, creates: Some(id) });
        };
        let mut changes = self.change_holdings(peer, add, &dropped);
        if self.holdings.count_of(peer) == 0 {
            changes = vec![Change::Forget(vec![self.remove(peer)])];
        }
        Ok(Made { answer, changes, creates: None })
    }

    pub(crate) fn heartbeat(&mut self, caller: &Credentials) -> Result<Duration, Refusal> {
        let peer = self.authenticate(caller)?;
        self.leases.renew(peer, self.now.plus(self.limits.lease));
        Ok(self.limits.lease)
    }

    pub(crate) fn leave(&mut self, caller: &Credentials) -> Result<Made<()>, Refusal> {
        let peer = self.authenticate(caller)?;
        let changes = vec![Change::Forget(vec![self.remove(peer)])];
        Ok(Made { answer: (), changes, creates: None })
    }

    /// Takes back a registration that could not be saved.
    pub(crate) fn retract(&mut self, id: PeerId) {
        if let Some(peer) = self.peers.find(id) {
            self.remove(peer);
        }
    }

    /// Reports whether any lease has ended, by `now` or by the latest time of an earlier call.
    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        let now = now.max(self.now);
        self.leases.ended(now).is_some() || self.holdings.ended(now).is_some()
    }

    /// Moves the time forward and ends every lease that has ended by then.
    pub(crate) fn advance(&mut self, now: Timestamp) -> Expired {
        self.now = now.max(self.now);
        let mut expired = Expired::default();
        while let Some(peer) = self.leases.ended(self.now) {
            expired.peers.push(self.remove(peer));
        }
        while let Some((peer, file)) = self.holdings.ended(self.now) {
            let (id, file) = (self.peers.get(peer).id, self.holdings.file(file).id());
            self.change_holdings(peer, &[], &[file]);
            if self.peers.get(peer).secret.is_none() && self.holdings.count_of(peer) == 0 {
                expired.peers.push(self.remove(peer));
            } else {
                expired.holdings.push((id, file));
            }
        }
        expired
    }

    /// Puts back what was saved, with whole leases: how much was left of them is not saved.
    pub(crate) fn restore(&mut self, saved: Saved) {
        let Saved { peer, holdings } = saved;
        if self.peers.find(peer.id).is_some() || self.peers.at(peer.address).is_some() {
            tracing::warn!(peer = %peer.id, address = %peer.address, "left out a saved registration: its ID or address occurs twice");
            return;
        }
        // It has no lease, so without holdings it would never end.
        if peer.secret.is_none() && holdings.is_empty() {
            return;
        }
        let added = self.add(peer);
        self.change_holdings(added, &holdings, &[]);
    }

    pub(crate) fn files(&self, query: &FileQuery<'_>) -> FileList {
        self.holdings.list(query)
    }

    pub(crate) fn file(&self, id: ContentId) -> Result<FileSummary, Refusal> {
        Ok(self.holdings.file(self.find(id)?).summary())
    }

    pub(crate) fn holders(&self, query: &HolderQuery, rng: &mut dyn Rng) -> Result<Holders, Refusal> {
        Ok(Holders { file: self.file(query.file)?, holders: self.candidates(query, rng)? })
    }

    pub(crate) fn candidates(&self, query: &HolderQuery, rng: &mut dyn Rng) -> Result<Vec<Holder>, Refusal> {
        let number = self.find(query.file)?;
        let file = self.holdings.file(number);
        let [first, second] = file.holders(query.having);
        let except = query.except.and_then(|id| self.peers.find(id));
        let except = except.and_then(|peer| self.holdings.get(peer, number));
        let except = except.and_then(|held| file.index(query.having, &held));
        let chosen = sample(first.len() + second.len(), except, query.limit, rng);
        let peer = |index: usize| first.get(index).or_else(|| second.get(index - first.len()));
        Ok(chosen.filter_map(|index| self.holder(*peer(index)?, number)).collect())
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats { peers: self.peers.len(), files: self.holdings.files(), holdings: self.holdings.count() }
    }

    fn holder(&self, peer: u32, file: u32) -> Option<Holder> {
        let HeldAs { manifest, complete, .. } = self.holdings.get(peer, file)?;
        let SavedPeer { id, address, name, .. } = self.peers.get(peer);
        Some(Holder { peer: *id, name: name.clone(), address: *address, manifest, complete })
    }

    fn holds(&self, peer: u32, id: &ContentId) -> bool {
        self.holdings.find(id).is_some_and(|file| self.holdings.get(peer, file).is_some())
    }

    fn find(&self, id: ContentId) -> Result<u32, Refusal> {
        self.holdings.find(&id).ok_or(Refusal::UnknownFile(id))
    }

    pub(super) fn address(&self, peer: u32) -> PeerAddress {
        self.peers.get(peer).address
    }

    /// Number of the registration that a caller may change.
    pub(super) fn authenticate(&self, caller: &Credentials) -> Result<u32, Refusal> {
        let peer = self.peers.find(caller.peer).ok_or(Refusal::UnknownPeer)?;
        if self.peers.get(peer).secret.verifies(&caller.secret) { Ok(peer) } else { Err(Refusal::WrongSecret) }
    }

    /// Refuses an address that a registration other than `own` has.
    pub(super) fn check_address(&self, address: PeerAddress, own: Option<u32>) -> Result<(), Refusal> {
        let Some(present) = self.peers.at(address).filter(|present| Some(*present) != own) else {
            return Ok(());
        };
        let end = if self.peers.get(present).secret.is_none() {
            self.holdings.last_end(present).unwrap_or(self.now)
        } else {
            self.leases.end(present)
        };
        Err(Refusal::AddressTaken { remaining: end.since(self.now) })
    }

    /// Files that an announcement really removes: a file in both lists is added.
    pub(super) fn dropped(&self, peer: u32, add: &[Holding], remove: &[ContentId]) -> Vec<ContentId> {
        let kept: HashSet<ContentId> = add.iter().map(|holding| holding.file).collect();
        let dropped: HashSet<ContentId> =
            remove.iter().filter(|id| !kept.contains(id) && self.holds(peer, id)).copied().collect();
        dropped.into_iter().collect()
    }

    /// Refuses what exceeds the limits: a new registration at `address`, or what `peer` wants to change.
    pub(super) fn admit(
        &self,
        address: PeerAddress,
        peer: Option<u32>,
        add: &[Holding],
        dropped: &[ContentId],
    ) -> Result<(), Refusal> {
        let added = || add.iter().filter(|holding| peer.is_none_or(|peer| !self.holds(peer, &holding.file)));
        let demand = Demand {
            origin: Origin::of(address.ip()),
            present: peer.map(|peer| Origin::of(self.address(peer).ip())),
            before: peer.map_or(0, |peer| self.holdings.count_of(peer)),
            added: added().count(),
            unknown: added().filter(|holding| self.holdings.find(&holding.file).is_none()).count(),
            removed: dropped.len(),
        };
        self.origins.admit(&demand, self.stats(), &self.limits)
    }

    fn fresh_id(&self, rng: &mut dyn Rng) -> PeerId {
        let mut time = self.now;
        loop {
            let id = PeerId::generate(time, rng);
            if self.peers.find(id).is_none() {
                return id;
            }
            // With thousands in one millisecond, two may draw the same number.
            time = time.plus(Duration::from_millis(1));
        }
    }

    pub(super) fn add(&mut self, peer: SavedPeer) -> u32 {
        let (address, leased) = (peer.address, !peer.secret.is_none());
        let added = self.peers.insert(peer);
        self.origins.enter(Origin::of(address.ip()), 0);
        if leased {
            self.leases.grant(added, self.now.plus(self.limits.lease));
        }
        added
    }

    pub(super) fn remove(&mut self, peer: u32) -> PeerId {
        let files = number(self.holdings.count_of(peer));
        self.holdings.clear(peer);
        let SavedPeer { id, secret, address, .. } = self.peers.remove(peer);
        if !secret.is_none() {
            self.leases.remove(peer);
        }
        self.origins.leave(Origin::of(address.ip()), files);
        id
    }

    fn relocate(&mut self, peer: u32, wanted: &Peer) {
        let files = number(self.holdings.count_of(peer));
        let old = self.peers.relocate(peer, wanted.address, wanted.name.clone());
        self.origins.leave(Origin::of(old.ip()), files);
        self.origins.enter(Origin::of(wanted.address.ip()), files);
    }

    /// Applies an admitted change of holdings.
    fn change_holdings(&mut self, peer: u32, add: &[Holding], dropped: &[ContentId]) -> Vec<Change> {
        let SavedPeer { id, secret, address, .. } = *self.peers.get(peer);
        let before = number(self.holdings.count_of(peer));
        for file in dropped {
            self.holdings.remove(peer, file);
        }
        // A registration without a secret has no lease, so its holdings need their own.
        let default_lease = secret.is_none().then_some(self.limits.lease);
        for holding in add {
            let end = holding.lease.or(default_lease).map(|lease| self.now.plus(lease));
            self.holdings.put(peer, holding, end);
        }
        self.origins.change(Origin::of(address.ip()), before, number(self.holdings.count_of(peer)));
        let dropped = dropped.iter().map(|file| Change::Drop(id, *file));
        dropped.chain(add.iter().map(|holding| Change::Hold(id, holding.clone()))).collect()
    }

    fn saved(&self, peer: u32) -> Change {
        Change::Peer(self.peers.get(peer).clone())
    }
}
