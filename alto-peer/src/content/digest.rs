//! SHA-256 digests, which identify files, pieces and manifests.

use alto_types::swarm::FileId;
use sha2::{Digest as _, Sha256};

/// Digest of these bytes.
pub(crate) fn of(bytes: &[u8]) -> FileId {
    FileId::from_digest(Sha256::digest(bytes).into())
}

/// Digest of the hasher's input; resets the hasher.
pub(crate) fn take(hasher: &mut Sha256) -> FileId {
    FileId::from_digest(hasher.finalize_reset().into())
}
