//! Embedded ACID database in one file, for everything that has to survive a restart. After an error, such as a full disk,
//! it is opened anew for the next call.

use std::fs;
use std::path::{Path, PathBuf};

use redb::{Database, Durability, ReadTransaction, ReadableDatabase, WriteTransaction};

/// Database in a file.
pub struct StoreFile {
    /// Closed after an error: an open database would refuse everything from then on.
    database: Option<Database>,
    path: PathBuf,
    cache_bytes: usize,
}

/// A database that cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
#[error(
    "{}: {problem}; check that the disk has room, that the file is writable, and that no other process uses it",
    path.display()
)]
pub struct StoreError {
    pub(crate) path: PathBuf,
    pub(crate) problem: String,
}

impl StoreFile {
    /// Opens the database `name` of a folder, and creates both where they are missing.
    pub fn open(folder: &Path, name: &str, cache_bytes: usize) -> Result<Self, StoreError> {
        let path = folder.join(name);
        let failed = |problem: String| StoreError { path: path.clone(), problem };
        fs::create_dir_all(folder).map_err(|error| failed(format!("cannot create the folder: {error}")))?;
        match fs::metadata(&path) {
            Ok(found) if !found.is_file() => return Err(failed("is not a regular file".to_owned())),
            Ok(found) if found.len() == 0 => tracing::warn!(
                "{}: the file exists but is empty, so nothing of an earlier run is known; if there was one, stop the \
                 server and restore the file from a backup",
                path.display()
            ),
            _ => {}
        }
        let mut store = Self { database: None, path, cache_bytes };
        store.with(|_| Ok(()))?;
        Ok(store)
    }

    /// Reads from the state that the last successful call of [`StoreFile::write`] left.
    pub fn read<T>(&mut self, work: impl FnOnce(&ReadTransaction) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        self.with(|database| work(&database.begin_read()?))
    }

    /// Writes, all or nothing. What is written survives a crash once this returns; after an error it may or may not be
    /// in the file.
    pub fn write(&mut self, work: impl FnOnce(&WriteTransaction) -> Result<(), redb::Error>) -> Result<(), StoreError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            transaction.set_durability(Durability::Immediate)?;
            work(&transaction)?;
            transaction.commit()?;
            Ok(())
        })
    }

    /// Works with the database, which is opened first where it is closed.
    fn with<T>(&mut self, work: impl FnOnce(&Database) -> Result<T, redb::Error>) -> Result<T, StoreError> {
        let run = || -> Result<T, redb::Error> {
            let database = match self.database.take() {
                Some(database) => database,
                None => Database::builder().set_cache_size(self.cache_bytes).create(&self.path)?,
            };
            let done = work(&database)?;
            self.database = Some(database);
            Ok(done)
        };
        run().map_err(|error| StoreError {
            path: self.path.clone(),
            problem: format!("cannot read or write the saved state: {error}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use redb::TableDefinition;

    use super::*;

    const TABLE: TableDefinition<'_, u64, u64> = TableDefinition::new("table");

    fn put(store: &mut StoreFile, key: u64) -> Result<(), StoreError> {
        store.write(|transaction| {
            transaction.open_table(TABLE)?.insert(key, key)?;
            Ok(())
        })
    }

    #[test]
    fn an_error_undoes_its_transaction_and_the_next_call_works() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = StoreFile::open(folder.path(), "state.redb", 1024 * 1024).unwrap();
        put(&mut store, 1).unwrap();
        let failed = store.write(|transaction| {
            transaction.open_table(TABLE)?.insert(2, 2)?;
            Err(redb::Error::Io(std::io::ErrorKind::StorageFull.into()))
        });
        assert!(failed.unwrap_err().to_string().contains("state.redb"));
        put(&mut store, 3).unwrap();
        let seen = store.read(|transaction| {
            let table = transaction.open_table(TABLE)?;
            Ok([1, 2, 3].map(|key| table.get(key).unwrap().is_some()))
        });
        assert_eq!(seen.unwrap(), [true, false, true]);
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("state.redb")).unwrap();
        let error = StoreFile::open(folder.path(), "state.redb", 0).err().unwrap().to_string();
        assert!(error.contains("regular file"), "{error}");
    }
}
