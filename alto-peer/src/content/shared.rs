//! One file that is shared: where its bytes are, and whether they still are what was hashed. Before each use of a whole
//! file that is looked at again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use alto_types::swarm::{FileEntry, FileId};
use bytes::Bytes;
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};

use super::bitfield::Bitfield;
use super::digest;
use super::fingerprint::Fingerprint;
use super::manifest::{Manifest, nonblocking};
use super::name::FileName;
use super::partial::PartialFile;

/// A file that is shared, whole or in part.
pub struct Shared {
    name: FileName,
    manifest: Arc<Manifest>,
    manifest_json: Bytes,
    manifest_digest: FileId,
    content: Content,
}

pub(super) enum Content {
    Complete(OnDisk),
    Partial(Arc<PartialFile>),
}

/// A whole file where it was found.
pub(super) struct OnDisk {
    pub(super) root: Arc<Dir>,
    /// Beneath `root`.
    pub(super) relative: PathBuf,
    /// For messages.
    pub(super) path: PathBuf,
    pub(super) fingerprint: Fingerprint,
}

/// The bytes of a shared file, open for reading.
pub enum Source {
    /// A whole file.
    Complete(File),
    /// Some pieces.
    Partial(Arc<PartialFile>),
}

/// Why a shared file cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub enum Gone {
    /// Cannot be opened.
    #[error("{}: {source}; it is no longer shared", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Other content, or another file in its place.
    #[error("{}: changed since it was hashed; it is no longer shared, share it again for its new content", .0.display())]
    Changed(PathBuf),
}

impl Shared {
    pub(super) fn new(name: FileName, manifest: Arc<Manifest>, content: Content) -> Self {
        let manifest_json = Bytes::from(manifest.to_json());
        let manifest_digest = digest::of(&manifest_json);
        Self { name, manifest, manifest_json, manifest_digest, content }
    }

    /// As it is announced.
    pub fn entry(&self) -> FileEntry {
        FileEntry {
            id: self.manifest.id,
            name: self.name.to_string(),
            size: self.manifest.size,
            manifest: self.manifest_digest,
            complete: self.is_complete(),
        }
    }

    /// What it is called.
    pub fn name(&self) -> &FileName {
        &self.name
    }

    /// Its hashes.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Its hashes as they are sent.
    pub fn manifest_json(&self) -> &Bytes {
        &self.manifest_json
    }

    /// SHA-256 of that.
    pub fn manifest_digest(&self) -> FileId {
        self.manifest_digest
    }

    /// Whether all of it is there, under its name.
    pub fn is_complete(&self) -> bool {
        matches!(self.content, Content::Complete(_))
    }

    /// Where it is, if it is whole.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Complete(on_disk) => Some(&on_disk.path),
            Content::Partial(_) => None,
        }
    }

    /// The file that is still arriving, if it is.
    pub fn partial(&self) -> Option<&Arc<PartialFile>> {
        match &self.content {
            Content::Complete(_) => None,
            Content::Partial(partial) => Some(partial),
        }
    }

    /// Which pieces are there.
    pub fn have(&self) -> Bitfield {
        match &self.content {
            Content::Complete(_) => Bitfield::full(self.manifest.piece_count()),
            Content::Partial(partial) => partial.have(),
        }
    }

    /// Whether a piece is there.
    pub fn has(&self, piece: usize) -> bool {
        match &self.content {
            Content::Complete(_) => piece < self.manifest.piece_count(),
            Content::Partial(partial) => partial.has(piece),
        }
    }

    /// Whether it is still what was hashed; what is still arriving is not asked.
    pub(super) fn check(&self) -> Result<(), Gone> {
        match &self.content {
            Content::Complete(on_disk) => on_disk.open().map(drop),
            Content::Partial(_) => Ok(()),
        }
    }

    pub(super) fn open(&self) -> Result<Source, Gone> {
        match &self.content {
            Content::Complete(on_disk) => on_disk.open().map(Source::Complete),
            Content::Partial(partial) => Ok(Source::Partial(Arc::clone(partial))),
        }
    }
}

impl OnDisk {
    fn open(&self) -> Result<File, Gone> {
        let unreadable = |source| Gone::Unreadable { path: self.path.clone(), source };
        let file = open_beneath(&self.root, &self.relative).map_err(unreadable)?;
        let fingerprint = Fingerprint::of(&file.metadata().map_err(unreadable)?);
        if fingerprint == self.fingerprint { Ok(file) } else { Err(Gone::Changed(self.path.clone())) }
    }
}

impl Source {
    /// Fills `bytes` from `offset`.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Complete(file) => file.read_exact_at(bytes, offset),
            Self::Partial(partial) => partial.read_at(bytes, offset),
        }
    }
}

/// Opens a file without leaving the folder, and without waiting should it be a pipe now.
pub(super) fn open_beneath(root: &Dir, relative: &Path) -> io::Result<File> {
    let file = root.open_with(relative, OpenOptions::new().read(true).custom_flags(nonblocking()))?;
    Ok(file.into_std())
}
