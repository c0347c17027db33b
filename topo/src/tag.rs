//! Names of states: a hash of the content, so that every replica, and every restart, gives the same content the same name.

use sha2::{Digest, Sha256};

/// Collects content in a form in which no two contents look alike.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    /// `kind` keeps the tags of different things apart.
    pub(crate) fn new(kind: &str) -> Self {
        let mut hasher = Self(Sha256::new());
        hasher.text(kind);
        hasher
    }

    pub(crate) fn number(&mut self, number: u64) {
        self.0.update(number.to_be_bytes());
    }

    /// Bytes of a length that the reader knows.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.bytes(text.as_bytes());
    }

    pub(crate) fn digest(self) -> [u8; 32] {
        self.0.finalize().into()
    }

    /// 64 hexadecimal digits.
    pub(crate) fn finish(self) -> String {
        self.digest().iter().fold(String::with_capacity(64), |hex, byte| hex + &format!("{byte:02x}"))
    }
}
