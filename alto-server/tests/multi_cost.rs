//! Multi-cost requests (RFC 8189), compared with the answers of the same server for each cost type alone.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::{Answer, Request, Server};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// Resource that supports multi-cost requests, with the sources and destinations to ask for.
#[derive(Clone, Copy, Debug)]
struct Resource {
    path: &'static str,
    accepts: &'static str,
    kind: &'static str,
    data: &'static str,
    filter: &'static str,
    srcs: &'static [&'static str],
    dsts: &'static [&'static str],
}

/// Filtered cost map of `conformance-fixture-a.json`, where some costs, such as those from B to D, are undefined.
const COST_MAP: Resource = Resource {
    path: "/costmap/filtered",
    accepts: "application/alto-costmapfilter+json",
    kind: "costmap",
    data: "cost-map",
    filter: "pids",
    srcs: &["pidA", "pidB", "pidD"],
    dsts: &["pidA", "pidB", "pidC", "pidD"],
};
const ENDPOINT_COST: Resource = Resource {
    path: "/endpointcost/lookup",
    accepts: "application/alto-endpointcostparams+json",
    kind: "endpointcost",
    data: "endpoint-cost-map",
    filter: "endpoints",
    srcs: &["ipv4:192.0.2.1", "ipv4:192.0.2.7"],
    dsts: &["ipv4:192.0.2.7", "ipv4:198.51.100.200", "ipv6:2001:db8:d::1", "ipv4:192.0.2.1"],
};

const METRICS: [&str; 7] =
    ["routingcost", "hopcount", "delay-ow", "delay-rt", "lossrate", "bw-residual", "bw-available"];

/// All cost types that the server supports.
fn types() -> Vec<Value> {
    let modes = ["numerical", "ordinal"].into_iter();
    modes.flat_map(|mode| METRICS.map(|metric| json!({"cost-mode": mode, "cost-metric": metric}))).collect()
}

fn ask(address: SocketAddr, resource: Resource, members: &Value) -> Answer {
    let mut body = json!({resource.filter: {"srcs": resource.srcs, "dsts": resource.dsts}});
    body.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    let request = Request::new("POST", resource.path).field("Content-Type", resource.accepts);
    request.body(body.to_string()).send(address)
}

/// Expected answers, computed from the single-cost answers for every cost type.
struct Oracle {
    resource: Resource,
    costs: Vec<Map<String, Value>>,
}

impl Oracle {
    fn of(server: &Server, resource: Resource) -> Self {
        let costs = types().into_iter().map(|cost_type| {
            let answer = ask(server.address, resource, &json!({"cost-type": cost_type})).alto(resource.kind);
            answer[resource.data].as_object().unwrap().clone()
        });
        Self { resource, costs: costs.collect() }
    }

    fn cost(&self, kind: usize, src: &str, dst: &str) -> Option<&Value> {
        self.costs[kind].get(src)?.get(dst)
    }

    /// Expected value (one cost, or a list for multi-cost) of every pair that satisfies one of the groups of tests.
    fn select(
        &self,
        shown: &[usize],
        several: bool,
        groups: &[Vec<(usize, &str, f64)>],
    ) -> BTreeMap<(String, String), Value> {
        let mut selected = BTreeMap::new();
        for (src, dst) in
            self.resource.srcs.iter().flat_map(|src| self.resource.dsts.iter().map(move |dst| (*src, *dst)))
        {
            let holds = |(kind, operator, bound): &(usize, &str, f64)| {
                self.cost(*kind, src, dst).and_then(Value::as_f64).is_some_and(|cost| match *operator {
                    "gt" => cost > *bound,
                    "lt" => cost < *bound,
                    "ge" => cost >= *bound,
                    "le" => cost <= *bound,
                    _ => cost.total_cmp(bound).is_eq(),
                })
            };
            if !groups.is_empty() && !groups.iter().any(|group| group.iter().all(holds)) {
                continue;
            }
            let values: Vec<Option<&Value>> = shown.iter().map(|kind| self.cost(*kind, src, dst)).collect();
            if values.iter().any(Option::is_some) {
                let value = if several { json!(values) } else { json!(values[0]) };
                selected.insert((src.to_owned(), dst.to_owned()), value);
            }
        }
        selected
    }
}

/// All costs of an answer by source and destination.
fn cells(map: &Value) -> BTreeMap<(String, String), Value> {
    let rows = map.as_object().unwrap().iter();
    rows.flat_map(|(src, row)| {
        row.as_object().unwrap().iter().map(move |(dst, cost)| ((src.clone(), dst.clone()), cost.clone()))
    })
    .collect()
}

#[test]
fn the_directory_announces_multi_cost_and_allows_every_test() {
    let server = Server::of("two-isps.json");
    let directory = server.get("/directory").alto("directory");
    for id in ["filtered-cost-map", "endpoint-cost"] {
        let capabilities = &directory["resources"][id]["capabilities"];
        assert_eq!(capabilities["max-cost-types"], 14, "{id}");
        assert_eq!(capabilities["cost-constraints"], true, "{id}");
        assert_eq!(capabilities["cost-type-names"].as_array().unwrap().len(), 14, "{id}");
        assert!(
            capabilities.get("testable-cost-type-names").is_none(),
            "{id}: testable-cost-type-names excludes cost-constraints (RFC 8189 §4.1.1)"
        );
    }
    let whole_map = &directory["resources"]["cost-map-routingcost"]["capabilities"];
    assert!(whole_map.get("max-cost-types").is_none(), "a resource read by GET has one cost type");
}

#[test]
fn multi_cost_answers_combine_the_single_cost_answers() {
    let server = Server::of("conformance-fixture-a.json");
    let oracles = [COST_MAP, ENDPOINT_COST].map(|resource| Oracle::of(&server, resource));
    let operators = prop::sample::select(vec!["gt", "lt", "ge", "le", "eq"]);
    // A test: the index of its cost type, its operator, and the index of the cost that is its bound.
    let test = (any::<prop::sample::Index>(), operators, any::<prop::sample::Index>());
    let groups = prop::collection::vec(prop::collection::vec(test, 1..3), 0..3);
    let some_types = || prop::collection::vec(0usize..14, 1..5);
    proptest!(ProptestConfig::with_cases(200), |(place in 0usize..2, shown in some_types(), several in any::<bool>(),
        testable in prop::option::of(some_types()), groups in groups, or in any::<bool>(), bare in any::<bool>())| {
        let oracle = &oracles[place];
        let all = types();
        let wire = |kinds: &[usize]| kinds.iter().map(|kind| all[*kind].clone()).collect::<Vec<_>>();
        let shown = if several { shown } else { shown[..1].to_vec() };
        let tested = testable.clone().unwrap_or_else(|| shown.clone());
        let mut members = if several { json!({"multi-cost-types": wire(&shown)}) } else { json!({"cost-type": all[shown[0]]}) };
        if let Some(testable) = &testable {
            members["testable-cost-types"] = json!(wire(testable));
        }
        let mut written: Vec<Vec<String>> = Vec::new();
        let mut resolved = Vec::new();
        for group in &groups {
            let (mut words, mut tests) = (Vec::new(), Vec::new());
            for (pick, operator, bound) in group {
                let index = pick.index(tested.len());
                let known: Vec<f64> = oracle.costs[tested[index]].values().filter_map(Value::as_object)
                    .flat_map(|row| row.values().filter_map(Value::as_f64)).collect();
                let bound = if known.is_empty() { 1.0 } else { known[bound.index(known.len())] };
                words.push(if bare && index == 0 { format!("{operator} {bound}") } else { format!("[{index}] {operator} {bound}") });
                tests.push((tested[index], *operator, bound));
            }
            written.push(words);
            resolved.push(tests);
        }
        if written.len() == 1 && !or {
            members["constraints"] = json!(written[0]);
        } else if !written.is_empty() {
            members["or-constraints"] = json!(written);
        }
        let answer = ask(server.address, oracle.resource, &members).alto(oracle.resource.kind);
        prop_assert_eq!(cells(&answer[oracle.resource.data]), oracle.select(&shown, several, &resolved), "{}", members);
        let meta = answer["meta"].as_object().unwrap();
        let said = |cost_type: &Value| json!({"cost-mode": cost_type["cost-mode"], "cost-metric": cost_type["cost-metric"]});
        if several {
            let types: Vec<Value> = meta["multi-cost-types"].as_array().unwrap().iter().map(said).collect();
            prop_assert_eq!(types, wire(&shown));
            prop_assert_eq!(&meta["cost-type"], &json!({}));
        } else {
            prop_assert_eq!(said(&meta["cost-type"]), all[shown[0]].clone());
            prop_assert!(!meta.contains_key("multi-cost-types"));
        }
        prop_assert_eq!(meta.contains_key("dependent-vtags"), oracle.resource.kind == "costmap");
    });
}

#[test]
fn all_cost_types_of_the_full_map_can_be_requested_together() {
    let server = Server::of("conformance-fixture-a.json");
    let post = |body: Value| server.post(COST_MAP.path, COST_MAP.accepts, body.to_string()).alto("costmap");
    let whole = post(json!({"multi-cost-types": types()}));
    let none = json!({"srcs": [], "dsts": []});
    assert_eq!(whole, post(json!({"multi-cost-types": types(), "pids": none})));
    let network_map = server.get("/networkmap").alto("networkmap");
    assert_eq!(whole["meta"]["dependent-vtags"], json!([network_map["meta"]["vtag"]]));
    // A pair is listed if it has a value for at least one cost type.
    let costs = cells(&whole["cost-map"]);
    for (place, cost_type) in types().iter().enumerate() {
        let path = format!(
            "/costmap/{}/{}",
            cost_type["cost-mode"].as_str().unwrap(),
            cost_type["cost-metric"].as_str().unwrap()
        );
        let alone = cells(&server.get(&path).alto("costmap")["cost-map"]);
        for (pair, values) in &costs {
            assert_eq!(values.as_array().unwrap().len(), 14);
            assert_eq!(alone.get(pair), values.get(place).filter(|value| !value.is_null()), "{pair:?} {cost_type}");
        }
        assert!(alone.keys().all(|pair| costs.contains_key(pair)));
    }
    // Answers repeat the cost contexts of the directory (RFC 9439).
    let directory = server.get("/directory").alto("directory");
    let announced = &directory["meta"]["cost-types"]["numerical-delay-ow"]["cost-context"];
    assert_eq!(&whole["meta"]["multi-cost-types"][2]["cost-context"], announced);
}

#[test]
fn unsupported_cost_types_are_refused() {
    let server = Server::of("conformance-fixture-a.json");
    let routing = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    let strange = json!({"cost-mode": "numerical", "cost-metric": "priv:x"});
    let mode = json!({"cost-mode": "array", "cost-metric": "routingcost"});
    let mut crowd = types();
    crowd.push(routing.clone());
    for resource in [COST_MAP, ENDPOINT_COST] {
        for (members, field, value) in [
            (json!({"multi-cost-types": [routing, strange]}), "multi-cost-types/cost-metric", "priv:x"),
            (json!({"multi-cost-types": [mode]}), "multi-cost-types/cost-mode", "array"),
            (
                json!({"cost-type": routing, "testable-cost-types": [strange]}),
                "testable-cost-types/cost-metric",
                "priv:x",
            ),
            (json!({"multi-cost-types": crowd}), "multi-cost-types", "15 entries, at most 14 are answered"),
        ] {
            let meta = ask(server.address, resource, &members).error("E_INVALID_FIELD_VALUE");
            assert_eq!((&meta["field"], &meta["value"]), (&json!(field), &json!(value)), "{members}");
        }
        let meta = ask(server.address, resource, &json!({})).error("E_MISSING_FIELD");
        assert_eq!(meta["field"], "cost-type");
    }
    let only = json!({"multi-cost-types": [routing]}).to_string();
    assert_eq!(
        server.post(ENDPOINT_COST.path, ENDPOINT_COST.accepts, only).error("E_MISSING_FIELD")["field"],
        "endpoints"
    );
}

#[test]
fn limits_count_every_cost_type_of_a_request() {
    let server = Server::of_with("conformance-fixture-a.json", &["--max-pairs", "24", "--max-list-entries", "4"]);
    let [one, two, three] = [1, 2, 3].map(|count| types()[..count].to_vec());
    // The request has twelve pairs, so two cost types are exactly at the limit.
    assert_eq!(ask(server.address, COST_MAP, &json!({"multi-cost-types": two})).status, 200);
    for (members, field) in [
        (json!({"multi-cost-types": three}), "pids"),
        (json!({"cost-type": one[0], "testable-cost-types": two}), "pids"),
        (
            json!({"multi-cost-types": one, "or-constraints": [["le 1", "le 2"], ["le 3", "le 4"], ["le 5"]]}),
            "or-constraints",
        ),
        (json!({"cost-type": one[0], "testable-cost-types": types()}), "testable-cost-types"),
    ] {
        assert_eq!(ask(server.address, COST_MAP, &members).error("E_INVALID_FIELD_VALUE")["field"], field, "{members}");
    }
    let whole = |body: Value| server.post(COST_MAP.path, COST_MAP.accepts, body.to_string());
    assert_eq!(
        whole(json!({"cost-type": one[0]})).status,
        200,
        "a full map of one cost type is not limited, as by GET"
    );
    assert_eq!(whole(json!({"multi-cost-types": two})).error("E_INVALID_FIELD_VALUE")["field"], "multi-cost-types");
}

#[test]
fn constraints_are_counted_once_folded() {
    let server = Server::of_with("conformance-fixture-a.json", &["--max-pairs", "24"]);
    let both = types()[..2].to_vec();
    let all = ask(server.address, COST_MAP, &json!({"cost-type": both[0]})).alto("costmap");
    // As many constraints as a list may have, all of which every cost passes.
    let redundant: Vec<String> = (0..20_000).map(|number| format!("ge -{number}")).collect();
    let members = json!({"cost-type": both[0], "constraints": redundant});
    assert_eq!(ask(server.address, COST_MAP, &members).alto("costmap"), all);
    // Three cost types for twelve pairs are 36, and 36 * 32 / 12 = 96 comparisons for each pair.
    let groups = |count: usize| {
        let groups: Vec<_> = (0..count).map(|n| json!([format!("[0] eq {n}"), format!("[1] eq {n}")])).collect();
        json!({"cost-type": both[0], "testable-cost-types": both, "or-constraints": groups})
    };
    let wide = Server::of_with("conformance-fixture-a.json", &["--max-pairs", "36"]);
    assert_eq!(ask(wide.address, COST_MAP, &groups(48)).status, 200);
    let meta = ask(wide.address, COST_MAP, &groups(49)).error("E_INVALID_FIELD_VALUE");
    assert_eq!(meta["field"], "or-constraints");
    assert!(meta["value"].as_str().unwrap().contains("98 comparisons for each of 12 pairs"), "{meta}");
}
