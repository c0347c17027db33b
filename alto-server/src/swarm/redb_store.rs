//! Registrations in an embedded ACID store of their own, in the folder `state`.

use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use alto_types::swarm::{FileEntry, FileId};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};

use super::credentials::{PeerKey, SecretHash};
use super::store::{Change, Saved, SavedPeer, Store, StoreError};

/// Registrations by key: secret's hash, address, port, name. The number is that of the format.
const PEERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("peers-1");
/// Files by the key of their holder and their ID: manifest, size, whether complete, name.
const FILES: TableDefinition<'_, &HoldingKey, &[u8]> = TableDefinition::new("holdings-1");

type HoldingKey = [u8; 40];

/// Pages kept in memory. Nothing is read while the server runs, so this is for the upper levels of the trees.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

pub(crate) struct RedbStore {
    /// Closed after an error, such as a full disk: what was open then would refuse everything from there on.
    database: Option<Database>,
    path: PathBuf,
}

impl RedbStore {
    /// Opens the store in a folder, which is made if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("swarm.redb");
        let failed = |problem: String| StoreError { path: path.clone(), problem };
        std::fs::create_dir_all(folder).map_err(|error| failed(format!("the folder cannot be made: {error}")))?;
        let mut store = Self { database: None, path };
        // Tables exist from the start, so that reading needs no special case.
        store.save(&[])?;
        Ok(store)
    }

    /// Works with the database, which is opened where it is not.
    fn with<T>(&mut self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let run = || -> Result<T, redb::Error> {
            let database = match self.database.take() {
                Some(database) => database,
                None => Database::builder().set_cache_size(CACHE_BYTES).create(&self.path)?,
            };
            let done = work(&database)?;
            self.database = Some(database);
            Ok(done)
        };
        run().map_err(|error| StoreError { path: self.path.clone(), problem: error.to_string() })
    }
}

impl Store for RedbStore {
    fn load(&mut self, each: &mut dyn FnMut(Saved)) -> Result<(), StoreError> {
        self.with(|database| {
            let transaction = database.begin_read()?;
            let (peers, files) = (transaction.open_table(PEERS)?, transaction.open_table(FILES)?);
            // Both are in the order of the peers' keys, so one pass over each is enough.
            let mut files = files.iter()?.peekable();
            for entry in peers.iter()? {
                let (key, value) = entry?;
                let key = PeerKey(key.value());
                let mut held = Vec::new();
                while let Some(file) =
                    files.next_if(|file| file.as_ref().map_or(true, |(id, _)| holder(id.value()) <= key))
                {
                    let (id, value) = file?;
                    if holder(id.value()) == key {
                        held.extend(decode_file(id.value(), value.value()));
                    }
                }
                if let Some(peer) = decode_peer(key, value.value()) {
                    each(Saved { peer, files: held });
                } else {
                    tracing::warn!(peer = %key.to_id(), "a saved registration cannot be read and is left out");
                }
            }
            Ok(())
        })
    }

    fn save(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            {
                let mut peers = transaction.open_table(PEERS)?;
                let mut files = transaction.open_table(FILES)?;
                for change in changes {
                    match change {
                        Change::Peer(peer) => drop(peers.insert(peer.key.0, encode_peer(peer).as_slice())?),
                        Change::Hold(peer, entry) => {
                            drop(files.insert(&holding_key(*peer, &entry.id), encode_file(entry).as_slice())?);
                        }
                        Change::Drop(peer, id) => drop(files.remove(&holding_key(*peer, id))?),
                        Change::Forget(gone) => {
                            for peer in gone {
                                peers.remove(peer.0)?;
                                let ends = [[0; 32], [0xff; 32]].map(FileId::from_digest);
                                let [first, last] = ends.map(|id| holding_key(*peer, &id));
                                files.retain_in::<&HoldingKey, _>(&first..=&last, |_, _| false)?;
                            }
                        }
                    }
                }
            }
            transaction.commit()?;
            Ok(())
        })
    }
}

fn holding_key(peer: PeerKey, id: &FileId) -> HoldingKey {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&peer.0.to_be_bytes());
    key[8..].copy_from_slice(id.digest());
    key
}

fn holder(key: &HoldingKey) -> PeerKey {
    PeerKey(key[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

fn encode_peer(peer: &SavedPeer) -> Vec<u8> {
    let address = match peer.address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    [&peer.secret.0[..], &address.octets(), &peer.port.to_be_bytes(), peer.name.as_bytes()].concat()
}

fn decode_peer(key: PeerKey, bytes: &[u8]) -> Option<SavedPeer> {
    let (secret, rest) = bytes.split_first_chunk::<32>()?;
    let (address, rest) = rest.split_first_chunk::<16>()?;
    let (port, name) = rest.split_first_chunk::<2>()?;
    Some(SavedPeer {
        key,
        secret: SecretHash(*secret),
        address: IpAddr::V6(Ipv6Addr::from(*address)).to_canonical(),
        port: u16::from_be_bytes(*port),
        name: std::str::from_utf8(name).ok()?.into(),
    })
}

fn encode_file(entry: &FileEntry) -> Vec<u8> {
    let complete = [u8::from(entry.complete)];
    [&entry.manifest.digest()[..], &entry.size.to_be_bytes(), &complete, entry.name.as_bytes()].concat()
}

fn decode_file(key: &HoldingKey, bytes: &[u8]) -> Option<FileEntry> {
    let (manifest, rest) = bytes.split_first_chunk::<32>()?;
    let (size, rest) = rest.split_first_chunk::<8>()?;
    let ([complete], name) = rest.split_first_chunk::<1>()?;
    Some(FileEntry {
        id: FileId::from_digest(*key.last_chunk::<32>()?),
        name: std::str::from_utf8(name).ok()?.to_owned(),
        size: u64::from_be_bytes(*size),
        manifest: FileId::from_digest(*manifest),
        complete: *complete != 0,
    })
}
