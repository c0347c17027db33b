//! A Redis that does not answer, or answers with more than anybody can take.

use std::thread;

use serde_json::json;
use test_support::patience::wait_until;
use test_support::redis_server::{RedisServer, is_installed};

use crate::cluster::{DOCUMENTS, admin, append, in_time, links, position, settle, start};
use crate::support::{data, run};

#[test]
fn questions_are_answered_while_a_change_waits_for_the_store() {
    const ROUNDS: usize = 3;
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_socket(&[]);
    let server = start(&redis.url(0), &[]);
    let at = server.address;
    let (source, destination) = links(&server).remove(0);
    let change = json!({"source": source, "destination": destination, "cost": 5}).to_string();
    let put = || admin(at, "PUT", "/admin/prefixes/bgp?sequence=1", "192.0.2.0/24 isp-a-1\n");
    assert_eq!(in_time(put).status, 200);
    let mut ports = 4000..;
    let peer = in_time(|| {
        let registration = json!({"name": "p", "port": ports.next(), "files": []}).to_string();
        server.post("/swarm/register", "application/json", registration)
    });
    let peer = peer.json();
    let beat = json!({"peer": peer["peer"], "secret": peer["secret"]}).to_string();
    redis.signal("STOP");
    // The first round may come before the change does, and a slow machine has few rounds while one change waits.
    let mut rounds = 0;
    wait_until("everything is answered while a change waits", || {
        let change = change.clone();
        let waiting = thread::spawn(move || admin(at, "POST", "/admin/links", &change).status);
        while rounds < ROUNDS && !waiting.is_finished() {
            for path in ["links", "status", "audit", "topology", "prefixes", "prefixes/bgp"] {
                assert_eq!(admin(at, "GET", &format!("/admin/{path}"), "").status, 200, "{path}");
            }
            for document in DOCUMENTS {
                assert_eq!(server.get(document).status, 200);
            }
            assert_eq!(server.post("/swarm/heartbeat", "application/json", beat.clone()).status, 200);
            rounds += usize::from(!waiting.is_finished());
        }
        assert_eq!(waiting.join().unwrap(), 503);
        (rounds >= ROUNDS).then_some(())
    });
    redis.signal("CONT");
    wait_until("changes are taken again", || (admin(at, "POST", "/admin/links", &change).status == 200).then_some(()));
}

#[test]
fn a_store_with_values_that_are_too_long_is_refused_at_the_start() {
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_socket(&[]);
    let topology = data("two-isps.json");
    for key in ["alto:network-1:head", "alto:registry-1:head"] {
        redis.call(&["FLUSHALL"]);
        redis.call(&["SETRANGE", key, "100000000", "x"]);
        let url = redis.url(0);
        let all = ["--topology", topology.to_str().unwrap(), "--listen", "127.0.0.1:0", "--store", &url];
        let (code, _, error) = run(&all);
        assert!(code != 0 && error.contains("takes more than"), "{key}: {error}");
    }
}

#[test]
fn entries_that_are_too_long_together_are_followed_one_by_one() {
    if !is_installed() {
        return;
    }
    let redis = RedisServer::on_socket(&[]);
    let servers = [(); 2].map(|()| start(&redis.url(0), &[]));
    let before = settle(&servers);
    servers[1].signal("STOP");
    // 120 MB in all.
    for _ in 0..20 {
        append(&redis, "network-1", "network", r#"{"change":"nothing"}"#, 6_000_000);
    }
    servers[1].signal("CONT");
    assert_ne!(settle(&servers), before);
    let status = admin(servers[1].address, "GET", "/admin/status", "").json();
    assert_eq!(status["cluster"]["starts"], 1, "the log was followed to its end: {status}");
    assert_eq!(position(&servers[0]), position(&servers[1]));
}
