//! Checks that any manifest is rejected, or is the one and only text of what it says.

use crate::Manifest;

/// Checks one input.
pub fn check(bytes: &[u8]) {
    if let Ok(manifest) = Manifest::from_json(bytes) {
        assert_eq!(manifest.to_json(), bytes);
        let covered = manifest.pieces.len() as u64 * u64::from(manifest.piece_size);
        assert!(covered >= manifest.size && covered - manifest.size < u64::from(manifest.piece_size));
        crate::fault(|| manifest.pieces.len() > 2 && manifest.size > 40_000);
    }
}
