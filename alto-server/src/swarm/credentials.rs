//! Who may change a registration: whoever knows the secret that came with it.

use std::fmt;

use alto_types::swarm::{PeerId, Secret};
use rand::{Rng, RngExt};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Names a registration: milliseconds since 1970, then chance. So names grow with time, which keeps the store compact,
/// and none is given out twice, neither after a restart nor by another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerKey(pub(super) u64);

/// What is kept of a secret. Secrets are random and long, so a hash without salt tells nothing.
#[derive(Clone, Copy)]
pub(crate) struct SecretHash(pub(super) [u8; 32]);

/// How many low bits of a key are chance.
const CHANCE_BITS: u32 = 22;
/// Bytes of a secret, before they are spelled in hexadecimal.
const SECRET_BYTES: usize = 16;

impl PeerKey {
    pub(super) fn new(unix_milliseconds: u64, rng: &mut impl Rng) -> Self {
        Self(unix_milliseconds << CHANCE_BITS | rng.random::<u64>() >> (u64::BITS - CHANCE_BITS))
    }

    /// The key that an ID spells, in the one way that [`PeerKey::to_id`] spells it.
    pub(super) fn from_id(id: &PeerId) -> Option<Self> {
        let digits = |text: &str| text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        let text = Some(id.0.as_str()).filter(|text| text.len() == 16 && digits(text))?;
        u64::from_str_radix(text, 16).ok().map(Self)
    }

    pub(super) fn to_id(self) -> PeerId {
        PeerId(format!("{:016x}", self.0))
    }
}

impl SecretHash {
    pub(super) fn of(secret: &Secret) -> Self {
        Self(Sha256::digest(&secret.0).into())
    }

    /// Whether this is the hash of a secret; the time it takes tells nothing.
    pub(super) fn opens(&self, secret: &Secret) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(..)")
    }
}

pub(super) fn new_secret(rng: &mut impl Rng) -> Secret {
    let bytes: [u8; SECRET_BYTES] = rng.random();
    Secret(bytes.iter().fold(String::with_capacity(2 * SECRET_BYTES), |hex, byte| hex + &format!("{byte:02x}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_they_are_written() {
        let key = PeerKey::new(1_790_000_000_000, &mut rand::rng());
        assert_eq!(PeerKey::from_id(&key.to_id()), Some(key));
        assert!(PeerKey::new(1_790_000_000_001, &mut rand::rng()) > key);
        for wrong in ["", "0", "000000000000000g", "+00000000000000f", "000000000000000F", "00000000000000000"] {
            assert_eq!(PeerKey::from_id(&PeerId(wrong.to_owned())), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_secret_opens() {
        let (secret, other) = (new_secret(&mut rand::rng()), new_secret(&mut rand::rng()));
        assert_eq!(secret.0.len(), 32);
        let hash = SecretHash::of(&secret);
        assert!(hash.opens(&secret) && !hash.opens(&other) && !hash.opens(&Secret(String::new())));
        assert_eq!(format!("{hash:?}"), "SecretHash(..)");
    }
}
