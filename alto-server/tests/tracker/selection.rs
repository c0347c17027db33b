//! Whom the tracker names: the own PID, near PIDs, and a bounded number of others.

use std::collections::BTreeSet;

use serde_json::json;

use super::{addresses, announce, leecher, seed, start};
use crate::support::{Request, Server};

const TOKEN: &str = "correct-horse-battery-staple";

/// Ports of the peers of each PID, of which there are ten; a seed is the first of isp-b-1.
fn populate(server: &Server) {
    for (pid, address) in [(1, "127.1.1.1"), (2, "127.1.2.3"), (3, "127.1.3.4"), (4, "127.2.1.5"), (5, "127.2.2.7")] {
        for peer in 0..10 {
            let port = pid * 1000 + peer;
            announce(server, address, &if port == 4000 { seed(port) } else { leecher(port) });
        }
    }
    // Addresses that no PID covers.
    for peer in 0..10 {
        announce(server, "127.9.9.9", &leecher(9000 + peer));
    }
}

/// PIDs of the named peers, by the first digit of their ports, in the order of the answer.
fn pids(server: &Server, from: &str, port: u16) -> Vec<u16> {
    announce(server, from, &leecher(port)).peers.iter().map(|peer| peer.port() / 1000).collect()
}

#[test]
fn own_peers_come_first_then_near_ones_then_a_bounded_number_of_others() {
    let server = start(&["--tracker-outsiders", "2"]);
    populate(&server);
    // From ISP A the seed is outside, and comes with the other outsider.
    let named = pids(&server, "127.1.1.2", 1);
    assert_eq!(named.len(), 32, "{named:?}");
    assert!(named[..10].iter().all(|pid| *pid == 1), "{named:?}");
    assert!(named[10..20].iter().all(|pid| *pid == 2) && named[20..30].iter().all(|pid| *pid == 3), "{named:?}");
    assert!(addresses(&announce(&server, "127.1.1.2", &leecher(1))).contains(&"127.2.1.5:4000".to_owned()));
    // From ISP B it is inside, and the first of all.
    let answer = announce(&server, "127.2.1.6", &leecher(2));
    assert_eq!(answer.peers[0].port(), 4000);
    let outside = answer.peers.iter().filter(|peer| ![4, 5].contains(&(peer.port() / 1000))).count();
    assert_eq!(outside, 2, "{:?}", answer.peers);
}

#[test]
fn a_peer_that_asks_again_gets_no_further_outsiders() {
    let server = start(&[]);
    populate(&server);
    let outsiders: BTreeSet<String> = (0..20)
        .flat_map(|_| addresses(&announce(&server, "127.2.1.6", &leecher(2))))
        .filter(|address| !address.starts_with("127.2."))
        .collect();
    assert_eq!(outsiders.len(), 1, "{outsiders:?}");
}

#[test]
fn unknown_addresses_are_served_and_are_neither_first_nor_starved() {
    let server = start(&["--tracker-outsiders", "3"]);
    populate(&server);
    // From an unknown address nothing is near, and everything is as good as everything else.
    assert_eq!(announce(&server, "127.9.9.8", &leecher(9999)).peers.len(), 50);
    let mut unknown = 0;
    for port in 100..200 {
        let named = pids(&server, "127.2.1.6", port);
        let first = named.iter().position(|pid| *pid == 9);
        assert!(first.is_none_or(|first| named[first..].iter().all(|pid| *pid == 9)), "{named:?}");
        unknown += usize::from(first.is_some());
    }
    assert!(unknown > 10, "an unknown address is named in {unknown} of 100 answers");
}

#[test]
fn every_policy_names_as_many_peers_and_a_torrent_may_have_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let torrents = folder.path().join("torrents");
    let named = |more: &[&str]| {
        let server = start(&[&["--tracker-outsiders", "2"], more].concat());
        populate(&server);
        pids(&server, "127.1.1.2", 1)
    };
    let alto = named(&[]);
    for policy in ["nearest", "best", "random"] {
        assert_eq!(named(&["--tracker-policy", policy]).len(), alto.len(), "{policy}");
    }
    // By cost alone, the own PID comes first, and the other PIDs of the ISP before the other ISP.
    let best = named(&["--tracker-policy", "best"]);
    assert!(best[..10].iter().all(|pid| *pid == 1), "{best:?}");
    assert!(best[10..30].iter().all(|pid| [2, 3].contains(pid)), "{best:?}");
    std::fs::write(&torrents, "ab".repeat(20) + " random\n").unwrap();
    let random = named(&["--tracker-torrents", torrents.to_str().unwrap()]);
    assert!(random.contains(&9) && random != alto, "{random:?}");
}

#[test]
fn a_change_of_costs_shows_in_the_next_answer() {
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let server = start(&["--admin-token-file", token.to_str().unwrap(), "--tracker-outsiders", "0"]);
    announce(&server, "127.1.1.1", &seed(1000));
    announce(&server, "127.1.2.3", &leecher(2000));
    announce(&server, "127.1.3.4", &leecher(3000));
    assert_eq!(pids(&server, "127.1.1.2", 1), [1, 2, 3]);
    let mut links = Vec::new();
    for (one, other) in [("a1", "a3"), ("a2", "a3")] {
        links.push(json!({"source": one, "destination": other, "cost": 100}));
    }
    let request = Request::new("POST", "/admin/links").field("Authorization", &format!("Bearer {TOKEN}"));
    let request = request.field("Content-Type", "application/json").body(json!({"changes": links}).to_string());
    assert_eq!(request.send(server.address).status, 200);
    assert_eq!(pids(&server, "127.1.1.2", 1), [1, 2], "isp-a-3 is no longer near");
}
