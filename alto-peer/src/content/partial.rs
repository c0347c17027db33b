//! A file that arrives piece by piece, and gets its name only when its hash is right.
//!
//! Until then it is `.NAME.part-XXXXXXXX` (the beginning of its ID) in the folder it is for, with a note beside it
//! ([`super::record`]) from which the next process goes on. A piece counts once its hash is that of the manifest and
//! it is written; any number of threads may write.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tokio::sync::watch;

use super::bitfield::Bitfield;
use super::manifest::Manifest;
use super::name::{self, FileName};
use super::prefix_hash::{PrefixHash, is_piece};
use super::record::{Noted, Record, no_follow};

/// Bytes per write unless told otherwise.
pub const DEFAULT_BLOCK_SIZE: usize = 64 * 1024;
/// Pieces that one writer at most reads back for the hash of the whole, so that none waits long.
const READ_BACK: usize = 8;
/// Names that are tried when the file's own is taken.
const MAX_NUMBER: usize = 1000;
/// Longest part of the name in the name of the part.
const PART_NAME_BYTES: usize = 200;

/// A file that is still arriving.
pub struct PartialFile {
    folder: PathBuf,
    name: FileName,
    manifest: Arc<Manifest>,
    block_size: usize,
    data: File,
    data_path: PathBuf,
    record_path: PathBuf,
    state: Mutex<State>,
    newer: Condvar,
    versions: watch::Sender<u64>,
    hash: Mutex<PrefixHash>,
}

struct State {
    have: Bitfield,
    record: Record,
    end: End,
}

/// Whether it still arrives.
enum End {
    NotYet,
    /// Has its name.
    Finished(PathBuf),
    /// Given up: somebody else may go on with it.
    Released,
}

/// What became of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It is there now.
    New,
    /// It was there already.
    Duplicate,
}

/// A file that an earlier process did not finish.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// What it would be called; cut if it is very long.
    pub name: FileName,
    /// What it would be.
    pub manifest: Manifest,
    /// Pieces that were noted as written. They are checked when it is opened.
    pub claimed: Bitfield,
}

/// Why a file does not arrive.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// Another process, or this one, fetches it to the same place.
    #[error("{}: is being written by another download of the same file", .0.display())]
    InUse(PathBuf),
    /// There is no such piece.
    #[error("piece {piece}: the file has only {count}")]
    NoSuchPiece {
        /// The piece.
        piece: usize,
        /// Pieces there are.
        count: usize,
    },
    /// Not the length of that piece.
    #[error("piece {piece}: {found} bytes came, and it has {expected}")]
    WrongLength {
        /// The piece.
        piece: usize,
        /// Its length.
        expected: usize,
        /// Bytes that came.
        found: usize,
    },
    /// Not the bytes of that piece.
    #[error("piece {piece}: its hash is not that of the manifest")]
    WrongHash {
        /// The piece.
        piece: usize,
    },
    /// No room; everything that was written is still there.
    #[error("{}: the disk is full; what has arrived is kept, make room and fetch again", .0.display())]
    DiskFull(PathBuf),
    /// Cannot be finished.
    #[error("{missing} pieces are missing")]
    Incomplete {
        /// How many.
        missing: usize,
    },
    /// All pieces are those of the manifest, and the file is not: the manifest lies.
    #[error("the content is {found}, not {expected}: its manifest is wrong")]
    WrongContent {
        /// The ID.
        expected: FileId,
        /// What it is.
        found: FileId,
    },
    /// There is a file of that name, and of all that were tried instead.
    #[error("{}: exists already, and so do {MAX_NUMBER} names like it", .0.display())]
    Exists(PathBuf),
    /// [`PartialFile::release`] was called.
    #[error("{}: was given up", .0.display())]
    Released(PathBuf),
    /// The system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl PartialFile {
    /// Starts a file, or goes on with one that was interrupted: what it had is checked, and kept where it is right.
    pub fn open(folder: &Path, name: &FileName, manifest: &Manifest, block_size: usize) -> Result<Self, PartialError> {
        let (data_path, record_path) = paths(folder, name, manifest.id);
        let failed = |source| failed(&data_path, source);
        let mut options = OpenOptions::new();
        let data = options.read(true).write(true).create(true).truncate(false).custom_flags(no_follow());
        let data = data.open(&data_path).map_err(failed)?;
        match data.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PartialError::InUse(data_path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let noted = Noted::read(&record_path).map_err(|source| self::failed(&record_path, source))?;
        let claimed = match &noted {
            None => Bitfield::new(manifest.piece_count()),
            Some(noted) if noted.manifest == *manifest => noted.claimed.clone(),
            // Cut otherwise, the same bytes may still be right.
            Some(_) => Bitfield::full(manifest.piece_count()),
        };
        data.set_len(manifest.size).map_err(failed)?;
        let (have, hash) = verify(&data, manifest, &claimed).map_err(failed)?;
        let record = Record::open(&record_path, noted, manifest, &have);
        let record = record.map_err(|source| self::failed(&record_path, source))?;
        let (versions, _) = watch::channel(have.count() as u64);
        Ok(Self {
            folder: folder.to_owned(),
            name: name.clone(),
            manifest: Arc::new(manifest.clone()),
            block_size: block_size.max(1),
            data,
            data_path,
            record_path,
            state: Mutex::new(State { have, record, end: End::NotYet }),
            newer: Condvar::new(),
            versions,
            hash: Mutex::new(hash),
        })
    }

    /// Files in this folder that were not finished.
    pub fn unfinished(folder: &Path) -> io::Result<Vec<Unfinished>> {
        let mut found = Vec::new();
        for entry in folder.read_dir()? {
            let entry = entry?.file_name();
            let Some(entry) = entry.to_str() else { continue };
            let Some((name, _)) = entry.strip_suffix(".have").and_then(|rest| rest.rsplit_once(".part-")) else {
                continue;
            };
            let Some(Ok(name)) = name.strip_prefix('.').map(str::parse::<FileName>) else { continue };
            let Some(noted) = Noted::read(&folder.join(entry))? else { continue };
            found.push(Unfinished { name, manifest: noted.manifest, claimed: noted.claimed });
        }
        Ok(found)
    }

    /// Checks a piece and writes it.
    pub fn write_piece(&self, piece: usize, bytes: &[u8]) -> Result<Written, PartialError> {
        let count = self.manifest.piece_count();
        if piece >= count {
            return Err(PartialError::NoSuchPiece { piece, count });
        }
        let expected = self.manifest.piece_len(piece);
        if bytes.len() != expected {
            return Err(PartialError::WrongLength { piece, expected, found: bytes.len() });
        }
        if !self.manifest.is_piece(piece, bytes) {
            return Err(PartialError::WrongHash { piece });
        }
        {
            let state = self.state();
            if matches!(state.end, End::Released) {
                return Err(PartialError::Released(self.data_path.clone()));
            }
            if state.have.get(piece) {
                return Ok(Written::Duplicate);
            }
        }
        // Without the lock: others write other pieces, or the same bytes to the same place.
        let mut at = self.manifest.piece_range(piece).start;
        for block in bytes.chunks(self.block_size) {
            self.data.write_all_at(block, at).map_err(|source| failed(&self.data_path, source))?;
            at += block.len() as u64;
        }
        {
            let mut state = self.state();
            if matches!(state.end, End::Released) {
                return Err(PartialError::Released(self.data_path.clone()));
            }
            if state.have.get(piece) {
                return Ok(Written::Duplicate);
            }
            state.record.add(piece).map_err(|source| failed(&self.record_path, source))?;
            state.have.set(piece);
            self.versions.send_replace(state.have.count() as u64);
        }
        self.newer.notify_all();
        self.advance_hash(piece, bytes);
        Ok(Written::New)
    }

    /// Goes on with the hash of the whole as far as the beginning of the file is there, unless another thread does.
    fn advance_hash(&self, piece: usize, bytes: &[u8]) {
        let Ok(mut hash) = self.hash.try_lock() else { return };
        if hash.next() == piece {
            hash.take(bytes);
        }
        for _ in 0..READ_BACK {
            // A file that cannot be read back is found out when it is finished.
            if !self.state().have.get(hash.next()) || self.read_back(&mut hash).is_err() {
                break;
            }
        }
    }

    fn read_back(&self, hash: &mut PrefixHash) -> Result<(), PartialError> {
        hash.read(&self.data, &self.manifest).map_err(|source| {
            *hash = PrefixHash::default();
            failed(&self.data_path, source)
        })
    }

    /// Waits until what has been written is on the disk. Not needed, but it leaves less to wait for at the end.
    pub fn flush(&self) -> io::Result<()> {
        self.data.sync_data()
    }

    /// Checks the whole and gives the file its name; says where it is. A file that is already there is left alone,
    /// and `NAME (2)` is taken instead.
    pub fn finish(&self) -> Result<PathBuf, PartialError> {
        let missing = {
            let state = self.state();
            match &state.end {
                End::Finished(path) => return Ok(path.clone()),
                End::Released => return Err(PartialError::Released(self.data_path.clone())),
                End::NotYet => state.have.len() - state.have.count(),
            }
        };
        if missing > 0 {
            return Err(PartialError::Incomplete { missing });
        }
        let mut hash = self.hash.lock().unwrap_or_else(PoisonError::into_inner);
        while hash.next() < self.manifest.piece_count() {
            self.read_back(&mut hash)?;
        }
        let (expected, found) = (self.manifest.id, hash.finish());
        if expected != found {
            return Err(PartialError::WrongContent { expected, found });
        }
        self.data.sync_all().map_err(|source| failed(&self.data_path, source))?;
        // Under the lock, so that of two threads that finish one does, and the other learns where.
        let mut state = self.state();
        if let End::Finished(path) = &state.end {
            return Ok(path.clone());
        }
        let path = self.place()?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| failed(&self.folder, source))?;
        let _gone_too = std::fs::remove_file(&self.record_path);
        state.end = End::Finished(path.clone());
        Ok(path)
    }

    /// Renames the part to the first free name.
    fn place(&self) -> Result<PathBuf, PartialError> {
        for number in 1..=MAX_NUMBER {
            let name = if number == 1 { self.name.clone() } else { self.name.numbered(number) };
            let path = self.folder.join(name.as_str());
            match rename_to_free(&self.data_path, &path) {
                Ok(()) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(&path, error)),
            }
        }
        Err(PartialError::Exists(self.folder.join(self.name.as_str())))
    }

    /// Lets go of the file, so that it can be opened again, with another manifest for instance. What has arrived stays.
    pub fn release(&self) {
        let mut state = self.state();
        if matches!(state.end, End::NotYet) {
            state.end = End::Released;
            // At the latest it ends with the descriptor.
            let _still_locked = self.data.unlock();
        }
    }

    /// Lets go of the file and removes it.
    pub fn discard(&self) -> io::Result<()> {
        if self.finished().is_some() {
            return Ok(());
        }
        self.state().end = End::Released;
        std::fs::remove_file(&self.record_path)?;
        std::fs::remove_file(&self.data_path)
    }

    /// What is there.
    pub fn have(&self) -> Bitfield {
        self.state().have.clone()
    }

    /// Whether a piece is there.
    pub fn has(&self, piece: usize) -> bool {
        self.state().have.get(piece)
    }

    /// Grows with every piece: how many there are.
    pub fn version(&self) -> u64 {
        *self.versions.borrow()
    }

    /// Tells of new versions.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.versions.subscribe()
    }

    /// What is there, once that is newer than `version`, or `timeout` has passed.
    pub fn wait_newer(&self, version: u64, timeout: Duration) -> Bitfield {
        let until = Instant::now() + timeout;
        let mut state = self.state();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.have.count() as u64 > version || left.is_zero() {
                return state.have.clone();
            }
            state = self.newer.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Reads what is there at `offset`: only bytes of pieces that are there mean anything.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.data.read_exact_at(bytes, offset)
    }

    /// The open file, which stays the same when it gets its name.
    pub(crate) fn file(&self) -> &File {
        &self.data
    }

    /// What it will be.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// What it will be called.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Where it is, once it is finished.
    pub fn finished(&self) -> Option<PathBuf> {
        match &self.state().end {
            End::Finished(path) => Some(path.clone()),
            End::NotYet | End::Released => None,
        }
    }

    /// A thread that panicked while it held the lock left a state that is whole: every change is a single step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the part and the note about it are.
fn paths(folder: &Path, name: &FileName, id: FileId) -> (PathBuf, PathBuf) {
    let short: String = id.to_string().chars().take(8).collect();
    let part = format!(".{}.part-{short}", name::cut(name.as_str(), PART_NAME_BYTES));
    (folder.join(&part), folder.join(part + ".have"))
}

/// Which of the claimed pieces are right, and the hash of the file's beginning.
fn verify(data: &File, manifest: &Manifest, claimed: &Bitfield) -> io::Result<(Bitfield, PrefixHash)> {
    let mut have = Bitfield::new(manifest.piece_count());
    let mut hash = PrefixHash::default();
    for piece in claimed.iter() {
        if is_piece(data, manifest, piece)? {
            have.set(piece);
            if hash.next() == piece {
                // From the cache, where the line above has put it.
                hash.read(data, manifest)?;
            }
        }
    }
    Ok((have, hash))
}

/// Renames, unless something of that name exists.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Not every file system can; a link does not replace anything either.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            std::fs::hard_link(from, to)?;
            std::fs::remove_file(from)
        }
        renamed => Ok(renamed?),
    }
}

fn failed(path: &Path, source: io::Error) -> PartialError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => PartialError::DiskFull(path.to_owned()),
        _ => PartialError::Io { path: path.to_owned(), source },
    }
}
