//! A shared file: where its content is, and the checks before each use that it has not changed since it was hashed.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alto_types::swarm::{FileEntry, FileId};
use bytes::Bytes;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::bitfield::Bitfield;
use super::digest;
use super::fingerprint::{Fingerprint, Identity};
use super::manifest::Manifest;
use super::name::FileName;
use super::partial::PartialFile;
use super::prefix_hash::is_piece;
use super::regular_file::nonblocking;

/// A shared file, complete or in part.
pub struct Shared {
    name: FileName,
    manifest: Arc<Manifest>,
    manifest_json: Bytes,
    manifest_digest: FileId,
    content: Content,
}

/// Location of a shared file's content.
pub(super) enum Content {
    Complete(Box<OnDisk>),
    /// A complete file that this program has written itself.
    Memory(Bytes),
    Partial(Arc<PartialFile>),
}

/// A complete file, opened anew for each use.
pub(super) struct OnDisk {
    root: Arc<Dir>,
    /// Path relative to `root`.
    relative: PathBuf,
    /// Full path, for messages.
    path: PathBuf,
    verified: Mutex<Verified>,
}

/// Extent to which the content on disk is known to be right.
struct Verified {
    /// Fingerprint under which every piece was verified.
    fingerprint: Fingerprint,
    /// Later fingerprint under which only some pieces were verified again, and these pieces.
    again: Option<(Fingerprint, Bitfield)>,
}

/// The content of a shared file, open for reading.
pub enum Source {
    /// A complete file.
    Complete(File),
    /// A complete file in memory.
    Memory(Bytes),
    /// A download in progress.
    Partial(Arc<PartialFile>),
}

/// Why a file is no longer shared.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// The file cannot be opened.
    #[error("{}: cannot be opened, and is no longer shared: {source}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The file was changed or replaced.
    #[error("{}: has changed since it was hashed, and is no longer shared; share it again with its new content", .0.display())]
    Changed(PathBuf),
}

impl Shared {
    /// A shared file with this name, manifest and content.
    pub(super) fn new(name: FileName, manifest: Arc<Manifest>, content: Content) -> Self {
        let manifest_json = Bytes::from(manifest.to_json());
        let manifest_digest = digest::of(&manifest_json);
        Self { name, manifest, manifest_json, manifest_digest, content }
    }

    /// The file as it is announced to the registry.
    pub fn entry(&self) -> FileEntry {
        FileEntry {
            id: self.manifest.id,
            name: self.name.to_string(),
            size: self.manifest.size,
            manifest: self.manifest_digest,
            complete: self.is_complete(),
        }
    }

    /// Name of the file.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Manifest of the file.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The manifest as it is sent.
    pub fn manifest_json(&self) -> &Bytes {
        &self.manifest_json
    }

    /// SHA-256 of the manifest as it is sent.
    pub fn manifest_digest(&self) -> FileId {
        self.manifest_digest
    }

    /// True if the file is complete and has its name.
    pub fn is_complete(&self) -> bool {
        matches!(self.content, Content::Complete(_) | Content::Memory(_))
    }

    /// Path of the file, if it is complete and on disk.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Complete(on_disk) => Some(&on_disk.path),
            Content::Memory(_) | Content::Partial(_) => None,
        }
    }

    /// The download in progress, if the file is not complete.
    pub fn partial(&self) -> Option<&Arc<PartialFile>> {
        match &self.content {
            Content::Complete(_) | Content::Memory(_) => None,
            Content::Partial(partial) => Some(partial),
        }
    }

    /// The pieces that are there.
    pub fn have(&self) -> Bitfield {
        match &self.content {
            Content::Complete(_) | Content::Memory(_) => Bitfield::full(self.manifest.piece_count()),
            Content::Partial(partial) => partial.have(),
        }
    }

    /// True if a piece is there.
    pub fn has(&self, piece: usize) -> bool {
        match &self.content {
            Content::Complete(_) | Content::Memory(_) => piece < self.manifest.piece_count(),
            Content::Partial(partial) => partial.has(piece),
        }
    }

    /// Checks that a complete file has not changed since it was hashed.
    pub(super) fn check(&self) -> Result<(), Gone> {
        match &self.content {
            Content::Complete(on_disk) => on_disk.open().map(drop),
            Content::Memory(_) | Content::Partial(_) => Ok(()),
        }
    }

    /// Fills `bytes` with the content from `offset` on. What is read of a complete file is verified again if the file may
    /// have been changed since it was hashed.
    pub(super) fn read_at(&self, source: &Source, bytes: &mut [u8], offset: u64) -> Result<(), Gone> {
        match (&self.content, source) {
            (Content::Complete(on_disk), Source::Complete(file)) => {
                on_disk.verify(file, &self.manifest, offset..offset + bytes.len() as u64)?;
                source.read_at(bytes, offset).map_err(|error| on_disk.unreadable(error))
            }
            (Content::Complete(_) | Content::Memory(_) | Content::Partial(_), _) => source
                .read_at(bytes, offset)
                .map_err(|source| Gone::Unreadable { path: self.name.as_str().into(), source }),
        }
    }

    /// Opens the content, after the same check.
    pub(super) fn open(&self) -> Result<Source, Gone> {
        match &self.content {
            Content::Complete(on_disk) => on_disk.open().map(Source::Complete),
            Content::Memory(bytes) => Ok(Source::Memory(bytes.clone())),
            Content::Partial(partial) => Ok(Source::Partial(Arc::clone(partial))),
        }
    }
}

impl OnDisk {
    /// A file that had this fingerprint when it was hashed.
    pub(super) fn new(root: Arc<Dir>, relative: PathBuf, path: PathBuf, fingerprint: Fingerprint) -> Self {
        Self { root, relative, path, verified: Mutex::new(Verified { fingerprint, again: None }) }
    }

    fn open(&self) -> Result<File, Gone> {
        let file = open_beneath(&self.root, &self.relative).map_err(|source| self.unreadable(source))?;
        match self.compare(&file)?.0 {
            Identity::Same | Identity::Doubtful => Ok(file),
            Identity::Other => Err(Gone::Changed(self.path.clone())),
        }
    }

    /// Compares an open file with the one that was hashed, and returns its present fingerprint, too.
    fn compare(&self, file: &File) -> Result<(Identity, Fingerprint), Gone> {
        let present = Fingerprint::of(&file.metadata().map_err(|source| self.unreadable(source))?);
        Ok((self.verified().fingerprint.compare(&present), present))
    }

    /// Verifies the pieces that these bytes belong to, unless the file is certainly the one that was hashed.
    fn verify(&self, file: &File, manifest: &Manifest, bytes: Range<u64>) -> Result<(), Gone> {
        let (identity, present) = self.compare(file)?;
        match identity {
            Identity::Same => return Ok(()),
            Identity::Doubtful if bytes.is_empty() => return Ok(()),
            Identity::Other => return Err(Gone::Changed(self.path.clone())),
            Identity::Doubtful => {}
        }
        let size = u64::from(manifest.piece_size);
        let index = |byte: u64| usize::try_from(byte / size).unwrap_or(usize::MAX);
        for piece in index(bytes.start)..=index(bytes.end.saturating_sub(1)) {
            if self.verified().has(present, piece) {
                continue;
            }
            // Without the lock, as hashing takes time.
            if !is_piece(file, manifest, piece).map_err(|source| self.unreadable(source))? {
                return Err(Gone::Changed(self.path.clone()));
            }
            self.verified().add(present, piece, manifest.piece_count());
        }
        Ok(())
    }

    fn unreadable(&self, source: io::Error) -> Gone {
        Gone::Unreadable { path: self.path.clone(), source }
    }

    fn verified(&self) -> MutexGuard<'_, Verified> {
        self.verified.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Verified {
    /// True if a piece was verified under this fingerprint.
    fn has(&self, present: Fingerprint, piece: usize) -> bool {
        present == self.fingerprint
            || self.again.as_ref().is_some_and(|(fingerprint, pieces)| *fingerprint == present && pieces.get(piece))
    }

    /// Notes that a piece was verified under this fingerprint.
    fn add(&mut self, present: Fingerprint, piece: usize, count: usize) {
        let mut pieces = match self.again.take() {
            Some((fingerprint, pieces)) if fingerprint == present => pieces,
            _ => Bitfield::new(count),
        };
        pieces.set(piece);
        if pieces.is_complete() {
            self.fingerprint = present;
        } else {
            self.again = Some((present, pieces));
        }
    }
}

impl Source {
    /// Fills `bytes` with the content from `offset` on.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Complete(file) => file.read_exact_at(bytes, offset),
            Self::Memory(content) => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let part = content.get(start..).and_then(|rest| rest.get(..bytes.len()));
                bytes.copy_from_slice(part.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Self::Partial(partial) => partial.read_at(bytes, offset),
        }
    }
}

/// Opens a file without leaving the folder, and without blocking if a pipe has taken its place.
pub(super) fn open_beneath(root: &Dir, relative: &Path) -> io::Result<File> {
    let file = root.open_with(relative, OpenOptions::new().read(true).custom_flags(nonblocking()))?;
    Ok(file.into_std())
}
