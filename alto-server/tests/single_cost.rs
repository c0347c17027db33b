//! Golden answers to requests for one cost type, which stay the same byte for byte whatever extensions the server
//! supports (RFC 8189 §4.1.3).

use std::fmt::Write as _;
use std::path::Path;

use crate::support::Server;
use serde_json::{Value, json};

const COST_MAP: (&str, &str) = ("/costmap/filtered", "application/alto-costmapfilter+json");
const ENDPOINT_COST: (&str, &str) = ("/endpointcost/lookup", "application/alto-endpointcostparams+json");

/// Requests of a client without extensions: metrics and modes, filters and constraints, and invalid requests.
fn requests() -> Vec<((&'static str, &'static str), Value)> {
    let mut requests = Vec::new();
    for metric in ["routingcost", "hopcount", "delay-ow", "bw-residual", "bw-available"] {
        for mode in ["numerical", "ordinal"] {
            let cost_type = json!({"cost-mode": mode, "cost-metric": metric});
            let pids = json!({"srcs": ["isp-a-1", "isp-b-3", "nope"], "dsts": []});
            let endpoints =
                json!({"srcs": ["ipv4:127.1.1.1"], "dsts": ["ipv4:127.1.1.2", "ipv4:127.2.2.9", "ipv4:127.1.1.1"]});
            let bound = if mode == "ordinal" { "le 3" } else { "ge 6.5" };
            requests.push((COST_MAP, json!({"cost-type": cost_type})));
            requests.push((COST_MAP, json!({"cost-type": cost_type, "constraints": [bound, "gt 0"], "pids": pids})));
            requests.push((ENDPOINT_COST, json!({"cost-type": cost_type, "endpoints": endpoints})));
            requests.push((
                ENDPOINT_COST,
                json!({"cost-type": cost_type, "constraints": [bound], "endpoints": {"srcs": ["ipv4:127.1.1.1"], "dsts": ["ipv4:127.2.2.7"]}}),
            ));
        }
    }
    let routing = json!({"cost-mode": "numerical", "cost-metric": "routingcost", "description": "none"});
    requests.extend([
        (COST_MAP, json!({"cost-type": routing, "constraints": []})),
        (COST_MAP, json!({})),
        (COST_MAP, json!({"cost-type": "routingcost"})),
        (COST_MAP, json!({"cost-type": {"cost-mode": "numerical"}})),
        (COST_MAP, json!({"cost-type": {"cost-mode": "numerical", "cost-metric": "bar"}})),
        (COST_MAP, json!({"cost-type": {"cost-mode": "foo", "cost-metric": "routingcost"}})),
        (COST_MAP, json!({"cost-type": routing, "constraints": "ge 1"})),
        (COST_MAP, json!({"cost-type": routing, "constraints": ["ge 1", 5]})),
        (COST_MAP, json!({"cost-type": routing, "constraints": ["ge 1", "ne 5"]})),
        (ENDPOINT_COST, json!({"cost-type": routing})),
        (ENDPOINT_COST, json!({"cost-type": routing, "endpoints": {}})),
        (ENDPOINT_COST, json!({"endpoints": {"dsts": ["ipv4:127.2.2.7"]}})),
    ]);
    requests
}

/// Compares the answers with `golden/single-cost.txt`, which `UPDATE_GOLDEN=1 cargo test -p alto-server --test main`
/// rewrites.
#[test]
fn answers_for_one_cost_type_match_the_golden_file() {
    let server = Server::of("two-isps.json");
    // The tag covers the costs of all metrics, so a new metric changes it.
    let tag = server.get("/costmap/numerical/routingcost").alto("costmap")["meta"]["vtag"]["tag"].clone();
    // Answers repeat the cost contexts of the directory (RFC 9439), which are newer than the golden file.
    let types = server.get("/directory").alto("directory")["meta"]["cost-types"].clone();
    let contexts: Vec<String> = types
        .as_object()
        .unwrap()
        .values()
        .filter_map(|kind| kind.get("cost-context"))
        .map(|context| format!(",\"cost-context\":{context}"))
        .collect();
    let mut text = String::new();
    for ((path, media_type), body) in requests() {
        let answer = server.post(path, media_type, body.to_string());
        let bytes = String::from_utf8(answer.body.clone()).unwrap();
        let bytes = bytes.replace(tag.as_str().unwrap(), "TAG");
        let bytes = contexts.iter().fold(bytes, |bytes, context| bytes.replace(context, ""));
        writeln!(text, "POST {path} {body}\n{} {}\n{bytes}\n", answer.status, answer.media_type()).unwrap();
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/single-cost.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap();
    for (answer, golden) in text.split("\n\n").zip(golden.split("\n\n")) {
        assert_eq!(answer, golden);
    }
    assert_eq!(text.len(), golden.len());
}
