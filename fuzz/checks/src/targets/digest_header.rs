//! Checks that any `Authorization` field is refused or verified without a panic, and that none is accepted twice.

use std::sync::LazyLock;

use crate::Digest;

static DIGEST: LazyLock<Digest> = LazyLock::new(Digest::new);

/// Checks one input.
pub fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let accepted = DIGEST.check(text);
    assert!(!(accepted && DIGEST.check(text)), "accepted twice: {text:?}");
    crate::fault(|| text.contains("qop=auth") && text.contains("SHA-256") && text.contains("nc=00000002"));
}
