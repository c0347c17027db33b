//! A download in progress: a file that is written piece by piece, and gets its name once its hash is verified.
//!
//! Until then it is `.NAME.part-XXXXXXXX` (the beginning of its ID) in its folder, with a [journal](super::journal) from
//! which a later process can continue. A piece counts once it matches its hash in the manifest and is written. Any number
//! of threads may write.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alto_types::swarm::FileId;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tokio::sync::watch;

use super::bitfield::Bitfield;
use super::common::CommonPieces;
use super::journal::{Entries, Journal};
use super::manifest::Manifest;
use super::name::{self, FileName};
use super::prefix_hash::{PrefixHash, is_piece};
use super::regular_file;

/// Default number of bytes per write.
pub const DEFAULT_BLOCK_SIZE: usize = 64 * 1024;
/// Maximum number of pieces that one writer reads back for the hash of the whole, so that none waits long.
const READ_BACK: usize = 8;
/// Maximum number of names tried while names are taken.
const MAX_NUMBER: usize = 1000;
/// Maximum length of the file's name within the name of the unfinished file.
const PART_NAME_BYTES: usize = 200;

/// A download in progress.
pub struct PartialFile {
    folder: PathBuf,
    name: FileName,
    manifest: Arc<Manifest>,
    block_size: usize,
    data: File,
    data_path: PathBuf,
    journal_path: PathBuf,
    state: Mutex<State>,
    newer: Condvar,
    versions: watch::Sender<u64>,
    common: CommonPieces,
    hash: Mutex<PrefixHash>,
}

struct State {
    have: Bitfield,
    journal: Journal,
    end: End,
}

/// Progress of the download towards its end.
enum End {
    NotYet,
    /// The file has its name, at this path.
    Finished(PathBuf),
    /// The download was given up, and may be continued by another.
    Released,
}

/// Effect of writing a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The piece was missing and is there now.
    New,
    /// The piece was there already.
    Duplicate,
}

/// A download that an earlier process did not finish.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Name of the file, shortened if it is very long.
    pub name: FileName,
    /// Manifest of the file.
    pub manifest: Manifest,
    /// Pieces recorded as written; they are verified when the download is continued.
    pub claimed: Bitfield,
}

/// Why a piece or a file cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum PartialError {
    /// The file is being downloaded to the same path already.
    #[error("{}: is being written by another download of the same file", .0.display())]
    InUse(PathBuf),
    /// The piece does not exist.
    #[error("piece {piece}: the file has only {count} pieces")]
    NoSuchPiece {
        /// Number of the piece.
        piece: usize,
        /// Number of pieces of the file.
        count: usize,
    },
    /// The bytes do not have the length of the piece.
    #[error("piece {piece}: {found} bytes arrived instead of {expected}")]
    WrongLength {
        /// Number of the piece.
        piece: usize,
        /// Length of the piece.
        expected: usize,
        /// Number of bytes that arrived.
        found: usize,
    },
    /// The bytes do not match the hash of the piece.
    #[error("piece {piece}: does not match its hash in the manifest")]
    WrongHash {
        /// Number of the piece.
        piece: usize,
    },
    /// The disk is full. Pieces that were written are kept.
    #[error("{}: the disk is full; free some space and download again to continue", .0.display())]
    DiskFull(PathBuf),
    /// The file cannot be finished yet.
    #[error("{missing} pieces are missing")]
    Incomplete {
        /// Number of missing pieces.
        missing: usize,
    },
    /// All pieces match the manifest and the whole does not, so the manifest is false.
    #[error("the content is {found} instead of {expected}, so its manifest is false")]
    WrongContent {
        /// ID of the file.
        expected: FileId,
        /// Hash of the content.
        found: FileId,
    },
    /// The name is taken, and so are all numbered ones that were tried.
    #[error("{}: exists already, and so do {MAX_NUMBER} files with a number after the name", .0.display())]
    Exists(PathBuf),
    /// The check of what is there was stopped.
    #[error("{}: the check of its pieces was stopped; they are kept", .0.display())]
    Stopped(PathBuf),
    /// The download was given up with [`PartialFile::release`].
    #[error("{}: the download was given up", .0.display())]
    Released(PathBuf),
    /// A file operation failed.
    #[error("{}: {source}", path.display())]
    Io {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
}

impl PartialFile {
    /// Starts a download, or continues one that was interrupted with those of its pieces that match their hashes.
    pub fn open(folder: &Path, name: &FileName, manifest: &Manifest, block_size: usize) -> Result<Self, PartialError> {
        Self::open_unless(folder, name, manifest, block_size, || false)
    }

    /// Does the same until `stopped` returns true, as the check of many pieces takes long.
    pub fn open_unless(
        folder: &Path,
        name: &FileName,
        manifest: &Manifest,
        block_size: usize,
        stopped: impl Fn() -> bool,
    ) -> Result<Self, PartialError> {
        let (data_path, journal_path) = paths(folder, name, manifest.id);
        let failed = |source| failed(&data_path, source);
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let data = regular_file::open(options, &data_path).map_err(failed)?;
        match data.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(PartialError::InUse(data_path)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        let earlier = Entries::read(&journal_path).map_err(|source| self::failed(&journal_path, source))?;
        let claimed = match &earlier {
            None => Bitfield::new(manifest.piece_count()),
            Some(earlier) if earlier.manifest == *manifest => earlier.claimed.clone(),
            // Divided differently, the same bytes may still be right.
            Some(earlier) => earlier.claimed_in(manifest),
        };
        data.set_len(manifest.size).map_err(failed)?;
        let verified = verify(&data, manifest, &claimed, stopped).map_err(failed)?;
        let (have, hash) = verified.ok_or_else(|| PartialError::Stopped(data_path.clone()))?;
        let journal = Journal::open(&journal_path, earlier, manifest, &have);
        let journal = journal.map_err(|source| self::failed(&journal_path, source))?;
        let (versions, _) = watch::channel(have.count() as u64);
        Ok(Self {
            folder: folder.to_owned(),
            name: name.clone(),
            manifest: Arc::new(manifest.clone()),
            block_size: block_size.max(1),
            data,
            data_path,
            journal_path,
            state: Mutex::new(State { have, journal, end: End::NotYet }),
            newer: Condvar::new(),
            versions,
            common: CommonPieces::none_of(manifest.piece_count()),
            hash: Mutex::new(hash),
        })
    }

    /// Lists the unfinished downloads in a folder.
    pub fn unfinished(folder: &Path) -> io::Result<Vec<Unfinished>> {
        let mut found = Vec::new();
        for entry in folder.read_dir()? {
            let entry = entry?.file_name();
            let Some(entry) = entry.to_str() else { continue };
            let Some((name, _)) = entry.strip_suffix(".have").and_then(|rest| rest.rsplit_once(".part-")) else {
                continue;
            };
            let Some(Ok(name)) = name.strip_prefix('.').map(str::parse::<FileName>) else { continue };
            // Others may have left something here that cannot be read.
            let Ok(Some(earlier)) = Entries::read(&folder.join(entry)) else { continue };
            found.push(Unfinished { name, manifest: earlier.manifest, claimed: earlier.claimed });
        }
        Ok(found)
    }

    /// The pieces that are told of without hurry.
    pub fn common(&self) -> &CommonPieces {
        &self.common
    }

    /// Verifies a piece and writes it.
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
        // Without the lock, as other threads write other pieces, or the same bytes to the same place.
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
            state.journal.add(piece).map_err(|source| failed(&self.journal_path, source))?;
            state.have.set(piece);
            self.versions.send_replace(state.have.count() as u64);
        }
        self.newer.notify_all();
        self.advance_hash(piece, bytes);
        Ok(Written::New)
    }

    /// Extends the hash of the whole as far as the beginning of the file is there, unless another thread is doing that.
    fn advance_hash(&self, piece: usize, bytes: &[u8]) {
        let Ok(mut hash) = self.hash.try_lock() else { return };
        if hash.next() == piece {
            hash.add(bytes);
        }
        for _ in 0..READ_BACK {
            // A file that cannot be read back is detected when it is finished.
            if !self.state().have.get(hash.next()) || self.read_back(&mut hash).is_err() {
                break;
            }
        }
    }

    fn read_back(&self, hash: &mut PrefixHash) -> Result<(), PartialError> {
        hash.add_from(&self.data, &self.manifest).map_err(|source| {
            *hash = PrefixHash::default();
            failed(&self.data_path, source)
        })
    }

    /// Waits until everything written is on the disk. Optional; it leaves less to wait for at the end.
    pub fn flush(&self) -> io::Result<()> {
        self.data.sync_data()
    }

    /// Verifies the whole, gives the file its name and returns its path. Where the name is taken, `NAME (2)` is used
    /// instead.
    pub fn finish(&self) -> Result<PathBuf, PartialError> {
        self.finish_unless(|| false)
    }

    /// Does the same until `stopped` returns true, as reading a large file again takes long.
    pub fn finish_unless(&self, stopped: impl Fn() -> bool) -> Result<PathBuf, PartialError> {
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
            if stopped() {
                return Err(PartialError::Stopped(self.data_path.clone()));
            }
            self.read_back(&mut hash)?;
        }
        let (expected, found) = (self.manifest.id, hash.finish());
        if expected != found {
            return Err(PartialError::WrongContent { expected, found });
        }
        self.data.sync_all().map_err(|source| failed(&self.data_path, source))?;
        // Under the lock, so that only one of two threads renames the file, and the other learns its path.
        let mut state = self.state();
        if let End::Finished(path) = &state.end {
            return Ok(path.clone());
        }
        let path = self.place()?;
        let synced = File::open(&self.folder).and_then(|folder| folder.sync_all());
        synced.map_err(|source| failed(&self.folder, source))?;
        let _gone_too = std::fs::remove_file(&self.journal_path);
        state.end = End::Finished(path.clone());
        Ok(path)
    }

    /// Renames the unfinished file to the first free name.
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

    /// Gives up the download, so that it can be continued elsewhere or with another manifest. Pieces are kept.
    pub fn release(&self) {
        let mut state = self.state();
        if matches!(state.end, End::NotYet) {
            state.end = End::Released;
            // If this fails, the lock ends when the file is closed.
            let _still_locked = self.data.unlock();
        }
    }

    /// Gives up the download and removes the file.
    pub fn discard(&self) -> io::Result<()> {
        if self.finished().is_some() {
            return Ok(());
        }
        self.state().end = End::Released;
        std::fs::remove_file(&self.journal_path)?;
        std::fs::remove_file(&self.data_path)
    }

    /// The pieces that are there.
    pub fn have(&self) -> Bitfield {
        self.state().have.clone()
    }

    /// True if a piece is there.
    pub fn has(&self, piece: usize) -> bool {
        self.state().have.get(piece)
    }

    /// Version of the set of pieces, which grows with every piece.
    pub fn version(&self) -> u64 {
        *self.versions.borrow()
    }

    /// A subscription to new versions.
    pub fn versions(&self) -> watch::Receiver<u64> {
        self.versions.subscribe()
    }

    /// Waits for a version newer than `version`, or until `timeout` has passed; returns the pieces that are there.
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

    /// Reads bytes from `offset` on; only those of pieces that are there are meaningful.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.data.read_exact_at(bytes, offset)
    }

    /// The open file, which stays the same when the file gets its name.
    pub(crate) fn file(&self) -> &File {
        &self.data
    }

    /// Manifest of the file.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Name of the file.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Path of the file, once it is finished.
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

/// Paths of the unfinished file and of its journal.
fn paths(folder: &Path, name: &FileName, id: FileId) -> (PathBuf, PathBuf) {
    let short: String = id.to_string().chars().take(8).collect();
    let part = format!(".{}.part-{short}", name::cut(name.as_str(), PART_NAME_BYTES));
    (folder.join(&part), folder.join(part + ".have"))
}

/// Verifies the recorded pieces; returns those that match their hashes, and the hash of the file's beginning. `None` if
/// that was stopped.
fn verify(
    data: &File,
    manifest: &Manifest,
    claimed: &Bitfield,
    stopped: impl Fn() -> bool,
) -> io::Result<Option<(Bitfield, PrefixHash)>> {
    let mut have = Bitfield::new(manifest.piece_count());
    let mut hash = PrefixHash::default();
    for piece in claimed.iter() {
        if stopped() {
            return Ok(None);
        }
        if is_piece(data, manifest, piece)? {
            have.set(piece);
            if hash.next() == piece {
                // Read from the page cache, where the check above has put it.
                hash.add_from(data, manifest)?;
            }
        }
    }
    Ok(Some((have, hash)))
}

/// Renames a file, unless the new name is taken.
fn rename_to_free(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // Some file systems cannot do this, but a hard link does not replace anything either.
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
