//! The note beside a file that is still arriving: its manifest, and which pieces were written.
//!
//! The first line is the manifest; every further line is the number of a piece. Lines are only ever added, one `write`
//! each, so a process that is killed loses none. Nothing in it is believed without hashing the piece again: after a
//! power failure the note may have reached the disk when the piece has not.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::bitfield::Bitfield;
use super::manifest::{MAX_MANIFEST_BYTES, MAX_PIECES, Manifest};

/// Longest note that is read: every piece noted twice, in up to seven bytes.
const MAX_BYTES: u64 = MAX_MANIFEST_BYTES as u64 + 2 * 7 * MAX_PIECES as u64;

/// A note that can be added to.
pub(super) struct Record {
    file: File,
}

/// What an earlier process noted.
pub(super) struct Noted {
    pub(super) manifest: Manifest,
    /// Claimed, not proven.
    pub(super) claimed: Bitfield,
    /// Where whole lines end.
    end: u64,
    /// Whether it is worth writing anew.
    long: bool,
}

impl Noted {
    /// Reads a note. A note that makes no sense is as good as none.
    pub(super) fn read(path: &Path) -> io::Result<Option<Self>> {
        let file = match OpenOptions::new().read(true).custom_flags(no_follow()).open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(MAX_BYTES).read_to_end(&mut bytes)?;
        // A line that was cut by a full disk has no end.
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

impl Record {
    /// Goes on with the note at `path` if it is of this manifest; otherwise, writes one with the pieces there are.
    pub(super) fn open(path: &Path, noted: Option<Noted>, manifest: &Manifest, have: &Bitfield) -> io::Result<Self> {
        if let Some(noted) = noted.filter(|noted| noted.manifest == *manifest && !noted.long) {
            let file = OpenOptions::new().append(true).custom_flags(no_follow()).open(path)?;
            file.set_len(noted.end)?;
            return Ok(Self { file });
        }
        let mut text = manifest.to_json();
        text.push(b'\n');
        for piece in have.iter() {
            text.extend(format!("{piece}\n").into_bytes());
        }
        // Beside it first: whoever is killed here still has the old one.
        let new = path.with_extension("new");
        let _left_over = std::fs::remove_file(&new);
        let mut file = OpenOptions::new().append(true).create_new(true).open(&new)?;
        file.write_all(&text)?;
        std::fs::rename(&new, path)?;
        Ok(Self { file })
    }

    /// Notes that a piece was written.
    pub(super) fn add(&mut self, piece: usize) -> io::Result<()> {
        let end = self.file.metadata()?.len();
        let added = self.file.write_all(format!("{piece}\n").as_bytes());
        if added.is_err() {
            // Half a line would join the next one.
            let _as_it_was = self.file.set_len(end);
        }
        added
    }
}

/// Opens fail rather than follow a symbolic link that somebody left in the folder.
pub(super) fn no_follow() -> i32 {
    // The value has at most 31 bits on every platform there is.
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}
