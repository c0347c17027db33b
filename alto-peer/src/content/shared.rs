//! A shared file: where its content is, and a check before each use that it has not changed since it was hashed.

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
    Complete(OnDisk),
    Partial(Arc<PartialFile>),
}

/// A complete file, opened anew for each use.
pub(super) struct OnDisk {
    pub(super) root: Arc<Dir>,
    /// Path relative to `root`.
    pub(super) relative: PathBuf,
    /// Full path, for messages.
    pub(super) path: PathBuf,
    pub(super) fingerprint: Fingerprint,
}

/// The content of a shared file, open for reading.
pub enum Source {
    /// A complete file.
    Complete(File),
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
        matches!(self.content, Content::Complete(_))
    }

    /// Path of the file, if it is complete.
    pub fn path(&self) -> Option<&Path> {
        match &self.content {
            Content::Complete(on_disk) => Some(&on_disk.path),
            Content::Partial(_) => None,
        }
    }

    /// The download in progress, if the file is not complete.
    pub fn partial(&self) -> Option<&Arc<PartialFile>> {
        match &self.content {
            Content::Complete(_) => None,
            Content::Partial(partial) => Some(partial),
        }
    }

    /// The pieces that are there.
    pub fn have(&self) -> Bitfield {
        match &self.content {
            Content::Complete(_) => Bitfield::full(self.manifest.piece_count()),
            Content::Partial(partial) => partial.have(),
        }
    }

    /// True if a piece is there.
    pub fn has(&self, piece: usize) -> bool {
        match &self.content {
            Content::Complete(_) => piece < self.manifest.piece_count(),
            Content::Partial(partial) => partial.has(piece),
        }
    }

    /// Checks that a complete file has not changed since it was hashed.
    pub(super) fn check(&self) -> Result<(), Gone> {
        match &self.content {
            Content::Complete(on_disk) => on_disk.open().map(drop),
            Content::Partial(_) => Ok(()),
        }
    }

    /// Opens the content, after the same check.
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
    /// Fills `bytes` with the content from `offset` on.
    pub fn read_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Complete(file) => file.read_exact_at(bytes, offset),
            Self::Partial(partial) => partial.read_at(bytes, offset),
        }
    }
}

/// Opens a file without leaving the folder, and without blocking if a pipe has taken its place.
pub(super) fn open_beneath(root: &Dir, relative: &Path) -> io::Result<File> {
    let file = root.open_with(relative, OpenOptions::new().read(true).custom_flags(nonblocking()))?;
    Ok(file.into_std())
}
