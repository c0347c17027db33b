//! Registrations in an embedded ACID store: the file `swarm.redb` of a folder.

use std::path::Path;

use redb::{Range, ReadableTable, StorageError, Table, TableDefinition};

use super::row::{decode_holding, decode_peer, encode_holding, encode_peer};
use super::store::{Change, Saved, Store};
use crate::holding::Holding;
use crate::id::{ContentId, PeerId};
use crate::store_file::{StoreError, StoreFile};

/// Registrations by ID. The number in the name is that of the format.
const PEERS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("peers-1");
/// Holdings of files that are named by SHA-256, by the ID of the peer and that of the file.
const FILES: TableDefinition<'_, &[u8; 40], &[u8]> = TableDefinition::new("holdings-1");
/// Holdings of files that are named by infohash, by the ID of the peer and that of the file.
const TORRENTS: TableDefinition<'_, &[u8; 28], &[u8]> = TableDefinition::new("torrents-1");

/// Size of the page cache. Nothing is read while the server runs, so it only has to hold the upper levels of the trees.
const CACHE_BYTES: usize = 32 * 1024 * 1024;

/// Store in a file.
pub(super) struct RedbStore(StoreFile);

impl RedbStore {
    /// Opens the store of a folder. Creates both where they are missing.
    pub(super) fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut store = Self(StoreFile::open(folder, "swarm.redb", CACHE_BYTES)?);
        // Creates the tables, so that reading needs no special case.
        store.save(&[])?;
        Ok(store)
    }
}

impl Store for RedbStore {
    fn load(&mut self, each: &mut dyn FnMut(Saved)) -> Result<(), StoreError> {
        self.0.read(|transaction| {
            let (files, torrents) = (transaction.open_table(FILES)?, transaction.open_table(TORRENTS)?);
            // All tables are sorted by the IDs of the peers, so one pass over each is enough.
            let mut files = Rows::new(files.iter()?, ContentId::Sha256);
            let mut torrents = Rows::new(torrents.iter()?, ContentId::Infohash);
            for entry in transaction.open_table(PEERS)?.iter()? {
                let (id, value) = entry?;
                let id = PeerId(id.value());
                let mut holdings = Vec::new();
                files.take(id, &mut holdings)?;
                torrents.take(id, &mut holdings)?;
                if let Some(peer) = decode_peer(id, value.value()) {
                    each(Saved { peer, holdings });
                } else {
                    tracing::warn!(peer = %id, "left out a saved registration: its row is not in the expected format");
                }
            }
            Ok(())
        })
    }

    fn save(&mut self, changes: &[Change]) -> Result<(), StoreError> {
        self.0.write(|transaction| {
            let mut peers = transaction.open_table(PEERS)?;
            let mut files = transaction.open_table(FILES)?;
            let mut torrents = transaction.open_table(TORRENTS)?;
            for change in changes {
                match change {
                    Change::Peer(peer) => drop(peers.insert(peer.id.0, encode_peer(peer).as_slice())?),
                    Change::Hold(peer, holding) => {
                        let row = encode_holding(holding);
                        match &holding.file {
                            ContentId::Sha256(id) => files.insert(&key::<40>(*peer, id), row.as_slice())?,
                            ContentId::Infohash(id) => torrents.insert(&key::<28>(*peer, id), row.as_slice())?,
                        };
                    }
                    Change::Drop(peer, ContentId::Sha256(id)) => drop(files.remove(&key::<40>(*peer, id))?),
                    Change::Drop(peer, ContentId::Infohash(id)) => drop(torrents.remove(&key::<28>(*peer, id))?),
                    Change::Forget(gone) => {
                        for peer in gone {
                            peers.remove(peer.0)?;
                            forget(&mut files, *peer)?;
                            forget(&mut torrents, *peer)?;
                        }
                    }
                }
            }
            Ok(())
        })
    }
}

/// Holdings of one table, in the order of their peers.
struct Rows<'a, const KEY: usize, const ID: usize> {
    rows: std::iter::Peekable<Range<'a, &'static [u8; KEY], &'static [u8]>>,
    content: fn([u8; ID]) -> ContentId,
}

impl<'a, const KEY: usize, const ID: usize> Rows<'a, KEY, ID> {
    fn new(rows: Range<'a, &'static [u8; KEY], &'static [u8]>, content: fn([u8; ID]) -> ContentId) -> Self {
        Self { rows: rows.peekable(), content }
    }

    /// Moves on to the rows of a peer and past them. Rows of peers in between, which no table has, are left out.
    fn take(&mut self, peer: PeerId, holdings: &mut Vec<Holding>) -> Result<(), StorageError> {
        while let Some(row) = self.rows.next_if(|row| row.as_ref().map_or(true, |(key, _)| holder(key.value()) <= peer))
        {
            let (key, value) = row?;
            let (key, value) = (key.value(), value.value());
            if holder(key) == peer
                && let Some(id) = key.last_chunk::<ID>()
            {
                holdings.extend(decode_holding((self.content)(*id), value));
            }
        }
        Ok(())
    }
}

fn forget<const KEY: usize>(
    table: &mut Table<'_, &'static [u8; KEY], &'static [u8]>,
    peer: PeerId,
) -> Result<(), StorageError> {
    let [mut first, mut last] = [[0; KEY], [0xff; KEY]];
    first[..8].copy_from_slice(&peer.0.to_be_bytes());
    last[..8].copy_from_slice(&peer.0.to_be_bytes());
    table.retain_in::<&[u8; KEY], _>(&first..=&last, |_, _| false)
}

fn key<const KEY: usize>(peer: PeerId, id: &[u8]) -> [u8; KEY] {
    let mut key = [0; KEY];
    key[..8].copy_from_slice(&peer.0.to_be_bytes());
    key[8..].copy_from_slice(id);
    key
}

fn holder(key: &[u8]) -> PeerId {
    PeerId(key[..8].iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}
