//! ALTO errors (RFC 7285 §8.5.2): one per invalid request, with the code, field and value that the RFC requires.

use crate::support::{Answer, Server};
use serde_json::{Value, json};

const RESOURCES: [(&str, &str); 5] = [
    ("/networkmap/filtered", "application/alto-networkmapfilter+json"),
    ("/costmap/filtered", "application/alto-costmapfilter+json"),
    ("/endpointprop/lookup", "application/alto-endpointpropparams+json"),
    ("/endpointcost/lookup", "application/alto-endpointcostparams+json"),
    ("/propmap/filtered", "application/alto-propmapparams+json"),
];
const NETWORK_MAP: usize = 0;
const COST_MAP: usize = 1;
const PROPERTY: usize = 2;
const COST: usize = 3;
const PROPERTY_MAP: usize = 4;

fn ask(server: &Server, resource: usize, body: impl Into<Vec<u8>>) -> Answer {
    let (path, media_type) = RESOURCES[resource];
    server.post(path, media_type, body)
}

#[test]
fn invalid_json_is_a_syntax_error() {
    let server = Server::of("two-isps.json");
    let deep = "[".repeat(100_000);
    let bodies: [&[u8]; 14] = [
        b"",
        b" ",
        b"{",
        b"{\"pids\":[],}",
        b"{'pids':[]}",
        b"{\"pids\":[NaN]}",
        b"{\"pids\":[Infinity]}",
        b"{} x",
        b"{}{}",
        b"{\"pids\":[\"\xff\"]}",
        b"{\"pids\":[],\"pids\":[]}",
        b"{\"x\":{\"a\":1,\"a\":2},\"pids\":[]}",
        b"{\"pids\":[\"\\ud800\"]}",
        deep.as_bytes(),
    ];
    for resource in 0..RESOURCES.len() {
        for body in bodies {
            let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
            let meta = ask(&server, resource, body).error("E_SYNTAX");
            assert!(meta["syntax-error"].is_string(), "{shown}: {meta}");
            assert!(meta.get("value").is_none(), "{shown}: {meta}");
        }
    }
    let meta = ask(&server, NETWORK_MAP, "{\n\"pids\":[}").error("E_SYNTAX");
    assert!(meta["syntax-error"].as_str().unwrap().contains("line 2"), "the error does not name the line: {meta}");
}

#[test]
fn missing_fields_are_named() {
    let server = Server::of("two-isps.json");
    let num = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    for (resource, body, field) in [
        (NETWORK_MAP, json!({}), "pids"),
        (NETWORK_MAP, json!({"address-types": []}), "pids"),
        (COST_MAP, json!({}), "cost-type"),
        (COST_MAP, json!({"cost-type": {"cost-mode": "numerical"}}), "cost-type/cost-metric"),
        (COST_MAP, json!({"cost-type": {"cost-metric": "routingcost"}}), "cost-type/cost-mode"),
        (COST_MAP, json!({"cost-type": num, "pids": {"dsts": []}}), "pids/srcs"),
        (COST_MAP, json!({"cost-type": num, "pids": {"srcs": []}}), "pids/dsts"),
        (PROPERTY, json!({"endpoints": ["ipv4:192.0.2.1"]}), "properties"),
        (PROPERTY, json!({"properties": ["network-map.pid"]}), "endpoints"),
        (COST, json!({"cost-type": num}), "endpoints"),
        (COST, json!({"endpoints": {"dsts": ["ipv4:192.0.2.1"]}}), "cost-type"),
        (PROPERTY_MAP, json!({}), "entities"),
        (PROPERTY_MAP, json!({"properties": []}), "entities"),
    ] {
        let meta = ask(&server, resource, body.to_string()).error("E_MISSING_FIELD");
        assert_eq!(meta["field"], field, "{body}");
    }
}

#[test]
fn fields_of_the_wrong_type_are_named() {
    let server = Server::of("two-isps.json");
    let num = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    for (resource, body, field) in [
        (NETWORK_MAP, json!({"pids": "pidA"}), "pids"),
        (NETWORK_MAP, json!({"pids": {}}), "pids"),
        (NETWORK_MAP, json!({"pids": null}), "pids"),
        (NETWORK_MAP, json!({"pids": [], "address-types": "ipv4"}), "address-types"),
        (COST_MAP, json!({"cost-type": "num"}), "cost-type"),
        (COST_MAP, json!({"cost-type": []}), "cost-type"),
        (COST_MAP, json!({"cost-type": num, "constraints": "ge 1"}), "constraints"),
        (COST_MAP, json!({"cost-type": num, "pids": []}), "pids"),
        (COST_MAP, json!({"cost-type": num, "pids": {"srcs": "pidA", "dsts": []}}), "pids/srcs"),
        (COST_MAP, json!({"cost-type": {"cost-mode": 1, "cost-metric": "routingcost"}}), "cost-type/cost-mode"),
        (PROPERTY, json!({"properties": ["network-map.pid"], "endpoints": "ipv4:192.0.2.1"}), "endpoints"),
        (COST, json!({"cost-type": num, "endpoints": []}), "endpoints"),
        (COST, json!({"cost-type": num, "endpoints": {"srcs": 7, "dsts": []}}), "endpoints/srcs"),
        (PROPERTY_MAP, json!({"entities": "ipv4:192.0.2.1"}), "entities"),
        (PROPERTY_MAP, json!({"entities": null}), "entities"),
        (PROPERTY_MAP, json!({"entities": [], "properties": null}), "properties"),
        (PROPERTY_MAP, json!({"entities": [], "properties": {}}), "properties"),
    ] {
        let meta = ask(&server, resource, body.to_string()).error("E_INVALID_FIELD_TYPE");
        assert_eq!(meta["field"], field, "{body}");
    }
}

#[test]
fn invalid_values_are_reported_with_their_field() {
    let server = Server::of("two-isps.json");
    let num = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    let cost_type = |mode: &str, metric: &str| json!({"cost-mode": mode, "cost-metric": metric});
    let pid = ["network-map.pid"];
    for (resource, body, field, value) in [
        (NETWORK_MAP, json!({"pids": [42]}), "pids", "42"),
        (NETWORK_MAP, json!({"pids": ["pidA", null]}), "pids", "null"),
        (COST_MAP, json!({"cost-type": cost_type("foo", "routingcost")}), "cost-type/cost-mode", "foo"),
        (COST_MAP, json!({"cost-type": cost_type("numerical", "bar")}), "cost-type/cost-metric", "bar"),
        (COST_MAP, json!({"cost-type": num, "constraints": [5]}), "constraints", "5"),
        (COST_MAP, json!({"cost-type": num, "constraints": ["ge"]}), "constraints", "ge"),
        (COST_MAP, json!({"cost-type": num, "constraints": ["ne 5"]}), "constraints", "ne 5"),
        (PROPERTY, json!({"properties": ["nope.pid"], "endpoints": ["ipv4:192.0.2.1"]}), "properties", "nope.pid"),
        (PROPERTY, json!({"properties": pid, "endpoints": ["ipv4:192.0.2.256"]}), "endpoints", "ipv4:192.0.2.256"),
        (PROPERTY, json!({"properties": pid, "endpoints": ["192.0.2.1"]}), "endpoints", "192.0.2.1"),
        (
            COST,
            json!({"cost-type": num, "endpoints": {"dsts": ["ipv4:192.0.2.1", "ipv4:nope"]}}),
            "endpoints/dsts",
            "ipv4:nope",
        ),
        (PROPERTY_MAP, json!({"entities": [7]}), "entities", "7"),
        (PROPERTY_MAP, json!({"entities": [], "properties": [null]}), "properties", "null"),
        (PROPERTY_MAP, json!({"entities": ["nosuch:1"]}), "entities", "nosuch:1"),
        // PIDs belong to a network map, and this network map has no IPv6 addresses.
        (PROPERTY_MAP, json!({"entities": ["pid:isp-a-1"]}), "entities", "pid:isp-a-1"),
        (PROPERTY_MAP, json!({"entities": ["network-map.pid:a b"]}), "entities", "network-map.pid:a b"),
        (PROPERTY_MAP, json!({"entities": ["cost-map.pid:isp-a-1"]}), "entities", "cost-map.pid:isp-a-1"),
        (PROPERTY_MAP, json!({"entities": ["network-map.ipv6:::1"]}), "entities", "network-map.ipv6:::1"),
        (PROPERTY_MAP, json!({"entities": ["ipv4"]}), "entities", "ipv4"),
        (PROPERTY_MAP, json!({"entities": ["ipv4:"]}), "entities", "ipv4:"),
        (PROPERTY_MAP, json!({"entities": [".ipv4:192.0.2.1"]}), "entities", ".ipv4:192.0.2.1"),
        (PROPERTY_MAP, json!({"entities": ["ipv4:192.0.2.1", "ipv4:300.1.1.1"]}), "entities", "ipv4:300.1.1.1"),
        (PROPERTY_MAP, json!({"entities": ["ipv4:198.51.100.0/40"]}), "entities", "ipv4:198.51.100.0/40"),
        (PROPERTY_MAP, json!({"entities": ["ipv4:2001:db8::1"]}), "entities", "ipv4:2001:db8::1"),
        (PROPERTY_MAP, json!({"entities": ["ipv6:2001:db8::/129"]}), "entities", "ipv6:2001:db8::/129"),
        (PROPERTY_MAP, json!({"entities": [], "properties": [".nosuch"]}), "properties", ".nosuch"),
        (PROPERTY_MAP, json!({"entities": [], "properties": ["pid"]}), "properties", "pid"),
        (PROPERTY_MAP, json!({"entities": ["ipv4:192.0.2.1"], "properties": [""]}), "properties", ""),
    ] {
        let meta = ask(&server, resource, body.to_string()).error("E_INVALID_FIELD_VALUE");
        assert_eq!((&meta["field"], &meta["value"]), (&json!(field), &json!(value)), "{body}");
    }
}

#[test]
fn a_request_with_several_errors_gets_one_of_them() {
    let server = Server::of("two-isps.json");
    let answer = ask(&server, COST_MAP, json!({"cost-type": 7, "pids": {"srcs": [1]}}).to_string());
    assert_eq!(answer.status, 400);
    let body = answer.json();
    assert_eq!(body.as_object().unwrap().len(), 1);
    assert!(body["meta"]["code"].is_string() && body["meta"]["field"].is_string(), "{body}");
}

#[test]
fn requests_above_the_limits_are_refused() {
    let server = Server::of_with("two-isps.json", &["--max-list-entries", "10", "--max-pairs", "20"]);
    let num = json!({"cost-mode": "numerical", "cost-metric": "routingcost"});
    let endpoints = |n: u8| -> Vec<String> { (0..n).map(|i| format!("ipv4:192.0.2.{i}")).collect() };
    let cost = |srcs: u8, dsts: u8| -> Value {
        json!({"cost-type": num, "endpoints": {"srcs": endpoints(srcs), "dsts": endpoints(dsts)}})
    };
    assert_eq!(ask(&server, COST, cost(2, 10).to_string()).status, 200);
    let meta = ask(&server, COST, cost(3, 10).to_string()).error("E_INVALID_FIELD_VALUE");
    assert!(meta["value"].as_str().unwrap().contains("20"), "the error does not name the limit: {meta}");
    let meta = ask(&server, COST, cost(1, 11).to_string()).error("E_INVALID_FIELD_VALUE");
    assert_eq!(meta["field"], "endpoints/dsts");
    let body = json!({"pids": vec!["x"; 11]});
    assert_eq!(ask(&server, NETWORK_MAP, body.to_string()).error("E_INVALID_FIELD_VALUE")["field"], "pids");
    for (entities, properties, field) in [(11, 0, "entities"), (1, 11, "properties")] {
        let body = json!({"entities": endpoints(entities), "properties": vec!["network-map.pid"; properties]});
        assert_eq!(ask(&server, PROPERTY_MAP, body.to_string()).error("E_INVALID_FIELD_VALUE")["field"], field);
    }
    let body = json!({"entities": ["x".repeat(2000)]});
    let meta = ask(&server, PROPERTY_MAP, body.to_string()).error("E_INVALID_FIELD_VALUE");
    assert!(meta.get("value").is_none(), "a long value is echoed: {meta}");
}
