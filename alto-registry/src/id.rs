//! Names of peers and of files.

use std::fmt;
use std::str::FromStr;

use rand::{Rng, RngExt};

use crate::time::Timestamp;

/// Number of a registration, chosen by the registry: milliseconds since 1970, then random bits.
///
/// Numbers grow with time, which keeps a store compact, and are never reused, not even after a restart or by another
/// server. Written as 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerId(pub u64);

/// Text that is not 16 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a peer ID has 16 lower-case hexadecimal digits")]
pub struct PeerIdError;

/// Name of a file, derived from its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentId {
    /// SHA-256 of the content.
    Sha256([u8; 32]),
    /// Infohash of a BitTorrent torrent: SHA-1 of its `info` dictionary (BEP 3), or its SHA-256 cut to 20 bytes (BEP 52).
    Infohash([u8; 20]),
}

/// Way in which a file is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ContentKind {
    /// Kind of [`ContentId::Sha256`].
    Sha256,
    /// Kind of [`ContentId::Infohash`].
    Infohash,
}

/// Number of low bits of a [`PeerId`] that are random.
const RANDOM_BITS: u32 = 22;

impl PeerId {
    /// Draws an ID for a registration that begins now.
    pub fn generate(now: Timestamp, rng: &mut (impl Rng + ?Sized)) -> Self {
        Self(now.unix_milliseconds() << RANDOM_BITS | rng.random::<u64>() >> (u64::BITS - RANDOM_BITS))
    }
}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    /// Parses only the spelling that is displayed, so that no registration has two names.
    fn from_str(text: &str) -> Result<Self, PeerIdError> {
        let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(is_digit) {
            return Err(PeerIdError);
        }
        u64::from_str_radix(text, 16).map(Self).map_err(|_| PeerIdError)
    }
}

impl ContentId {
    /// Way in which the file is named.
    pub const fn kind(&self) -> ContentKind {
        match self {
            Self::Sha256(_) => ContentKind::Sha256,
            Self::Infohash(_) => ContentKind::Infohash,
        }
    }
}

impl ContentKind {
    /// Smallest ID of this kind.
    pub const fn first(self) -> ContentId {
        match self {
            Self::Sha256 => ContentId::Sha256([0; 32]),
            Self::Infohash => ContentId::Infohash([0; 20]),
        }
    }
}

impl fmt::Display for ContentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: &[u8] = match self {
            Self::Sha256(bytes) => bytes,
            Self::Infohash(bytes) => bytes,
        };
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_ids_parse_as_displayed_and_grow_with_time() {
        let at = |milliseconds| PeerId::generate(Timestamp::from_unix_milliseconds(milliseconds), &mut rand::rng());
        let id = at(1_790_000_000_000);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(at(1_790_000_000_001) > id);
        for wrong in ["", "0", "000000000000000g", "+00000000000000f", "000000000000000F", "00000000000000000"] {
            assert_eq!(wrong.parse::<PeerId>(), Err(PeerIdError), "{wrong}");
        }
    }

    #[test]
    fn content_ids_display_as_hexadecimal_and_sort_by_kind() {
        let (digest, infohash) = (ContentId::Sha256([0xff; 32]), ContentId::Infohash([0; 20]));
        assert_eq!((digest.to_string(), infohash.to_string()), ("ff".repeat(32), "00".repeat(20)));
        assert!(digest < infohash && digest >= digest.kind().first() && infohash == infohash.kind().first());
    }
}
