//! The example network of RFC 7971 §3.6. Its links are those of Figure 15, and Figure 20 has the hop counts: the figure
//! counts nodes, and the server counts links, which are one fewer.

use crate::support::Server;
use serde_json::json;

const PIDS: [&str; 7] = ["R1", "R2", "R5", "R6", "R7", "R8", "R9"];
/// Number of routers on each path; 0 within a PID.
const FIGURE_20: [[u64; 7]; 7] = [
    [0, 2, 3, 3, 4, 4, 3],
    [2, 0, 3, 3, 4, 4, 4],
    [3, 3, 0, 3, 2, 2, 3],
    [3, 3, 3, 0, 4, 4, 4],
    [4, 4, 2, 4, 0, 3, 4],
    [4, 4, 2, 4, 3, 0, 2],
    [3, 4, 3, 4, 4, 2, 0],
];

#[test]
fn every_cell_of_figure_20_is_served() {
    let server = Server::of("rfc7971-3.6.json");
    let whole = server.get("/costmap/numerical/hopcount").alto("costmap");
    let cost_type = json!({"cost-mode": "numerical", "cost-metric": "hopcount"});
    let body = json!({"cost-type": cost_type, "pids": {"srcs": PIDS, "dsts": PIDS}});
    let part =
        server.post("/costmap/filtered", "application/alto-costmapfilter+json", body.to_string()).alto("costmap");
    for (source, row) in PIDS.iter().zip(&FIGURE_20) {
        for (destination, &routers) in PIDS.iter().zip(row) {
            for map in [&whole, &part] {
                let links = map["cost-map"][source][destination].as_u64();
                let expected = if source == destination { 0 } else { routers - 1 };
                assert_eq!(links, Some(expected), "{source} to {destination}");
            }
        }
    }
}

#[test]
fn routers_without_endpoints_have_no_pid_and_the_default_pid_has_no_costs() {
    let server = Server::of("rfc7971-3.6.json");
    let map = server.get("/networkmap").alto("networkmap");
    let pids: Vec<&str> = map["network-map"].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(pids, ["R1", "R2", "R5", "R6", "R7", "R8", "R9", "default"]);
    assert_eq!(map["network-map"]["default"], json!({"ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"]}));
    let costs = server.get("/costmap/numerical/routingcost").alto("costmap");
    for pid in PIDS {
        assert_eq!(costs["cost-map"][pid].get("default"), None, "{pid}");
    }
    assert!(costs["cost-map"].get("default").is_none_or(|row| row.as_object().is_some_and(serde_json::Map::is_empty)));
}
