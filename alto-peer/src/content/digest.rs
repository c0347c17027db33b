//! SHA-256, the name of everything here.

use alto_types::swarm::FileId;
use sha2::{Digest as _, Sha256};

/// The digest of some bytes.
pub(crate) fn of(bytes: &[u8]) -> FileId {
    FileId::from_digest(Sha256::digest(bytes).into())
}

/// The digest of what a hasher has seen, leaving it as new.
pub(crate) fn take(hasher: &mut Sha256) -> FileId {
    FileId::from_digest(hasher.finalize_reset().into())
}
