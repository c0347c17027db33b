//! The rules of the registry, and all it knows. No clock, no chance, no lock and no disk: whoever calls has those.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::time::SystemTime;

use alto_types::swarm::{
    Announcement, Credentials, FileEntry, FileId, FileList, FileSummary, Holder, Registered, Registration,
};
use rand::Rng;
use slab::Slab;

use super::credentials::{PeerKey, SecretHash, new_secret};
use super::holdings::{Holdings, number};
use super::leases::{Leases, Moment};
use super::limits::{Limits, Origin};
use super::refused::Refused;
use super::store::{Change, Saved, SavedPeer};

/// Peers, their leases, and what they hold.
pub(crate) struct Registry {
    limits: Limits,
    peers: Slab<Peer>,
    by_key: HashMap<PeerKey, u32>,
    by_socket: HashMap<(IpAddr, u16), u32>,
    by_origin: HashMap<Origin, Usage>,
    leases: Leases,
    holdings: Holdings,
}

/// A registration. Its lease and its files are kept elsewhere, under its number.
struct Peer {
    key: PeerKey,
    secret: SecretHash,
    address: IpAddr,
    port: u16,
    name: Box<str>,
}

/// What the registrations of one origin take up together.
#[derive(Default)]
struct Usage {
    peers: u32,
    holdings: u32,
}

/// How much a change adds, beside what it takes away.
struct Demand {
    /// Files that the peer does not hold yet.
    added: usize,
    /// Of these, files that nobody holds yet.
    unknown: usize,
    removed: usize,
}

/// A holder to be ranked.
pub(super) struct Candidate {
    pub(super) key: PeerKey,
    pub(super) address: IpAddr,
    pub(super) name: Box<str>,
}

impl Registry {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            peers: Slab::new(),
            by_key: HashMap::new(),
            by_socket: HashMap::new(),
            by_origin: HashMap::new(),
            leases: Leases::new(),
            holdings: Holdings::default(),
        }
    }

    /// Takes in a peer that calls from `address`. A renewal keeps its name and secret, so that it can be repeated by
    /// whoever did not get the answer.
    pub(super) fn register(
        &mut self,
        address: IpAddr,
        wanted: &Registration,
        (now, time): (Moment, SystemTime),
        rng: &mut impl Rng,
    ) -> Result<(Registered, Vec<Change>), Refused> {
        let renewed = match &wanted.renew {
            // A registration that is over is as good as none.
            Some(credentials) => match self.open(credentials) {
                Err(Refused::UnknownPeer) => None,
                opened => Some(opened?),
            },
            None => None,
        };
        let present = self.by_socket.get(&(address, wanted.port)).copied();
        if let Some(present) = present.filter(|_| present != renewed) {
            return Err(Refused::Taken { left: self.leases.ends(present).since(now) });
        }
        let kept: HashSet<FileId> = wanted.files.iter().map(|entry| entry.id).collect();
        let dropped: Vec<FileId> =
            renewed.into_iter().flat_map(|peer| self.holdings.of(peer)).filter(|id| !kept.contains(id)).collect();
        let demand = self.demand(renewed, &wanted.files, &dropped);
        self.admit(Origin::of(address), renewed, &demand)?;

        let (peer, secret) = if let (Some(peer), Some(credentials)) = (renewed, &wanted.renew) {
            self.relocate(peer, address, wanted);
            self.leases.renew(peer, now.plus(self.limits.lease));
            (peer, credentials.secret.clone())
        } else {
            let secret = new_secret(rng);
            let key = self.fresh_key(time, rng);
            let name = wanted.name.as_str().into();
            let peer = Peer { key, secret: SecretHash::of(&secret), address, port: wanted.port, name };
            (self.add(peer, now), secret)
        };
        self.change_files(peer, &wanted.files, &dropped);
        let key = self.peers[peer as usize].key;
        let mut changes = vec![Change::Peer(self.saved(peer))];
        changes.extend(file_changes(key, &wanted.files, &dropped));
        let lease = self.limits.lease.as_secs();
        Ok((Registered { peer: key.to_id(), secret, lease, address }, changes))
    }

    pub(super) fn heartbeat(&mut self, credentials: &Credentials, now: Moment) -> Result<(), Refused> {
        let peer = self.open(credentials)?;
        self.leases.renew(peer, now.plus(self.limits.lease));
        Ok(())
    }

    /// Changes what a peer holds: all that is said, or nothing where some of it is refused.
    pub(super) fn announce(&mut self, said: &Announcement, now: Moment) -> Result<Vec<Change>, Refused> {
        let peer = self.open(&said.credentials)?;
        // Whoever says both of a file has it.
        let kept: HashSet<FileId> = said.add.iter().map(|entry| entry.id).collect();
        let dropped: HashSet<FileId> =
            said.remove.iter().filter(|id| !kept.contains(id) && self.holds(peer, id)).copied().collect();
        let dropped: Vec<FileId> = dropped.into_iter().collect();
        let demand = self.demand(Some(peer), &said.add, &dropped);
        self.admit(Origin::of(self.peers[peer as usize].address), Some(peer), &demand)?;
        self.leases.renew(peer, now.plus(self.limits.lease));
        self.change_files(peer, &said.add, &dropped);
        Ok(file_changes(self.peers[peer as usize].key, &said.add, &dropped).collect())
    }

    pub(super) fn unregister(&mut self, credentials: &Credentials) -> Result<PeerKey, Refused> {
        let peer = self.open(credentials)?;
        Ok(self.remove(peer))
    }

    /// Takes back a registration that could not be saved.
    pub(super) fn retract(&mut self, key: PeerKey) {
        if let Some(peer) = self.by_key.get(&key) {
            self.remove(*peer);
        }
    }

    /// Whether any lease has ended, so that [`Registry::expire`] has something to do.
    pub(super) fn has_expired(&self, now: Moment) -> bool {
        self.leases.ended(now).is_some()
    }

    /// Ends every registration whose lease has ended, and tells which.
    pub(super) fn expire(&mut self, now: Moment) -> Vec<PeerKey> {
        let mut expired = Vec::new();
        while let Some(peer) = self.leases.ended(now) {
            expired.push(self.remove(peer));
        }
        expired
    }

    /// Puts back what was saved, with a whole lease: heartbeats are not saved, so how much was left is not known.
    pub(super) fn restore(&mut self, saved: Saved, now: Moment) {
        let SavedPeer { key, secret, address, port, name } = saved.peer;
        // Would be a fault of the store; the first stays.
        if self.by_key.contains_key(&key) || self.by_socket.contains_key(&(address, port)) {
            tracing::warn!(peer = %key.to_id(), "a saved registration is there twice and is left out");
            return;
        }
        let peer = self.add(Peer { key, secret, address, port, name }, now);
        self.change_files(peer, &saved.files, &[]);
    }

    pub(super) fn list(&self, name: Option<&str>, after: Option<FileId>, rows: usize) -> FileList {
        self.holdings.list(name, after, rows)
    }

    pub(super) fn file(&self, id: FileId) -> Result<FileSummary, Refused> {
        Ok(self.holdings.file(self.find(id)?).summary())
    }

    /// The holders of a file but for one: all, or a random choice where there are more than `rows`.
    pub(super) fn holders(
        &self,
        id: FileId,
        except: Option<PeerKey>,
        rows: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<Holder>, Refused> {
        let number = self.find(id)?;
        let file = self.holdings.file(number);
        let chosen = sample(file.holders(), self.index(number, except), rows, rng);
        Ok(chosen.filter_map(|index| self.holder(file.holder(index), number)).collect())
    }

    /// Those who have all of a file but for one, at most `rows` of them, by chance.
    pub(super) fn candidates(
        &self,
        id: FileId,
        except: Option<PeerKey>,
        rows: usize,
        rng: &mut impl Rng,
    ) -> Result<Vec<Candidate>, Refused> {
        let file = self.find(id)?;
        let complete = self.holdings.file(file).complete();
        let chosen = sample(complete.len(), self.index(file, except), rows, rng);
        let candidate = |peer: &Peer| Candidate { key: peer.key, address: peer.address, name: peer.name.clone() };
        Ok(chosen.map(|index| candidate(&self.peers[complete[index] as usize])).collect())
    }

    /// A peer as a holder of a file, if it is there and is one.
    pub(super) fn holder_by_key(&self, key: PeerKey, id: FileId) -> Option<Holder> {
        self.holder(*self.by_key.get(&key)?, self.holdings.find(&id)?)
    }

    /// How many registrations, files, and pairs of both there are.
    pub(super) fn counts(&self) -> [usize; 3] {
        [self.peers.len(), self.holdings.files(), self.holdings.count()]
    }

    fn holder(&self, peer: u32, file: u32) -> Option<Holder> {
        let holding = self.holdings.get(peer, file)?;
        let Peer { key, address, port, name, .. } = self.peers.get(peer as usize)?;
        Some(Holder {
            peer: key.to_id(),
            name: name.as_ref().to_owned(),
            address: *address,
            port: *port,
            manifest: holding.manifest,
            complete: holding.complete,
        })
    }

    /// Where a peer stands among the holders of a file, if it is there and is one.
    fn index(&self, file: u32, peer: Option<PeerKey>) -> Option<usize> {
        let peer = *self.by_key.get(&peer?)?;
        self.holdings.get(peer, file).map(|holding| holding.index)
    }

    fn holds(&self, peer: u32, id: &FileId) -> bool {
        self.holdings.find(id).is_some_and(|file| self.holdings.get(peer, file).is_some())
    }

    fn find(&self, id: FileId) -> Result<u32, Refused> {
        self.holdings.find(&id).ok_or(Refused::UnknownFile(id))
    }

    /// The registration that these credentials may change.
    fn open(&self, credentials: &Credentials) -> Result<u32, Refused> {
        let key = PeerKey::from_id(&credentials.peer).ok_or(Refused::UnknownPeer)?;
        let peer = *self.by_key.get(&key).ok_or(Refused::UnknownPeer)?;
        if self.peers[peer as usize].secret.opens(&credentials.secret) { Ok(peer) } else { Err(Refused::WrongSecret) }
    }

    fn demand(&self, peer: Option<u32>, add: &[FileEntry], dropped: &[FileId]) -> Demand {
        let held = |id: &FileId| peer.is_some_and(|peer| self.holds(peer, id));
        let added = || add.iter().filter(|entry| !held(&entry.id));
        let unknown = added().filter(|entry| self.holdings.find(&entry.id).is_none()).count();
        Demand { added: added().count(), unknown, removed: dropped.len() }
    }

    /// Whether there is room: for a new registration from `origin`, or for what `peer` wants to change.
    fn admit(&self, origin: Origin, peer: Option<u32>, demand: &Demand) -> Result<(), Refused> {
        let limits = &self.limits;
        let after = limits.lease;
        let before = peer.map_or(0, |peer| self.holdings.count_of(peer));
        let files = before + demand.added - demand.removed;
        // What goes makes room for what comes.
        let grows = files > before;
        if grows && files > limits.files_per_peer as usize {
            let limit = limits.files_per_peer as usize;
            return Err(Refused::TooLarge { field: "files of this registration".to_owned(), length: files, limit });
        }
        let none = Usage::default();
        let usage = self.by_origin.get(&origin).unwrap_or(&none);
        // A registration that moves here is new here, with all that it holds.
        let moves = peer.is_none_or(|peer| Origin::of(self.peers[peer as usize].address) != origin);
        if moves && usage.peers >= limits.peers_per_address {
            return Err(Refused::AddressFull { what: "registrations", limit: limits.peers_per_address, after });
        }
        let others = usage.holdings as usize - if moves { 0 } else { before };
        if (grows || moves) && others + files > limits.files_per_address as usize {
            return Err(Refused::AddressFull { what: "files", limit: limits.files_per_address, after });
        }
        if peer.is_none() && self.peers.len() >= limits.peers as usize {
            return Err(Refused::Full { what: "registrations", limit: limits.peers, after });
        }
        if demand.unknown > 0 && self.holdings.files() + demand.unknown > limits.files as usize {
            return Err(Refused::Full { what: "files", limit: limits.files, after });
        }
        if grows && self.holdings.count() - before + files > limits.holdings as usize {
            return Err(Refused::Full { what: "holders of files", limit: limits.holdings, after });
        }
        Ok(())
    }

    fn fresh_key(&self, time: SystemTime, rng: &mut impl Rng) -> PeerKey {
        let time = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut milliseconds = u64::try_from(time).unwrap_or_default();
        loop {
            let key = PeerKey::new(milliseconds, rng);
            if !self.by_key.contains_key(&key) {
                return key;
            }
            // Where thousands come within a millisecond, two may draw the same.
            milliseconds += 1;
        }
    }

    fn add(&mut self, peer: Peer, now: Moment) -> u32 {
        let (key, socket) = (peer.key, (peer.address, peer.port));
        let added = number(self.peers.insert(peer));
        self.by_key.insert(key, added);
        self.by_socket.insert(socket, added);
        self.by_origin.entry(Origin::of(socket.0)).or_default().peers += 1;
        self.leases.give(added, now.plus(self.limits.lease));
        added
    }

    fn remove(&mut self, peer: u32) -> PeerKey {
        let files = self.holdings.count_of(peer);
        self.holdings.clear(peer);
        self.leases.end(peer);
        let Peer { key, address, port, .. } = self.peers.remove(peer as usize);
        self.by_key.remove(&key);
        self.by_socket.remove(&(address, port));
        self.leave(address, files);
        key
    }

    /// Gives a renewed registration the name and the place that it now asks for.
    fn relocate(&mut self, peer: u32, address: IpAddr, wanted: &Registration) {
        let files = self.holdings.count_of(peer);
        let present = &mut self.peers[peer as usize];
        present.name = wanted.name.as_str().into();
        let old = (std::mem::replace(&mut present.address, address), std::mem::replace(&mut present.port, wanted.port));
        self.by_socket.remove(&old);
        self.by_socket.insert((address, wanted.port), peer);
        self.leave(old.0, files);
        let usage = self.by_origin.entry(Origin::of(address)).or_default();
        usage.peers += 1;
        usage.holdings += number(files);
    }

    /// A registration with so many files is no longer at an address.
    fn leave(&mut self, address: IpAddr, files: usize) {
        let origin = Origin::of(address);
        if let Some(usage) = self.by_origin.get_mut(&origin) {
            usage.peers -= 1;
            usage.holdings -= number(files);
            if usage.peers == 0 {
                self.by_origin.remove(&origin);
            }
        }
    }

    fn change_files(&mut self, peer: u32, add: &[FileEntry], dropped: &[FileId]) {
        let address = self.peers[peer as usize].address;
        let before = self.holdings.count_of(peer);
        for id in dropped {
            self.holdings.remove(peer, id);
        }
        for entry in add {
            self.holdings.put(peer, entry);
        }
        let usage = self.by_origin.entry(Origin::of(address)).or_default();
        usage.holdings = usage.holdings + number(self.holdings.count_of(peer)) - number(before);
    }

    fn saved(&self, peer: u32) -> SavedPeer {
        let Peer { key, secret, address, port, name } = &self.peers[peer as usize];
        SavedPeer { key: *key, secret: *secret, address: *address, port: *port, name: name.clone() }
    }
}

fn file_changes(key: PeerKey, add: &[FileEntry], dropped: &[FileId]) -> impl Iterator<Item = Change> {
    let dropped = dropped.iter().map(move |id| Change::Drop(key, *id));
    dropped.chain(add.iter().map(move |entry| Change::Hold(key, entry.clone())))
}

/// Some of the first `length` numbers but for one, at most `amount`; by chance where not all fit.
fn sample(length: usize, except: Option<usize>, amount: usize, rng: &mut impl Rng) -> impl Iterator<Item = usize> {
    let except = except.filter(|except| *except < length);
    let length = length - usize::from(except.is_some());
    let chosen = (length > amount).then(|| rand::seq::index::sample(rng, length, amount));
    let all = if chosen.is_some() { 0..0 } else { 0..length };
    // The numbers after the exception move up by one.
    all.chain(chosen.into_iter().flatten()).map(move |n| n + usize::from(except.is_some_and(|except| n >= except)))
}
