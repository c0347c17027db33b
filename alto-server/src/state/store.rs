//! The changes to the network in an embedded ACID store. A change is on disk before it is acknowledged.

use std::path::Path;
use std::sync::Arc;

use alto_registry::store_file::{StoreError, StoreFile};
use redb::{ReadTransaction, ReadableTable, TableDefinition, WriteTransaction};
use topo::{LinkChanges, PrefixSet};

use super::audit::{AuditEntry, MAX_ENTRIES};
use super::source::Loaded;

/// Table of link changes in JSON, by the key of the link.
type Links = TableDefinition<'static, &'static str, &'static [u8]>;

/// Link changes in force.
const LINKS: Links = TableDefinition::new("link-changes");
/// Link changes above the topology before.
const PREVIOUS_LINKS: Links = TableDefinition::new("previous-link-changes");
/// Topologies in JSON, by the keys below.
const TOPOLOGY: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("topology");
/// Key of the topology that replaces the file, if there is one.
const REPLACEMENT: &str = "replacement";
/// Key of the topology before; empty if that was the file.
const PREVIOUS: &str = "previous";
/// Entries of the audit trail in JSON, by their numbers.
const AUDIT: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("audit");

/// Size of the page cache. Nothing is read while the server runs.
const CACHE_BYTES: usize = 8 * 1024 * 1024;

/// Store of one server.
pub(crate) struct Store {
    file: StoreFile,
    /// True after a failed write, of which the file may have kept something.
    suspect: bool,
}

/// Topology with the link changes above it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layered {
    /// JSON of the topology that replaced the file; absent if it is the file.
    pub(crate) replacement: Option<Arc<[u8]>>,
    pub(crate) links: Arc<LinkChanges>,
}

/// Content of the store.
#[derive(Default)]
pub(crate) struct Saved {
    pub(crate) present: Layered,
    /// State before the topology was replaced the last time.
    pub(crate) previous: Option<Layered>,
    pub(crate) audit: Vec<AuditEntry>,
}

/// Content of the store as it was acknowledged, before a change.
#[derive(Clone, Copy)]
pub(crate) struct Acknowledged<'a> {
    pub(crate) present: &'a Layered,
    pub(crate) previous: Option<&'a Layered>,
}

/// Change to be saved.
pub(crate) enum Saving<'a> {
    /// Link changes, each of which replaces the saved change of its link.
    Links(&'a LinkChanges),
    /// All link changes, in place of the saved ones.
    AllLinks(&'a LinkChanges),
    /// Another topology, and what was in force before.
    Topology { base: &'a Loaded, present: &'a Layered, previous: &'a Layered },
    /// Topology file as it was read again. A store in files leaves it where it is.
    File { base: &'a Loaded, present: &'a Layered },
    /// Prefixes of a source: the lines of a difference, if it is one, and the whole set. In files, they have a store of
    /// their own.
    Prefixes { source: &'a str, sequence: u64, lines: Option<&'a str>, set: &'a PrefixSet },
    /// End of a source, of which the same is true.
    DeletePrefixes(&'a str),
    /// A network map with the prefixes of all sources.
    Publish,
    /// Nothing but an entry of the audit trail.
    Nothing,
}

impl Store {
    /// Opens the store in a folder, which is created if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut file = StoreFile::open(folder, "network.redb", CACHE_BYTES)?;
        // Creating the tables here spares readers a special case, of files of older versions as well.
        file.write(|transaction| {
            transaction.open_table(LINKS)?;
            transaction.open_table(PREVIOUS_LINKS)?;
            transaction.open_table(TOPOLOGY)?;
            transaction.open_table(AUDIT)?;
            Ok(())
        })?;
        Ok(Self { file, suspect: false })
    }

    /// Reads everything that was saved.
    pub(crate) fn load(&mut self) -> Result<Saved, StoreError> {
        self.file.read(|transaction| {
            let topology = transaction.open_table(TOPOLOGY)?;
            let replacement = topology.get(REPLACEMENT)?.map(|bytes| Arc::from(bytes.value()));
            let present = Layered { replacement, links: Arc::new(read_links(transaction, LINKS)?) };
            let previous = match topology.get(PREVIOUS)? {
                None => None,
                Some(bytes) => {
                    let replacement = Some(bytes.value()).filter(|bytes| !bytes.is_empty()).map(Arc::from);
                    Some(Layered { replacement, links: Arc::new(read_links(transaction, PREVIOUS_LINKS)?) })
                }
            };
            let mut audit = Vec::new();
            for entry in transaction.open_table(AUDIT)?.iter()? {
                // An entry of another version that cannot be read is left out.
                audit.extend(serde_json::from_slice::<AuditEntry>(entry?.1.value()).ok());
            }
            Ok(Saved { present, previous, audit })
        })
    }

    /// Saves a change with its entry of the audit trail; both are on disk when this returns. After a failed call it
    /// restores what was acknowledged before, because a refused change must not come back with a restart.
    pub(crate) fn save(
        &mut self,
        change: &Saving<'_>,
        entry: &AuditEntry,
        before: Acknowledged<'_>,
    ) -> Result<(), StoreError> {
        let restore = std::mem::replace(&mut self.suspect, true);
        self.file.write(|transaction| {
            if restore {
                replace(transaction, before.present, before.previous)?;
            }
            match change {
                Saving::Links(links) => insert(transaction, LINKS, links)?,
                Saving::AllLinks(links) => {
                    clear(transaction, LINKS)?;
                    insert(transaction, LINKS, links)?;
                }
                Saving::Topology { present, previous, .. } => replace(transaction, present, Some(previous))?,
                Saving::File { .. }
                | Saving::Prefixes { .. }
                | Saving::DeletePrefixes(_)
                | Saving::Publish
                | Saving::Nothing => {}
            }
            note(transaction, entry)
        })?;
        self.suspect = false;
        Ok(())
    }
}

fn read_links(transaction: &ReadTransaction, table: Links) -> Result<LinkChanges, redb::Error> {
    let mut links = Vec::new();
    for entry in transaction.open_table(table)?.iter()? {
        let (key, change) = entry?;
        // Only this program writes here, but another version of it may have written a form unknown to this one.
        let read = (key.value().parse(), serde_json::from_slice(change.value()));
        if let (Ok(key), Ok(change)) = read {
            links.push((key, change));
        } else {
            tracing::warn!(key = key.value(), "a saved link change is not readable by this version and is left out");
        }
    }
    Ok(links.into_iter().collect())
}

/// Writes everything but the audit trail.
fn replace(transaction: &WriteTransaction, present: &Layered, previous: Option<&Layered>) -> Result<(), redb::Error> {
    let mut topology = transaction.open_table(TOPOLOGY)?;
    match &present.replacement {
        Some(bytes) => topology.insert(REPLACEMENT, &**bytes)?,
        None => topology.remove(REPLACEMENT)?,
    };
    match previous {
        Some(previous) => topology.insert(PREVIOUS, previous.replacement.as_deref().unwrap_or_default())?,
        None => topology.remove(PREVIOUS)?,
    };
    clear(transaction, LINKS)?;
    insert(transaction, LINKS, &present.links)?;
    clear(transaction, PREVIOUS_LINKS)?;
    previous.map_or(Ok(()), |previous| insert(transaction, PREVIOUS_LINKS, &previous.links))
}

fn clear(transaction: &WriteTransaction, table: Links) -> Result<(), redb::Error> {
    Ok(transaction.open_table(table)?.retain(|_, _| false)?)
}

fn insert(transaction: &WriteTransaction, table: Links, changes: &LinkChanges) -> Result<(), redb::Error> {
    let mut links = transaction.open_table(table)?;
    for (key, change) in changes {
        let json = serde_json::to_vec(change).expect("link changes are plain data");
        links.insert(key.to_string().as_str(), json.as_slice())?;
    }
    Ok(())
}

fn note(transaction: &WriteTransaction, entry: &AuditEntry) -> Result<(), redb::Error> {
    let mut audit = transaction.open_table(AUDIT)?;
    let json = serde_json::to_vec(entry).expect("entries are plain data with finite numbers");
    audit.insert(entry.number, json.as_slice())?;
    let oldest = entry.number.saturating_sub(MAX_ENTRIES as u64);
    Ok(audit.retain_in(..=oldest, |_, _| false)?)
}
