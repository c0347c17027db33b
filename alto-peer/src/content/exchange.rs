//! Record of the bytes that other peers took from this one lately, and gave it in return.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use alto_types::ClientNet;

/// Number of bytes that a peer may take before it matters what it gives, and that all others have to give before.
const ENOUGH: u64 = 1024 * 1024;
/// Share of what it takes that a peer has to give: one byte in so many.
const RETURN: u64 = 8;
/// Time after which what was exchanged counts half.
const HALF: Duration = Duration::from_mins(1);
/// Maximum number of peers remembered.
const MAX_PEERS: usize = 4096;

/// Record of all other peers, by IPv4 address or IPv6 /64.
#[derive(Debug)]
pub struct Exchange(Mutex<Record>);

#[derive(Debug)]
struct Record {
    peers: HashMap<ClientNet, Account>,
    /// Number of bytes that all together gave.
    given: u64,
    /// Time when all numbers were halved last.
    halved: Instant,
}

#[derive(Clone, Copy, Debug, Default)]
struct Account {
    taken: u64,
    given: u64,
}

impl Default for Exchange {
    fn default() -> Self {
        Self::new(Instant::now())
    }
}

impl Exchange {
    fn new(now: Instant) -> Self {
        Self(Mutex::new(Record { peers: HashMap::new(), given: 0, halved: now }))
    }

    /// Notes that a peer took so many bytes.
    pub fn took(&self, peer: ClientNet, bytes: u64) {
        self.note(peer, Account { taken: bytes, given: 0 }, Instant::now());
    }

    /// Notes that a peer gave so many bytes of pieces with the right hash.
    pub fn gave(&self, peer: IpAddr, bytes: u64) {
        self.note(peer.into(), Account { taken: 0, given: bytes }, Instant::now());
    }

    /// True if a peer takes much and gives hardly anything, while others give. This peer may have nothing to ask it for, so that
    /// it is no proof of bad will. A peer that downloads nothing cannot tell.
    pub fn only_takes(&self, peer: ClientNet) -> bool {
        let record = self.record();
        record.given >= ENOUGH
            && record.peers.get(&peer).is_some_and(|found| found.taken >= ENOUGH && found.given < found.taken / RETURN)
    }

    fn note(&self, peer: ClientNet, new: Account, now: Instant) {
        let mut record = self.record();
        record.fade(now);
        if record.peers.len() >= MAX_PEERS && !record.peers.contains_key(&peer) {
            return;
        }
        record.given += new.given;
        let account = record.peers.entry(peer).or_default();
        account.taken += new.taken;
        account.given += new.given;
    }

    fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    /// Halves all numbers as often as is due, and forgets peers of which next to nothing is left.
    fn fade(&mut self, now: Instant) {
        while now.saturating_duration_since(self.halved) >= HALF {
            // After a long pause, nothing is left anyway.
            if self.peers.is_empty() && self.given == 0 {
                self.halved = now;
                return;
            }
            self.halved += HALF;
            self.given /= 2;
            self.peers.retain(|_, account| {
                *account = Account { taken: account.taken / 2, given: account.given / 2 };
                account.taken + account.given > 0
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    #[test]
    fn whoever_takes_much_and_gives_little_while_others_give_only_takes() {
        let exchange = Exchange::default();
        exchange.took(peer(1).into(), 10 * ENOUGH);
        assert!(!exchange.only_takes(peer(1).into()), "nobody gives, as to a peer that has everything");
        exchange.gave(peer(8), ENOUGH);
        assert!(exchange.only_takes(peer(1).into()));
        exchange.took(peer(3).into(), ENOUGH - 1);
        exchange.took(peer(2).into(), 8 * ENOUGH);
        assert!(!exchange.only_takes(peer(3).into()), "it has not taken much");
        assert!(exchange.only_takes(peer(2).into()), "it gives hardly anything");
        exchange.gave(peer(2), ENOUGH);
        assert!(!exchange.only_takes(peer(2).into()) && !exchange.only_takes(peer(9).into()));
    }

    #[test]
    fn what_was_exchanged_is_forgotten_in_time() {
        let start = Instant::now();
        let exchange = Exchange::new(start);
        exchange.note(peer(1).into(), Account { taken: 4 * ENOUGH, given: 0 }, start);
        exchange.note(peer(2).into(), Account { taken: 0, given: 8 * ENOUGH }, start);
        for (minutes, only_takes) in [(1, true), (2, true), (3, false), (60, false)] {
            exchange.record().fade(start + HALF * minutes);
            assert_eq!(exchange.only_takes(peer(1).into()), only_takes, "after {minutes} minutes");
        }
        assert!(exchange.record().peers.is_empty() && exchange.record().given == 0);
    }

    #[test]
    fn the_number_of_peers_is_bounded() {
        let exchange = Exchange::default();
        for n in 0..2 * u32::try_from(MAX_PEERS).unwrap() {
            exchange.gave(std::net::Ipv4Addr::from(n).into(), 1);
        }
        assert_eq!(exchange.record().peers.len(), MAX_PEERS);
    }
}
