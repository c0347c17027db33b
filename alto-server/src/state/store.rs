//! The changes to the network in an embedded ACID store. A change is on disk before it is acknowledged.

use std::path::Path;

use alto_registry::store_file::{StoreError, StoreFile};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use topo::LinkChanges;

/// Link changes in JSON, by the key of the link.
const LINKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("link-changes");
/// Topology that replaces the file, if there is one, under the single key [`REPLACEMENT`].
const TOPOLOGY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("topology");
const REPLACEMENT: &str = "replacement";

/// Size of the page cache. Nothing is read while the server runs.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Store of one server.
pub(crate) struct Store {
    file: StoreFile,
    /// True after a failed write, of which the file may have kept something.
    suspect: bool,
}

/// Content of the store.
#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) links: LinkChanges,
    pub(crate) topology: Option<Vec<u8>>,
}

/// Content of the store as it was acknowledged, before a change.
#[derive(Clone, Copy)]
pub(crate) struct Acknowledged<'a> {
    pub(crate) links: &'a LinkChanges,
    pub(crate) topology: Option<&'a [u8]>,
}

impl Store {
    /// Opens the store in a folder, which is created if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut file = StoreFile::open(folder, "network.redb", CACHE_BYTES)?;
        // Creating the tables here spares readers a special case.
        file.write(|transaction| {
            transaction.open_table(LINKS)?;
            transaction.open_table(TOPOLOGY)?;
            Ok(())
        })?;
        Ok(Self { file, suspect: false })
    }

    /// Reads everything that was saved.
    pub(crate) fn load(&mut self) -> Result<Saved, StoreError> {
        self.file.read(|transaction| {
            let (mut saved, mut links) = (Saved::default(), Vec::new());
            for entry in transaction.open_table(LINKS)?.iter()? {
                let (key, change) = entry?;
                // Only this program writes here, but another version of it may have written a form unknown to this one.
                let read = (key.value().parse(), serde_json::from_slice(change.value()));
                if let (Ok(key), Ok(change)) = read {
                    links.push((key, change));
                } else {
                    tracing::warn!(
                        key = key.value(),
                        "a saved link change is not readable by this version and is left out"
                    );
                }
            }
            saved.links = links.into_iter().collect();
            let topology = transaction.open_table(TOPOLOGY)?;
            saved.topology = topology.get(REPLACEMENT)?.map(|bytes| bytes.value().to_vec());
            Ok(saved)
        })
    }

    /// Saves link changes, each of which replaces the saved change of its link.
    pub(crate) fn save_links(&mut self, changes: &LinkChanges, before: Acknowledged<'_>) -> Result<(), StoreError> {
        self.write(before, |transaction| insert(transaction, changes))
    }

    /// Deletes all link changes.
    pub(crate) fn clear_links(&mut self, before: Acknowledged<'_>) -> Result<(), StoreError> {
        self.write(before, clear)
    }

    /// Saves a topology that replaces the file, or deletes it to return to the file; link changes are deleted too.
    pub(crate) fn save_topology(
        &mut self,
        topology: Option<&[u8]>,
        before: Acknowledged<'_>,
    ) -> Result<(), StoreError> {
        self.write(before, |transaction| {
            clear(transaction)?;
            replace(transaction, topology)
        })
    }

    /// Runs a transaction, which is on disk when this returns. After a failed one it restores what was acknowledged
    /// before, because a refused change must not come back with a restart.
    fn write(
        &mut self,
        before: Acknowledged<'_>,
        work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>,
    ) -> Result<(), StoreError> {
        let restore = std::mem::replace(&mut self.suspect, true);
        self.file.write(|transaction| {
            if restore {
                clear(transaction)?;
                insert(transaction, before.links)?;
                replace(transaction, before.topology)?;
            }
            work(transaction)
        })?;
        self.suspect = false;
        Ok(())
    }
}

fn clear(transaction: &WriteTransaction) -> Result<(), redb::Error> {
    Ok(transaction.open_table(LINKS)?.retain(|_, _| false)?)
}

fn insert(transaction: &WriteTransaction, changes: &LinkChanges) -> Result<(), redb::Error> {
    let mut links = transaction.open_table(LINKS)?;
    for (key, change) in changes {
        let json = serde_json::to_vec(change).expect("link changes are plain data");
        links.insert(key.to_string().as_str(), json.as_slice())?;
    }
    Ok(())
}

fn replace(transaction: &WriteTransaction, topology: Option<&[u8]>) -> Result<(), redb::Error> {
    let mut table = transaction.open_table(TOPOLOGY)?;
    match topology {
        Some(bytes) => table.insert(REPLACEMENT, bytes)?,
        None => table.remove(REPLACEMENT)?,
    };
    Ok(())
}
