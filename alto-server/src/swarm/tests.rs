//! The registry beside a simple model of it: any interleaving of requests, time and restarts, on every store.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use alto_types::swarm::{Announcement, Credentials, FileEntry, FileId, PeerId, Registration, Secret};
use proptest::prelude::*;
use rand::SeedableRng;
use rand::rngs::SmallRng;

use super::leases::Moment;
use super::limits::Limits;
use super::redb_store::RedbStore;
use super::refused::Refused;
use super::service::{Changed, Clock, Swarm};
use super::store::{Change, Saved, Store, StoreError, Volatile};

const LEASE: u64 = 1000;

const LIMITS: Limits = Limits {
    lease: Duration::from_millis(LEASE),
    peers: 5,
    peers_per_address: 3,
    files: 4,
    files_per_peer: 3,
    files_per_address: 5,
    holdings: 8,
};

/// What somebody does. Numbers of registrations count all that ever were, modulo how many those are.
#[derive(Clone, Debug)]
enum Step {
    Register { address: u8, port: u16, files: Vec<FileEntry>, renew: Option<Key> },
    Heartbeat(Key),
    Announce { key: Key, add: Vec<FileEntry>, remove: Vec<FileId> },
    Unregister(Key),
    Wait(u64),
    Restart,
}

/// Credentials of an earlier registration, or its ID with a wrong secret.
#[derive(Clone, Copy, Debug)]
struct Key {
    number: usize,
    right: bool,
}

/// A clock that stands still until it is told otherwise.
#[derive(Clone, Default)]
struct Hands(Arc<AtomicU64>);

impl Clock for Hands {
    fn moment(&self) -> Moment {
        Moment(self.0.load(Ordering::Relaxed))
    }

    fn time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// The registry as a list.
#[derive(Default)]
struct Model {
    now: u64,
    peers: Vec<ModelPeer>,
    /// What a file is called, as long as somebody holds it.
    names: BTreeMap<FileId, String>,
}

#[derive(Clone)]
struct ModelPeer {
    credentials: Credentials,
    name: String,
    address: u8,
    port: u16,
    end: u64,
    files: BTreeMap<FileId, FileEntry>,
}

impl Model {
    fn open(&self, credentials: &Credentials) -> Result<usize, &'static str> {
        let found = self.peers.iter().position(|peer| peer.credentials.peer == credentials.peer);
        let found = found.ok_or("unknown-peer")?;
        if self.peers[found].credentials.secret == credentials.secret { Ok(found) } else { Err("wrong-secret") }
    }

    /// Whether the registry may come to this, from where it is.
    fn admits(&self, next: &Self, changed: usize) -> Result<(), &'static str> {
        let peer = &next.peers[changed];
        let before = self.peers.iter().find(|p| p.credentials.peer == peer.credentials.peer);
        let grows = peer.files.len() > before.map_or(0, |p| p.files.len());
        let here = |model: &Self, at: u8| {
            let peers: Vec<_> = model.peers.iter().filter(|p| p.address == at).collect();
            (peers.len(), peers.iter().map(|p| p.files.len()).sum::<usize>())
        };
        let files = |model: &Self| model.peers.iter().flat_map(|p| p.files.keys().copied()).collect::<BTreeSet<_>>();
        let news = peer.files.keys().filter(|id| !files(self).contains(id)).count();
        let moved = before.is_none_or(|p| p.address != peer.address);
        if grows && peer.files.len() > LIMITS.files_per_peer as usize {
            return Err("too-large");
        }
        if moved && here(next, peer.address).0 > LIMITS.peers_per_address as usize {
            return Err("address-full");
        }
        if (grows || moved) && here(next, peer.address).1 > LIMITS.files_per_address as usize {
            return Err("address-full");
        }
        if before.is_none() && next.peers.len() > LIMITS.peers as usize {
            return Err("full");
        }
        if news > 0 && files(self).len() + news > LIMITS.files as usize {
            return Err("full");
        }
        let holdings = |model: &Self| model.peers.iter().map(|p| p.files.len()).sum::<usize>();
        if grows && holdings(next) > LIMITS.holdings as usize {
            return Err("full");
        }
        Ok(())
    }

    fn expire(&mut self) {
        let now = self.now;
        self.peers.retain(|peer| peer.end > now);
        self.forget_names();
    }

    fn forget_names(&mut self) {
        let peers = &self.peers;
        self.names.retain(|id, _| peers.iter().any(|peer| peer.files.contains_key(id)));
    }

    fn copy(&self) -> Self {
        Self { now: self.now, peers: self.peers.clone(), names: self.names.clone() }
    }

    /// Gives a peer the files it says, in the order in which the registry takes them.
    fn hold(&mut self, peer: usize, add: &[FileEntry], remove: &[FileId]) {
        for id in remove.iter().filter(|id| !add.iter().any(|entry| entry.id == **id)) {
            self.peers[peer].files.remove(id);
        }
        self.forget_names();
        for entry in add {
            self.peers[peer].files.remove(&entry.id);
            self.forget_names();
            self.peers[peer].files.insert(entry.id, entry.clone());
            self.names.entry(entry.id).or_insert_with(|| entry.name.clone());
        }
    }
}

/// Runs the registry beside the model.
struct Run<S, F: Fn() -> S> {
    open: F,
    /// Whether the store keeps anything.
    durable: bool,
    hands: Hands,
    swarm: Option<Swarm>,
    model: Model,
    /// Every registration that ever was.
    past: Vec<Credentials>,
    runtime: tokio::runtime::Runtime,
    rng: SmallRng,
}

impl<S: Store, F: Fn() -> S> Run<S, F> {
    fn new(durable: bool, open: F) -> Self {
        let hands = Hands::default();
        let swarm = Some(Swarm::start(LIMITS, open(), Box::new(hands.clone())).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (model, past, rng) = (Model::default(), Vec::new(), SmallRng::seed_from_u64(1));
        Self { open, durable, hands, swarm, model, past, runtime, rng }
    }

    fn swarm(&self) -> &Swarm {
        self.swarm.as_ref().unwrap()
    }

    fn credentials(&self, key: Key) -> Credentials {
        let unknown = Credentials { peer: PeerId("0".repeat(16)), secret: Secret("x".to_owned()) };
        let known = key.number.checked_rem(self.past.len()).map_or(unknown, |number| self.past[number].clone());
        if key.right { known } else { Credentials { secret: Secret("wrong".to_owned()), ..known } }
    }

    fn saved<T>(&self, changed: Result<Changed<T>, Refused>) -> Result<T, Refused> {
        self.runtime.block_on(async { changed?.saved().await })
    }

    fn step(&mut self, step: &Step) {
        let now = self.model.now;
        self.model.expire();
        let (expected, seen) = match step {
            Step::Wait(time) => {
                self.model.now += time;
                self.hands.0.store(self.model.now, Ordering::Relaxed);
                self.model.expire();
                return;
            }
            Step::Restart => {
                // Dropping it first closes the store.
                self.swarm = None;
                self.swarm = Some(Swarm::start(LIMITS, (self.open)(), Box::new(self.hands.clone())).unwrap());
                if !self.durable {
                    self.model.peers.clear();
                }
                self.model.peers.iter_mut().for_each(|peer| peer.end = now + LEASE);
                self.model.forget_names();
                // The first holder is now the one whose registration is the oldest.
                self.model.peers.sort_by(|a, b| a.credentials.peer.cmp(&b.credentials.peer));
                let peers = &self.model.peers;
                for (id, name) in &mut self.model.names {
                    peers.iter().find_map(|peer| peer.files.get(id)).unwrap().name.clone_into(name);
                }
                return;
            }
            Step::Heartbeat(key) => {
                let credentials = self.credentials(*key);
                let expected = self.model.open(&credentials).map(|peer| self.model.peers[peer].end = now + LEASE);
                (expected, self.swarm().heartbeat(&credentials).map(|_| ()))
            }
            Step::Unregister(key) => {
                let credentials = self.credentials(*key);
                let expected = self.model.open(&credentials).map(|peer| drop(self.model.peers.remove(peer)));
                self.model.forget_names();
                (expected, self.saved(self.swarm().unregister(&credentials)))
            }
            Step::Announce { key, add, remove } => {
                let credentials = self.credentials(*key);
                let said = Announcement { credentials, add: add.clone(), remove: remove.clone() };
                let expected = self.model.open(&said.credentials).and_then(|peer| {
                    let mut next = self.model.copy();
                    next.hold(peer, add, remove);
                    next.peers[peer].end = now + LEASE;
                    self.model.admits(&next, peer)?;
                    self.model = next;
                    Ok(())
                });
                (expected, self.saved(self.swarm().announce(&said)).map(|_| ()))
            }
            Step::Register { address, port, files, renew } => self.register(*address, *port, files, *renew),
        };
        assert_eq!(seen.map_err(|refused| refused.reason()), expected, "{step:?}");
    }

    fn register(
        &mut self,
        address: u8,
        port: u16,
        files: &[FileEntry],
        renew: Option<Key>,
    ) -> (Result<(), &'static str>, Result<(), Refused>) {
        let name = format!("peer {}", self.past.len());
        let renew = renew.map(|key| self.credentials(key));
        let wanted = Registration { name: name.clone(), port, files: files.to_vec(), renew: renew.clone() };
        let at = IpAddr::V4(Ipv4Addr::new(127, 0, 0, address));
        let mut rng = self.rng.clone();
        let seen = self.saved(self.swarm().register(at, &wanted, &mut rng));
        self.rng = rng;

        let renewed = match renew.map(|credentials| self.model.open(&credentials)) {
            Some(Err("wrong-secret")) => return (Err("wrong-secret"), seen.map(|_| ())),
            Some(Ok(peer)) => Some(peer),
            _ => None,
        };
        let present = self.model.peers.iter().position(|peer| (peer.address, peer.port) == (address, port));
        if present.is_some() && present != renewed {
            return (Err("taken"), seen.map(|_| ()));
        }
        let mut next = self.model.copy();
        let end = next.now + LEASE;
        let peer = renewed.unwrap_or_else(|| {
            // What the registry chose is as good as anything, if it is new.
            let credentials = match &seen {
                Ok(registered) => Credentials { peer: registered.peer.clone(), secret: registered.secret.clone() },
                Err(_) => Credentials { peer: PeerId("new".to_owned()), secret: Secret("new".to_owned()) },
            };
            next.peers.push(ModelPeer { credentials, name: String::new(), address, port, end, files: BTreeMap::new() });
            next.peers.len() - 1
        });
        let changed = &mut next.peers[peer];
        (changed.name, changed.address, changed.port, changed.end) = (name, address, port, end);
        let remove: Vec<FileId> = changed.files.keys().copied().collect();
        next.hold(peer, files, &remove);
        let expected = self.model.admits(&next, peer);
        if let (Ok(()), Ok(registered)) = (&expected, &seen) {
            let credentials = Credentials { peer: registered.peer.clone(), secret: registered.secret.clone() };
            assert_eq!(next.peers[peer].credentials, credentials, "a renewal keeps them");
            assert_eq!(registered.address, at);
            if renewed.is_none() {
                assert!(!self.past.iter().any(|past| past.peer == credentials.peer), "no name is given twice");
                self.past.push(credentials);
            }
            self.model = next;
        }
        (expected, seen.map(|_| ()))
    }

    /// Everything that can be asked is as the model says.
    fn compare(&mut self) {
        self.model.expire();
        let listed = self.swarm().list(None, None, 100);
        let ids: Vec<FileId> = listed.files.iter().map(|file| file.id).collect();
        assert_eq!(ids, self.model.names.keys().copied().collect::<Vec<_>>());
        for file in &listed.files {
            let holders: Vec<_> = self.model.peers.iter().filter(|peer| peer.files.contains_key(&file.id)).collect();
            let complete = holders.iter().filter(|peer| peer.files[&file.id].complete).count();
            assert_eq!((file.complete, file.partial), (complete, holders.len() - complete));
            assert_eq!(file.name, self.model.names[&file.id]);
            assert!(holders.iter().any(|peer| peer.files[&file.id].size == file.size));
            assert_eq!(self.swarm().list(Some(&file.name), None, 100).files.iter().filter(|f| *f == file).count(), 1);
            let expected: BTreeSet<_> = holders
                .iter()
                .map(|peer| {
                    let FileEntry { manifest, complete, .. } = peer.files[&file.id];
                    (peer.credentials.peer.clone(), peer.name.clone(), peer.port, manifest, complete)
                })
                .collect();
            for except in expected.iter().map(|holder| Some(&holder.0)).chain([None]) {
                let found = self.swarm().holders(file.id, except, 100, &mut self.rng.clone()).unwrap();
                assert_eq!(found.file, *file);
                let found: BTreeSet<_> =
                    found.holders.into_iter().map(|h| (h.peer, h.name, h.port, h.manifest, h.complete)).collect();
                let expected = expected.iter().filter(|holder| Some(&holder.0) != except);
                assert_eq!(found, expected.cloned().collect());
                for rows in 1..expected_rows(&found) {
                    let some = self.swarm().holders(file.id, except, rows, &mut self.rng.clone()).unwrap().holders;
                    let names: BTreeSet<_> = some.iter().map(|holder| &holder.peer).collect();
                    assert_eq!((names.len(), some.iter().any(|h| Some(&h.peer) == except)), (rows, false));
                }
            }
        }
    }
}

fn expected_rows<T>(holders: &BTreeSet<T>) -> usize {
    holders.len() + 1
}

fn id(number: u8) -> FileId {
    FileId::from_digest([number; 32])
}

/// One of few files, under one of few names, in one of few versions.
fn any_entry() -> impl Strategy<Value = FileEntry> {
    (0..6_u8, 0..3_u8, 0..3_u8, any::<bool>()).prop_map(|(number, name, version, complete)| FileEntry {
        id: id(number),
        name: format!("name {name}"),
        size: u64::from(version),
        manifest: id(100 + version),
        complete,
    })
}

/// No file twice: that is refused before the registry is asked.
fn any_entries() -> impl Strategy<Value = Vec<FileEntry>> {
    prop::collection::vec(any_entry(), 0..4).prop_map(|mut entries| {
        let mut seen = BTreeSet::new();
        entries.retain(|entry| seen.insert(entry.id));
        entries.truncate(LIMITS.files_per_peer as usize);
        entries
    })
}

fn any_step() -> impl Strategy<Value = Step> {
    let key = || (any::<usize>(), prop::bool::weighted(0.85)).prop_map(|(number, right)| Key { number, right });
    let remove = prop::collection::vec((0..6_u8).prop_map(id), 0..3);
    prop_oneof![
        8 => (1..4_u8, 1..4_u16, any_entries(), prop::option::weighted(0.4, key()))
            .prop_map(|(address, port, files, renew)| Step::Register { address, port, files, renew }),
        3 => key().prop_map(Step::Heartbeat),
        6 => (key(), any_entries(), remove).prop_map(|(key, add, remove)| Step::Announce { key, add, remove }),
        2 => key().prop_map(Step::Unregister),
        4 => (1..LEASE).prop_map(Step::Wait),
        1 => Just(Step::Restart),
    ]
}

fn walk<S: Store>(durable: bool, open: impl Fn() -> S, steps: &[Step]) {
    let mut run = Run::new(durable, open);
    for step in steps {
        run.step(step);
        run.compare();
    }
}

/// A store on a disk that can be full.
struct Full(RedbStore, Arc<AtomicBool>);

impl Store for Full {
    fn load(&mut self, each: &mut dyn FnMut(Saved)) -> Result<(), StoreError> {
        self.0.load(each)
    }

    fn save(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        if self.1.load(Ordering::Relaxed) {
            return Err(StoreError { path: "disk".into(), problem: "full".to_owned() });
        }
        self.0.save(changes)
    }
}

#[test]
fn what_ends_while_nothing_can_be_saved_stays_ended() {
    let folder = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let mut run = Run::new(true, || Full(RedbStore::open(folder.path()).unwrap(), Arc::clone(&full)));
    let register = |port| Step::Register { address: 1, port, files: Vec::new(), renew: None };
    run.step(&register(1));
    full.store(true, Ordering::Relaxed);
    run.step(&Step::Wait(LEASE));
    let wanted = Registration { name: "p".to_owned(), port: 2, files: Vec::new(), renew: None };
    let changed = run.swarm().register([127, 0, 0, 1].into(), &wanted, &mut SmallRng::seed_from_u64(2)).unwrap();
    let peer = changed.answer().peer.clone();
    assert_eq!(run.saved(Ok(changed)).unwrap_err(), Refused::NotSaved);
    run.swarm().retract(&peer);
    full.store(false, Ordering::Relaxed);
    // Both places are free, and the new registrations are those that are there after a restart.
    run.step(&register(1));
    run.step(&register(2));
    run.step(&Step::Restart);
    for number in [1, 2] {
        run.step(&Step::Heartbeat(Key { number, right: true }));
    }
    run.step(&Step::Heartbeat(Key { number: 0, right: true }));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_in_memory_is_as_the_model(steps in prop::collection::vec(any_step(), 1..80)) {
        walk(false, || Volatile, &steps);
    }
}

proptest! {
    // Every change goes to the disk.
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_registry_on_disk_is_as_the_model(steps in prop::collection::vec(any_step(), 1..60)) {
        let folder = tempfile::tempdir().unwrap();
        walk(true, || RedbStore::open(folder.path()).unwrap(), &steps);
    }
}
