//! Lists of files and holders: pages, random samples, and the ranking by cost.

use super::{good, names, start};
use crate::support::swarm::{Peer, entry, id};
use crate::support::{Request, Server, data};
use serde_json::{Value, json};

const TOKEN: &str = "correct-horse-battery-staple";

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
    assert_eq!(walk("limit=26"), (all.clone(), 1), "the last page is full, so no empty page follows");
    assert_eq!(walk(""), (all, 1));
    assert_eq!(walk("name=file-7&limit=1"), (vec![id(7), id(100)], 2));
    assert_eq!(walk("name=file%2D8&limit=1"), (vec![id(8)], 1));
    assert_eq!(walk("name=file"), (vec![], 1));
}

#[test]
fn holders_of_a_large_swarm_are_a_random_sample() {
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
        assert_eq!(names.len(), asked, "a holder is listed twice");
        names
    };
    assert_eq!(ask("").len(), 200);
    assert_eq!(ask("limit=5000").len(), 300);
    assert_eq!(ask(&format!("limit=1000&except={mine}")).len(), 299);
    let samples: Vec<_> = (0..5).map(|_| ask("limit=20")).collect();
    assert!(samples.iter().all(|sample| sample.len() == 20));
    assert!(samples.windows(2).any(|pair| pair[0] != pair[1]), "five samples are all the same");
    let best = good(&p1.get(&format!("/swarm/files/{}/best?limit=3", id(1))));
    assert_eq!(best["ranking"].as_array().unwrap().len(), 3);
}

/// Compares the ranking with the endpoint costs from the holders to the caller. The hosts of the topology have loopback
/// addresses: a peer at 127.1.1.1 is the host p1.
#[test]
fn the_best_peer_has_the_lowest_cost() {
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
    // A second peer on host p3, with the same cost and another name, and a peer that no prefix covers.
    Peer::at(server.address, "127.1.2.3").registered("another at p3", 6882, &[entry(1)]);
    Peer::at(server.address, "127.9.9.9").registered("stranger", 6881, &[entry(1)]);

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
    // Once the link of p2 is expensive, p3 is the best.
    let change = json!({"source": "p2", "destination": "a1", "cost": 5000}).to_string();
    let change = Request::new("POST", "/admin/links").field("Content-Type", "application/json").body(change);
    let answer = change.field("Authorization", &format!("Bearer {TOKEN}")).send(server.address);
    assert_eq!(answer.status, 200, "{answer:?}");
    check("another at p3");
    // A file without complete holders has no best holder.
    let alone = Peer::at(server.address, "127.1.1.2");
    let mut part = entry(2);
    part["complete"] = json!(false);
    alone.registered("alone", 6882, &[part]);
    let best = good(&p1.get(&format!("/swarm/files/{}/best", id(2))));
    assert_eq!(best, json!({"client": "127.1.1.1", "ranking": []}));
}
