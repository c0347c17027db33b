//! The files that this peer shares: complete files, and downloads in progress.
//!
//! Only files that were added are ever opened, and only through the folder they were added with, which no name and no
//! symbolic link leads out of (`cap-std` resolves paths beneath an open folder). A file that has changed since it was
//! hashed is no longer shared.

use std::collections::BTreeMap;
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use alto_types::swarm::{FileEntry, FileId};
use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::collection::{Collection, Member};
use super::exchange::Exchange;
use super::fingerprint::Fingerprint;
use super::manifest::{HashError, Manifest};
use super::name::{FileName, NameError};
use super::partial::PartialFile;
use super::shared::{Content, OnDisk, open_beneath};
pub use super::shared::{Gone, Shared, Source};

/// The set of shared files.
#[derive(Default)]
pub struct Library {
    files: RwLock<BTreeMap<FileId, Arc<Shared>>>,
    generation: Mutex<u64>,
    changed: Condvar,
    exchange: Arc<Exchange>,
}

/// Result of adding a folder.
#[derive(Default)]
pub struct Added {
    /// Files that are shared now; of a folder, last the one that describes it.
    pub files: Vec<Arc<Shared>>,
    /// Reasons why other files were left out.
    pub left_out: Vec<ShareError>,
}

/// Why a file cannot be shared.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The file cannot be found or opened.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The name cannot be announced to other peers.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The file cannot be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The path leads to neither a file nor a folder.
    #[error("{}: is neither a regular file nor a folder", .0.display())]
    NotAFile(PathBuf),
    /// The symbolic link leads out of the folder, or to a folder.
    #[error("{}: is a symbolic link to a folder, to nothing, or out of the shared folder, and is not followed", .0.display())]
    Link(PathBuf),
    /// The content is shared already, under another name.
    #[error("{}: has the same content as {name}; others find it by that name", path.display())]
    SameContent {
        /// Path of the file.
        path: PathBuf,
        /// Name under which the content is shared.
        name: FileName,
    },
    /// The folder contains too many files, or is nested too deeply.
    #[error("{}: only the first {MAX_FILES} files in at most {MAX_DEPTH} levels of folders are shared", .0.display())]
    TooMany(PathBuf),
}

/// Maximum number of files added with one folder.
const MAX_FILES: usize = 100_000;
/// Maximum depth of nested folders.
const MAX_DEPTH: usize = 32;

impl Library {
    /// An empty library.
    pub fn new() -> Self {
        Self::default()
    }

    /// Record of the bytes that other peers took of these files, and gave in return.
    pub fn exchange(&self) -> &Arc<Exchange> {
        &self.exchange
    }

    /// Shares a file, or all files in a folder. `progress` is called with the file, the number of bytes hashed, and its size.
    pub fn add(
        &self,
        path: &Path,
        piece_size: u32,
        progress: impl FnMut(&Path, u64, u64),
    ) -> Result<Added, ShareError> {
        let metadata = path.metadata().map_err(|source| ShareError::Io { path: path.to_owned(), source })?;
        if metadata.is_dir() {
            return self.add_folder(path, piece_size, progress);
        }
        if !metadata.is_file() {
            return Err(ShareError::NotAFile(path.to_owned()));
        }
        let shared = self.add_file(path, piece_size, progress)?;
        Ok(match under_its_name(shared, path) {
            Ok(shared) => Added { files: vec![shared], left_out: Vec::new() },
            Err(same) => Added { files: Vec::new(), left_out: vec![same] },
        })
    }

    /// Hashes a file and shares it.
    pub fn add_file(
        &self,
        path: &Path,
        piece_size: u32,
        progress: impl FnMut(&Path, u64, u64),
    ) -> Result<Arc<Shared>, ShareError> {
        let name = FileName::of_path(path)?;
        let (root, file, path) = located(path)?;
        self.add_beneath(&root, &file, &path, name, piece_size, progress)
    }

    /// Hashes and shares all files in a folder and its subfolders, except hidden ones and links that lead out of it.
    pub fn add_folder(
        &self,
        path: &Path,
        piece_size: u32,
        mut progress: impl FnMut(&Path, u64, u64),
    ) -> Result<Added, ShareError> {
        let failed = |source| ShareError::Io { path: path.to_owned(), source };
        let path = path.canonicalize().map_err(failed)?;
        let root = Arc::new(Dir::open_ambient_dir(&path, ambient_authority()).map_err(failed)?);
        let (files, mut left_out) = walk(&root, &path);
        let (mut added, mut members) = (Vec::new(), Vec::new());
        for relative in files {
            let path = path.join(&relative);
            let shared = FileName::of_path(&path)
                .map_err(ShareError::from)
                .and_then(|name| self.add_beneath(&root, &relative, &path, name, piece_size, &mut progress))
                .and_then(|shared| {
                    let Manifest { id, size, .. } = **shared.manifest();
                    members.push(Member { path: relative.clone(), id, size });
                    under_its_name(shared, &path)
                });
            match shared {
                Ok(shared) => added.push(shared),
                Err(error) => left_out.push(error),
            }
        }
        if let Some(name) = FileName::of_path(&path).ok().filter(|name| !name.is_hidden() && !members.is_empty()) {
            added.push(self.add_collection(&Collection { name, members }, piece_size)?);
        }
        Ok(Added { files: added, left_out })
    }

    /// Shares the description of a folder whose files are shared.
    fn add_collection(&self, collection: &Collection, piece_size: u32) -> Result<Arc<Shared>, ShareError> {
        let (name, json) = (collection.file_name()?, collection.to_json());
        let cut = |source| HashError::Cut { path: name.as_str().into(), source };
        let manifest = Manifest::of_bytes(&json, piece_size).map_err(cut)?;
        Ok(self.insert(Shared::new(name.clone(), Arc::new(manifest), Content::Memory(json.into()))))
    }

    fn add_beneath(
        &self,
        root: &Arc<Dir>,
        relative: &Path,
        path: &Path,
        name: FileName,
        piece_size: u32,
        mut progress: impl FnMut(&Path, u64, u64),
    ) -> Result<Arc<Shared>, ShareError> {
        let file = open_beneath(root, relative).map_err(|source| ShareError::Io { path: path.to_owned(), source })?;
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        let goes_on = |done| {
            progress(path, done, size);
            true
        };
        let (manifest, fingerprint) = Manifest::of_open(&file, path, piece_size, goes_on)?;
        let on_disk = OnDisk::new(Arc::clone(root), relative.to_owned(), path.to_owned(), fingerprint);
        Ok(self.insert(Shared::new(name, Arc::new(manifest), Content::Complete(Box::new(on_disk)))))
    }

    /// Hashes a file while `goes_on` returns true, and shares it if it is the one with this ID.
    pub fn add_if(
        &self,
        path: &Path,
        piece_size: u32,
        id: FileId,
        mut goes_on: impl FnMut() -> bool,
    ) -> Result<Option<Arc<Shared>>, ShareError> {
        let name = FileName::of_path(path)?;
        let (root, file, path) = located(path)?;
        let open = open_beneath(&root, &file).map_err(|source| ShareError::Io { path: path.clone(), source })?;
        let (manifest, fingerprint) = Manifest::of_open(&open, &path, piece_size, |_| goes_on())?;
        if manifest.id != id {
            return Ok(None);
        }
        let on_disk = OnDisk::new(root, file, path, fingerprint);
        Ok(Some(self.insert(Shared::new(name, Arc::new(manifest), Content::Complete(Box::new(on_disk))))))
    }

    /// Shares the pieces of a download in progress.
    pub fn add_partial(&self, partial: &Arc<PartialFile>) -> Arc<Shared> {
        let (name, manifest) = (partial.name().clone(), Arc::clone(partial.manifest()));
        self.insert(Shared::new(name, manifest, Content::Partial(Arc::clone(partial))))
    }

    /// Shares a finished download, without hashing it again.
    pub fn add_finished(&self, partial: &PartialFile) -> Result<Arc<Shared>, ShareError> {
        let path = partial.finished().ok_or_else(|| ShareError::NotAFile(PathBuf::from(partial.name().as_str())))?;
        let failed = |source| ShareError::Io { path: path.clone(), source };
        let (root, file, real) = located(&path)?;
        let fingerprint = Fingerprint::of(&partial.file().metadata().map_err(failed)?);
        let on_disk = OnDisk::new(root, file, real, fingerprint);
        let name = FileName::of_path(&path)?;
        Ok(self.insert(Shared::new(name, Arc::clone(partial.manifest()), Content::Complete(Box::new(on_disk)))))
    }

    /// Inserts a file, unless it is there already and complete.
    fn insert(&self, shared: Shared) -> Arc<Shared> {
        let id = shared.manifest().id;
        let shared = {
            let mut files = self.write();
            match files.get(&id) {
                Some(there) if there.is_complete() && there.check().is_ok() => return Arc::clone(there),
                _ => {
                    let shared = Arc::new(shared);
                    files.insert(id, Arc::clone(&shared));
                    shared
                }
            }
        };
        self.notify();
        shared
    }

    /// Stops sharing a file; false if it was not shared.
    pub fn remove(&self, id: FileId) -> bool {
        let removed = self.write().remove(&id).is_some();
        if removed {
            self.notify();
        }
        removed
    }

    /// Stops sharing a file unless it is complete.
    pub fn remove_partial(&self, id: FileId) {
        let partial = self.get(id).is_some_and(|shared| !shared.is_complete());
        if partial {
            self.remove(id);
        }
    }

    /// The shared file with this ID.
    pub fn get(&self, id: FileId) -> Option<Arc<Shared>> {
        self.read().get(&id).cloned()
    }

    /// All shared files, by ID.
    pub fn all(&self) -> Vec<Arc<Shared>> {
        self.read().values().cloned().collect()
    }

    /// All shared files as they are announced, by ID.
    pub fn entries(&self) -> Vec<FileEntry> {
        self.read().values().map(|shared| shared.entry()).collect()
    }

    /// Up to `limit` shared files as they are announced, after the ID `after` or from the beginning.
    pub fn entries_after(&self, after: Option<FileId>, limit: usize) -> Vec<FileEntry> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.read().range((start, Bound::Unbounded)).take(limit).map(|(_, shared)| shared.entry()).collect()
    }

    /// Opens a shared file. A file that has changed is no longer shared, which is logged.
    pub fn open(&self, shared: &Arc<Shared>) -> Result<Source, Gone> {
        let source = shared.open();
        if let Err(gone) = &source {
            self.forget(shared, gone);
        }
        source
    }

    /// Fills `bytes` with the content of an open file from `offset` on. A file that turns out to have changed is no longer
    /// shared, which is logged.
    pub fn read_at(&self, shared: &Arc<Shared>, source: &Source, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        shared.read_at(source, bytes, offset).map_err(|gone| {
            self.forget(shared, &gone);
            io::Error::other(gone)
        })
    }

    /// Checks all files, and stops sharing those that have changed.
    pub fn check(&self) {
        for shared in self.all() {
            if let Err(gone) = shared.check() {
                self.forget(&shared, &gone);
            }
        }
    }

    fn forget(&self, shared: &Arc<Shared>, gone: &Gone) {
        let id = shared.manifest().id;
        let removed = {
            let mut files = self.write();
            // The file may have been shared again from elsewhere.
            files.get(&id).is_some_and(|there| Arc::ptr_eq(there, shared)) && files.remove(&id).is_some()
        };
        if removed {
            tracing::warn!(file = %id, "{gone}");
            self.notify();
        }
    }

    /// Version of the library, which grows with every change.
    pub fn generation(&self) -> u64 {
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something has changed since the version `seen`, or `timeout` has passed; returns the present version.
    pub fn wait_changed(&self, seen: u64, timeout: Duration) -> u64 {
        let generation = self.generation.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(generation, timeout, |generation| *generation == seen);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Makes [`Self::wait_changed`] return although nothing has changed.
    pub fn notify(&self) {
        *self.generation.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<FileId, Arc<Shared>>> {
        self.files.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<FileId, Arc<Shared>>> {
        self.files.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shared content of a file, unless it is shared under another name than that of the file.
fn under_its_name(shared: Arc<Shared>, path: &Path) -> Result<Arc<Shared>, ShareError> {
    if path.file_name().is_some_and(|name| name == shared.name().as_str()) {
        return Ok(shared);
    }
    Err(ShareError::SameContent { path: path.to_owned(), name: shared.name().clone() })
}

/// Folder of a file, its name there, and its full path. A symbolic link that the user names is followed, but only here.
fn located(path: &Path) -> Result<(Arc<Dir>, PathBuf, PathBuf), ShareError> {
    let failed = |source| ShareError::Io { path: path.to_owned(), source };
    let path = path.canonicalize().map_err(failed)?;
    let (Some(folder), Some(file)) = (path.parent(), path.file_name()) else {
        return Err(ShareError::NotAFile(path));
    };
    let root = Arc::new(Dir::open_ambient_dir(folder, ambient_authority()).map_err(failed)?);
    Ok((root, file.into(), path))
}

/// Lists the files beneath a folder by path, and the reasons why others are left out.
fn walk(root: &Dir, path: &Path) -> (Vec<PathBuf>, Vec<ShareError>) {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    let mut folders = vec![(PathBuf::new(), 0)];
    while let Some((folder, depth)) = folders.pop() {
        let here = if depth == 0 { Path::new(".") } else { folder.as_path() };
        let entries = root.read_dir(here).and_then(Iterator::collect::<io::Result<Vec<_>>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(source) => {
                left_out.push(ShareError::Io { path: path.join(&folder), source });
                continue;
            }
        };
        for entry in entries {
            let relative = folder.join(entry.file_name());
            let full = path.join(&relative);
            // Hidden files are not meant to be shared: unfinished downloads, keys, histories.
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if files.len() >= MAX_FILES {
                left_out.push(ShareError::TooMany(path.to_owned()));
                return (files, left_out);
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => folders.push((relative, depth + 1)),
                Ok(kind) if kind.is_dir() => left_out.push(ShareError::TooMany(full)),
                Ok(kind) if kind.is_file() => files.push(relative),
                // Resolved beneath the folder, where a link that leads out of it is an error.
                Ok(kind) if kind.is_symlink() => match root.metadata(&relative) {
                    Ok(target) if target.is_file() => files.push(relative),
                    _ => left_out.push(ShareError::Link(full)),
                },
                Ok(_) => left_out.push(ShareError::NotAFile(full)),
                Err(source) => left_out.push(ShareError::Io { path: full, source }),
            }
        }
    }
    files.sort();
    (files, left_out)
}
