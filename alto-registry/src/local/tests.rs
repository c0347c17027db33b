//! Tests of the local registry beyond the battery of all backends: files of old versions, and full disks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::SmallRng;
use redb::{Database, TableDefinition};

use super::LocalRegistry;
use super::redb_store::RedbStore;
use super::store::{Change, Saved, Store};
use crate::credentials::{Credentials, Secret, SecretHash};
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::limits::Limits;
use crate::name::{FileName, PeerName};
use crate::observer::{Silent, Stats};
use crate::peer::{Announcer, Peer, PeerAddress};
use crate::query::{Completeness, HolderQuery};
use crate::refusal::Refusal;
use crate::registry::Registry;
use crate::store_file::StoreError;
use crate::time::Timestamp;

const LIMITS: Limits = Limits {
    lease: Duration::from_mins(1),
    peers: 10,
    peers_per_address: 10,
    files: 10,
    files_per_peer: 10,
    files_per_address: 10,
    holdings: 10,
};

const START: Timestamp = Timestamp::from_unix_milliseconds(1_790_000_000_000);

fn peer(port: u16) -> Peer {
    Peer { address: PeerAddress::new([127, 0, 0, 1].into(), port), name: None, holdings: Vec::new() }
}

#[test]
fn files_of_version_0_1_are_opened() {
    let folder = tempfile::tempdir().unwrap();
    let (id, secret) = (0x1234_5678_9abc_def0_u64, Secret::new("00112233445566778899aabbccddeeff"));
    {
        let database = Database::create(folder.path().join("swarm.redb")).unwrap();
        let transaction = database.begin_write().unwrap();
        {
            let peers = TableDefinition::<u64, &[u8]>::new("peers-1");
            let row = [&SecretHash::of(&secret).0[..], &[0; 10], &[0xff, 0xff, 127, 1, 1, 1], &[0x1a, 0xe1], b"seed"];
            transaction.open_table(peers).unwrap().insert(id, row.concat().as_slice()).unwrap();
            let holdings = TableDefinition::<&[u8; 40], &[u8]>::new("holdings-1");
            let mut key = [5; 40];
            key[..8].copy_from_slice(&id.to_be_bytes());
            let row = [&[7; 32][..], &20_u64.to_be_bytes(), &[1], b"movie.bin"].concat();
            transaction.open_table(holdings).unwrap().insert(&key, row.as_slice()).unwrap();
        }
        transaction.commit().unwrap();
    }
    let mut rng = SmallRng::seed_from_u64(1);
    let registry = LocalRegistry::open(LIMITS, Some(folder.path()), Arc::new(Silent), START).unwrap();
    let file = ContentId::Sha256([5; 32]);
    let query = HolderQuery { file, except: None, having: Completeness::Any, limit: 9 };
    let found = registry.holders(&query, START, &mut rng).unwrap();
    assert_eq!((found.file.name, found.file.size), (Some(FileName::new("movie.bin").unwrap()), Some(20)));
    let [holder] = found.holders.try_into().unwrap();
    assert_eq!((holder.peer, holder.name), (PeerId(id), Some(PeerName::new("seed").unwrap())));
    assert_eq!((holder.address.to_string().as_str(), holder.complete), ("127.1.1.1:6881", true));
    assert_eq!(holder.manifest.unwrap().0, [7; 32]);
    let caller = Credentials { peer: PeerId(id), secret };
    assert_eq!(registry.heartbeat(&caller, START), Ok(LIMITS.lease));
}

/// Store on a disk that can be full.
struct FullDisk(RedbStore, Arc<AtomicBool>);

impl Store for FullDisk {
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
fn a_full_disk_takes_registrations_back_and_lets_expired_ones_stay_so() {
    let folder = tempfile::tempdir().unwrap();
    let full = Arc::new(AtomicBool::new(false));
    let open = |now| {
        let store = FullDisk(RedbStore::open(folder.path()).unwrap(), Arc::clone(&full));
        LocalRegistry::start(LIMITS, store, Arc::new(Silent), now).unwrap()
    };
    let mut rng = SmallRng::seed_from_u64(1);
    let registry = open(START);
    let mut register = |registry: &LocalRegistry, port, now| {
        let registered = registry.register(&peer(port), now, &mut rng)?.wait()?;
        Ok(Credentials { peer: registered.peer, secret: registered.secret })
    };
    let expired = register(&registry, 1, START).unwrap();
    full.store(true, Ordering::Relaxed);
    let later = START.plus(LIMITS.lease);
    assert_eq!(register(&registry, 2, later), Err(Refusal::NotSaved));
    assert_eq!(registry.stats(later), Ok(Stats::default()), "it is gone before its peer is told");
    let anonymous = Announcer::Address(peer(3).address);
    let holding = Holding::new(ContentId::Infohash([1; 20]), true);
    let announced = registry.announce(&anonymous, &[holding], &[], later, &mut SmallRng::seed_from_u64(2));
    assert_eq!(announced.unwrap().wait(), Err(Refusal::NotSaved));
    assert_eq!(registry.stats(later), Ok(Stats::default()));
    full.store(false, Ordering::Relaxed);
    // Both addresses are free, and a restart finds the new registrations, not the expired one.
    let present = [1, 2].map(|port| register(&registry, port, later).unwrap());
    drop(registry);
    let registry = open(later);
    assert!(present.iter().all(|caller| registry.heartbeat(caller, later) == Ok(LIMITS.lease)));
    assert_eq!(registry.heartbeat(&expired, later), Err(Refusal::UnknownPeer));
}
