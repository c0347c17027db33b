//! Restarts of the process that has the registry.

use alto_registry::{Announcer, Holding, Refusal, Stats};

use super::Backend;
use super::session::{LEASE, ROOMY, Session, address, credentials, file, holding, peer, torrent};

pub fn confirmed_changes_survive_a_restart_if_the_backend_says_so<B: Backend>() {
    let mut session = Session::<B>::new(ROOMY);
    let kept = credentials(&session.register(&peer(1, [1, 2])).unwrap());
    let changed = Holding { complete: false, manifest: None, lease: Some(LEASE / 2), ..holding(3) };
    session.announce(&Announcer::Registered(kept.clone()), &[changed], &[file(2)]).unwrap();
    let left = credentials(&session.register(&peer(2, [1])).unwrap());
    session.leave(&left).unwrap();
    let renewed = credentials(&session.register(&peer(3, [1])).unwrap());
    session.renew(&renewed, &peer(4, [4])).unwrap();
    let anonymous = Announcer::Address(address("127.0.0.1", 5));
    let leased = Holding { lease: Some(LEASE * 3), ..Holding::new(torrent(1), false) };
    session.announce(&anonymous, &[leased, Holding::new(torrent(2), true)], &[]).unwrap();
    session.announce(&anonymous, &[], &[torrent(2)]).unwrap();

    let everything = |session: &mut Session<B>| {
        let holders = [file(1), file(2), file(3), file(4), torrent(1), torrent(2)].map(|id| session.holders(id));
        (holders, session.registry().stats(session.now))
    };
    let before = everything(&mut session);
    session.wait(LEASE / 4);
    session.restart();
    if !B::SURVIVES_RESTART {
        assert_eq!(session.registry().stats(session.now), Ok(Stats::default()));
        return;
    }
    assert_eq!(everything(&mut session), before);
    assert_eq!(session.heartbeat(&left), Err(Refusal::UnknownPeer));
    // Leases have begun anew, or go on: the difference is smaller than what is waited here.
    session.wait(LEASE / 2);
    assert_eq!((session.ports(file(1)), session.ports(file(3))), (vec![1], vec![]));
    assert_eq!(session.heartbeat(&kept), Ok(LEASE));
    session.wait(LEASE / 2);
    assert_eq!(session.heartbeat(&renewed), Err(Refusal::UnknownPeer));
    session.wait(LEASE);
    assert_eq!((session.ports(torrent(1)), session.heartbeat(&kept)), (vec![5], Err(Refusal::UnknownPeer)));
    session.wait(LEASE);
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()));
    session.restart();
    assert_eq!(session.registry().stats(session.now), Ok(Stats::default()), "what has expired does not come back");
}
