//! Proof that a caller may change a registration: the secret that was issued with it.

use std::fmt;

use rand::{Rng, RngExt};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::id::PeerId;

/// Password of one registration. Debug output hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

/// A registration and the secret that a caller presents for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// Registration to act on.
    pub peer: PeerId,
    /// Secret that the caller presents, right or wrong.
    pub secret: Secret,
}

/// Hash of a [`Secret`], which backends keep instead of it. Secrets are long and random, so it needs no salt.
#[derive(Clone, Copy)]
pub struct SecretHash(pub [u8; 32]);

/// Bytes of a secret, before they are written in hexadecimal.
const SECRET_BYTES: usize = 16;

impl Secret {
    /// Wraps the text of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Draws a new secret.
    pub fn generate(rng: &mut (impl Rng + ?Sized)) -> Self {
        let bytes: [u8; SECRET_BYTES] = rng.random();
        Self(bytes.iter().fold(String::with_capacity(2 * SECRET_BYTES), |hex, byte| hex + &format!("{byte:02x}")))
    }

    /// Text of the secret, for the answer to the peer that it was issued to.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl SecretHash {
    /// Hash of a registration without a secret, which nothing verifies against.
    pub const NONE: Self = Self([0; 32]);

    /// Hashes a secret.
    pub fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(&secret.0).into())
    }

    /// Whether the registration has no secret.
    pub fn is_none(&self) -> bool {
        self.0 == Self::NONE.0
    }

    /// Compares with the hash of a presented secret, in constant time.
    pub fn verifies(&self, secret: &Secret) -> bool {
        !self.is_none() && self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_issued_secret_verifies() {
        let (secret, other) = (Secret::generate(&mut rand::rng()), Secret::generate(&mut rand::rng()));
        assert_eq!(secret.expose().len(), 32);
        let hash = SecretHash::of(&secret);
        assert!(hash.verifies(&secret) && !hash.verifies(&other) && !hash.verifies(&Secret::new("")));
        assert!(!SecretHash::NONE.verifies(&secret) && !SecretHash::NONE.verifies(&Secret::new("")));
        assert_eq!(format!("{secret:?} {hash:?}"), "Secret(..) SecretHash(..)");
    }
}
