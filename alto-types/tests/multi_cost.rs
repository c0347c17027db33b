//! Multi-cost messages (RFC 8189) and cost sources (RFC 9439): worked examples of both as they appear on the wire, and
//! every error in multi-cost requests.

use std::collections::BTreeMap;

use alto_types::{
    CostMap, CostSelection, CostTypes, Directory, EndpointCost, EndpointCostRequest, ErrorCode, FilteredCostMapRequest,
    MultiCostMapMeta, MultiEndpointCostMeta, NoCostType, PidName, SpeltAddr, Tests, TypedEndpointAddr, decode_request,
};
use serde_json::{Value, json};

type Costs<K> = BTreeMap<K, BTreeMap<K, Vec<Option<f64>>>>;

fn cost_type(metric: &str) -> Value {
    json!({"cost-mode": "numerical", "cost-metric": metric})
}

fn metrics(types: &[alto_types::CostType]) -> Vec<&str> {
    types.iter().map(|kind| kind.cost_metric.as_str()).collect()
}

fn selection(members: &Value) -> CostSelection {
    decode_request::<FilteredCostMapRequest>(members.to_string().as_bytes()).unwrap().costs
}

/// Deserialises a message and asserts that it serialises back to the same JSON.
#[track_caller]
fn round_trip<T: serde::de::DeserializeOwned + serde::Serialize>(message: &Value) -> T {
    let read: T = serde_json::from_value(message.clone()).unwrap();
    assert_eq!(&serde_json::to_value(&read).unwrap(), message);
    read
}

/// Directory, request and answer of a multi-cost exchange.
#[test]
fn the_multi_cost_example_round_trips() {
    let directory = json!({
        "meta": {
            "default-alto-network-map": "metro-map",
            "cost-types": {
                "num-rc": cost_type("routingcost"),
                "num-hop": cost_type("hopcount"),
                "num-loss": cost_type("lossrate"),
            },
        },
        "resources": {
            "metro-map": {
                "uri": "https://alto.isp-k.example/maps/metro",
                "media-type": "application/alto-networkmap+json",
            },
            "metro-costs": {
                "uri": "https://alto.isp-k.example/costs/metro",
                "media-type": "application/alto-costmap+json",
                "accepts": "application/alto-costmapfilter+json",
                "uses": ["metro-map"],
                "capabilities": {
                    "cost-type-names": ["num-rc", "num-hop", "num-loss"],
                    "max-cost-types": 3,
                    "testable-cost-type-names": ["num-rc", "num-hop"],
                },
            },
        },
    });
    let read: Directory = round_trip(&directory);
    let capabilities = &read.resources["metro-costs"].capabilities;
    assert_eq!((capabilities.max_cost_types, capabilities.testable_cost_type_names.len()), (3, 2));

    let request = json!({
        "multi-cost-types": [cost_type("routingcost"), cost_type("lossrate")],
        "testable-cost-types": [cost_type("routingcost"), cost_type("hopcount")],
        "or-constraints": [["[0] lt 5"], ["[0] le 20", "[1] le 4"]],
        "pids": {"srcs": ["ams-core", "ber-edge"], "dsts": []},
    });
    let read: FilteredCostMapRequest = decode_request(request.to_string().as_bytes()).unwrap();
    assert_eq!(metrics(read.costs.types.as_slice()), ["routingcost", "lossrate"]);
    assert_eq!(metrics(read.costs.tested()), ["routingcost", "hopcount"]);
    let Tests::Any(groups) = &read.costs.tests else { panic!("{:?}", read.costs.tests) };
    let indices: Vec<Vec<usize>> = groups.iter().map(|group| group.iter().map(|test| test.index).collect()).collect();
    assert_eq!(indices, [vec![0], vec![0, 1]]);
    // Serialised in the base grammar where that has the same meaning.
    let mut written = request;
    written["or-constraints"] = json!([["lt 5"], ["le 20", "[1] le 4"]]);
    assert_eq!(serde_json::to_value(&read).unwrap(), written);

    let answer = json!({
        "meta": {
            "dependent-vtags": [{"resource-id": "metro-map", "tag": "9f1c77e2"}],
            "cost-type": {},
            "multi-cost-types": [cost_type("routingcost"), cost_type("lossrate")],
        },
        "cost-map": {
            "ams-core": {"ams-core": [1.0, 0.0], "ber-edge": [7.0, 0.02], "mad-edge": [null, 0.5]},
            "ber-edge": {"ams-core": [7.0, 0.02], "ber-edge": [1.0, 0.0]},
        },
    });
    let read: CostMap<Costs<PidName>, MultiCostMapMeta> = round_trip(&answer);
    assert_eq!(read.cost_map["ams-core"]["mad-edge"], [None, Some(0.5)]);
    // Any value in place of the cost type is ignored.
    for odd in [json!(null), json!(7), cost_type("hopcount")] {
        let mut answer = answer.clone();
        answer["meta"]["cost-type"] = odd;
        assert_eq!(serde_json::from_value::<CostMap<Costs<PidName>, MultiCostMapMeta>>(answer).unwrap(), read);
    }
}

/// Directory, request and answer with performance metrics.
#[test]
fn the_performance_metrics_example_round_trips() {
    let mut p95 = cost_type("delay-ow:p95");
    p95["cost-context"] =
        json!({"cost-source": "estimation", "parameters": {"method": "twamp", "window-seconds": 600}});
    let mut sla = cost_type("delay-ow:p95");
    sla["cost-context"] = json!({"cost-source": "sla", "parameters": {"link": "https://isp-k.example/sla/gold"}});
    let service = |uri: &str, capabilities: Value| {
        json!({
            "uri": uri,
            "media-type": "application/alto-endpointcost+json",
            "accepts": "application/alto-endpointcostparams+json",
            "capabilities": capabilities,
        })
    };
    let directory = json!({
        "meta": {
            "default-alto-network-map": "metro-map",
            "cost-types": {
                "num-rc": cost_type("routingcost"), "delay-p95": p95, "delay-sla": sla, "free-bw": cost_type("bw-available"),
            },
        },
        "resources": {
            "host-costs": service("https://alto.isp-k.example/ecs", json!({
                "cost-type-names": ["num-rc", "delay-p95", "free-bw"], "cost-constraints": true, "max-cost-types": 2,
            })),
            "host-costs-sla": service("https://alto.isp-k.example/ecs-sla", json!({"cost-type-names": ["delay-sla"]})),
        },
    });
    let read: Directory = round_trip(&directory);
    let types = &read.meta.cost_types;
    assert!(types["delay-p95"].is(&types["delay-sla"]), "matching ignores contexts");
    assert_ne!(types["delay-p95"], types["delay-sla"]);

    let request = json!({
        "multi-cost-types": [cost_type("delay-ow:p95"), cost_type("bw-available")],
        "constraints": ["[0] le 20000", "[1] ge 1250000"],
        "endpoints": {"srcs": ["ipv4:198.51.100.5"], "dsts": ["ipv4:198.51.100.140", "ipv4:203.0.113.9"]},
    });
    let read: EndpointCostRequest<SpeltAddr> = decode_request(request.to_string().as_bytes()).unwrap();
    assert_eq!(metrics(read.costs.tested()), ["delay-ow:p95", "bw-available"]);
    assert_eq!(read.costs.tests.len(), 2);

    let answer = json!({
        "meta": {"cost-type": {}, "multi-cost-types": [p95, cost_type("bw-available")]},
        "endpoint-cost-map": {"ipv4:198.51.100.5": {"ipv4:198.51.100.140": [2350.5, 9_000_000.0]}},
    });
    let read: EndpointCost<Costs<TypedEndpointAddr>, MultiEndpointCostMeta> = round_trip(&answer);
    assert_eq!(read.meta.cost_type, NoCostType);
}

#[test]
fn single_cost_and_multi_cost_requests_are_distinguished() {
    let (rc, hops) = (cost_type("routingcost"), cost_type("hopcount"));
    assert!(matches!(selection(&json!({"cost-type": rc})).types, CostTypes::One(_)));
    assert!(matches!(selection(&json!({"multi-cost-types": [rc]})).types, CostTypes::Several(_)));
    let multi = selection(&json!({"cost-type": {}, "multi-cost-types": [rc, hops]}));
    assert_eq!(multi, selection(&json!({"multi-cost-types": [rc, hops]})));
    // Members that are ignored in a single cost type are ignored in each of several.
    let mut described = rc.clone();
    described["description"] = json!(7);
    described["cost-context"] = json!({"cost-source": "sla"});
    assert_eq!(selection(&json!({"multi-cost-types": [described, hops]})), multi);
    // A test without an index applies to the first cost type.
    let tests = |text: &str| selection(&json!({"multi-cost-types": [rc, hops], "constraints": [text]})).tests;
    assert_eq!(tests("le 5"), tests("[0] le 5"));
    assert_ne!(tests("le 5"), tests("[1] le 5"));
}

#[test]
fn invalid_multi_cost_requests_are_rejected_with_code_field_and_value() {
    use ErrorCode::{InvalidFieldType as Type, InvalidFieldValue as Value, MissingField as Missing};
    let (rc, hops) = (cost_type("routingcost"), cost_type("hopcount"));
    let both = json!([rc, hops]);
    for (body, code, field, value) in [
        (json!({}), Missing, "cost-type", None),
        (json!({"cost-type": {}}), Missing, "cost-type/cost-metric", None),
        (json!({"cost-type": rc, "multi-cost-types": both}), Value, "multi-cost-types", None),
        (json!({"cost-type": 5, "multi-cost-types": both}), Type, "cost-type", None),
        (json!({"multi-cost-types": {}}), Type, "multi-cost-types", None),
        (json!({"multi-cost-types": null}), Type, "multi-cost-types", None),
        (json!({"multi-cost-types": []}), Value, "multi-cost-types", Some("[]")),
        (json!({"multi-cost-types": [rc, 5]}), Value, "multi-cost-types", Some("5")),
        (json!({"multi-cost-types": [{"cost-mode": "numerical"}]}), Missing, "multi-cost-types/cost-metric", None),
        (json!({"multi-cost-types": [{"cost-metric": 5}]}), Type, "multi-cost-types/cost-metric", None),
        (json!({"cost-type": rc, "testable-cost-types": []}), Value, "testable-cost-types", Some("[]")),
        (json!({"cost-type": rc, "testable-cost-types": "x"}), Type, "testable-cost-types", None),
        (json!({"cost-type": rc, "constraints": ["[1] le 5"]}), Value, "constraints", Some("[1] le 5")),
        (json!({"cost-type": rc, "constraints": ["[0]le 5"]}), Value, "constraints", Some("[0]le 5")),
        (
            json!({"multi-cost-types": both, "constraints": ["le 1", "[7] le 5"]}),
            Value,
            "constraints",
            Some("[7] le 5"),
        ),
        (
            json!({"multi-cost-types": both, "testable-cost-types": [rc], "constraints": ["[1] le 5"]}),
            Value,
            "constraints",
            Some("[1] le 5"),
        ),
        (json!({"multi-cost-types": both, "constraints": "le 5"}), Type, "constraints", None),
        (json!({"multi-cost-types": both, "constraints": [5]}), Value, "constraints", Some("5")),
        (json!({"multi-cost-types": both, "or-constraints": []}), Value, "or-constraints", Some("[]")),
        (json!({"multi-cost-types": both, "or-constraints": [[]]}), Value, "or-constraints", Some("[]")),
        (json!({"multi-cost-types": both, "or-constraints": [["le 5"], []]}), Value, "or-constraints", Some("[]")),
        (json!({"multi-cost-types": both, "or-constraints": ["le 5"]}), Value, "or-constraints", Some("\"le 5\"")),
        (json!({"multi-cost-types": both, "or-constraints": [[5]]}), Value, "or-constraints", Some("5")),
        (json!({"multi-cost-types": both, "or-constraints": {}}), Type, "or-constraints", None),
        (
            json!({"multi-cost-types": both, "or-constraints": [["[2] le 5"]]}),
            Value,
            "or-constraints",
            Some("[2] le 5"),
        ),
        (
            json!({"cost-type": rc, "constraints": ["le 5"], "or-constraints": [["le 5"]]}),
            Value,
            "or-constraints",
            None,
        ),
        (json!({"cost-type": rc, "constraints": [], "or-constraints": [["le 5"]]}), Value, "or-constraints", None),
    ] {
        let error = decode_request::<FilteredCostMapRequest>(body.to_string().as_bytes()).expect_err(&body.to_string());
        let meta = error.into_message().meta;
        assert_eq!((meta.code.as_str(), meta.field.as_deref()), (code.as_str(), Some(field)), "{body}");
        assert_eq!(meta.value.as_deref(), value, "{body}");
    }
}

#[test]
fn an_invalid_max_cost_types_counts_as_zero() {
    for (written, read) in
        [(json!(3), 3), (json!(2.0), 2), (json!(1.5), 0), (json!(-1), 0), (json!("2"), 0), (json!(null), 0)]
    {
        let capabilities: alto_types::Capabilities =
            serde_json::from_value(json!({"cost-type-names": ["a"], "max-cost-types": written})).unwrap();
        assert_eq!(capabilities.max_cost_types, read, "{written}");
    }
}
