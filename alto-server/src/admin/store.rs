//! What makes changes survive a restart: an embedded ACID store. A change is on disk before it is acknowledged.

use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use topo::LinkChanges;

/// Changed links by key, as JSON of what was changed.
const LINKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("link-changes");
/// The topology that replaces the file's, if there is one, under the one key [`REPLACEMENT`].
const TOPOLOGY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("topology");
const REPLACEMENT: &str = "replacement";

/// The store of one server.
pub(crate) struct Store {
    database: Database,
    path: PathBuf,
}

/// What the store holds.
#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) links: LinkChanges,
    pub(crate) topology: Option<Vec<u8>>,
}

/// Why the store cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub(crate) struct StoreError {
    path: PathBuf,
    problem: String,
}

impl Store {
    /// Opens the store in a folder, which is made if it is not there.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("network.redb");
        let failed = |problem: String| StoreError { path: path.clone(), problem };
        std::fs::create_dir_all(folder).map_err(|error| failed(format!("the folder cannot be made: {error}")))?;
        let database = Database::create(&path).map_err(|error| failed(error.to_string()))?;
        let store = Self { database, path };
        // Tables exist from the start, so that reading needs no special case.
        store.write(|transaction| {
            transaction.open_table(LINKS)?;
            transaction.open_table(TOPOLOGY)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Everything that was saved.
    pub(crate) fn load(&self) -> Result<Saved, StoreError> {
        let read = || -> Result<Saved, redb::Error> {
            let transaction = self.database.begin_read()?;
            let (mut saved, mut links) = (Saved::default(), Vec::new());
            for entry in transaction.open_table(LINKS)?.iter()? {
                let (key, change) = entry?;
                // Written by this program only; what another version cannot read is passed over with a word.
                let read = (key.value().parse(), serde_json::from_slice(change.value()));
                if let (Ok(key), Ok(change)) = read {
                    links.push((key, change));
                } else {
                    tracing::warn!(key = key.value(), "a saved link change cannot be read and is left out");
                }
            }
            saved.links = links.into_iter().collect();
            let topology = transaction.open_table(TOPOLOGY)?;
            saved.topology = topology.get(REPLACEMENT)?.map(|bytes| bytes.value().to_vec());
            Ok(saved)
        };
        read().map_err(|error| self.failed(&error))
    }

    /// Saves changed links, each with all that was ever changed of it.
    pub(crate) fn save_links(&self, changes: &LinkChanges) -> Result<(), StoreError> {
        self.write(|transaction| {
            let mut links = transaction.open_table(LINKS)?;
            for (key, change) in changes {
                let json = serde_json::to_vec(change).expect("link changes are plain data");
                links.insert(key.to_string().as_str(), json.as_slice())?;
            }
            Ok(())
        })
    }

    /// Forgets all changed links.
    pub(crate) fn clear_links(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(LINKS)?.retain(|_, _| false)?;
            Ok(())
        })
    }

    /// Saves a topology in place of the file's, or goes back to the file; either way changed links are forgotten.
    pub(crate) fn save_topology(&self, topology: Option<&[u8]>) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(LINKS)?.retain(|_, _| false)?;
            let mut table = transaction.open_table(TOPOLOGY)?;
            match topology {
                Some(bytes) => table.insert(REPLACEMENT, bytes)?,
                None => table.remove(REPLACEMENT)?,
            };
            Ok(())
        })
    }

    /// One transaction, on disk when this returns.
    fn write(&self, work: impl FnOnce(&redb::WriteTransaction) -> Result<(), redb::Error>) -> Result<(), StoreError> {
        let run = || -> Result<(), redb::Error> {
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            work(&transaction)?;
            transaction.commit()?;
            Ok(())
        };
        run().map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &redb::Error) -> StoreError {
        StoreError { path: self.path.clone(), problem: error.to_string() }
    }
}
