//! A fingerprint by which a change of a file is detected after it was hashed.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Metadata that change when a file is written to or replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    /// Time of the last change of content or metadata, which no program can set.
    changed: (i64, i64),
}

/// Relation of a file to the one that was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Same content.
    Same,
    /// Perhaps other content: something was changed, though not the time of modification. A new permission or another
    /// hard link has that effect, and so has new content under the old time.
    Doubtful,
    /// Other content.
    Other,
}

impl Fingerprint {
    /// The fingerprint in a file's metadata.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Compares the file that was hashed with the file at present.
    pub(crate) fn compare(&self, present: &Self) -> Identity {
        if self == present {
            Identity::Same
        } else if (Self { changed: self.changed, ..*present }) == *self {
            Identity::Doubtful
        } else {
            Identity::Other
        }
    }
}
