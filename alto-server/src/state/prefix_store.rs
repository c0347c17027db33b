//! The prefixes of all sources in an embedded ACID store: for each source a whole set, and the differences since.

use std::path::Path;

use alto_registry::store_file::{StoreError, StoreFile};
use redb::{ReadableTable, TableDefinition, WriteTransaction};
use topo::PrefixSet;

use super::prefix_lines::{self, Form};

/// Sequence number of each source.
const SEQUENCES: TableDefinition<'_, &str, u64> = TableDefinition::new("prefix-sequences");
/// Whole set of each source, as lines.
const SETS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("prefix-sets");
/// Differences to the sets, as lines, by source and sequence number.
const DIFFERENCES: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("prefix-differences");

/// Size of the page cache. Nothing is read while the server runs.
const CACHE_BYTES: usize = 8 * 1024 * 1024;
/// Size of the differences of a source, in bytes, up to which its set is never written anew.
const FEW_BYTES: usize = 1024 * 1024;

/// Store of one server.
pub(crate) struct PrefixStore {
    file: StoreFile,
}

/// A source as it was saved.
pub(crate) struct SavedSource {
    pub(crate) name: String,
    pub(crate) sequence: u64,
    pub(crate) set: PrefixSet,
    pub(crate) sizes: Sizes,
}

/// Bytes that a source takes in the store, which decide when its set is written anew.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sizes {
    set: usize,
    differences: usize,
    /// True after a failed write, of which the file may have kept something.
    suspect: bool,
}

impl PrefixStore {
    /// Opens the store in a folder, which is created if it does not exist.
    pub(crate) fn open(folder: &Path) -> Result<Self, StoreError> {
        let mut file = StoreFile::open(folder, "prefixes.redb", CACHE_BYTES)?;
        // Creating the tables here spares readers a special case.
        file.write(|transaction| {
            transaction.open_table(SEQUENCES)?;
            transaction.open_table(SETS)?;
            transaction.open_table(DIFFERENCES)?;
            Ok(())
        })?;
        Ok(Self { file })
    }

    /// Reads all sources.
    pub(crate) fn load(&mut self) -> Result<Vec<SavedSource>, StoreError> {
        self.file.read(|transaction| {
            let (sets, differences) = (transaction.open_table(SETS)?, transaction.open_table(DIFFERENCES)?);
            let mut sources = Vec::new();
            for entry in transaction.open_table(SEQUENCES)?.iter()? {
                let (name, sequence) = entry?;
                let (name, sequence) = (name.value(), sequence.value());
                let mut source =
                    SavedSource { name: name.to_owned(), sequence, set: PrefixSet::default(), sizes: Sizes::default() };
                if let Some(lines) = sets.get(name)? {
                    source.read(lines.value(), Form::Set);
                }
                for difference in differences.range((name, 0)..=(name, u64::MAX))? {
                    source.read(difference?.1.value(), Form::Difference);
                }
                sources.push(source);
            }
            Ok(sources)
        })
    }

    /// Saves a change of a source: the difference, or the whole set where differences have become too large.
    pub(crate) fn save(
        &mut self,
        (source, sequence): (&str, u64),
        sizes: &mut Sizes,
        difference: Option<&str>,
        set: &PrefixSet,
    ) -> Result<(), StoreError> {
        let before = std::mem::replace(sizes, Sizes { suspect: true, ..*sizes });
        let fits = |text: &&str| !before.suspect && before.differences + text.len() <= FEW_BYTES.max(before.set / 2);
        let after = if let Some(difference) = difference.filter(fits) {
            self.file.write(|transaction| {
                transaction.open_table(DIFFERENCES)?.insert((source, sequence), difference.as_bytes())?;
                transaction.open_table(SEQUENCES)?.insert(source, sequence)?;
                Ok(())
            })?;
            Sizes { differences: before.differences + difference.len(), ..before }
        } else {
            let lines = prefix_lines::print_set(set);
            self.file.write(|transaction| {
                delete(transaction, source)?;
                transaction.open_table(SETS)?.insert(source, lines.as_bytes())?;
                transaction.open_table(SEQUENCES)?.insert(source, sequence)?;
                Ok(())
            })?;
            Sizes { set: lines.len(), differences: 0, suspect: false }
        };
        *sizes = after;
        Ok(())
    }

    /// Deletes a source.
    pub(crate) fn delete(&mut self, source: &str) -> Result<(), StoreError> {
        self.file.write(|transaction| delete(transaction, source))
    }
}

impl SavedSource {
    fn read(&mut self, lines: &[u8], form: Form) {
        match form {
            Form::Set => self.sizes.set += lines.len(),
            Form::Difference => self.sizes.differences += lines.len(),
        }
        // Only this program writes here, but another version of it may have written lines unknown to this one.
        match prefix_lines::parse(lines, form, usize::MAX) {
            Ok(statements) => self.set = self.set.with(statements.changes).0,
            Err(error) => {
                let source = &self.name;
                tracing::warn!(source, %error, "saved prefixes are not readable by this version and are left out");
            }
        }
    }
}

fn delete(transaction: &WriteTransaction, source: &str) -> Result<(), redb::Error> {
    transaction.open_table(SETS)?.remove(source)?;
    transaction.open_table(SEQUENCES)?.remove(source)?;
    transaction.open_table(DIFFERENCES)?.retain_in((source, 0)..=(source, u64::MAX), |_, _| false)?;
    Ok(())
}
