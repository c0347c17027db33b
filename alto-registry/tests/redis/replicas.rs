//! Two registries above the same data.

use std::sync::Arc;

use alto_registry::redis::Clock;
use alto_registry::{
    Announcer, Completeness, Credentials, HolderQuery, Limit, Limits, PeerId, RedisRegistry, Refusal, Registry, Secret,
    Silent, Stats, Timestamp,
};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use test_support::patience::wait_until;
use test_support::redis_server::{RedisServer, is_installed};

use super::Redis;
use crate::battery::Backend;
use crate::battery::session::{LEASE, ROOMY, address, file, holding, peer};

const NOW: Timestamp = Timestamp::from_unix_milliseconds(1_790_000_000_000);

fn pair(storage: &Redis, limits: Limits) -> [RedisRegistry; 2] {
    [(); 2].map(|()| storage.replica(limits, Arc::new(Silent), Clock::Store))
}

fn register(registry: &RedisRegistry, port: u16, files: &[u8], rng: &mut SmallRng) -> Result<Credentials, Refusal> {
    let registered = registry.register(&peer(port, files.iter().copied()), NOW, rng)?.wait()?;
    Ok(Credentials { peer: registered.peer, secret: registered.secret })
}

fn ports(registry: &RedisRegistry, number: u8) -> Vec<u16> {
    let query = HolderQuery { file: file(number), except: None, having: Completeness::Any, limit: 100 };
    let found = registry.candidates(&query, NOW, &mut SmallRng::seed_from_u64(1)).unwrap_or_default();
    let mut ports: Vec<u16> = found.iter().map(|holder| holder.address.port()).collect();
    ports.sort_unstable();
    ports
}

#[test]
fn what_one_acknowledges_the_other_does_not_refuse() {
    if !is_installed() {
        return;
    }
    let (storage, mut rng) = (Redis::new(), SmallRng::seed_from_u64(1));
    let [one, other] = pair(&storage, Limits { peers_per_address: 2, ..ROOMY });
    for port in 1..50 {
        // Each of these would be refused by a server that has not followed the one before.
        let caller = register(&one, port, &[1], &mut rng).unwrap();
        assert_eq!(other.heartbeat(&caller, NOW), Ok(LEASE));
        let announcer = Announcer::Registered(caller.clone());
        other.announce(&announcer, &[holding(2)], &[file(1)], NOW, &mut rng).unwrap().wait().unwrap();
        assert_eq!((ports(&other, 1), ports(&other, 2)), (vec![], vec![port]), "a writer reads its own write");
        one.renew(&caller, &peer(port + 100, [3]), NOW).unwrap().wait().unwrap();
        other.leave(&caller, NOW).unwrap().wait().unwrap();
        let left = || (one.heartbeat(&caller, NOW) == Err(Refusal::UnknownPeer)).then_some(());
        wait_until("the first has followed the departure", left);
        // The other's departure has made room.
        let caller = register(&one, port, &[], &mut rng).unwrap();
        let next = register(&other, port + 1, &[], &mut rng).unwrap();
        let full = Refusal::LimitReached { limit: Limit::PeersPerAddress, maximum: 2, retry_after: LEASE };
        assert_eq!(register(&other, port + 2, &[], &mut rng), Err(full));
        one.leave(&next, NOW).unwrap().wait().unwrap();
        other.leave(&caller, NOW).unwrap().wait().unwrap();
    }
    wait_until("both have followed everything", || {
        let positions = [&one, &other].map(|registry| registry.report().position);
        (positions[0] == positions[1]).then_some(())
    });
    assert_eq!([&one, &other].map(|registry| registry.stats(NOW).unwrap()), [Stats::default(); 2]);
}

#[test]
fn an_address_has_one_registration_however_many_servers_it_asks() {
    if !is_installed() {
        return;
    }
    let storage = Redis::new();
    let both = pair(&storage, ROOMY);
    for port in 1..=40 {
        let made: Vec<_> = std::thread::scope(|scope| {
            let start = |(seed, registry)| {
                scope.spawn(move || register(registry, port, &[], &mut SmallRng::seed_from_u64(seed)))
            };
            let threads: Vec<_> = (u64::from(port) * 10..).zip(&both).map(start).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1, "{made:?}");
        assert!(made.iter().any(|made| matches!(made, Err(Refusal::AddressTaken { .. }))), "{made:?}");
    }
    let anonymous = Announcer::Address(address("127.0.0.1", 1));
    let taken = both[1].announce(&anonymous, &[holding(1)], &[], NOW, &mut SmallRng::seed_from_u64(1));
    assert!(matches!(taken.map(drop), Err(Refusal::AddressTaken { .. })));
}

#[test]
fn a_store_that_is_away_stops_changes_and_not_questions() {
    if !is_installed() {
        return;
    }
    let (mut rng, options) = (SmallRng::seed_from_u64(1), ["--appendonly", "yes", "--appendfsync", "no"]);
    let mut storage = Redis { server: Arc::new(RedisServer::on_socket(&options)), database: 0 };
    let [one, other] = pair(&storage, ROOMY);
    let caller = register(&one, 1, &[1], &mut rng).unwrap();
    assert_eq!(other.heartbeat(&caller, NOW), Ok(LEASE));
    Arc::get_mut(&mut storage.server).unwrap().kill();
    assert_eq!(register(&one, 2, &[], &mut rng), Err(Refusal::Unavailable));
    assert_eq!([&one, &other].map(|registry| ports(registry, 1)), [[1], [1]]);
    assert_eq!(one.heartbeat(&caller, NOW), Ok(LEASE), "it is sent later");
    assert_eq!(other.heartbeat_at_once(&caller, NOW), Some(Ok(LEASE)));
    let wrong = Credentials { secret: Secret::new("wrong"), ..caller };
    assert_eq!(other.heartbeat_at_once(&wrong, NOW), Some(Err(Refusal::WrongSecret)));
    let unknown = Credentials { peer: PeerId(7), ..wrong };
    assert_eq!(other.heartbeat_at_once(&unknown, NOW), None, "another server may know it by now");
    wait_until("the servers notice", || other.report().problem);
    Arc::get_mut(&mut storage.server).unwrap().restart();
    let second = wait_until("changes go on", || register(&one, 2, &[1], &mut rng).ok());
    // Each server finds the store again by itself, and one of them later than the other.
    for registry in [&one, &other] {
        wait_until("each has followed by itself", || (ports(registry, 1) == [1, 2]).then_some(()));
        assert_eq!(registry.heartbeat(&second, NOW), Ok(LEASE));
    }
    assert_eq!(one.report().starts, 1, "the log goes on where it was");
}

#[test]
fn a_log_that_has_lost_what_was_followed_is_noticed() {
    if !is_installed() {
        return;
    }
    let (storage, mut rng) = (Redis::of_its_own(), SmallRng::seed_from_u64(1));
    let [one, other] = pair(&storage, ROOMY);
    register(&one, 1, &[1], &mut rng).unwrap();
    register(&other, 2, &[1], &mut rng).unwrap();
    // As after a failover to a copy that has nothing of all this.
    storage.call(&["FLUSHDB"]);
    storage.call(&["CLIENT", "KILL", "TYPE", "normal"]);
    let third = wait_until("changes go on", || register(&one, 3, &[1], &mut rng).ok());
    for registry in [&one, &other] {
        wait_until("what is lost is forgotten everywhere", || (ports(registry, 1) == [3]).then_some(()));
        assert_eq!(registry.heartbeat(&third, NOW), Ok(LEASE));
        assert_eq!(registry.report().starts, 2);
    }
}

#[test]
fn whoever_is_too_far_behind_starts_again() {
    if !is_installed() {
        return;
    }
    let (storage, mut rng) = (Redis::of_its_own(), SmallRng::seed_from_u64(1));
    let [one, other] = pair(&storage, ROOMY);
    for port in 1..10 {
        register(&one, port, &[1], &mut rng).unwrap();
    }
    wait_until("the other has followed", || (ports(&other, 1).len() == 9).then_some(()));
    // The follower sleeps while the log goes on and drops what it has not seen.
    let script = "redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)";
    for port in 10..20 {
        register(&one, port, &[1], &mut rng).unwrap();
        storage.call(&["EVAL", script, "1", "alto:registry-1:log"]);
    }
    storage.call(&["CLIENT", "KILL", "TYPE", "normal"]);
    wait_until("the other has everything", || (ports(&other, 1).len() == 19).then_some(()));
    assert_eq!(ports(&other, 1), (1..20).collect::<Vec<_>>());
}
