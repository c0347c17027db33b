//! Limits on peers and files, per address and in total.

use super::{holders, problem, start};
use crate::support::swarm::{Peer, entry, id};
use serde_json::{Value, json};

#[test]
fn one_address_cannot_fill_the_registry() {
    // On a busy machine, ten thousand requests can take longer than the default lease.
    let limits = ["--swarm-max-peers-per-address", "50", "--swarm-max-peers", "70", "--swarm-lease", "3600"];
    let server = start(&limits);
    let (greedy, other) = (Peer::at(server.address, "127.0.0.5"), Peer::at(server.address, "127.0.0.6"));
    let mut connection = greedy.keep();
    let mut taken = 0;
    for port in 1..=10_000 {
        let (status, body) = connection.post("/swarm/register", &json!({"name": "fake", "port": port})).unwrap();
        match status {
            201 => taken += 1,
            429 => assert!(body["detail"].as_str().unwrap().contains("50"), "{body}"),
            _ => panic!("{status}: {body}"),
        }
    }
    assert_eq!(taken, 50);
    let answer = greedy.register("fake", 20_000, &[]);
    problem(&answer, 429);
    assert!(answer.field("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    // Another address has a limit of its own; the limit on all peers then stops it at 20.
    let mut connection = other.keep();
    let mut statuses = (1..=30).map(|port| connection.post("/swarm/register", &json!({"name": "o", "port": port})));
    assert!(statuses.by_ref().take(20).all(|answer| answer.unwrap().0 == 201));
    assert!(statuses.all(|answer| answer.unwrap().0 == 429));
    assert_eq!(other.register("o", 31, &[]).status, 429);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    assert!(metrics.contains("alto_swarm_peers 70"), "{metrics}");
    assert!(metrics.contains("alto_swarm_refused_total{reason=\"address-full\"} 9951"), "{metrics}");
}

#[test]
fn files_are_limited_per_peer_per_address_and_in_total() {
    let limits = ["--swarm-max-files-per-peer", "4", "--swarm-max-files-per-address", "6", "--swarm-max-files", "8"];
    let server = start(&[&limits[..], &["--swarm-max-holdings", "12"]].concat());
    let peer = |n: u8| Peer::at(server.address, &format!("127.0.0.{n}"));
    let files = |range: std::ops::Range<u64>| range.map(entry).collect::<Vec<_>>();
    problem(&peer(1).register("p", 1, &files(0..5)), 413);
    let first = peer(1).registered("p", 1, &files(0..4));
    problem(&peer(1).register("p", 2, &files(0..3)), 429);
    peer(1).registered("p", 2, &files(0..2));
    let announce = |add: &[Value], remove: &[String]| {
        let said = json!({"peer": first.peer, "secret": first.secret, "add": add, "remove": remove});
        peer(1).post("/swarm/announce", &said)
    };
    problem(&announce(&files(4..5), &[]), 413);
    assert_eq!(announce(&files(4..5), &[id(0)]).status, 200, "removed files make room for added ones");
    assert_eq!(announce(&files(1..5), &[]).status, 200, "files that are already held take no more room");
    // Five different files, 0 to 4, are held; the limit is 8.
    problem(&peer(2).register("p", 1, &files(5..9)), 429);
    peer(2).registered("p", 1, &files(4..8));
    problem(&peer(3).register("p", 1, &files(8..9)), 429);
    // The peers hold 10 files together; the limit is 12.
    problem(&peer(3).register("p", 1, &files(0..3)), 429);
    peer(3).registered("p", 1, &files(0..2));
    problem(&peer(4).register("p", 1, &files(0..1)), 429);
    peer(4).registered("p", 1, &[]);
    assert_eq!(holders(&peer(1), 0).len(), 2);
}
