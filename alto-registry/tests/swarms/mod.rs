//! Swarms compared with a list that does everything the simple way, and the promises that it does not show.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use alto_registry::limits::Limit;
use alto_registry::swarms::{
    Announcement, Counts, Locator, Members, Place, Population, SavedError, SwarmLimits, SwarmStats,
};
use alto_registry::{PeerAddress, Refusal, Swarms, Timestamp};
use proptest::prelude::*;

const LIMITS: SwarmLimits =
    SwarmLimits { lease: Duration::from_secs(10), peers: 1000, peers_per_address: 100, swarms: 100 };

/// Places by the last byte of the address, of which each version has another number.
struct Modulo(u64);

impl Locator for Modulo {
    fn version(&self) -> u64 {
        self.0
    }

    fn place(&self, address: IpAddr) -> Place {
        let last = match address {
            IpAddr::V4(address) => address.octets()[3],
            IpAddr::V6(address) => address.octets()[15],
        };
        Place(u32::from(last) % (2 + u32::try_from(self.0).unwrap()))
    }
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix_milliseconds(1_000_000 + seconds * 1000)
}

fn address(number: u8) -> PeerAddress {
    // Pairs of an IPv4 and an IPv6 address.
    let ip = if number.is_multiple_of(2) { format!("10.0.0.{number}") } else { format!("2001:db8::{number:x}") };
    PeerAddress::new(ip.parse().unwrap(), 6881)
}

fn peer(infohash: u8, number: u8, complete: bool) -> Announcement {
    Announcement { infohash: [infohash; 20], address: address(number), identity: None, complete, finished: false }
}

/// Addresses that a peer is shown, with their completeness. Every position of every section must have one.
fn shown(members: &Members<'_>, locator: &Modulo) -> BTreeSet<(PeerAddress, bool)> {
    let mut seen = BTreeSet::new();
    for (index, section) in members.sections().enumerate() {
        for (seed, count) in [(true, section.seeds), (false, section.leechers)] {
            for position in 0..count {
                let address = members.address(index, seed, position).unwrap();
                assert_eq!((locator.place(address.ip()), address.ip().is_ipv6()), (section.place, section.ipv6));
                assert!(seen.insert((address, seed)), "{address} is shown twice");
            }
            assert_eq!(members.address(index, seed, count), None);
        }
    }
    seen
}

#[expect(clippy::redundant_closure_for_method_calls, reason = "the method alone is not general enough")]
fn announce(swarms: &Swarms, peer: &Announcement, now: Timestamp) -> Result<Counts, Refusal> {
    swarms.announce(peer, &Modulo(0), now, |members| members.counts())
}

#[derive(Clone, Debug)]
enum Step {
    Announce(Announcement),
    Stop(u8, u8),
    Wait(u64),
    Divide(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let announce = (0_u8..3, 0_u8..10, prop::option::of(1_u64..4), any::<bool>());
    let announce = announce.prop_map(|(infohash, number, identity, complete)| {
        Step::Announce(Announcement { identity, finished: complete, ..peer(infohash, number, complete) })
    });
    let stop = (0_u8..3, 0_u8..10).prop_map(|(infohash, number)| Step::Stop(infohash, number));
    let wait = (1_u64..6).prop_map(Step::Wait);
    prop::collection::vec(
        prop_oneof![8 => announce, 2 => stop, 2 => wait, 1 => (0_u64..3).prop_map(Step::Divide)],
        1..80,
    )
}

/// Numbers of peers as BEP 7 counts them: addresses with the same number are one peer, complete if one of them is.
fn counted(peers: &BTreeMap<PeerAddress, (Announcement, u64)>) -> (usize, usize) {
    let mixed = is_mixed(peers);
    let mut complete: BTreeMap<(u64, Option<PeerAddress>), bool> = BTreeMap::new();
    for (address, (peer, _)) in peers {
        let key = peer.identity.filter(|_| mixed).map_or((0, Some(*address)), |identity| (identity, None));
        *complete.entry(key).or_default() |= peer.complete;
    }
    let seeds = complete.values().filter(|complete| **complete).count();
    (seeds, complete.len() - seeds)
}

proptest! {
    #[test]
    fn swarms_do_what_a_simple_list_does(steps in steps()) {
        let swarms = Swarms::new(LIMITS);
        let mut model: BTreeMap<u8, BTreeMap<PeerAddress, (Announcement, u64)>> = BTreeMap::new();
        let (mut now, mut locator) = (0, Modulo(0));
        // Once a swarm was mixed, it may go on to recognize peers at several addresses of one family.
        let mut was_mixed = false;
        for step in steps {
            match step {
                Step::Announce(peer) => {
                    let swarm = model.entry(peer.infohash[0]).or_default();
                    swarm.insert(peer.address, (peer, now));
                    let others: BTreeSet<_> = swarm.iter().filter(|(address, _)| **address != peer.address)
                        .map(|(address, (peer, _))| (*address, peer.complete)).collect();
                    let seen = swarms.announce(&peer, &locator, at(now), |members| shown(members, &locator)).unwrap();
                    prop_assert_eq!(seen, others);
                }
                Step::Stop(infohash, number) => {
                    swarms.stop(&[infohash; 20], address(number), at(now));
                    model.entry(infohash).or_default().remove(&address(number));
                }
                Step::Wait(seconds) => {
                    now += seconds;
                    swarms.sweep(at(now));
                    for peers in model.values_mut() {
                        peers.retain(|_, (_, since)| *since + 10 > now);
                    }
                }
                Step::Divide(version) => locator = Modulo(version),
            }
            model.retain(|_, peers| !peers.is_empty());
            let peers = model.values().map(BTreeMap::len).sum();
            prop_assert_eq!(swarms.stats(), SwarmStats { swarms: model.len(), peers });
            for infohash in 0..3 {
                let counts = swarms.counts(&[infohash; 20], at(now));
                let expected = model.get(&infohash).map(counted);
                prop_assert_eq!(counts.is_some(), expected.is_some());
                let (Some(counts), Some((complete, incomplete))) = (counts, expected) else { continue };
                let mixed = is_mixed(&model[&infohash]);
                was_mixed |= mixed;
                if mixed || !was_mixed {
                    prop_assert_eq!((counts.complete as usize, counts.incomplete as usize), (complete, incomplete));
                }
            }
        }
    }
}

/// Whether peers have addresses of both families.
fn is_mixed(peers: &BTreeMap<PeerAddress, (Announcement, u64)>) -> bool {
    peers.keys().any(|address| address.ip().is_ipv6()) && peers.keys().any(|address| address.ip().is_ipv4())
}

#[test]
fn a_peer_at_two_addresses_counts_once() {
    let swarms = Swarms::new(LIMITS);
    let twin = |number, complete| Announcement { identity: Some(77), ..peer(1, number, complete) };
    let counts = |complete, incomplete| Counts { complete, incomplete, finished: 0 };
    announce(&swarms, &peer(1, 4, false), at(0)).unwrap();
    assert_eq!(announce(&swarms, &twin(2, false), at(0)).unwrap(), counts(0, 2));
    assert_eq!(announce(&swarms, &twin(3, false), at(0)).unwrap(), counts(0, 2));
    assert_eq!(announce(&swarms, &twin(3, true), at(0)).unwrap(), counts(1, 1));
    assert_eq!(announce(&swarms, &twin(2, true), at(0)).unwrap(), counts(1, 1));
    assert_eq!(swarms.stop(&[1; 20], address(3), at(0)), counts(1, 1));
    assert_eq!(swarms.stop(&[1; 20], address(2), at(0)), counts(0, 1));
}

#[test]
fn finished_downloads_count_once_per_peer_that_had_less() {
    let swarms = Swarms::new(LIMITS);
    let finished = |number| Announcement { finished: true, ..peer(1, number, true) };
    announce(&swarms, &peer(1, 2, false), at(0)).unwrap();
    assert_eq!(announce(&swarms, &finished(2), at(0)).unwrap().finished, 1);
    assert_eq!(announce(&swarms, &finished(2), at(0)).unwrap().finished, 1, "it had everything already");
    assert_eq!(announce(&swarms, &finished(4), at(0)).unwrap().finished, 1, "it was never seen with less");
}

#[test]
fn limits_hold_and_known_peers_are_never_refused() {
    let limits = SwarmLimits { peers: 5, peers_per_address: 2, swarms: 3, ..LIMITS };
    let swarms = Swarms::new(limits);
    let refused = |result: Result<Counts, Refusal>| match result {
        Err(Refusal::LimitReached { limit, .. }) => limit,
        other => panic!("{other:?}"),
    };
    for infohash in [1, 2] {
        announce(&swarms, &peer(infohash, 2, false), at(0)).unwrap();
    }
    assert_eq!(refused(announce(&swarms, &peer(3, 2, false), at(0))), Limit::FilesPerAddress);
    announce(&swarms, &peer(3, 4, false), at(0)).unwrap();
    assert_eq!(refused(announce(&swarms, &peer(4, 6, false), at(0))), Limit::Files);
    announce(&swarms, &peer(3, 6, false), at(0)).unwrap();
    announce(&swarms, &peer(3, 8, false), at(0)).unwrap();
    assert_eq!(refused(announce(&swarms, &peer(3, 9, false), at(0))), Limit::Holdings);
    announce(&swarms, &peer(1, 2, true), at(5)).unwrap();
    swarms.stop(&[2; 20], address(2), at(5));
    announce(&swarms, &peer(3, 9, false), at(5)).unwrap();
    // What was not renewed has ended by now, and makes room.
    swarms.sweep(at(12));
    assert_eq!(swarms.stats(), SwarmStats { swarms: 2, peers: 2 });
    announce(&swarms, &peer(4, 6, false), at(12)).unwrap();
}

#[test]
fn saved_swarms_are_read_back_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("swarms");
    let swarms = Swarms::new(LIMITS);
    assert_eq!(swarms.load(&path, &Modulo(0), at(0)).unwrap(), 0, "there is no file yet");
    for number in 0..10 {
        let twin = Announcement { identity: Some(u64::from(number / 2) + 1), ..peer(number % 3, number, false) };
        announce(&swarms, &twin, at(0)).unwrap();
        announce(&swarms, &Announcement { complete: number < 4, finished: number < 4, ..twin }, at(0)).unwrap();
    }
    assert_eq!(swarms.save(&path).unwrap(), 10);
    let restored = Swarms::new(LIMITS);
    assert_eq!(restored.load(&path, &Modulo(1), at(100)).unwrap(), 10);
    assert_eq!(restored.stats(), swarms.stats());
    for infohash in 0..3 {
        assert_eq!(restored.counts(&[infohash; 20], at(100)), swarms.counts(&[infohash; 20], at(0)));
    }
    std::fs::write(&path, b"something else").unwrap();
    assert!(matches!(restored.load(&path, &Modulo(0), at(0)), Err(SavedError::Form { .. })));
}

#[test]
fn a_survey_counts_every_peer_at_its_present_place() {
    let swarms = Swarms::new(LIMITS);
    for (infohash, number, complete) in
        [(1, 2, true), (1, 4, false), (1, 3, false), (2, 2, false), (3, 6, true), (3, 8, true)]
    {
        announce(&swarms, &peer(infohash, number, complete), at(0)).unwrap();
    }
    let survey = swarms.survey(2, &Modulo(0), at(1));
    let population = |seeds, leechers| Population { seeds, leechers };
    assert_eq!(survey.places, BTreeMap::from([(Place(0), population(3, 2)), (Place(1), population(0, 1))]));
    assert_eq!(survey.largest.iter().map(|swarm| swarm.infohash[0]).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(survey.largest[0].places, BTreeMap::from([(Place(0), population(1, 1)), (Place(1), population(0, 1))]));
    // Another division into places: 2 and 8 are at one place, 3 and 6 at another, 4 at a third.
    let survey = swarms.survey(9, &Modulo(1), at(1));
    let expected = [(Place(0), population(1, 1)), (Place(1), population(0, 1)), (Place(2), population(2, 1))];
    assert_eq!(survey.places, BTreeMap::from(expected));
    assert_eq!(survey.largest.len(), 3);
    assert_eq!(swarms.survey(9, &Modulo(1), at(10)), alto_registry::swarms::Survey::default(), "all leases have ended");
}
