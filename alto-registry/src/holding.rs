//! Files as their holders announce them.

use std::time::Duration;

use crate::id::ContentId;
use crate::name::FileName;

/// SHA-256 of the manifest that a holder serves, by which holders of different manifests are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestDigest(pub [u8; 32]);

/// A file that a peer holds, whole or in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// ID of the file.
    pub file: ContentId,
    /// Name of the file; absent where the front end has none.
    pub name: Option<FileName>,
    /// Length of the file in bytes; absent where the front end does not know it.
    pub size: Option<u64>,
    /// Manifest that the peer serves; absent where the front end has none.
    pub manifest: Option<ManifestDigest>,
    /// Whether the peer has all of the file (a seed), not only parts (a leecher).
    pub complete: bool,
    /// Time until the holding ends unless it is announced again. Absent: it lasts as long as the registration.
    ///
    /// The holding of a registered peer ends with the registration at the latest.
    pub lease: Option<Duration>,
}

impl Holding {
    /// Describes a holding of which only the file is known.
    pub const fn new(file: ContentId, complete: bool) -> Self {
        Self { file, name: None, size: None, manifest: None, complete, lease: None }
    }
}
