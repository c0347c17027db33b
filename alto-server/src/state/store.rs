//! The embedded ACID store of changes to the network. A change is on disk before it is acknowledged.

use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition};
use topo::LinkChanges;

/// Link changes in JSON, by the key of the link.
const LINKS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("link-changes");
/// Topology that replaces the file, if there is one, under the single key [`REPLACEMENT`].
const TOPOLOGY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("topology");
const REPLACEMENT: &str = "replacement";

/// Store of one server.
pub(crate) struct Store {
    database: Database,
    path: PathBuf,
}

/// Content of the store.
#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) links: LinkChanges,
    pub(crate) topology: Option<Vec<u8>>,
}

/// Failure to open, read or write the store.
#[derive(Debug, thiserror::Error)]
#[error("{}: {problem}", path.display())]
pub(crate) struct StoreError {
    path: PathBuf,
    problem: String,
}

impl StoreError {
    /// Describes a problem with the store at `path`.
    pub(super) fn new(path: &Path, problem: String) -> Self {
        Self { path: path.to_owned(), problem }
    }
}

impl Store {
    /// Opens the store in a folder, which is created if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let path = folder.join("network.redb");
        let failed = |problem: String| StoreError { path: path.clone(), problem };
        std::fs::create_dir_all(folder).map_err(|error| failed(format!("cannot create the folder: {error}")))?;
        let database = Database::create(&path).map_err(|error| failed(error.to_string()))?;
        let store = Self { database, path };
        // Creating the tables here spares readers a special case.
        store.write(|transaction| {
            transaction.open_table(LINKS)?;
            transaction.open_table(TOPOLOGY)?;
            Ok(())
        })?;
        Ok(store)
    }

    /// Reads everything that was saved.
    pub(crate) fn load(&self) -> Result<Saved, StoreError> {
        let read = || -> Result<Saved, redb::Error> {
            let transaction = self.database.begin_read()?;
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
        };
        read().map_err(|error| self.failed(&error))
    }

    /// Saves link changes, each of which replaces the saved change of its link.
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

    /// Deletes all link changes.
    pub(crate) fn clear_links(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.open_table(LINKS)?.retain(|_, _| false)?;
            Ok(())
        })
    }

    /// Saves a topology that replaces the file, or deletes it to return to the file; link changes are deleted too.
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

    /// Runs a transaction, which is on disk when this returns.
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
