//! Every RFC 7285 resource of `conformance-fixture-a.json`, compared with expected values that are written out here.
//!
//! The network has five PIDs, both address families, and undefined and asymmetric costs.
#![allow(clippy::float_cmp, reason = "every number is exact")]

use crate::support::Server;
use serde_json::{Value, json};

const PIDS: [&str; 5] = ["pidA", "pidB", "pidC", "pidD", "pidZ"];
/// Routing costs, one row per source; `None` is an undefined cost.
const COSTS: [[Option<f64>; 5]; 5] = [
    [Some(0.0), Some(1.5), Some(5.0), Some(7.0), Some(20.0)],
    [Some(2.0), Some(0.0), Some(5.0), None, Some(20.0)],
    [Some(5.0), Some(5.0), Some(0.0), Some(9.0), Some(30.0)],
    [Some(7.0), None, Some(9.0), Some(0.0), None],
    [Some(20.0), Some(20.0), Some(30.0), Some(40.0), Some(0.0)],
];

fn server() -> Server {
    Server::of("conformance-fixture-a.json")
}

fn cost_map(keep: impl Fn(usize, usize, f64) -> bool) -> Value {
    let row = |src: usize| -> Value {
        (0..5)
            .filter_map(|dst| COSTS[src][dst].map(|cost| (dst, cost)))
            .filter(|&(dst, cost)| keep(src, dst, cost))
            .map(|(dst, cost)| (PIDS[dst].to_owned(), json!(cost)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    (0..5).map(|src| (PIDS[src].to_owned(), row(src))).collect::<serde_json::Map<_, _>>().into()
}

/// Converts all numbers to doubles, so that 5 and 5.0 compare as equal.
fn numbers(value: &Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64()),
        Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), numbers(value))).collect(),
        other => other.clone(),
    }
}

/// Removes rows without costs, which a server may send or leave out.
fn without_empty_rows(map: &Value) -> Value {
    let rows = map.as_object().unwrap().iter().filter(|(_, row)| row.as_object().is_some_and(|row| !row.is_empty()));
    numbers(&rows.map(|(key, row)| (key.clone(), row.clone())).collect())
}

fn num() -> Value {
    json!({"cost-mode": "numerical", "cost-metric": "routingcost"})
}

fn ord() -> Value {
    json!({"cost-mode": "ordinal", "cost-metric": "routingcost"})
}

#[test]
fn every_resource_of_the_directory_can_be_reached() {
    let server = server();
    let directory = server.get("/directory").alto("directory");
    assert_eq!(directory["meta"]["default-alto-network-map"], "network-map");
    let resources = directory["resources"].as_object().unwrap();
    for (id, entry) in resources {
        let uri = entry["uri"].as_str().unwrap();
        assert!(!uri.contains("://"), "{id} has an absolute URI, which breaks behind a proxy: {uri}");
        let media_type = entry["media-type"].as_str().unwrap();
        let path = format!("/{}", uri.trim_start_matches("./"));
        if entry.get("accepts").is_none() {
            let answer = server.get(&path);
            assert_eq!((answer.status, answer.media_type()), (200, media_type), "{id}");
        } else {
            assert_eq!(server.get(&path).status, 405, "{id} takes POST only");
        }
        for name in entry["capabilities"]["cost-type-names"].as_array().into_iter().flatten() {
            assert!(directory["meta"]["cost-types"][name.as_str().unwrap()].is_object(), "{id}: {name}");
        }
        for used in entry["uses"].as_array().into_iter().flatten() {
            assert!(resources.contains_key(used.as_str().unwrap()), "{id} uses {used}");
        }
    }
    // Cost maps of seven metrics in two modes, network map and property map with a filtered variant each, the filtered
    // cost map, endpoint costs and endpoint properties; update streams and TIPS.
    assert_eq!(resources.len(), 23);
    assert_eq!(server.get("/.well-known/alto").field("location"), Some("../directory"));
    assert_eq!(server.get("/").alto("directory"), directory);
}

#[test]
fn the_network_map_matches_the_file() {
    let server = server();
    let answer = server.get("/networkmap").alto("networkmap");
    let expected = json!({
        "pidA": {"ipv4": ["192.0.2.0/24", "198.51.100.0/25"], "ipv6": ["2001:db8:a::/48"]},
        "pidB": {"ipv4": ["192.0.2.7/32", "192.0.2.128/25"], "ipv6": ["2001:db8:a:b::/64"]},
        "pidC": {"ipv4": ["198.51.100.128/25"]},
        "pidD": {"ipv6": ["2001:db8:d::/48"]},
        "pidZ": {"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]},
    });
    assert_eq!(answer["network-map"], expected);
    assert_eq!(answer["meta"]["vtag"]["resource-id"], "network-map");
    assert_eq!(answer["meta"]["vtag"]["tag"].as_str().map(str::len), Some(64));
}

#[test]
fn cost_maps_have_the_costs_and_their_ranks() {
    let server = server();
    let vtag = server.get("/networkmap").alto("networkmap")["meta"]["vtag"].clone();
    let numerical = server.get("/costmap/numerical/routingcost").alto("costmap");
    assert_eq!(numerical["meta"]["cost-type"], num());
    assert_eq!(numerical["meta"]["dependent-vtags"], json!([vtag]));
    assert_eq!(without_empty_rows(&numerical["cost-map"]), without_empty_rows(&cost_map(|_, _, _| true)));

    let ordinal = server.get("/costmap/ordinal/routingcost").alto("costmap");
    assert_eq!(ordinal["meta"]["cost-type"], ord());
    let mut distinct: Vec<f64> = COSTS.iter().flatten().flatten().copied().collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    for (src, row) in COSTS.iter().enumerate() {
        for (dst, cost) in row.iter().enumerate() {
            let rank = cost.map(|cost| json!(distinct.iter().position(|&c| c == cost).unwrap() + 1));
            assert_eq!(ordinal["cost-map"][PIDS[src]].get(PIDS[dst]), rank.as_ref(), "{} {}", PIDS[src], PIDS[dst]);
        }
    }
}

#[test]
fn a_filtered_network_map_is_a_subset_of_the_full_map() {
    let server = server();
    let whole = server.get("/networkmap").alto("networkmap");
    let ask = |body: Value| {
        let answer = server.post("/networkmap/filtered", "application/alto-networkmapfilter+json", body.to_string());
        let answer = answer.alto("networkmap");
        assert_eq!(answer["meta"]["vtag"], whole["meta"]["vtag"], "the tag is that of the full map (§11.3.1.6)");
        answer["network-map"].clone()
    };
    let map = &whole["network-map"];
    assert_eq!(&ask(json!({"pids": []})), map);
    assert_eq!(ask(json!({"pids": ["pidB", "pidB", "none-such"]})), json!({"pidB": map["pidB"]}));
    assert_eq!(ask(json!({"pids": ["none-such"]})), json!({}));
    assert_eq!(
        ask(json!({"pids": ["pidA", "pidC"], "address-types": ["ipv6", "x-unknown"]})),
        json!({"pidA": {"ipv6": map["pidA"]["ipv6"]}, "pidC": {}})
    );
    assert_eq!(ask(json!({"pids": ["pidD"], "address-types": []})), json!({"pidD": map["pidD"]}));
}

#[test]
fn a_filtered_cost_map_is_a_subset_of_the_full_map() {
    let server = server();
    let ask = |body: Value| {
        let answer = server.post("/costmap/filtered", "application/alto-costmapfilter+json", body.to_string());
        without_empty_rows(&answer.alto("costmap")["cost-map"])
    };
    let part = |keep: &dyn Fn(usize, usize, f64) -> bool| without_empty_rows(&cost_map(keep));
    assert_eq!(ask(json!({"cost-type": num()})), part(&|_, _, _| true));
    assert_eq!(ask(json!({"cost-type": num(), "pids": {"srcs": [], "dsts": []}})), part(&|_, _, _| true));
    assert_eq!(ask(json!({"cost-type": num(), "pids": {"srcs": ["pidA"], "dsts": []}})), part(&|s, _, _| s == 0));
    assert_eq!(
        ask(json!({"cost-type": num(), "pids": {"srcs": ["pidA", "pidD", "nope"], "dsts": ["pidB", "pidC"]}})),
        part(&|s, d, _| [0, 3].contains(&s) && [1, 2].contains(&d))
    );
    assert_eq!(
        ask(json!({"cost-type": num(), "constraints": ["ge 5", "le 9"]})),
        part(&|_, _, cost| (5.0..=9.0).contains(&cost))
    );
    assert_eq!(ask(json!({"cost-type": num(), "constraints": ["eq 1.5"]})), part(&|_, _, cost| cost == 1.5));
    assert_eq!(ask(json!({"cost-type": num(), "constraints": ["gt 1000"]})), json!({}));
}

#[test]
fn endpoints_belong_to_the_pid_with_the_longest_prefix() {
    let server = server();
    let expected = [
        ("ipv4:192.0.2.1", "pidA"),
        ("ipv4:192.0.2.7", "pidB"),
        ("ipv4:192.0.2.200", "pidB"),
        ("ipv4:198.51.100.1", "pidA"),
        ("ipv4:198.51.100.200", "pidC"),
        ("ipv4:203.0.113.1", "pidZ"),
        ("ipv6:2001:db8:a::1", "pidA"),
        ("ipv6:2001:db8:a:b::1", "pidB"),
        ("ipv6:2001:db8:d::1", "pidD"),
        ("ipv6:2001:DB8:FFFF:0:0:0:0:1", "pidZ"),
    ];
    let body = json!({
        "properties": ["network-map.pid"],
        "endpoints": expected.map(|(endpoint, _)| endpoint),
    });
    let answer = server.post("/endpointprop/lookup", "application/alto-endpointpropparams+json", body.to_string());
    let answer = answer.alto("endpointprop");
    for (endpoint, pid) in expected {
        assert_eq!(answer["endpoint-properties"][endpoint], json!({"network-map.pid": pid}), "{endpoint}");
    }
    let vtag = &server.get("/networkmap").alto("networkmap")["meta"]["vtag"];
    assert_eq!(answer["meta"]["dependent-vtags"], json!([vtag]));
}

#[test]
fn endpoint_costs_equal_the_costs_of_their_pids() {
    let server = server();
    let ask = |body: Value| {
        let answer = server.post("/endpointcost/lookup", "application/alto-endpointcostparams+json", body.to_string());
        answer.alto("endpointcost")
    };
    let (a, b, c, d) = ("ipv4:192.0.2.1", "ipv4:192.0.2.7", "ipv4:198.51.100.200", "ipv6:2001:db8:d::1");
    let answer = ask(json!({"cost-type": num(), "endpoints": {"srcs": [a, b], "dsts": [c, d, a]}}));
    assert_eq!(answer["meta"]["cost-type"], num());
    let expected = json!({a: {c: 5.0, d: 7.0, a: 0.0}, b: {c: 5.0, a: 2.0}});
    assert_eq!(numbers(&answer["endpoint-cost-map"]), expected, "the undefined cost from B to D is left out");
    let answer = ask(json!({"cost-type": ord(), "endpoints": {"srcs": [a, b], "dsts": [c, d, a]}}));
    assert_eq!(answer["endpoint-cost-map"], json!({a: {c: 3, d: 4, a: 1}, b: {c: 3, a: 2}}));
    let constrained = json!({"cost-type": num(), "constraints": ["lt 6"], "endpoints": {"srcs": [a], "dsts": [c, d]}});
    assert_eq!(numbers(&ask(constrained)["endpoint-cost-map"]), json!({a: {c: 5.0}}));
    // Without sources, the client itself is the source (§11.5.1.3): 127.0.0.1 is in pidZ.
    let implied = ask(json!({"cost-type": num(), "endpoints": {"dsts": [a]}}));
    assert_eq!(numbers(&implied["endpoint-cost-map"]), json!({"ipv4:127.0.0.1": {a: 20.0}}));
}

#[test]
fn unknown_members_are_ignored() {
    let server = server();
    let junk = json!({"a": [1, {"b": null}]});
    let plain = json!({"cost-type": num(), "pids": {"srcs": ["pidA"], "dsts": ["pidB"]}});
    let mut strange = plain.clone();
    strange["x-unknown"] = junk.clone();
    strange["cost-type"]["x-unknown"] = junk.clone();
    strange["pids"]["x-unknown"] = junk;
    let ask = |body: &Value| {
        server.post("/costmap/filtered", "application/alto-costmapfilter+json", body.to_string()).alto("costmap")
    };
    assert_eq!(ask(&plain), ask(&strange));
}
