//! The hash of a file's beginning, extended as pieces arrive, so that the file is not read again at the end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use alto_types::swarm::FileId;
use sha2::{Digest as _, Sha256};

use super::digest;
use super::manifest::Manifest;

/// Number of bytes read at a time.
const BLOCK: usize = 256 * 1024;

/// SHA-256 over the first pieces of a file.
#[derive(Default)]
pub(super) struct PrefixHash {
    hasher: Sha256,
    next: usize,
}

impl PrefixHash {
    /// Number of the first piece that is not in the hash yet.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Adds piece [`Self::next`] from memory.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.next += 1;
    }

    /// Adds piece [`Self::next`] from the file. After an error the hash is unusable.
    pub(super) fn add_from(&mut self, file: &File, manifest: &Manifest) -> io::Result<()> {
        each_block(file, manifest, self.next, |block| self.hasher.update(block))?;
        self.next += 1;
        Ok(())
    }

    /// The hash, once every piece has been added.
    pub(super) fn finish(&self) -> FileId {
        digest::take(&mut self.hasher.clone())
    }
}

/// True if the file contains piece `n` of the manifest at its place.
pub(super) fn is_piece(file: &File, manifest: &Manifest, n: usize) -> io::Result<bool> {
    let mut hasher = Sha256::new();
    match each_block(file, manifest, n, |block| hasher.update(block)) {
        Ok(()) => Ok(manifest.pieces.get(n) == Some(&digest::take(&mut hasher))),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn each_block(file: &File, manifest: &Manifest, n: usize, mut see: impl FnMut(&[u8])) -> io::Result<()> {
    let range = manifest.piece_range(n);
    let mut block = vec![0; BLOCK.min(manifest.piece_len(n))];
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from(range.end - at).unwrap_or(BLOCK).min(BLOCK);
        file.read_exact_at(&mut block[..length], at)?;
        see(&block[..length]);
        at += length as u64;
    }
    Ok(())
}
