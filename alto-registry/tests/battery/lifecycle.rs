//! Registrations from their beginning to their end.

use std::time::Duration;

use alto_registry::{Announcer, Credentials, Holding, PeerId, Refusal, Secret, Stats};

use super::Backend;
use super::session::{LEASE, ROOMY, Session, address, credentials, file, holding, peer, peer_at};

pub fn peers_register_find_each_other_and_leave<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()));
    let seed = session.register(&peer(1, [1, 2])).unwrap();
    assert_eq!(seed.lease, LEASE);
    let leecher = session.register(&peer(2, [])).unwrap();
    assert_ne!((seed.peer, &seed.secret), (leecher.peer, &leecher.secret));
    let partial = Holding { complete: false, ..holding(1) };
    let announcer = Announcer::Registered(credentials(&leecher));
    assert_eq!(session.announce(&announcer, &[partial], &[]), Ok(LEASE));

    let summary = session.registry().file(file(1), session.now).unwrap();
    assert_eq!((summary.complete, summary.partial, summary.size), (1, 1, Some(1001)));
    assert_eq!(summary.name, holding(1).name);
    let holders = session.holders(file(1));
    assert_eq!(holders[0].address, address("127.0.0.1", 1));
    assert_eq!((holders[0].peer, holders[0].manifest), (seed.peer, holding(1).manifest));
    assert_eq!((holders[0].complete, holders[1].complete), (true, false));
    assert_eq!(session.registry().stats(session.now), Ok(Stats { peers: 2, files: 2, holdings: 3 }));

    session.announce(&announcer, &[], &[file(1), file(9)]).unwrap();
    assert_eq!(session.ports(file(1)), [1]);
    session.leave(&credentials(&seed)).unwrap();
    assert_eq!(session.registry().file(file(1), session.now), Err(Refusal::UnknownFile(file(1))));
    assert_eq!(session.leave(&credentials(&seed)), Err(Refusal::UnknownPeer));
    assert_eq!(session.registry().stats(session.now), Ok(Stats { peers: 1, files: 0, holdings: 0 }));
}

pub fn only_the_secret_changes_a_registration<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let one = credentials(&session.register(&peer(1, [1])).unwrap());
    let other = credentials(&session.register(&peer(2, [])).unwrap());
    for secret in [other.secret.clone(), Secret::new("")] {
        let wrong = Credentials { peer: one.peer, secret };
        assert_eq!(session.heartbeat(&wrong), Err(Refusal::WrongSecret));
        assert_eq!(session.leave(&wrong), Err(Refusal::WrongSecret));
        assert_eq!(session.renew(&wrong, &peer(1, [])), Err(Refusal::WrongSecret));
        assert_eq!(session.announce(&Announcer::Registered(wrong), &[], &[file(1)]), Err(Refusal::WrongSecret));
    }
    let unknown = Credentials { peer: PeerId(0), secret: one.secret };
    assert_eq!(session.heartbeat(&unknown), Err(Refusal::UnknownPeer));
    assert_eq!(session.renew(&unknown, &peer(3, [])), Err(Refusal::UnknownPeer));
    assert_eq!(session.ports(file(1)), [1]);
}

pub fn an_address_and_port_are_registered_once<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let first = credentials(&session.register(&peer(1, [1])).unwrap());
    session.wait(Duration::from_secs(10));
    let taken = Err(Refusal::AddressTaken { remaining: Duration::from_secs(50) });
    assert_eq!(session.register(&peer(1, [2])), taken);
    assert_eq!(session.register(&peer_at("::ffff:127.0.0.1", 1, [2])), taken, "an IPv4-mapped address is the same");
    let second = credentials(&session.register(&peer(2, [])).unwrap());
    assert_eq!(session.renew(&second, &peer(1, [2])), taken);
    session.register(&peer_at("127.0.0.2", 1, [])).unwrap();
    assert_eq!((session.ports(file(1)), session.ports(file(2))), (vec![1], vec![]));
    session.leave(&first).unwrap();
    session.register(&peer(1, [2])).unwrap();
    assert_eq!((session.ports(file(1)), session.ports(file(2))), (vec![], vec![1]));
}

pub fn a_renewal_keeps_id_and_secret_and_may_move<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let first = session.register(&peer(1, [1, 2])).unwrap();
    session.wait(LEASE / 2);
    assert_eq!(session.renew(&credentials(&first), &peer(2, [2, 3])), Ok(first.clone()));
    session.wait(LEASE / 2);
    assert_eq!([1, 2, 3].map(|number| session.ports(file(number))), [vec![], vec![2], vec![2]]);
    assert_eq!(session.holders(file(2))[0].name, peer(2, []).name);
    session.register(&peer(1, [])).unwrap();
    assert_eq!(session.renew(&credentials(&first), &peer(2, [])), Ok(first));
}

pub fn leases_end_unless_they_are_renewed<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let [silent, beating, announcing] = [1, 2, 3].map(|port| credentials(&session.register(&peer(port, [1])).unwrap()));
    session.wait(Duration::from_millis(59_999));
    assert_eq!(session.ports(file(1)), [1, 2, 3]);
    assert_eq!(session.heartbeat(&beating), Ok(LEASE));
    session.announce(&Announcer::Registered(announcing), &[], &[]).unwrap();
    session.wait(Duration::from_millis(1));
    assert_eq!(session.ports(file(1)), [2, 3]);
    assert_eq!(session.heartbeat(&silent), Err(Refusal::UnknownPeer));
    session.register(&peer(1, [])).unwrap();
    session.wait(LEASE);
    session.registry().sweep(session.now);
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()));
}

pub fn time_never_goes_back<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let start = session.now;
    session.register(&peer(1, [1])).unwrap();
    session.wait(LEASE);
    assert_eq!(session.ports(file(1)), [0; 0]);
    session.now = start;
    assert_eq!(session.ports(file(1)), [0; 0]);
    session.register(&peer(2, [1])).unwrap();
    session.now = start.plus(LEASE + LEASE / 2);
    assert_eq!(session.ports(file(1)), [2], "its lease began when the latest known time was");
}

pub fn a_holding_with_a_lease_ends_before_its_peer<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let short = Holding { lease: Some(LEASE / 4), ..holding(1) };
    let long = Holding { lease: Some(LEASE * 4), ..holding(2) };
    let mut wanted = peer(1, [3]);
    wanted.holdings.extend([short.clone(), long]);
    let caller = credentials(&session.register(&wanted).unwrap());
    session.wait(LEASE / 8);
    session.heartbeat(&caller).unwrap();
    session.wait(LEASE / 8);
    assert_eq!(session.ports(file(1)), [0; 0], "a heartbeat renews no holding");
    assert_eq!((session.ports(file(2)), session.ports(file(3))), (vec![1], vec![1]));
    session.announce(&Announcer::Registered(caller.clone()), &[short], &[]).unwrap();
    session.wait(LEASE / 8);
    session.announce(&Announcer::Registered(caller), &[holding(1)], &[]).unwrap();
    session.wait(LEASE / 2);
    assert_eq!(session.ports(file(1)), [1], "announced without a lease, it lasts as long as its peer");
    session.wait(LEASE);
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()), "no holding outlives its peer");
}

pub fn an_announcement_is_made_whole_or_not_at_all<B: Backend>() {
    let mut session = Session::<B>::new(alto_registry::Limits { files_per_peer: 2, ..ROOMY });
    let caller = Announcer::Registered(credentials(&session.register(&peer(1, [1, 2])).unwrap()));
    let refused = session.announce(&caller, &[holding(3), holding(4)], &[file(1)]);
    assert_eq!(refused, Err(Refusal::TooManyFiles { requested: 3, maximum: 2 }));
    assert_eq!([1, 2, 3, 4].map(|number| session.ports(file(number)).len()), [1, 1, 0, 0]);
    session.announce(&caller, &[holding(3)], &[file(1), file(3)]).unwrap();
    assert_eq!([1, 2, 3].map(|number| session.ports(file(number)).len()), [0, 1, 1], "in both lists: added");
}
