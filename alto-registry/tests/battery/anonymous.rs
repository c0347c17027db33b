//! Peers that announce from an address without ever registering, as with a BitTorrent tracker.

use std::time::Duration;

use alto_registry::{Announcer, Credentials, Holding, Refusal, Secret, Stats};

use super::Backend;
use super::session::{LEASE, ROOMY, Session, address, credentials, peer, torrent};

fn from(port: u16) -> Announcer {
    Announcer::Address(address("127.0.0.1", port))
}

fn leased(number: u8, complete: bool, lease: Duration) -> Holding {
    Holding { lease: Some(lease), ..Holding::new(torrent(number), complete) }
}

pub fn announcing_from_an_address_needs_no_registration<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let hour = Duration::from_hours(1);
    assert_eq!(session.announce(&from(1), &[leased(1, true, hour)], &[]), Ok(hour));
    assert_eq!(session.announce(&from(2), &[leased(1, false, hour), leased(2, true, hour / 2)], &[]), Ok(hour / 2));
    let summary = session.registry().file(torrent(1), session.now).unwrap();
    assert_eq!((summary.complete, summary.partial), (1, 1));
    assert_eq!((summary.name, summary.size), (None, None));
    let holders = session.holders(torrent(1));
    assert_eq!((&holders[0].name, holders[0].manifest, holders[0].complete), (&None, None, true));
    // A leecher that has become a seed says so in its next announcement.
    session.announce(&from(2), &[leased(1, true, hour)], &[]).unwrap();
    assert_eq!(session.registry().file(torrent(1), session.now).unwrap().complete, 2);
    assert_eq!(session.registry().stats(session.now), Ok(Stats { peers: 2, files: 2, holdings: 3 }));
    // There is no secret that any text could be.
    let caller = Credentials { peer: holders[0].peer, secret: Secret::new("") };
    assert_eq!(session.heartbeat(&caller), Err(Refusal::WrongSecret));
    assert_eq!(session.leave(&caller), Err(Refusal::WrongSecret));
}

pub fn a_peer_without_a_secret_ends_with_its_last_holding<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    session.announce(&from(9), &[], &[torrent(1)]).unwrap();
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()), "nothing held, nothing registered");
    session.announce(&from(1), &[leased(1, true, LEASE * 2), leased(2, true, LEASE * 3)], &[]).unwrap();
    session.announce(&from(2), &[Holding::new(torrent(1), true)], &[]).unwrap();
    session.wait(LEASE);
    assert_eq!(session.ports(torrent(1)), [1], "without a lease of its own a holding has the registry's");
    session.wait(LEASE);
    assert_eq!(session.registry().stats(session.now), Ok(Stats { peers: 1, files: 1, holdings: 1 }));
    session.announce(&from(1), &[leased(2, true, LEASE * 3)], &[]).unwrap();
    session.wait(LEASE * 2);
    assert_eq!(session.ports(torrent(2)), [1], "renewed");
    session.wait(LEASE);
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()));
    session.announce(&from(1), &[Holding::new(torrent(1), true)], &[]).unwrap();
    session.announce(&from(1), &[], &[torrent(1)]).unwrap();
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()));
    session.register(&peer(1, [])).unwrap();
}

pub fn an_address_with_a_secret_cannot_be_spoken_for<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let caller = credentials(&session.register(&peer(1, [1])).unwrap());
    let taken = Err(Refusal::AddressTaken { remaining: LEASE });
    assert_eq!(session.announce(&from(1), &[Holding::new(torrent(1), true)], &[]), taken);
    session.announce(&from(2), &[leased(1, true, LEASE * 2), leased(2, true, LEASE * 3)], &[]).unwrap();
    let taken = Err(Refusal::AddressTaken { remaining: LEASE * 3 });
    assert_eq!(session.register(&peer(2, [])), taken);
    assert_eq!(session.renew(&caller, &peer(2, [])), taken);
}
