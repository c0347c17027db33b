//! Limits, each of which is named where it decides.

use alto_registry::{Announcer, ContentId, Holding, Limit, Limits, Refusal};

use super::Backend;
use super::session::{LEASE, ROOMY, Session, address, credentials, file, holding, peer, peer_at, torrent};

fn reached<T>(limit: Limit, maximum: u32) -> Result<T, Refusal> {
    Err(Refusal::LimitReached { limit, maximum, retry_after: LEASE })
}

pub fn the_limit_that_decides_is_named<B: Backend>() {
    let limits = Limits {
        peers: 4,
        peers_per_address: 2,
        files: 8,
        files_per_peer: 4,
        files_per_address: 6,
        holdings: 12,
        ..ROOMY
    };
    let mut session = Session::<B>::new(limits);
    let too_many = Err(Refusal::TooManyFiles { requested: 5, maximum: 4 });
    assert_eq!(session.register(&peer(1, 0..5)), too_many);
    let first = session.register(&peer(1, 0..4)).unwrap();
    assert_eq!(session.register(&peer(2, 0..3)), reached(Limit::FilesPerAddress, 6));
    session.register(&peer(2, 0..2)).unwrap();
    assert_eq!(session.register(&peer(3, [])), reached(Limit::PeersPerAddress, 2));
    let anonymous = Announcer::Address(address("127.0.0.1", 3));
    let announced = session.announce(&anonymous, &[Holding::new(torrent(1), true)], &[]);
    assert_eq!(announced, reached(Limit::PeersPerAddress, 2));

    let caller = Announcer::Registered(credentials(&first));
    assert_eq!(session.announce(&caller, &[holding(4)], &[]).map(drop), too_many.map(drop));
    session.announce(&caller, &[holding(4)], &[file(0)]).unwrap();
    session.announce(&caller, &[1, 2, 3, 4].map(holding), &[]).unwrap();

    // Files 0 to 4 are held, six times in all.
    assert_eq!(session.register(&peer_at("127.0.0.2", 1, 5..9)), reached(Limit::Files, 8));
    let second = session.register(&peer_at("127.0.0.2", 1, 4..8)).unwrap();
    assert_eq!(session.register(&peer_at("127.0.0.3", 1, 0..3)), reached(Limit::Holdings, 12));
    session.register(&peer_at("127.0.0.3", 1, 0..2)).unwrap();
    assert_eq!(session.register(&peer_at("127.0.0.4", 1, [])), reached(Limit::Peers, 4));
    // A registration that moves to another address counts there.
    let moved = session.renew(&credentials(&second), &peer_at("127.0.0.1", 9, []));
    assert_eq!(moved, reached(Limit::PeersPerAddress, 2));
    session.leave(&credentials(&second)).unwrap();
    session.register(&peer_at("127.0.0.4", 1, 0..4)).unwrap();
}

pub fn an_ipv6_network_counts_as_one_address<B: Backend>() {
    let mut session = Session::<B>::new(Limits { peers_per_address: 1, ..ROOMY });
    session.register(&peer_at("2001:db8:1:2::1", 1, [])).unwrap();
    assert_eq!(session.register(&peer_at("2001:db8:1:2::2", 1, [])), reached(Limit::PeersPerAddress, 1));
    session.register(&peer_at("2001:db8:1:3::1", 1, [])).unwrap();
}

pub fn lists_are_checked_before_anything_changes<B: Backend>() {
    let mut session = Session::<B>::new(Limits { files_per_peer: 3, ..ROOMY });
    assert_eq!(session.registry().limits().files_per_peer, 3);
    assert_eq!(session.register(&peer(1, [1, 2, 1])), Err(Refusal::Repeated { index: 2 }));
    let caller = credentials(&session.register(&peer(1, [1])).unwrap());
    assert_eq!(session.renew(&caller, &peer(1, [2, 2])), Err(Refusal::Repeated { index: 1 }));
    let announcer = Announcer::Registered(caller.clone());
    assert_eq!(session.announce(&announcer, &[holding(2), holding(2)], &[]), Err(Refusal::Repeated { index: 1 }));
    let too_many = Err(Refusal::TooManyFiles { requested: 4, maximum: 3 });
    let four: Vec<ContentId> = (1..=4).map(file).collect();
    assert_eq!(session.announce(&announcer, &[], &four), too_many);
    assert_eq!(session.renew(&caller, &peer(1, 1..5)).map(drop), too_many.map(drop));
    assert_eq!((session.ports(file(1)), session.ports(file(2))), (vec![1], vec![]));
}
