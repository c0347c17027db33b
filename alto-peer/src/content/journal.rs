//! The journal of an unfinished download: its manifest, and the pieces that were written.
//!
//! The first line is the manifest; every further line is the number of a piece. Lines are only ever appended, with one
//! `write` each, so that a process that is killed loses none. Every piece is hashed again before it is used: after a power
//! failure the journal may have reached the disk and the piece may not.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::Path;

use super::bitfield::Bitfield;
use super::manifest::{MAX_MANIFEST_BYTES, MAX_PIECES, Manifest};
use super::regular_file;

/// Maximum length of a journal that is read: every piece twice, in up to seven bytes.
const MAX_BYTES: u64 = MAX_MANIFEST_BYTES as u64 + 2 * 7 * MAX_PIECES as u64;

/// A journal that is open for appending.
pub(super) struct Journal {
    file: File,
}

/// The content of a journal that an earlier process left.
pub(super) struct Entries {
    pub(super) manifest: Manifest,
    /// Pieces recorded as written, not verified.
    pub(super) claimed: Bitfield,
    /// Length of all complete lines.
    end: u64,
    /// True if there are so many duplicates that it should be rewritten.
    long: bool,
}

impl Entries {
    /// Reads a journal. An invalid journal counts as a missing one.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match regular_file::open(OpenOptions::new().read(true), path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        // A full disk may have left an incomplete last line.
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let mut lines = bytes[..end].split(|b| *b == b'\n');
        let Some(Ok(manifest)) = lines.next().map(Manifest::from_json) else { return Ok(None) };
        let mut claimed = Bitfield::new(manifest.piece_count());
        let mut count = 0;
        for piece in lines.filter_map(|line| std::str::from_utf8(line).ok()?.parse().ok()) {
            claimed.set(piece);
            count += 1;
        }
        let long = count > manifest.piece_count() + manifest.piece_count() / 2;
        Ok(Some(Self { manifest, claimed, end: end as u64, long }))
    }
}

impl Entries {
    /// Pieces of another manifest all of whose bytes are recorded as written, whatever pieces they were written in.
    pub(super) fn claimed_in(&self, other: &Manifest) -> Bitfield {
        let mut claimed = Bitfield::new(other.piece_count());
        for n in 0..other.piece_count() {
            let bytes = other.piece_range(n);
            if bytes.end > self.manifest.size {
                break;
            }
            let (size, end) = (u64::from(self.manifest.piece_size), bytes.end.saturating_sub(1));
            let index = |byte: u64| usize::try_from(byte / size).unwrap_or(usize::MAX);
            if (index(bytes.start)..=index(end)).all(|piece| self.claimed.get(piece)) {
                claimed.set(n);
            }
        }
        claimed
    }
}

impl Journal {
    /// Continues the journal at `path` if it has the same manifest; otherwise writes a new one with these pieces.
    pub(super) fn open(
        path: &Path,
        earlier: Option<Entries>,
        manifest: &Manifest,
        have: &Bitfield,
    ) -> io::Result<Self> {
        if let Some(earlier) = earlier.filter(|earlier| earlier.manifest == *manifest && !earlier.long) {
            let file = regular_file::open(OpenOptions::new().append(true), path)?;
            file.set_len(earlier.end)?;
            return Ok(Self { file });
        }
        let mut text = manifest.to_json();
        text.push(b'\n');
        for piece in have.iter() {
            text.extend(format!("{piece}\n").into_bytes());
        }
        // Written to a new file first, so that a process that is killed here leaves the old one.
        let new = path.with_extension("new");
        let _left_over = std::fs::remove_file(&new);
        let mut file = OpenOptions::new().append(true).create_new(true).open(&new)?;
        file.write_all(&text)?;
        std::fs::rename(&new, path)?;
        Ok(Self { file })
    }

    /// Records that a piece was written.
    pub(super) fn add(&mut self, piece: usize) -> io::Result<()> {
        let end = self.file.metadata()?.len();
        let added = self.file.write_all(format!("{piece}\n").as_bytes());
        if added.is_err() {
            // Half a line would merge with the next one.
            let _as_it_was = self.file.set_len(end);
        }
        added
    }
}
