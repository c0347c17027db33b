//! A backend beside a simple model of the registry: a list of peers, searched from end to end by every question.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use alto_registry::{
    Announcer, Completeness, ContentId, ContentKind, Credentials, FileName, FileQuery, FileSummary, HolderQuery,
    Holding, Limit, Peer, PeerAddress, PeerId, PeerName, Refusal, Registration, Secret, Stats, Timestamp,
};
use proptest::test_runner::{Config, TestRunner};

use super::Backend;
use super::model_steps::{Key, Place, Step, TIGHT, any_steps};
use super::session::{LEASE, Session};

/// Compares a backend with the model, over random sequences of calls, time and restarts.
pub fn random_calls_are_answered_as_by_the_model<B: Backend>() {
    let config = Config { cases: B::SEQUENCES, source_file: Some(file!()), ..Config::default() };
    let compared = TestRunner::new(config).run(&any_steps(), |steps| {
        let mut run = Run::<B>::new();
        for step in &steps {
            run.step(step);
            run.compare();
        }
        Ok(())
    });
    compared.unwrap_or_else(|error| panic!("{error}"));
}

#[derive(Clone, Default)]
struct Model {
    now: Timestamp,
    peers: Vec<ModelPeer>,
}

#[derive(Clone)]
struct ModelPeer {
    id: PeerId,
    /// Absent for peers that announce from an address.
    secret: Option<Secret>,
    name: Option<PeerName>,
    address: PeerAddress,
    /// End of the lease of the registration, if it has one.
    end: Option<Timestamp>,
    files: BTreeMap<ContentId, Held>,
}

#[derive(Clone)]
struct Held {
    holding: Holding,
    /// End of the lease of the holding, if it has one.
    end: Option<Timestamp>,
}

impl ModelPeer {
    /// A peer that holds nothing yet. Its ID becomes known when the registry has chosen it.
    fn new(address: PeerAddress) -> Self {
        Self { id: PeerId(0), secret: None, name: None, address, end: None, files: BTreeMap::new() }
    }

    fn hold(&mut self, holding: &Holding, now: Timestamp) {
        let default = if self.end.is_none() { Some(LEASE) } else { None };
        let end = holding.lease.or(default).map(|lease| now.plus(lease));
        self.files.insert(holding.file, Held { holding: holding.clone(), end });
    }
}

impl Model {
    fn authenticate(&self, caller: &Credentials) -> Result<usize, Refusal> {
        let found = self.peers.iter().position(|peer| peer.id == caller.peer).ok_or(Refusal::UnknownPeer)?;
        if self.peers[found].secret.as_ref() == Some(&caller.secret) { Ok(found) } else { Err(Refusal::WrongSecret) }
    }

    /// Refuses an address that a peer other than `own` has.
    fn check_address(&self, address: PeerAddress, own: Option<usize>) -> Result<(), Refusal> {
        let present = self.peers.iter().position(|peer| peer.address == address);
        let Some(present) = present.filter(|present| Some(*present) != own) else { return Ok(()) };
        let peer = &self.peers[present];
        let end = peer.end.or(peer.files.values().filter_map(|held| held.end).max()).unwrap();
        Err(Refusal::AddressTaken { remaining: end.since(self.now) })
    }

    /// Decides whether the registry may change to `next`, where one peer is different or new.
    fn admit(&self, next: &Self, changed: usize) -> Result<(), Refusal> {
        let (before, peer) = (self.peers.get(changed), &next.peers[changed]);
        let files = |model: &Self| model.peers.iter().flat_map(|p| p.files.keys().copied()).collect::<BTreeSet<_>>();
        let held = |peers: &[&ModelPeer]| peers.iter().map(|p| p.files.len()).sum::<usize>();
        let here: Vec<_> = next.peers.iter().filter(|p| p.address.ip() == peer.address.ip()).collect();
        let all: Vec<_> = next.peers.iter().collect();
        let known = files(self);
        let new = peer.files.keys().filter(|id| !known.contains(id)).count();
        let grows = peer.files.len() > before.map_or(0, |p| p.files.len());
        let arrives = before.is_none_or(|p| p.address.ip() != peer.address.ip());
        let reached = |limit| Err(Refusal::LimitReached { limit, maximum: TIGHT.maximum(limit), retry_after: LEASE });
        if grows && peer.files.len() > TIGHT.files_per_peer as usize {
            return Err(Refusal::TooManyFiles { requested: peer.files.len(), maximum: TIGHT.files_per_peer });
        }
        if arrives && here.len() > TIGHT.peers_per_address as usize {
            return reached(Limit::PeersPerAddress);
        }
        if (grows || arrives) && held(&here) > TIGHT.files_per_address as usize {
            return reached(Limit::FilesPerAddress);
        }
        if before.is_none() && all.len() > TIGHT.peers as usize {
            return reached(Limit::Peers);
        }
        if new > 0 && known.len() + new > TIGHT.files as usize {
            return reached(Limit::Files);
        }
        if grows && held(&all) > TIGHT.holdings as usize {
            return reached(Limit::Holdings);
        }
        Ok(())
    }

    fn expire(&mut self) {
        let now = self.now;
        self.peers.retain(|peer| peer.end.is_none_or(|end| end > now));
        for peer in &mut self.peers {
            peer.files.retain(|_, held| held.end.is_none_or(|end| end > now));
        }
        self.forget();
    }

    /// Ends peers without lease and holdings.
    fn forget(&mut self) {
        self.peers.retain(|peer| peer.end.is_some() || !peer.files.is_empty());
    }

    /// Changes the holdings of a peer.
    fn hold(&mut self, peer: usize, add: &[Holding], remove: &[ContentId]) {
        let (now, peer) = (self.now, &mut self.peers[peer]);
        for id in remove {
            peer.files.remove(id);
        }
        for holding in add {
            peer.hold(holding, now);
        }
    }

    /// Starts all leases anew, as a restart does.
    fn restart(&mut self) {
        for peer in &mut self.peers {
            peer.end = peer.end.map(|_| self.now.plus(LEASE));
            for held in std::mem::take(&mut peer.files).into_values() {
                peer.hold(&held.holding, self.now);
            }
        }
    }

    /// IDs of all files.
    fn ids(&self) -> Vec<ContentId> {
        let ids: BTreeSet<_> = self.peers.iter().flat_map(|peer| peer.files.keys().copied()).collect();
        ids.into_iter().collect()
    }
}

/// Tells whether no value is given more often than `seen`; absent values do not count.
fn is_most_given<T: Ord>(seen: Option<&T>, given: impl Iterator<Item = Option<T>>) -> bool {
    let mut votes: BTreeMap<T, usize> = BTreeMap::new();
    given.flatten().for_each(|value| *votes.entry(value).or_default() += 1);
    let most = votes.values().copied().max();
    seen.and_then(|seen| votes.get(seen).copied()) == most
}

/// A backend and the model, to which the same happens.
struct Run<B> {
    session: Session<B>,
    model: Model,
    /// Credentials of all registrations that ever were.
    past: Vec<Credentials>,
}

impl<B: Backend> Run<B> {
    fn new() -> Self {
        let session = Session::new(TIGHT);
        let model = Model { now: session.now, ..Model::default() };
        Self { session, model, past: Vec::new() }
    }

    fn credentials(&self, key: Key) -> Credentials {
        let unknown = Credentials { peer: PeerId(0), secret: Secret::new("unknown") };
        let known = key.number.checked_rem(self.past.len()).map_or(unknown, |number| self.past[number].clone());
        if key.right { known } else { Credentials { secret: Secret::new("wrong"), ..known } }
    }

    fn step(&mut self, step: &Step) {
        self.model.expire();
        match step {
            Step::Register { at, files } => self.register(*at, files),
            Step::Renew { key, at, files } => self.renew(*key, *at, files),
            Step::Announce { key, add, remove } => self.announce(*key, add, remove),
            Step::AnnounceFrom { at, add, remove } => self.announce_from(address(*at), add, remove),
            Step::Heartbeat(key) => {
                let caller = self.credentials(*key);
                let expected = self.model.authenticate(&caller).map(|peer| {
                    self.model.peers[peer].end = Some(self.model.now.plus(LEASE));
                    LEASE
                });
                assert_eq!(self.session.heartbeat(&caller), expected, "{step:?}");
            }
            Step::Leave(key) => {
                let caller = self.credentials(*key);
                let expected = self.model.authenticate(&caller).map(|peer| drop(self.model.peers.remove(peer)));
                self.model.forget();
                assert_eq!(self.session.leave(&caller), expected, "{step:?}");
            }
            Step::Wait(duration) => {
                self.session.wait(*duration);
                self.model.now = self.session.now;
            }
            Step::Restart => {
                self.session.restart();
                if !B::SURVIVES_RESTART {
                    self.model.peers.clear();
                    self.model.forget();
                }
                if B::RENEWS_LEASES {
                    self.model.restart();
                }
            }
        }
    }

    fn register(&mut self, at: Place, files: &[Holding]) {
        let wanted = self.peer(at, files);
        let seen = self.session.register(&wanted);
        let expected = self.model.check_address(wanted.address, None).and_then(|()| {
            let (mut next, added) = (self.model.clone(), self.model.peers.len());
            let end = Some(next.now.plus(LEASE));
            next.peers.push(ModelPeer { name: wanted.name.clone(), end, ..ModelPeer::new(wanted.address) });
            next.hold(added, files, &[]);
            self.model.admit(&next, added).map(|()| next)
        });
        match (seen, expected) {
            (Ok(Registration { peer, secret, lease }), Ok(next)) => {
                assert!(lease == LEASE && !self.past.iter().any(|past| past.peer == peer), "no ID is used twice");
                self.model = next;
                let added = self.model.peers.last_mut().unwrap();
                (added.id, added.secret) = (peer, Some(secret.clone()));
                self.past.push(Credentials { peer, secret });
            }
            (seen, expected) => assert_eq!(seen.map(drop), expected.map(drop)),
        }
    }

    fn renew(&mut self, key: Key, at: Place, files: &[Holding]) {
        let (caller, wanted) = (self.credentials(key), self.peer(at, files));
        let seen = self.session.renew(&caller, &wanted);
        let expected = self.model.authenticate(&caller).and_then(|peer| {
            self.model.check_address(wanted.address, Some(peer))?;
            let mut next = self.model.clone();
            let changed = &mut next.peers[peer];
            (changed.name, changed.address) = (wanted.name.clone(), wanted.address);
            changed.end = Some(next.now.plus(LEASE));
            let all: Vec<ContentId> = changed.files.keys().copied().collect();
            next.hold(peer, files, &all);
            self.model.admit(&next, peer)?;
            self.model = next;
            Ok(Registration { peer: caller.peer, secret: caller.secret.clone(), lease: LEASE })
        });
        assert_eq!(seen, expected);
    }

    fn announce(&mut self, key: Key, add: &[Holding], remove: &[ContentId]) {
        let caller = self.credentials(key);
        let seen = self.session.announce(&Announcer::Registered(caller.clone()), add, remove);
        let expected = self.model.authenticate(&caller).and_then(|peer| {
            let mut next = self.model.clone();
            next.peers[peer].end = Some(next.now.plus(LEASE));
            next.hold(peer, add, remove);
            self.model.admit(&next, peer)?;
            self.model = next;
            Ok(LEASE)
        });
        assert_eq!(seen, expected);
    }

    fn announce_from(&mut self, address: PeerAddress, add: &[Holding], remove: &[ContentId]) {
        let seen = self.session.announce(&Announcer::Address(address), add, remove);
        let own = self.model.peers.iter().position(|peer| peer.address == address && peer.end.is_none());
        let expected = self.model.check_address(address, own).and_then(|()| {
            let mut next = self.model.clone();
            let peer = own.unwrap_or_else(|| {
                next.peers.push(ModelPeer::new(address));
                next.peers.len() - 1
            });
            next.hold(peer, add, remove);
            self.model.admit(&next, peer)?;
            self.model = next;
            Ok(add.iter().filter_map(|holding| holding.lease).min().unwrap_or(LEASE))
        });
        assert_eq!(seen, expected);
        self.model.forget();
        // The registry does not tell the ID of such a peer but shows it to others.
        if let (Ok(_), Some(first)) = (seen, add.first()) {
            let holder = self.session.holders(first.file).into_iter().find(|holder| holder.address == address);
            let peer = self.model.peers.iter_mut().find(|peer| peer.address == address).unwrap();
            peer.id = holder.unwrap().peer;
        }
    }

    fn peer(&self, at: Place, files: &[Holding]) -> Peer {
        let name = Some(PeerName::new(&format!("peer {}", self.past.len())).unwrap());
        Peer { address: address(at), name, holdings: files.to_vec() }
    }

    /// Asks everything that can be asked.
    fn compare(&mut self) {
        self.model.expire();
        let now = self.session.now;
        let mut ids = Vec::new();
        for kind in [ContentKind::Sha256, ContentKind::Infohash] {
            let query = FileQuery { kind, name: None, after: None, limit: 100 };
            for file in self.session.registry().files(&query, now).unwrap().files {
                self.compare_file(&file);
                ids.push(file.id);
            }
        }
        assert_eq!(ids, self.model.ids());
        self.compare_names();
        let holdings = self.model.peers.iter().map(|peer| peer.files.len()).sum();
        let stats = Stats { peers: self.model.peers.len(), files: ids.len(), holdings };
        assert_eq!(self.session.registry().stats(now), Ok(stats));
    }

    /// Every name that a holder gives leads to all files to which holders give it.
    fn compare_names(&mut self) {
        let now = self.session.now;
        let mut votes: BTreeMap<(ContentKind, &FileName), BTreeMap<ContentId, u32>> = BTreeMap::new();
        for (id, file) in self.model.peers.iter().flat_map(|peer| &peer.files) {
            if let Some(name) = &file.holding.name {
                *votes.entry((id.kind(), name)).or_default().entry(*id).or_default() += 1;
            }
        }
        for ((kind, name), files) in votes {
            let query = FileQuery { kind, name: Some(name.as_str()), after: None, limit: 100 };
            let found = self.session.registry().files(&query, now).unwrap().files;
            let mut expected: Vec<_> = files.iter().map(|(id, votes)| (Reverse(*votes), *id)).collect();
            expected.sort_unstable();
            assert!(found.iter().map(|file| file.id).eq(expected.into_iter().map(|(_, id)| id)));
            for file in found {
                let whole = self.session.registry().file(file.id, now).unwrap();
                assert_eq!(file, FileSummary { name: Some(name.clone()), ..whole });
            }
        }
    }

    fn compare_file(&mut self, file: &FileSummary) {
        let now = self.session.now;
        let holders: Vec<_> =
            self.model.peers.iter().filter_map(|peer| Some((peer, &peer.files.get(&file.id)?.holding))).collect();
        assert!(is_most_given(file.size.as_ref(), holders.iter().map(|(_, holding)| holding.size)));
        assert!(is_most_given(file.name.as_ref(), holders.iter().map(|(_, holding)| holding.name.clone())));
        let complete = holders.iter().filter(|(_, holding)| holding.complete).count();
        assert_eq!((file.complete, file.partial), (complete, holders.len() - complete));
        assert_eq!(self.session.registry().file(file.id, now).as_ref(), Ok(file));
        for having in [Completeness::Complete, Completeness::Partial, Completeness::Any] {
            for except in holders.iter().map(|(peer, _)| Some(peer.id)).chain([None]) {
                let fits = |complete: bool| match having {
                    Completeness::Complete => complete,
                    Completeness::Partial => !complete,
                    Completeness::Any => true,
                };
                let expected: BTreeSet<_> = holders
                    .iter()
                    .filter(|(peer, holding)| fits(holding.complete) && Some(peer.id) != except)
                    .map(|(peer, holding)| (peer.id, &peer.name, peer.address, holding.manifest, holding.complete))
                    .collect();
                for limit in 0..=expected.len() + 1 {
                    let query = HolderQuery { file: file.id, except, having, limit };
                    let mut rng = self.session.rng.clone();
                    let found = self.session.registry().holders(&query, now, &mut rng).unwrap();
                    assert_eq!(&found.file, file);
                    let found: BTreeSet<_> = found
                        .holders
                        .iter()
                        .map(|holder| (holder.peer, &holder.name, holder.address, holder.manifest, holder.complete))
                        .collect();
                    assert!(found.len() == limit.min(expected.len()) && found.is_subset(&expected));
                    let drawn = self.session.registry().candidates(&query, now, &mut rng).unwrap();
                    assert_eq!(drawn.len(), found.len());
                    assert!(drawn.iter().all(|drawn| expected.iter().any(|(id, ..)| *id == drawn.peer)));
                }
            }
        }
    }
}

fn address(at: Place) -> PeerAddress {
    PeerAddress::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, at.host)), at.port)
}
