//! Version tags: content hashes, so that equal content has equal tags on every replica and after every restart.

use sha2::{Digest, Sha256};

/// A hasher that encodes content unambiguously, so that different content is never hashed alike.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    /// Starts a hash; `kind` separates the tags of different kinds of content.
    pub(crate) fn new(kind: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.text(kind);
        hasher
    }

    /// Adds a number.
    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    /// Adds bytes whose number is fixed or was added before.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Adds a text and its length.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    /// Finishes the hash as bytes.
    pub(crate) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// Finishes the hash as 64 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.digest().iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
    }
}
