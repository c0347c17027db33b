//! Nonces of HTTP Digest authentication (RFC 7616 §5.4): signed, so that only those in use need memory; limited in time;
//! and counted, so that a recorded request cannot be sent again.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

/// Lifetime of a nonce.
pub(super) const LIFETIME: Duration = Duration::from_mins(5);
/// Largest lag of a use count behind the newest one, because requests of one client may overtake each other.
const WINDOW: u32 = 64;
/// Number of nonces whose uses are remembered. A nonce that is forgotten is stale, which costs its client one more request.
const MAX_IN_USE: usize = 65_536;

/// Nonces of one server.
pub(crate) struct Nonces {
    secret: [u8; 32],
    issued: AtomicU64,
    in_use: Mutex<InUse>,
}

/// A nonce that this server signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Nonce {
    /// Number of the nonce, counted from the start of the process.
    number: u64,
    /// Time since it was issued.
    age: Duration,
}

/// Uses of nonces, by their numbers. Only authenticated requests add to it, so that nobody else can fill it.
struct InUse {
    uses: HashMap<u64, Uses>,
    /// The same numbers in the order of their first use.
    order: VecDeque<u64>,
    /// Numbers below are stale unless they are in use: their uses may have been forgotten.
    floor: u64,
    capacity: usize,
}

/// Use counts of a nonce that have been seen.
#[derive(Default)]
struct Uses {
    newest: u32,
    /// Bit n is set if the count `newest - n` was seen.
    seen: u64,
}

impl Nonces {
    /// Starts without any nonce. `secret` signs them and must be random.
    pub(crate) fn new(secret: [u8; 32]) -> Self {
        Self { secret, issued: AtomicU64::new(0), in_use: Mutex::new(InUse::new(MAX_IN_USE)) }
    }

    /// Creates a nonce: time, number, signature.
    pub(super) fn issue(&self, now: SystemTime) -> String {
        let time = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let stamp = format!("{time:016x}{:016x}", self.issued.fetch_add(1, Ordering::Relaxed));
        let signature = self.signature(&stamp);
        stamp + &signature
    }

    /// Reads a nonce; none if this server did not sign it.
    pub(super) fn read(&self, nonce: &str, now: SystemTime) -> Option<Nonce> {
        let (stamp, signature) = nonce.split_at_checked(32)?;
        if !same(&self.signature(stamp), signature) {
            return None;
        }
        let part = |range| u64::from_str_radix(stamp.get(range)?, 16).ok();
        let issued = SystemTime::UNIX_EPOCH + Duration::from_secs(part(0..16)?);
        Some(Nonce { number: part(16..32)?, age: now.duration_since(issued).unwrap_or_default() })
    }

    /// Records a use of a nonce, in constant time. False for a nonce that is too old, and for a count that was used before
    /// or is too old to tell.
    pub(super) fn first_use(&self, nonce: Nonce, count: u32) -> bool {
        // A thread that panicked here has left the counts valid.
        nonce.age <= LIFETIME && self.in_use.lock().unwrap_or_else(PoisonError::into_inner).record(nonce.number, count)
    }

    fn signature(&self, stamp: &str) -> String {
        let digest = Sha256::new().chain_update(self.secret).chain_update(stamp).chain_update(self.secret).finalize();
        digest[..16].iter().fold(String::with_capacity(32), |hex, byte| hex + &format!("{byte:02x}"))
    }
}

impl InUse {
    fn new(capacity: usize) -> Self {
        Self { uses: HashMap::new(), order: VecDeque::new(), floor: 0, capacity }
    }

    fn record(&mut self, number: u64, count: u32) -> bool {
        if let Some(uses) = self.uses.get_mut(&number) {
            return uses.record(count);
        }
        if number < self.floor {
            return false;
        }
        if self.order.len() >= self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.uses.remove(&oldest);
            self.floor = self.floor.max(oldest.saturating_add(1));
            if number < self.floor {
                return false;
            }
        }
        self.order.push_back(number);
        self.uses.entry(number).or_default().record(count)
    }
}

impl Uses {
    fn record(&mut self, count: u32) -> bool {
        if count > self.newest {
            let shift = count - self.newest;
            self.seen = if shift >= WINDOW { 0 } else { self.seen << shift };
            self.seen |= 1;
            self.newest = count;
            return true;
        }
        let lag = self.newest - count;
        if count == 0 || lag >= WINDOW || self.seen & (1 << lag) != 0 {
            return false;
        }
        self.seen |= 1 << lag;
        true
    }
}

/// Compares in constant time.
pub(super) fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: SystemTime = SystemTime::UNIX_EPOCH;

    #[test]
    fn a_signature_covers_time_and_number() {
        let nonces = Nonces::new([7; 32]);
        let nonce = nonces.issue(NOW);
        assert_eq!(nonces.read(&nonce, NOW), Some(Nonce { number: 0, age: Duration::ZERO }));
        for place in [0, 15, 31, 40] {
            let mut forged = nonce.clone();
            let digit = if forged.as_bytes()[place] == b'0' { "1" } else { "0" };
            forged.replace_range(place..=place, digit);
            assert_eq!(nonces.read(&forged, NOW), None, "{forged}");
        }
        assert_eq!(Nonces::new([8; 32]).read(&nonce, NOW), None);
        assert_eq!(nonces.read("é", NOW), None);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_cannot_be_used_again() {
        let mut in_use = InUse::new(3);
        for number in [4, 2, 6] {
            assert!(in_use.record(number, 1));
        }
        assert!(in_use.record(9, 1), "a newer nonce takes the place of the one that came first");
        assert!(!in_use.record(4, 2), "forgotten");
        assert!(!in_use.record(3, 1), "older than what was forgotten");
        assert!(in_use.record(2, 2) && in_use.record(6, 2), "still known");
        assert_eq!((in_use.uses.len(), in_use.order.len()), (3, 3));
        for number in 10..1000 {
            assert!(in_use.record(number, 1));
            assert_eq!((in_use.uses.len(), in_use.order.len()), (3, 3));
        }
    }
}
