//! Performance metrics (RFC 9439): units, composition of link values along routes, and cost sources.
#![allow(clippy::float_cmp, reason = "every number is exact")]

use crate::support::{Answer, Request, Server};
use serde_json::{Value, json};

const TOKEN: &str = "correct-horse-battery-staple";

/// Two hosts with asymmetric routes: forward over `s1-s2`, which is directed, and back over `s2-s3-s1`.
const TOPOLOGY: &str = r#"{
    "name": "two-ways",
    "hosts": [{"name": "a", "ip": "127.0.0.2"}, {"name": "b", "ip": "127.0.0.3"}],
    "switches": [{"name": "s1", "dpid": "1"}, {"name": "s2", "dpid": "2"}, {"name": "s3", "dpid": "3"}],
    "links": [
        {"source": "a", "destination": "s1", "bandwidth": 80, "delay": 0.5, "cost": 1, "loss": 0.5},
        {"source": "b", "destination": "s2", "bandwidth": 80, "delay": 0.5, "cost": 1},
        {"source": "s1", "destination": "s2", "bandwidth": 8, "delay": 1.5, "cost": 1, "directed": true, "loss": 10},
        {"source": "s2", "destination": "s3", "bandwidth": 80, "delay": 2, "cost": 1, "loss": 1},
        {"source": "s3", "destination": "s1", "bandwidth": 40, "delay": 4, "cost": 1, "loss": 2}
    ]
}"#;

fn start(folder: &std::path::Path) -> Server {
    let topology = folder.join("topo.json");
    std::fs::write(&topology, TOPOLOGY).unwrap();
    let mut command = crate::support::program();
    command.env("ALTO_ADMIN_TOKEN", TOKEN).args(["--listen", "127.0.0.1:0", "--topology"]).arg(topology);
    Server::start(command.arg("--state").arg(folder.join("state")))
}

fn report(server: &Server, body: &Value) -> Answer {
    let request = Request::new("POST", "/admin/links").field("Authorization", &format!("Bearer {TOKEN}"));
    request.field("Content-Type", "application/json").body(body.to_string()).send(server.address)
}

fn ask(server: &Server, metric: &str, mode: &str, src: &str, dst: &str) -> Answer {
    let body = json!({
        "cost-type": {"cost-mode": mode, "cost-metric": metric},
        "endpoints": {"srcs": [format!("ipv4:{src}")], "dsts": [format!("ipv4:{dst}"), format!("ipv4:{src}")]},
    });
    server.post("/endpointcost/lookup", "application/alto-endpointcostparams+json", body.to_string())
}

/// Values of a metric from `a` to `b` and from `b` to `a`.
fn both_ways(server: &Server, metric: &str) -> [f64; 2] {
    [("127.0.0.2", "127.0.0.3"), ("127.0.0.3", "127.0.0.2")].map(|(src, dst)| {
        let answer = ask(server, metric, "numerical", src, dst).alto("endpointcost");
        answer["endpoint-cost-map"][format!("ipv4:{src}")][format!("ipv4:{dst}")].as_f64().unwrap()
    })
}

/// Cost source of a metric, after checking that the directory and all answers have the same cost context.
fn source(server: &Server, metric: &str) -> Option<String> {
    let types = server.get("/directory").alto("directory")["meta"]["cost-types"].clone();
    for mode in ["numerical", "ordinal"] {
        let announced = &types[format!("{mode}-{metric}")];
        let answer = ask(server, metric, mode, "127.0.0.2", "127.0.0.3").alto("endpointcost");
        let map = server.get(&format!("/costmap/{mode}/{metric}")).alto("costmap");
        for meta in [&answer["meta"]["cost-type"], &map["meta"]["cost-type"]] {
            assert_eq!(meta.get("cost-context"), announced.get("cost-context"), "{metric} {mode}");
        }
        assert!(announced.get("cost-context").is_none_or(|context| context["parameters"].is_object()));
    }
    types[format!("numerical-{metric}")]["cost-context"]["cost-source"].as_str().map(str::to_owned)
}

#[test]
fn values_are_composed_along_the_route_in_the_units_of_the_rfc() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    // Microseconds: 0.5 + 1.5 + 0.5 ms forward, 0.5 + 2 + 4 + 0.5 ms back.
    assert_eq!(both_ways(&server, "delay-ow"), [2500.0, 7000.0]);
    assert_eq!(both_ways(&server, "delay-rt"), [9500.0, 9500.0]);
    assert_eq!(both_ways(&server, "hopcount"), [3.0, 4.0]);
    // Percent: 1 - 0.995 * 0.9 forward, 1 - 0.99 * 0.98 * 0.995 back.
    assert_eq!(both_ways(&server, "lossrate"), [10.45, 3.4651]);
    // Bytes per second.
    assert_eq!(both_ways(&server, "bw-residual"), [1e6, 5e6]);
    assert_eq!(both_ways(&server, "bw-available"), [1e6, 5e6]);
    // From an endpoint to itself: no delay and no loss, and an undefined bandwidth.
    for (metric, own) in [("delay-rt", json!(0)), ("lossrate", json!(0)), ("bw-available", Value::Null)] {
        let answer = ask(&server, metric, "numerical", "127.0.0.2", "127.0.0.3").alto("endpointcost");
        assert_eq!(answer["endpoint-cost-map"]["ipv4:127.0.0.2"]["ipv4:127.0.0.2"], own, "{metric}");
    }
}

#[test]
fn the_best_value_has_rank_one() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    // Costs within a PID do not matter here; those between the PIDs differ by direction.
    for (metric, there, back) in
        [("delay-ow", 1, 2), ("delay-rt", 1, 1), ("lossrate", 2, 1), ("bw-residual", 2, 1), ("bw-available", 2, 1)]
    {
        let body = json!({
            "cost-type": {"cost-mode": "ordinal", "cost-metric": metric},
            "pids": {"srcs": ["s1", "s2"], "dsts": ["s1", "s2"]},
        });
        let answer = server.post("/costmap/filtered", "application/alto-costmapfilter+json", body.to_string());
        let map = answer.alto("costmap")["cost-map"].clone();
        let rank = |src: &str, dst: &str| map[src][dst].as_u64().unwrap();
        assert_eq!(rank("s1", "s2") < rank("s2", "s1"), there < back, "{metric}: {map}");
        assert_eq!(rank("s1", "s2") == rank("s2", "s1"), there == back, "{metric}: {map}");
    }
}

#[test]
fn measurements_change_values_and_cost_sources() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let metrics = ["routingcost", "hopcount", "delay-ow", "delay-rt", "lossrate", "bw-residual", "bw-available"];
    let sources = |server: &Server| metrics.map(|metric| source(server, metric));
    let (nominal, estimation) = (Some("nominal".to_owned()), Some("estimation".to_owned()));
    let (n, e) = (|| nominal.clone(), || estimation.clone());
    assert_eq!(sources(&server), [None, e(), n(), n(), n(), n(), n()]);
    let (costs, directory) =
        (both_ways(&server, "routingcost"), server.get("/directory").field("etag").unwrap().to_owned());

    let samples = json!({"source": "s1", "destination": "s2", "measured-delay": [9.25, 2.25, 2.5]});
    assert_eq!(report(&server, &samples).status, 200);
    assert_eq!(both_ways(&server, "delay-ow"), [3500.0, 7000.0], "the delay is not the median of the samples");
    assert_eq!(both_ways(&server, "delay-rt"), [10500.0, 10500.0]);
    assert_eq!(both_ways(&server, "routingcost"), costs, "measured delays changed the routing costs");
    assert_eq!(sources(&server), [None, e(), e(), e(), n(), n(), n()]);
    assert_ne!(server.get("/directory").field("etag"), Some(directory.as_str()));

    let more = json!({"changes": [
        {"source": "s1", "destination": "s2", "measured-loss": 20},
        {"source": "b", "destination": "s2", "utilisation": [0.99, 0.95]},
    ]});
    assert_eq!(report(&server, &more).status, 200);
    assert_eq!(both_ways(&server, "lossrate"), [20.4, 3.4651]);
    assert_eq!(both_ways(&server, "bw-available"), [500_000.0, 500_000.0], "the utilisation is not the latest sample");
    assert_eq!(both_ways(&server, "bw-residual"), [1e6, 5e6]);
    assert_eq!(sources(&server), [None, e(), e(), e(), e(), n(), e()]);

    // Measurements survive a restart.
    drop(server);
    let server = start(folder.path());
    assert_eq!(both_ways(&server, "delay-ow"), [3500.0, 7000.0]);
    assert_eq!(both_ways(&server, "lossrate"), [20.4, 3.4651]);
    assert_eq!(sources(&server), [None, e(), e(), e(), e(), n(), e()]);

    let forget = json!({"changes": [
        {"source": "s1", "destination": "s2", "measured-delay": null, "measured-loss": null},
        {"source": "b", "destination": "s2", "utilisation": 0},
    ]});
    assert_eq!(report(&server, &forget).status, 200);
    assert_eq!(sources(&server), [None, e(), n(), n(), n(), n(), n()]);
    assert_eq!(server.get("/directory").field("etag"), Some(directory.as_str()));
    drop(server);
    assert_eq!(
        both_ways(&start(folder.path()), "delay-ow"),
        [2500.0, 7000.0],
        "discarded measurements came back after a restart"
    );
}

#[test]
fn invalid_measurements_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    for (member, wrong) in [
        ("measured-delay", json!([])),
        ("measured-delay", json!([1, -1])),
        ("measured-loss", json!(100.5)),
        ("measured-loss", json!("1%")),
        ("loss", json!(-1)),
        ("utilisation", json!([1, 0.5])),
        ("measured-delay", json!(vec![1; 10_001])),
    ] {
        let mut change = json!({"source": "s1", "destination": "s2"});
        change[member] = wrong.clone();
        let answer = report(&server, &change);
        assert!([400, 422].contains(&answer.status), "{member}: {answer:?}");
    }
    assert_eq!(both_ways(&server, "delay-ow"), [2500.0, 7000.0]);
    assert_eq!(both_ways(&server, "lossrate"), [10.45, 3.4651]);
    assert_eq!(both_ways(&server, "bw-available"), [1e6, 5e6]);
}

#[test]
fn metrics_that_are_not_announced_are_refused() {
    let server = Server::of("two-isps.json");
    for metric in [
        "delay-ow:avg",
        "delay-ow:p101",
        "delay-ow:p-1",
        "delay-ow:p",
        "delay-ow:p99.",
        "delay-ow:p95",
        "delay-ow:median",
        "tput",
        "delay-variation",
        "owdelay",
    ] {
        let meta = ask(&server, metric, "numerical", "127.1.1.1", "127.1.1.2").error("E_INVALID_FIELD_VALUE");
        assert_eq!((&meta["field"], &meta["value"]), (&json!("cost-type/cost-metric"), &json!(metric)));
    }
    // A cost context in a request is ignored (§3.1).
    let cost_type =
        json!({"cost-mode": "numerical", "cost-metric": "delay-ow", "cost-context": {"cost-source": "sla"}});
    let body = json!({"cost-type": cost_type, "endpoints": {"srcs": ["ipv4:127.1.1.1"], "dsts": ["ipv4:127.1.1.2"]}});
    let answer = server.post("/endpointcost/lookup", "application/alto-endpointcostparams+json", body.to_string());
    assert_eq!(answer.alto("endpointcost")["meta"]["cost-type"]["cost-context"]["cost-source"], "nominal");
}

#[test]
fn last_modified_is_the_time_of_the_last_change_of_costs() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let time = |answer: &Answer, name: &str| httpdate::parse_http_date(answer.field(name).unwrap()).unwrap();
    let first = ask(&server, "delay-ow", "numerical", "127.0.0.2", "127.0.0.3");
    assert!(time(&first, "last-modified") <= time(&first, "date"));
    // A measurement that changes no value does not change the time.
    assert_eq!(report(&server, &json!({"source": "s1", "destination": "s2", "utilisation": 0})).status, 200);
    let second = ask(&server, "lossrate", "numerical", "127.0.0.2", "127.0.0.3");
    assert_eq!(first.field("last-modified"), second.field("last-modified"));
    // Answers without costs have no such time.
    let body = json!({"properties": ["network-map.pid"], "endpoints": ["ipv4:127.0.0.2"]}).to_string();
    let properties = server.post("/endpointprop/lookup", "application/alto-endpointpropparams+json", body);
    assert_eq!((properties.status, properties.field("last-modified")), (200, None));
}
