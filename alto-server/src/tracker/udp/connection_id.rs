//! Connection IDs (BEP 15) without state: a keyed hash of the address and the time.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use rand::{Rng, RngExt};
use sha2::{Digest, Sha256};

/// Time for which the same ID is given out. An ID is valid for at least this time, and at most twice as long, so that
/// clients can use one for a minute and a slow one still has another (BEP 15).
const SLOT: Duration = Duration::from_mins(1);

/// Issuer of connection IDs.
pub(super) struct ConnectionIds {
    key: [u8; 16],
    start: Instant,
}

impl ConnectionIds {
    /// Draws a key. The IDs of another process are not valid here.
    pub(super) fn new(rng: &mut impl Rng, start: Instant) -> Self {
        Self { key: rng.random(), start }
    }

    /// ID for an address.
    pub(super) fn issue(&self, address: IpAddr, now: Instant) -> u64 {
        self.id(address, self.slot(now))
    }

    /// Reports whether an ID was issued for this address a short time ago.
    pub(super) fn is_valid(&self, id: u64, address: IpAddr, now: Instant) -> bool {
        let slot = self.slot(now);
        // Forging an ID means guessing 64 bits, whatever the time of a comparison tells.
        id == self.id(address, slot) || slot.checked_sub(1).is_some_and(|before| id == self.id(address, before))
    }

    fn slot(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.start).as_secs() / SLOT.as_secs()
    }

    /// First bytes of SHA-256 over key, slot and address: 40 bytes, always, so that no input extends another.
    fn id(&self, address: IpAddr, slot: u64) -> u64 {
        let address = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped(),
            IpAddr::V6(address) => address,
        };
        let mut hasher = Sha256::new();
        hasher.update(self.key);
        hasher.update(slot.to_be_bytes());
        hasher.update(address.octets());
        let digest: [u8; 32] = hasher.finalize().into();
        digest.first_chunk().copied().map_or(0, u64::from_be_bytes)
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    #[test]
    fn an_id_is_valid_at_its_address_for_one_to_two_slots() {
        let start = Instant::now();
        let ids = ConnectionIds::new(&mut StdRng::seed_from_u64(1), start);
        let [own, other] = ["192.0.2.1", "192.0.2.2"].map(|address| address.parse().unwrap());
        for issued in [0, 59] {
            let id = ids.issue(own, start + Duration::from_secs(issued));
            let valid = |address, seconds| ids.is_valid(id, address, start + Duration::from_secs(seconds));
            assert!(valid(own, issued) && valid(own, issued + 60) && !valid(own, 120));
            assert!(!valid(other, issued) && !ids.is_valid(id ^ 1, own, start));
        }
        assert_ne!(ids.issue(own, start), ids.issue(other, start));
        let restarted = ConnectionIds::new(&mut StdRng::seed_from_u64(2), start);
        assert!(!restarted.is_valid(ids.issue(own, start), own, start));
    }
}
