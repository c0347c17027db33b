//! Leases by the clock of Redis.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alto_registry::redis::Clock;
use alto_registry::{Credentials, Limits, Observer, Refusal, Registry, Stats, Timestamp};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use test_support::patience::wait_until;
use test_support::redis_server::is_installed;

use super::Redis;
use crate::battery::Backend;
use crate::battery::session::{ROOMY, peer};

const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_790_000_000_000);

/// Counts registrations that have expired.
#[derive(Default)]
struct Expired(AtomicUsize);

impl Observer for Expired {
    fn expired(&self, registrations: usize) {
        self.0.fetch_add(registrations, Ordering::Relaxed);
    }
}

#[test]
fn leases_end_exactly_once_unless_any_server_heard_of_their_peer() {
    if !is_installed() {
        return;
    }
    let lease = Duration::from_secs(10);
    let limits = Limits { lease, ..ROOMY };
    let (storage, mut rng) = (Redis::new(), SmallRng::seed_from_u64(1));
    let observers = [(); 3].map(|()| Arc::<Expired>::default());
    let replicas = observers.clone().map(|observer| storage.replica(limits, observer, Clock::Store));
    let start = Instant::now();
    let mut callers = Vec::new();
    for port in 1..=300 {
        let registered = replicas[0].register(&peer(port, []), NOW, &mut rng).unwrap().wait().unwrap();
        callers.push(Credentials { peer: registered.peer, secret: registered.secret });
    }
    let beating = callers.pop().unwrap();
    let mut beats = 0;
    wait_until("all leases but one have ended everywhere", || {
        beats += 1;
        // Each heartbeat goes to another server.
        assert_eq!(replicas[beats % 3].heartbeat(&beating, NOW), Ok(lease));
        let left: Vec<Stats> = replicas.iter().map(|replica| replica.stats(NOW).unwrap()).collect();
        // The first one has followed all that it has written.
        if left[0].peers < 300 {
            assert!(start.elapsed() >= lease, "no lease ends early");
        }
        (left == [Stats { peers: 1, files: 0, holdings: 0 }; 3]).then_some(())
    });
    let counted = observers.each_ref().map(|observer| observer.0.load(Ordering::Relaxed));
    assert_eq!(counted, [299; 3]);
    assert_eq!(replicas[1].heartbeat(&callers[0], NOW), Err(Refusal::UnknownPeer));
    let log = storage.call(&["XRANGE", "alto:registry-1:log", "-", "+"]);
    let ends = |caller: &Credentials| log.matches(&caller.peer.to_string()).count();
    assert!(callers.iter().all(|caller| ends(caller) == 2), "each is in the log when it begins and when it ends");
}

#[test]
fn after_a_silence_no_lease_ends_before_a_whole_one_has_passed() {
    if !is_installed() {
        return;
    }
    let lease = Duration::from_secs(10);
    let limits = Limits { lease, ..ROOMY };
    let (storage, mut rng) = (Redis::new(), SmallRng::seed_from_u64(1));
    // Its lease does not end before the next one begins.
    let replica = storage.replica(ROOMY, Arc::<Expired>::default(), Clock::Store);
    let registered = replica.register(&peer(1, []), NOW, &mut rng).unwrap().wait().unwrap();
    let caller = Credentials { peer: registered.peer, secret: registered.secret };
    wait_until("leases are looked at", || (!storage.call(&["GET", "alto:registry-1:swept"]).is_empty()).then_some(()));
    drop(replica);
    // As if no server had been there for an hour, in which the lease has ended.
    let ago = "local t = redis.call('TIME')[1] * 1000 - 3600000 \
               redis.call('SET', 'alto:registry-1:swept', t) \
               redis.call('ZADD', 'alto:registry-1:leases', t, ARGV[1])";
    storage.call(&["EVAL", ago, "0", &caller.peer.to_string()]);
    let observer = Arc::<Expired>::default();
    let replica = storage.replica(limits, Arc::clone(&observer) as Arc<dyn Observer>, Clock::Store);
    wait_until("leases are looked at", || (!storage.call(&["GET", "alto:registry-1:pause"]).is_empty()).then_some(()));
    assert_eq!(replica.heartbeat(&caller, NOW), Ok(lease), "the peer is in time after all");
    wait_until("the pause ends", || storage.call(&["GET", "alto:registry-1:pause"]).is_empty().then_some(()));
    wait_until("and so does the lease, in the end", || (replica.stats(NOW).unwrap().peers == 0).then_some(()));
    assert_eq!(observer.0.load(Ordering::Relaxed), 1);
}
