//! The hash of a file's beginning, as far as it is there, so that the end of a download is not a second read of it all.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use alto_types::swarm::FileId;
use sha2::{Digest as _, Sha256};

use super::digest;
use super::manifest::Manifest;

/// Read back at a time.
const BLOCK: usize = 256 * 1024;

/// SHA-256 of the first pieces of a file.
#[derive(Default)]
pub(super) struct PrefixHash {
    hasher: Sha256,
    next: usize,
}

impl PrefixHash {
    /// The first piece that is not yet in the hash.
    pub(super) fn next(&self) -> usize {
        self.next
    }

    /// Takes piece [`Self::next`], which is at hand.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.next += 1;
    }

    /// Takes piece [`Self::next`] from the file. After an error the hash is of no use.
    pub(super) fn read(&mut self, file: &File, manifest: &Manifest) -> io::Result<()> {
        each_block(file, manifest, self.next, |block| self.hasher.update(block))?;
        self.next += 1;
        Ok(())
    }

    /// The hash, once every piece is in it.
    pub(super) fn finish(&self) -> FileId {
        digest::take(&mut self.hasher.clone())
    }
}

/// Whether the file has piece `n` of the manifest where it belongs.
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
