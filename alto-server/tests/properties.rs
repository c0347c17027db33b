//! Property tests with random requests against a running server: filtered maps are subsets of full maps, constraints
//! only filter, ranks have the order of costs, and every body gets an answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::support::{Answer, Request, Server};
use proptest::prelude::*;
use serde_json::{Value, json};

/// Address and full maps of the server under test.
struct Shared {
    address: SocketAddr,
    pids: Vec<String>,
    /// Full cost maps by metric and mode.
    maps: BTreeMap<(String, String), Value>,
}

const METRICS: [&str; 7] =
    ["routingcost", "hopcount", "delay-ow", "delay-rt", "lossrate", "bw-residual", "bw-available"];
const RESOURCES: [(&str, &str); 5] = [
    ("/networkmap/filtered", "application/alto-networkmapfilter+json"),
    ("/costmap/filtered", "application/alto-costmapfilter+json"),
    ("/endpointprop/lookup", "application/alto-endpointpropparams+json"),
    ("/endpointcost/lookup", "application/alto-endpointcostparams+json"),
    ("/propmap/filtered", "application/alto-propmapparams+json"),
];

fn shared(server: &Server) -> Shared {
    let map = server.get("/networkmap").alto("networkmap");
    let pids = map["network-map"].as_object().unwrap().keys().cloned().collect();
    let mut maps = BTreeMap::new();
    for metric in METRICS {
        for mode in ["numerical", "ordinal"] {
            let map = server.get(&format!("/costmap/{mode}/{metric}")).alto("costmap")["cost-map"].clone();
            maps.insert((metric.to_owned(), mode.to_owned()), map);
        }
    }
    Shared { address: server.address, pids, maps }
}

fn post(address: SocketAddr, resource: usize, body: &[u8]) -> Answer {
    let (path, media_type) = RESOURCES[resource];
    Request::new("POST", path).field("Content-Type", media_type).body(body).send(address)
}

/// All costs of a map by source and destination.
fn cells(map: &Value) -> BTreeMap<(String, String), f64> {
    let rows = map.as_object().unwrap().iter();
    rows.flat_map(|(src, row)| {
        row.as_object().unwrap().iter().map(move |(dst, cost)| ((src.clone(), dst.clone()), cost.as_f64().unwrap()))
    })
    .collect()
}

/// Reports whether the ranks have the order of the costs, or the reverse order for metrics where more is better.
fn same_order(
    costs: &BTreeMap<(String, String), f64>,
    ranks: &BTreeMap<(String, String), f64>,
    reversed: bool,
) -> bool {
    let pairs: Vec<(f64, f64)> = costs.iter().map(|(key, cost)| (*cost, ranks[key])).collect();
    pairs.iter().all(|a| {
        pairs.iter().all(|b| {
            let (costs, ranks) = (a.0.total_cmp(&b.0), a.1.total_cmp(&b.1));
            if reversed { costs == ranks.reverse() } else { costs == ranks }
        })
    })
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        prop::sample::select(vec![
            "ipv4:127.1.1.1",
            "numerical",
            "routingcost",
            "network-map.pid",
            "ge 1",
            "[1] le 3",
            "isp-a-1",
            ""
        ])
        .prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
    ];
    let key = prop::sample::select(vec![
        "pids",
        "srcs",
        "dsts",
        "cost-type",
        "cost-mode",
        "cost-metric",
        "constraints",
        "multi-cost-types",
        "testable-cost-types",
        "or-constraints",
        "endpoints",
        "entities",
        "properties",
        "address-types",
        "x",
    ]);
    leaf.prop_recursive(4, 40, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key.clone(), inner, 0..6)
                .prop_map(|map| map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
        ]
    })
}

#[test]
fn filtered_maps_are_subsets_of_full_maps() {
    let server = Server::of("two-isps.json");
    let shared = shared(&server);
    proptest!(ProptestConfig::with_cases(150), |(metric in prop::sample::select(METRICS.to_vec()),
        srcs in prop::collection::vec(0usize..9, 0..6),
        dsts in prop::collection::vec(0usize..9, 0..6),
        operator in prop::sample::select(vec!["gt", "lt", "ge", "le", "eq"]),
        pick in any::<prop::sample::Index>())| {
        // Indices beyond the list stand for unknown PIDs.
        let name = |place: &usize| shared.pids.get(*place).cloned().unwrap_or_else(|| format!("unknown{place}"));
        let (srcs, dsts): (Vec<_>, Vec<_>) = (srcs.iter().map(name).collect(), dsts.iter().map(name).collect());
        let wanted = |list: &[String], name: &String| list.is_empty() || list.contains(name);
        let full = cells(&shared.maps[&(metric.to_owned(), "numerical".to_owned())]);
        let bound = *pick.get(&full.values().collect::<Vec<_>>());
        let constraint = format!("{operator} {bound}");
        let holds = |cost: f64| match operator {
            "gt" => cost > *bound,
            "lt" => cost < *bound,
            "ge" => cost >= *bound,
            "le" => cost <= *bound,
            _ => cost.total_cmp(bound).is_eq(),
        };
        let cost_type = json!({"cost-mode": "numerical", "cost-metric": metric});
        let mut body = json!({"cost-type": cost_type, "pids": {"srcs": srcs, "dsts": dsts}});
        let part = post(shared.address, 1, body.to_string().as_bytes()).alto("costmap");
        let expected: BTreeMap<_, _> =
            full.iter().filter(|((src, dst), _)| wanted(&srcs, src) && wanted(&dsts, dst)).map(|(k, v)| (k.clone(), *v)).collect();
        prop_assert_eq!(&cells(&part["cost-map"]), &expected);

        body["constraints"] = json!([constraint]);
        let constrained = post(shared.address, 1, body.to_string().as_bytes()).alto("costmap");
        let expected: BTreeMap<_, _> = expected.into_iter().filter(|(_, cost)| holds(*cost)).collect();
        prop_assert_eq!(cells(&constrained["cost-map"]), expected);

        body.as_object_mut().unwrap().remove("constraints");
        body["cost-type"]["cost-mode"] = json!("ordinal");
        let ranks = cells(&post(shared.address, 1, body.to_string().as_bytes()).alto("costmap")["cost-map"]);
        prop_assert!(same_order(&cells(&part["cost-map"]), &ranks, metric.starts_with("bw-")));
        // Ranks are dense, starting at one.
        let mut distinct: Vec<u64> = ranks.values().map(|rank| rank.to_string().parse().unwrap()).collect();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert!(distinct.iter().zip(1..).all(|(rank, place)| *rank == place), "{:?}", distinct);
    });
}

#[test]
fn any_json_body_is_answered() {
    let server = Server::of("two-isps.json");
    proptest!(ProptestConfig::with_cases(150), |(value in json_value(), resource in 0usize..5)| {
        let answer = post(server.address, resource, value.to_string().as_bytes());
        if answer.status != 200 {
            prop_assert_eq!((answer.status, answer.media_type()), (400, "application/alto-error+json"));
            let meta = answer.json()["meta"].clone();
            prop_assert!(meta["code"].as_str().unwrap().starts_with("E_"));
            prop_assert!(meta.get("value").is_none() || (meta["value"].is_string() && meta["field"].is_string()), "{}", meta);
        }
    });
}

#[test]
fn any_bytes_are_answered_with_a_syntax_error() {
    let server = Server::of("two-isps.json");
    proptest!(ProptestConfig::with_cases(150), |(bytes in prop::collection::vec(any::<u8>(), 0..200), resource in 0usize..5)| {
        post(server.address, resource, &bytes).error("E_SYNTAX");
    });
}

#[test]
fn ranks_of_full_maps_have_the_order_of_costs() {
    let server = Server::of("two-isps.json");
    let shared = shared(&server);
    for metric in METRICS {
        let map = |mode: &str| cells(&shared.maps[&(metric.to_owned(), mode.to_owned())]);
        assert!(same_order(&map("numerical"), &map("ordinal"), metric.starts_with("bw-")), "{metric}");
    }
}
