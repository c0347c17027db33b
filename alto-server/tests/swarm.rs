//! The registry of peers over HTTP: every request, limits, restarts, and the holder of least cost.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::swarm::{Peer, Registration, entry, id};
use crate::support::{Answer, Request, Server, data};
use serde_json::{Value, json};

const TOKEN: &str = "correct-horse-battery-staple";

/// Serves two-isps.json with further arguments.
fn start(more: &[&str]) -> Server {
    Server::of_with("two-isps.json", more)
}

/// Serves with a folder for what survives a restart.
fn start_with_state(state: &Path, more: &[&str]) -> Server {
    start(&[&["--state", state.to_str().unwrap()], more].concat())
}

/// Body of an answer with status 200.
#[track_caller]
fn good(answer: &Answer) -> Value {
    assert_eq!((answer.status, answer.media_type()), (200, "application/json"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    answer.json()
}

/// Member `detail` of an answer that is a problem document with the given status.
#[track_caller]
fn problem(answer: &Answer, status: u16) -> String {
    assert_eq!((answer.status, answer.media_type()), (status, "application/problem+json"), "{answer:?}");
    let body = answer.json();
    assert_eq!(body["status"], status);
    assert!(body["title"].is_string());
    body["detail"].as_str().unwrap().to_owned()
}

/// Names of holders, sorted.
fn names(holders: &Value) -> Vec<String> {
    let mut names: Vec<_> =
        holders.as_array().unwrap().iter().map(|holder| holder["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    names
}

/// Names of the holders of a file, sorted; none where the file is unknown.
fn holders(peer: &Peer, file: u64) -> Vec<String> {
    let answer = peer.get(&format!("/swarm/files/{}/holders", id(file)));
    if answer.status == 404 { Vec::new() } else { names(&good(&answer)["holders"]) }
}

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
    assert_eq!(holders(&p1, 1), ["first"], "a refused renewal changes nothing");
    let renewed = Registration::from(&p1.post("/swarm/register", &renew(&first.peer, &first.secret)));
    assert_eq!(renewed, first, "a renewal can be repeated if its answer is lost");
    assert_eq!((holders(&p1, 1), holders(&p1, 2)), (vec![], vec!["renewed".to_owned()]));
    // To renew a registration that has ended makes a new one.
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

#[test]
fn leases_end_without_heartbeats() {
    let server = start(&["--swarm-lease", "3"]);
    let (p1, p2) = (Peer::at(server.address, "127.1.1.1"), Peer::at(server.address, "127.1.1.2"));
    // Taken before the registration, so that a slow machine cannot make the lease seem too short.
    let registered = Instant::now();
    let silent = p1.registered("silent", 6881, &[entry(1)]);
    let beating = p2.registered("beating", 6881, &[entry(1)]);
    while !holders(&p1, 1).iter().eq(["beating"]) {
        assert!(registered.elapsed() < Duration::from_secs(30), "the lease never ended");
        assert_eq!(good(&p2.post("/swarm/heartbeat", &beating.json())), json!({"lease": 3}));
        // Leases run by the server's own clock, so the test has to poll.
        std::thread::sleep(Duration::from_millis(50));
    }
    // Less a millisecond on either side, the resolution of leases.
    assert!(registered.elapsed() >= Duration::from_millis(2998), "the lease ended too early");
    problem(&p1.post("/swarm/heartbeat", &silent.json()), 404);
    p1.registered("silent", 6881, &[]);
}

#[test]
fn malformed_requests_are_refused_with_the_faulty_member() {
    let server = start(&[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    let with = |member: &str, value: Value| {
        let mut body = json!({"name": "p", "port": 1, "files": [entry(1), entry(2)]});
        *body.pointer_mut(member).unwrap() = value;
        body
    };
    for (body, status, word) in [
        (with("/name", json!("")), 400, "name"),
        (with("/name", json!(7)), 400, "name"),
        (with("/name", json!("a\nb")), 400, "name"),
        (with("/name", json!("n".repeat(65))), 413, "name"),
        (with("/port", json!(0)), 400, "port"),
        (with("/port", json!(70000)), 400, "port"),
        (with("/files", json!({})), 400, "files"),
        (with("/files/1/id", json!(id(1))), 400, "files[1].id"),
        (with("/files/1/id", json!("x")), 400, "files[1].id"),
        (with("/files/1/manifest", json!("x")), 400, "files[1].manifest"),
        (with("/files/1/size", json!(-1)), 400, "files[1].size"),
        (with("/files/1/name", json!("")), 400, "files[1].name"),
        (with("/files/1/name", json!("..")), 400, "files[1].name"),
        (with("/files/1/name", json!("../etc/passwd")), 400, "files[1].name"),
        (with("/files/1/name", json!("a\u{0}b")), 400, "files[1].name"),
        (with("/files/0/name", json!("n".repeat(256))), 413, "files[0].name"),
        (json!([]), 400, ""),
        (json!({"name": "p"}), 400, "port"),
    ] {
        let detail = problem(&p1.post("/swarm/register", &body), status);
        assert!(detail.contains(word), "{detail:?} does not say {word:?}");
    }
    let long = json!({"name": "n".repeat(64), "port": 65535, "files": [{"id": id(1), "name": "n".repeat(255),
        "size": u64::MAX, "manifest": id(2)}]});
    assert_eq!(p1.post("/swarm/register", &long).status, 201);
    for body in ["", "{", "{\"peer\":\"x\"}", "[]", "\"x\"", "{\"peer\":1,\"secret\":2}", "{} {}", "\u{0}"] {
        for path in ["heartbeat", "unregister", "announce", "register"] {
            let request = Request::new("POST", &format!("/swarm/{path}")).field("Content-Type", "application/json");
            problem(&p1.send(&request.body(body)), 400);
        }
    }
    let untyped = Request::new("POST", "/swarm/heartbeat").body("{}");
    problem(&p1.send(&untyped), 415);
    let endless = Request::new("POST", "/swarm/register").field("Content-Type", "application/json");
    problem(&p1.send(&endless.body(vec![b' '; 1024 * 1024 + 1])), 413);
}

#[test]
fn unknown_paths_methods_and_parameters_are_refused() {
    let server = start(&[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    p1.registered("seed", 6881, &[entry(1)]);
    let known = id(1);
    for (path, status, word) in [
        ("/swarm".to_owned(), 404, ""),
        ("/swarm/".to_owned(), 404, ""),
        ("/swarm/nothing".to_owned(), 404, ""),
        ("/swarm/files/".to_owned(), 200, ""),
        ("/swarm/files/x".to_owned(), 400, "id"),
        (format!("/swarm/files/{known}0"), 400, "id"),
        (format!("/swarm/files/%{}", &known[1..]), 400, "id"),
        ("/swarm/files/..%2f..%2fetc/holders".to_owned(), 400, "id"),
        (format!("/swarm/files/{}", id(2)), 404, &id(2)),
        (format!("/swarm/files/{}/holders", id(2)), 404, &id(2)),
        (format!("/swarm/files/{}/best", id(2)), 404, &id(2)),
        (format!("/swarm/files/{known}/worst"), 404, ""),
        (format!("/swarm/files/{known}/holders/1"), 404, ""),
        (format!("/swarm/files/{known}/holders?limit=0"), 400, "limit"),
        (format!("/swarm/files/{known}/holders?limit=x"), 400, "limit"),
        (format!("/swarm/files/{known}/holders?limit=-1"), 400, "limit"),
        (format!("/swarm/files/{known}/best?limit=0"), 400, "limit"),
        ("/swarm/files?after=x".to_owned(), 400, "after"),
        (format!("/swarm/files/{known}/holders?except=nobody&what=ever"), 200, ""),
        ("/swarm/files?name=&after=&limit=".to_owned(), 200, ""),
    ] {
        let answer = p1.get(&path);
        match status {
            200 => drop(good(&answer)),
            status => assert!(problem(&answer, status).contains(word), "{path}: {answer:?}"),
        }
    }
    for (method, path, allowed) in [
        ("GET", "/swarm/register".to_owned(), "POST, OPTIONS"),
        ("PUT", "/swarm/unregister".to_owned(), "POST, OPTIONS"),
        ("POST", "/swarm/files".to_owned(), "GET, HEAD, OPTIONS"),
        ("DELETE", format!("/swarm/files/{known}/holders"), "GET, HEAD, OPTIONS"),
    ] {
        let answer = p1.send(&Request::new(method, &path).body(""));
        problem(&answer, 405);
        assert_eq!(answer.field("allow"), Some(allowed));
        assert_eq!(p1.send(&Request::new("OPTIONS", &path)).field("allow"), Some(allowed));
    }
    let head = p1.send(&Request::new("HEAD", &format!("/swarm/files/{known}/holders")));
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(start(&["--no-swarm"]).get("/swarm/files").status, 404);
}

#[test]
fn files_are_listed_page_by_page() {
    let server = start(&[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    let files: Vec<Value> = (0..25).rev().map(entry).collect();
    p1.registered("seed", 6881, &files);
    let mut same = entry(100);
    same["name"] = json!("file-7");
    p1.registered("other", 6882, &[same]);
    let walk = |query: &str| {
        let (mut seen, mut after, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = good(&p1.get(&format!("/swarm/files?{query}&after={after}")));
            seen.extend(page["files"].as_array().unwrap().iter().map(|file| file["id"].as_str().unwrap().to_owned()));
            pages += 1;
            let Some(next) = page["next"].as_str() else { return (seen, pages) };
            next.clone_into(&mut after);
        }
    };
    let all: Vec<String> = (0..25).chain([100]).map(id).collect();
    assert_eq!(walk("limit=10"), (all.clone(), 3));
    assert_eq!(walk("limit=26"), (all.clone(), 1), "no empty page at the end");
    assert_eq!(walk(""), (all, 1));
    assert_eq!(walk("name=file-7&limit=1"), (vec![id(7), id(100)], 2));
    assert_eq!(walk("name=file%2D8&limit=1"), (vec![id(8)], 1));
    assert_eq!(walk("name=file"), (vec![], 1));
}

#[test]
fn one_address_cannot_fill_the_registry() {
    let server = start(&["--swarm-max-peers-per-address", "50", "--swarm-max-peers", "70"]);
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
    // Another address has its own limit, below the limit on all together.
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
fn files_are_limited_too() {
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

#[test]
fn a_large_swarm_is_sampled() {
    let server = start(&[]);
    let mut mine = String::new();
    for n in 1..=150 {
        let peer = Peer::at(server.address, &format!("127.0.1.{n}"));
        for port in 1..=2 {
            mine = peer.registered(&format!("p{n}-{port}"), port, &[entry(1)]).peer;
        }
    }
    let p1 = Peer::at(server.address, "127.1.1.1");
    let ask = |query: &str| {
        let answer = good(&p1.get(&format!("/swarm/files/{}/holders?{query}", id(1))));
        assert_eq!(answer["file"]["complete"], 300);
        let mut names = names(&answer["holders"]);
        let asked = names.len();
        names.dedup();
        assert_eq!(names.len(), asked, "no holder twice");
        names
    };
    assert_eq!(ask("").len(), 200);
    assert_eq!(ask("limit=5000").len(), 300);
    assert_eq!(ask(&format!("limit=1000&except={mine}")).len(), 299);
    let samples: Vec<_> = (0..5).map(|_| ask("limit=20")).collect();
    assert!(samples.iter().all(|sample| sample.len() == 20));
    assert!(samples.windows(2).any(|pair| pair[0] != pair[1]), "the sample is random");
    let best = good(&p1.get(&format!("/swarm/files/{}/best?limit=3", id(1))));
    assert_eq!(best["ranking"].as_array().unwrap().len(), 3);
}

/// Hosts of the topology have loopback addresses: a peer at 127.1.1.1 is the host p1.
#[test]
fn the_best_peer_is_the_one_of_least_cost() {
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(data("two-isps.json"));
    let server = Server::start(&mut command);
    let hosts =
        [("p2", "127.1.1.2"), ("p3", "127.1.2.3"), ("p4", "127.1.3.4"), ("p5", "127.2.1.5"), ("p7", "127.2.2.7")];
    let mut registered = Vec::new();
    for (name, address) in hosts.into_iter().rev() {
        registered.push(Peer::at(server.address, address).registered(name, 6881, &[entry(1)]));
    }
    let mut part = entry(1);
    part["complete"] = json!(false);
    let p1 = Peer::at(server.address, "127.1.1.1");
    let own = p1.registered("p1", 6881, &[part]);
    // A second peer on host p3, which only its name tells apart, and a peer whom no prefix covers.
    Peer::at(server.address, "127.1.2.3").registered("another at p3", 6882, &[entry(1)]);
    Peer::at(server.address, "127.9.9.9").registered("stranger", 6881, &[entry(1)]);

    // The same costs by the endpoint cost service, from the holders to the caller.
    let costs = || {
        let srcs: Vec<_> = hosts.iter().map(|(_, address)| format!("ipv4:{address}")).collect();
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
        let body = json!({"cost-type": cost_type, "endpoints": {"srcs": srcs, "dsts": ["ipv4:127.1.1.1"]}});
        let media_type = "application/alto-endpointcostparams+json";
        let map = server.post("/endpointcost/lookup", media_type, body.to_string()).alto("endpointcost");
        hosts.map(|(name, address)| {
            (name, map["endpoint-cost-map"][format!("ipv4:{address}")]["ipv4:127.1.1.1"].as_f64())
        })
    };
    let ask = || {
        let best = good(&p1.get(&format!("/swarm/files/{}/best?except={}", id(1), own.peer)));
        assert_eq!(best["client"], "127.1.1.1");
        assert_eq!(best["best"], best["ranking"][0]);
        let ranking = best["ranking"].as_array().unwrap();
        let text = |holder: &Value, key: &str| holder[key].as_str().unwrap().to_owned();
        ranking.iter().map(|holder| (text(holder, "name"), holder["cost"].as_f64())).collect::<Vec<_>>()
    };
    let check = |first: &str| {
        let mut expected: Vec<(String, Option<f64>)> = costs().map(|(name, cost)| (name.to_owned(), cost)).to_vec();
        let p3 = expected.iter().find(|(name, _)| name == "p3").unwrap().1;
        expected.push(("another at p3".to_owned(), p3));
        expected.sort_by(|(a, x), (b, y)| x.unwrap().total_cmp(&y.unwrap()).then_with(|| a.cmp(b)));
        expected.push(("stranger".to_owned(), None));
        assert_eq!(ask(), expected);
        assert_eq!(expected[0].0, first);
    };
    check("p2");
    // The link of p2 becomes expensive.
    let change = json!({"source": "p2", "destination": "a1", "cost": 5000}).to_string();
    let change = Request::new("POST", "/admin/links").field("Content-Type", "application/json").body(change);
    let answer = change.field("Authorization", &format!("Bearer {TOKEN}")).send(server.address);
    assert_eq!(answer.status, 200, "{answer:?}");
    check("another at p3");
    // Without a complete holder there is no best one.
    let alone = Peer::at(server.address, "127.1.1.2");
    let mut part = entry(2);
    part["complete"] = json!(false);
    alone.registered("alone", 6882, &[part]);
    let best = good(&p1.get(&format!("/swarm/files/{}/best", id(2))));
    assert_eq!(best, json!({"client": "127.1.1.1", "ranking": []}));
}

#[test]
fn registrations_survive_a_restart_and_then_need_heartbeats() {
    let folder = tempfile::tempdir().unwrap();
    let server = start_with_state(folder.path(), &[]);
    let peer = |server: &Server, n: u8| Peer::at(server.address, &format!("127.1.1.{n}"));
    let kept = peer(&server, 1).registered("kept", 6881, &[entry(1), entry(2)]);
    let mut changed = entry(3);
    changed["complete"] = json!(false);
    changed["manifest"] = json!(id(77));
    let said = json!({"peer": kept.peer, "secret": kept.secret, "add": [changed], "remove": [id(2)]});
    assert_eq!(peer(&server, 1).post("/swarm/announce", &said).status, 200);
    let left = peer(&server, 2).registered("left", 6881, &[entry(1)]);
    assert_eq!(peer(&server, 2).post("/swarm/unregister", &left.json()).status, 204);
    let renewed = peer(&server, 3).registered("old name", 6881, &[entry(1)]);
    let again = json!({"name": "new name", "port": 6881, "files": [entry(4)], "renew": renewed.json()});
    assert_eq!(peer(&server, 3).post("/swarm/register", &again).status, 201);
    let everything = |server: &Server| {
        let files = good(&server.get("/swarm/files"));
        let holders = [1, 3, 4].map(|n| good(&server.get(&format!("/swarm/files/{}/holders", id(n)))));
        (files, holders)
    };
    let before = everything(&server);
    assert_eq!(names(&before.1[0]["holders"]), ["kept"]);
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));

    let server = start_with_state(folder.path(), &["--swarm-lease", "5"]);
    assert_eq!(everything(&server), before);
    assert_eq!(good(&peer(&server, 1).post("/swarm/heartbeat", &kept.json())), json!({"lease": 5}));
    problem(&peer(&server, 2).post("/swarm/heartbeat", &left.json()), 404);
    problem(&peer(&server, 1).register("kept", 6881, &[]), 409);
    let started = Instant::now();
    while good(&server.get("/swarm/files"))["files"] != json!([]) {
        assert!(started.elapsed() < Duration::from_secs(30), "the leases never ended");
        // Leases run by the server's own clock, so the test has to poll.
        std::thread::sleep(Duration::from_millis(50));
    }
    server.signal("TERM");
    assert_eq!(server.wait(), Some(0));
    let server = start_with_state(folder.path(), &[]);
    assert_eq!(good(&server.get("/swarm/files"))["files"], json!([]), "expired registrations stay expired");
    // The secret itself is not on disk.
    let stored = std::fs::read(folder.path().join("swarm.redb")).unwrap();
    assert!(!stored.windows(16).any(|window| window == &kept.secret.as_bytes()[..16]));
}

/// Kills the server twenty times while peers register and leave; what was acknowledged is in force afterwards.
#[test]
fn acknowledged_registrations_survive_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let (mut present, mut gone, mut next) = (Vec::<Registration>::new(), Vec::<Registration>::new(), 0_u64);
    let mut total = 0;
    for round in 0..20 {
        let more = ["--swarm-max-peers-per-address", "1000000", "--swarm-lease", "3600"];
        let server = start_with_state(folder.path(), &more);
        let mut connection = Peer::at(server.address, "127.1.1.1").keep();
        let mut beat =
            |registration: &Registration| connection.post("/swarm/heartbeat", &registration.json()).unwrap().0;
        assert!(present.iter().all(|registration| beat(registration) == 200), "round {round}: all are there");
        assert!(gone.iter().all(|registration| beat(registration) == 404), "round {round}: none came back");
        // Kills a little later each round, while requests are in flight.
        let (victim, acknowledged) = (server.pid(), Arc::new(AtomicUsize::new(0)));
        let watched = Arc::clone(&acknowledged);
        let killer = std::thread::spawn(move || {
            let start = Instant::now();
            while watched.load(Ordering::Relaxed) < 4 + round && start.elapsed() < Duration::from_secs(30) {
                // Polls a counter of the other threads, to kill in the middle of their requests.
                std::thread::sleep(Duration::from_micros(500));
            }
            std::process::Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap();
        });
        // Four clients at a time, each at its own address, so that their changes share transactions.
        let clients: Vec<_> = (1..=4)
            .map(|n| {
                let peer = Peer::at(server.address, &format!("127.1.{n}.{}", round + 1));
                let (first, acknowledged) = (next + n * 1_000_000, Arc::clone(&acknowledged));
                std::thread::spawn(move || come_and_go(&peer, first, &acknowledged))
            })
            .collect();
        for client in clients {
            let (came, went) = client.join().unwrap();
            total += came.len() + went.len();
            present.extend(came);
            gone.extend(went);
        }
        killer.join().unwrap();
        next += 10_000;
    }
    println!(
        "{total} changes acknowledged over 20 kills, {} of them the end of a registration; all survived",
        gone.len()
    );
    assert!(total > 20 && !gone.is_empty(), "changes kept coming");
}

/// Registers peers until the server is gone, and ends every third registration. Returns the registrations that were
/// acknowledged and not ended, and those whose end was acknowledged.
fn come_and_go(peer: &Peer, first: u64, acknowledged: &AtomicUsize) -> (Vec<Registration>, Vec<Registration>) {
    let mut connection = peer.keep();
    let (mut present, mut gone) = (Vec::new(), Vec::new());
    for n in 0.. {
        let body = json!({"name": "p", "port": n % 60_000 + 1, "files": [entry(first + n)]});
        let Some((status, body)) = connection.post("/swarm/register", &body) else { break };
        assert_eq!(status, 201, "{body}");
        acknowledged.fetch_add(1, Ordering::Relaxed);
        let text = |key: &str| body[key].as_str().unwrap().to_owned();
        let registration = Registration { peer: text("peer"), secret: text("secret") };
        if n % 3 == 0 {
            // Without an answer it is unknown whether the registration has ended: it is in neither list.
            match connection.post("/swarm/unregister", &registration.json()) {
                Some((204, _)) => gone.push(registration),
                Some(other) => panic!("{other:?}"),
                None => break,
            }
        } else {
            present.push(registration);
        }
    }
    (present, gone)
}

/// Limits the size of files, which a program sees as a full disk.
#[test]
fn a_full_disk_refuses_changes_until_there_is_room() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    // With the signal ignored, the write fails as it does where there is no room.
    command.args(["-c", "trap '' XFSZ; ulimit -S -f 1024; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_alto-server")]);
    command.args(["--listen", "127.0.0.1:0", "--swarm-max-peers-per-address", "100000", "--topology"]);
    let server = Server::start(command.arg(data("two-isps.json")).arg("--state").arg(folder.path()));
    let p1 = Peer::at(server.address, "127.1.1.1");
    let register = |port: u16| {
        let files: Vec<Value> = (0..500).map(|n| entry(u64::from(port) * 500 + n)).collect();
        p1.register("p", port, &files)
    };
    let mut kept = Vec::new();
    let refused = (1..).find_map(|port| match register(port) {
        answer if answer.status == 201 => {
            kept.push(Registration::from(&answer));
            None
        }
        answer => Some((port, answer)),
    });
    let (port, answer) = refused.unwrap();
    problem(&answer, 500);
    server.wait_for_log("swarm.redb");
    // Reopening the file may have freed some room. Either way the refused registration does not block its address.
    match register(port) {
        answer if answer.status == 201 => kept.push(Registration::from(&answer)),
        answer => drop(problem(&answer, 500)),
    }
    assert!(kept.iter().all(|registration| p1.post("/swarm/heartbeat", &registration.json()).status == 200));
    let unlimited = ["--pid", &server.pid().to_string(), "--fsize=unlimited"];
    assert!(std::process::Command::new("prlimit").args(unlimited).status().unwrap().success());
    kept.push(Registration::from(&register(port + 1)));
    server.signal("KILL");
    server.wait();
    let server = start_with_state(folder.path(), &[]);
    let p1 = Peer::at(server.address, "127.1.1.1");
    assert!(kept.iter().all(|registration| p1.post("/swarm/heartbeat", &registration.json()).status == 200));
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

/// Only a trusted proxy decides which address a request comes from.
#[test]
fn no_peer_registers_another_address() {
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
