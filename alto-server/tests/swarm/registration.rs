//! Registrations: registering, renewing and leaving, who may change a registration, and the expiry of leases.

use std::time::{Duration, Instant};

use super::{good, holders, problem, start};
use crate::support::swarm::{Peer, Registration, entry, id};
use crate::support::{Request, Server};
use serde_json::json;

#[test]
fn peers_register_find_each_other_and_leave() {
    let server = start(&[]);
    let (p1, p2) = (Peer::at(server.address, "127.1.1.1"), Peer::at(server.address, "127.1.1.2"));
    assert_eq!(good(&p1.get("/swarm/files")), json!({"files": []}));

    let answer = p1.register("seed", 6881, &[entry(1), entry(2)]);
    let seed = Registration::from(&answer);
    let answer = answer.json();
    assert_eq!((&answer["lease"], &answer["address"]), (&json!(60), &json!("127.1.1.1")));
    let mut part = entry(1);
    part["complete"] = json!(false);
    part["name"] = json!("what p2 calls it");
    let second = p2.registered("second", 7000, &[part]);
    assert_ne!(seed, second);

    let first = json!({"id": id(1), "name": "file-1", "size": 1001, "complete": 1, "partial": 1});
    let other = json!({"id": id(2), "name": "file-2", "size": 1002, "complete": 1, "partial": 0});
    assert_eq!(good(&p2.get("/swarm/files")), json!({"files": [first, other]}));
    assert_eq!(good(&p2.get(&format!("/swarm/files/{}", id(1)))), first);
    assert_eq!(good(&p2.get(&format!("/swarm/files/{}", id(1).to_uppercase()))), first);
    let found = good(&p2.get(&format!("/swarm/files/{}/holders?except={}", id(1), second.peer)));
    let holder = json!({"peer": seed.peer, "name": "seed", "address": "127.1.1.1", "port": 6881,
        "manifest": id(0xf001), "complete": true});
    assert_eq!(found, json!({"file": first, "holders": [holder]}));
    assert_eq!(holders(&p1, 1), ["second", "seed"]);

    // The second peer completes file 1 and adds file 3; the seed drops file 2.
    let said = json!({"peer": second.peer, "secret": second.secret, "add": [entry(1), entry(3)]});
    assert_eq!(good(&p2.post("/swarm/announce", &said)), json!({"lease": 60}));
    let said = json!({"peer": seed.peer, "secret": seed.secret, "remove": [id(2), id(9)]});
    assert_eq!(good(&p1.post("/swarm/announce", &said)), json!({"lease": 60}));
    let listed = good(&p2.get("/swarm/files"));
    let counts: Vec<_> = listed["files"].as_array().unwrap().iter().map(|f| (&f["id"], &f["complete"])).collect();
    assert_eq!(counts, [(&json!(id(1)), &json!(2)), (&json!(id(3)), &json!(1))]);
    assert_eq!(good(&p1.post("/swarm/heartbeat", &seed.json())), json!({"lease": 60}));

    let answer = p1.post("/swarm/unregister", &seed.json());
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert_eq!(holders(&p2, 1), ["second"]);
    problem(&p1.post("/swarm/unregister", &seed.json()), 404);
    problem(&p1.post("/swarm/heartbeat", &seed.json()), 404);
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    for line in ["alto_swarm_peers 1", "alto_swarm_files 2", "alto_swarm_refused_total{reason=\"unknown-peer\"} 2"] {
        assert!(metrics.contains(line), "{line}");
    }
}

#[test]
fn only_the_secret_changes_a_registration() {
    let server = start(&[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    let seed = p1.registered("seed", 6881, &[entry(1)]);
    let other = p1.registered("other", 6882, &[]);
    for (path, peer, secret, status) in [
        ("heartbeat", &seed.peer, &other.secret, 403),
        ("announce", &seed.peer, &other.secret, 403),
        ("unregister", &seed.peer, &other.secret, 403),
        ("unregister", &seed.peer, &String::new(), 403),
        ("unregister", &other.secret, &seed.secret, 404),
        ("unregister", &"0".repeat(16), &seed.secret, 404),
    ] {
        let body = json!({"peer": peer, "secret": secret, "remove": [id(1)]});
        let detail = problem(&p1.post(&format!("/swarm/{path}"), &body), status);
        assert!(!detail.contains(&seed.secret) && !detail.contains(&other.secret), "{detail}");
    }
    assert_eq!(holders(&p1, 1), ["seed"]);
}

#[test]
fn an_address_and_port_are_registered_once() {
    let server = start(&[]);
    let (p1, p2) = (Peer::at(server.address, "127.1.1.1"), Peer::at(server.address, "127.1.1.2"));
    let first = p1.registered("first", 6881, &[entry(1)]);
    let answer = p1.register("again", 6881, &[entry(2)]);
    assert!(problem(&answer, 409).contains("renew"));
    let wait: u64 = answer.field("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&wait));
    // The same port is free at another address.
    let second = p2.registered("second", 6881, &[]);
    let renew = |peer: &str, secret: &str| json!({"name": "renewed", "port": 6881, "files": [entry(2)], "renew": {"peer": peer, "secret": secret}});
    problem(&p1.post("/swarm/register", &renew(&first.peer, &second.secret)), 403);
    problem(&p1.post("/swarm/register", &renew(&second.peer, &second.secret)), 409);
    assert_eq!(holders(&p1, 1), ["first"], "a refused renewal changed the registration");
    let renewed = Registration::from(&p1.post("/swarm/register", &renew(&first.peer, &first.secret)));
    assert_eq!(renewed, first, "a renewal keeps peer ID and secret, so that it can be repeated if its answer is lost");
    assert_eq!((holders(&p1, 1), holders(&p1, 2)), (vec![], vec!["renewed".to_owned()]));
    // Renewing a registration that has ended creates a new one.
    assert_eq!(p1.post("/swarm/unregister", &first.json()).status, 204);
    let anew = Registration::from(&p1.post("/swarm/register", &renew(&first.peer, &first.secret)));
    assert_ne!(anew, first);
    // A renewal from another address moves the registration there.
    assert_eq!(p2.post("/swarm/unregister", &second.json()).status, 204);
    let answer = p2.post("/swarm/register", &renew(&anew.peer, &anew.secret));
    assert_eq!(answer.json()["address"], "127.1.1.2");
    assert_eq!(Registration::from(&answer), anew);
    p1.registered("first", 6881, &[]);
}

/// Checks that X-Forwarded-For counts only in requests from a trusted proxy.
#[test]
fn a_peer_cannot_register_the_address_of_another() {
    let claim = Request::new("POST", "/swarm/register")
        .field("Content-Type", "application/json")
        .field("X-Forwarded-For", "198.51.100.7")
        .body(json!({"name": "p", "port": 1}).to_string());
    let address = |server: &Server, from: &str| Peer::at(server.address, from).send(&claim).json()["address"].clone();
    assert_eq!(address(&start(&[]), "127.1.1.1"), "127.1.1.1");
    let server = start(&["--trusted-proxy", "127.1.1.1"]);
    assert_eq!(address(&server, "127.1.1.1"), "198.51.100.7");
    assert_eq!(address(&server, "127.1.1.2"), "127.1.1.2");
}

/// Checks that gateways may name a port of the client, and that a client they do not name is not taken for them.
#[test]
fn peers_behind_a_gateway_keep_their_addresses() {
    let server = start(&["--trusted-proxy", "127.1.1.1"]);
    let register = |forwarded: &str| {
        let request = Request::new("POST", "/swarm/register").field("Content-Type", "application/json");
        let request = request.field("X-Forwarded-For", forwarded).body(json!({"name": "p", "port": 1}).to_string());
        Peer::at(server.address, "127.1.1.1").send(&request)
    };
    assert_eq!(register("198.51.100.7:51008").json()["address"], "198.51.100.7");
    assert_eq!(register("198.51.100.8:51009").json()["address"], "198.51.100.8");
    assert_eq!(register("\"[2001:db8::1]:443\"").json()["address"], "2001:db8::1");
    let refused = register("unknown");
    assert_eq!(refused.status, 400);
    assert!(String::from_utf8_lossy(&refused.body).contains("X-Forwarded-For has "), "{refused:?}");
}

#[test]
fn the_registry_requires_users_where_the_server_does() {
    let folder = tempfile::tempdir().unwrap();
    let users = folder.path().join("users");
    std::fs::write(&users, "alice:secret\n").unwrap();
    let server = start(&["--digest-users", users.to_str().unwrap()]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    for answer in [p1.get("/swarm/files"), p1.register("p", 1, &[]), p1.get(&format!("/swarm/files/{}/best", id(1)))] {
        assert_eq!(answer.status, 401);
        assert!(answer.field("www-authenticate").unwrap().starts_with("Digest "));
    }
}

#[test]
fn leases_expire_without_heartbeats() {
    let server = start(&["--swarm-lease", "12"]);
    let (p1, p2) = (Peer::at(server.address, "127.1.1.1"), Peer::at(server.address, "127.1.1.2"));
    // Measured from before the registration, so that the lease never seems shorter than it was.
    let registered = Instant::now();
    let silent = p1.registered("silent", 6881, &[entry(1)]);
    let beating = p2.registered("beating", 6881, &[entry(1)]);
    while !holders(&p1, 1).iter().eq(["beating"]) {
        assert!(registered.elapsed() < Duration::from_mins(1), "the lease did not expire");
        assert_eq!(good(&p2.post("/swarm/heartbeat", &beating.json())), json!({"lease": 12}));
        // Leases expire by the clock of the server process, so the test has to poll.
        std::thread::sleep(Duration::from_millis(50));
    }
    // Leases have a resolution of one millisecond, so each end may be off by one.
    assert!(registered.elapsed() >= Duration::from_millis(11_998), "the lease expired too early");
    problem(&p1.post("/swarm/heartbeat", &silent.json()), 404);
    p1.registered("silent", 6881, &[]);
}
