//! Tests of queries for several costs (RFC 8189): one request if the server supports that, else joined answers, and the
//! same result by both.

use alto_client::{
    Basis, Client, CostMapQuery, CostQuery, CostTest, EndpointCostQuery, EndpointCosts, Error, cost_type, metric,
};
use alto_types::{CostType, TypedEndpointAddr};
use serde_json::{Value, json};

use super::{client, endpoint, endpoints, network_map, network_map_entry, post_entry};
use test_support::alto_server::Server;
use test_support::scripted_server::{Reply, Script};
use test_support::single_cost::plain_directory;

const METRICS: [&str; 4] = ["delay-ow", "routingcost", "bw-residual", "lossrate"];

fn kind(metric: &str) -> CostType {
    cost_type(metric, "numerical").unwrap()
}

fn test(metric: &str, constraint: &str) -> CostTest {
    CostTest { cost_type: kind(metric), constraint: constraint.parse().unwrap() }
}

/// Every pair that has a cost, with its costs.
fn all(costs: &EndpointCosts) -> Vec<(TypedEndpointAddr, TypedEndpointAddr, Vec<Option<f64>>)> {
    let rows = costs.table.rows().into_iter();
    rows.flat_map(|(from, row)| row.into_iter().map(|(to, costs)| (*from, *to, costs)).collect::<Vec<_>>()).collect()
}

/// Query between hosts of two-isps, one of them to itself, where bandwidth is undefined.
fn query(metrics: &[&str]) -> EndpointCostQuery {
    EndpointCostQuery {
        costs: CostQuery::of(metrics.iter().map(|metric| kind(metric))),
        sources: endpoints(["127.1.1.1", "127.2.2.7"]),
        destinations: endpoints(["127.1.1.1", "127.1.2.3", "127.2.1.5"]),
    }
}

#[test]
fn one_request_says_what_one_for_each_type_says() {
    let server = Server::of("two-isps.json");
    let client = Client::builder(&server.directory()).build().unwrap();
    let query = query(&METRICS);
    let answer = client.endpoint_costs(&query).unwrap();
    assert_eq!((answer.table.queries, answer.basis), (1, Basis::Service));
    assert_eq!(all(&answer).len(), 6);
    let to_itself = answer.table.get(&endpoint("127.1.1.1"), &endpoint("127.1.1.1")).unwrap();
    assert_eq!(to_itself, [Some(0.0), Some(0.0), None, Some(0.0)], "what is undefined is not 0");
    for (column, metric) in METRICS.iter().enumerate() {
        let single = client.endpoint_costs(&query.clone().of(kind(metric))).unwrap();
        for (source, destination, costs) in all(&answer) {
            assert_eq!(costs[column], single.get(source, destination), "{metric} {source} {destination}");
        }
    }
    assert_eq!(metric::source(&answer.table.columns[0].cost_type), "nominal", "as the server says");
    assert_eq!(metric::source(&answer.table.columns[1].cost_type), "estimation", "where nothing is said");

    // A server that answers for one at a time: the same, one after the other.
    let plain = plain_directory(&server, &[]);
    let plain = Client::builder(&plain.uri("/ird")).build().unwrap();
    let joined = plain.endpoint_costs(&query).unwrap();
    assert_eq!(joined.table.queries, METRICS.len());
    assert_eq!(joined.table.rows(), answer.table.rows());
    // By maps there is nothing special about an address and itself.
    let by_maps = client.endpoint_costs_by_maps(&query).unwrap();
    assert_eq!((by_maps.basis, by_maps.table.columns.len()), (Basis::Maps, METRICS.len()));
    assert!(!all(&by_maps).is_empty());
}

#[test]
fn tests_select_the_same_pairs_wherever_they_are_made() {
    let server = Server::of("two-isps.json");
    let plain = plain_directory(&server, &[]);
    let at_once = Client::builder(&server.directory()).build().unwrap();
    let one_by_one = Client::builder(&plain.uri("/ird")).build().unwrap();
    for (metrics, tests, pairs) in [
        (&["routingcost", "delay-ow"][..], vec![vec![test("delay-ow", "le 4000")]], 2),
        (&["routingcost"], vec![vec![test("delay-ow", "le 4000")]], 2),
        (&["routingcost"], vec![vec![test("bw-residual", "ge 0")]], 5),
        (&["delay-ow", "hopcount"], vec![vec![test("hopcount", "gt 0"), test("delay-ow", "lt 5000")]], 1),
        (&["delay-ow"], vec![vec![test("delay-ow", "le 0")], vec![test("delay-ow", "ge 15000")]], 3),
        (&["lossrate"], vec![vec![test("hopcount", "lt 0")]], 0),
    ] {
        let query =
            EndpointCostQuery { costs: CostQuery { tests: tests.clone(), ..query(metrics).costs }, ..query(metrics) };
        let there = at_once.endpoint_costs(&query).unwrap();
        assert_eq!(there.table.queries, 1, "{metrics:?} {tests:?}");
        let here = one_by_one.endpoint_costs(&query).unwrap();
        assert_eq!(all(&here), all(&there), "{metrics:?} {tests:?}");
        assert_eq!(all(&there).len(), pairs, "{metrics:?} {tests:?}: {there:?}");
    }
}

#[test]
fn maps_of_several_costs_fit_the_network_map() {
    let server = Server::of("conformance-fixture-a.json");
    let plain = plain_directory(&server, &[]);
    let costs = CostQuery::of(["routingcost", "hopcount", "bw-residual"].map(kind));
    let mut query = CostMapQuery { costs, sources: vec!["pidB".parse().unwrap()], ..CostMapQuery::default() };
    let at_once = Client::builder(&server.directory()).build().unwrap();
    let one_by_one = Client::builder(&plain.uri("/ird")).build().unwrap();
    let maps = at_once.maps(&query).unwrap();
    assert_eq!(maps.costs.table.queries, 1);
    let pid = |name: &str| name.parse().unwrap();
    assert_eq!(maps.costs.table.get(&pid("pidB"), &pid("pidA")).unwrap(), [Some(2.0), Some(1.0), Some(125e6)]);
    assert_eq!(maps.costs.table.get(&pid("pidB"), &pid("pidB")).unwrap(), [Some(0.0), Some(0.0), None]);
    assert_eq!(maps.costs.table.get(&pid("pidB"), &pid("pidD")), None);
    assert_eq!(maps.costs_between("192.0.2.7".parse().unwrap(), "192.0.2.1".parse().unwrap()).unwrap()[0], Some(2.0));
    let joined = one_by_one.maps(&query).unwrap();
    assert_eq!((joined.costs.table.queries, joined.costs.table.rows()), (3, maps.costs.table.rows()));
    query.costs.tests =
        vec![vec![test("routingcost", "le 2")], vec![test("routingcost", "ge 20"), test("hopcount", "eq 1")]];
    let (there, here) = (at_once.maps(&query).unwrap(), one_by_one.maps(&query).unwrap());
    let to: Vec<&str> = there.costs.table.rows().values().flat_map(|row| row.keys().map(|to| to.as_str())).collect();
    assert_eq!(to, ["pidA", "pidB", "pidZ"]);
    assert_eq!(here.costs.table.rows(), there.costs.table.rows());
    let message = serde_json::to_value(there.costs.to_message()).unwrap();
    assert_eq!(message["meta"]["cost-type"], json!({}));
    assert_eq!(message["cost-map"]["pidB"]["pidB"], json!([0.0, 0.0, null]));
}

/// A directory whose endpoint cost service can do this, for four metrics in numbers.
fn scripted(capabilities: &Value) -> Script {
    let server = Script::start();
    let types: serde_json::Map<String, Value> = METRICS
        .iter()
        .map(|metric| ((*metric).to_owned(), json!({"cost-metric": metric, "cost-mode": "numerical"})))
        .collect();
    let mut capabilities = capabilities.clone();
    capabilities["cost-type-names"] = json!(METRICS);
    let resources = json!({"nm": network_map_entry(), "ecs": post_entry("ecs", "endpointcost", "endpointcostparams", &capabilities)});
    let meta = json!({"cost-types": types, "default-alto-network-map": "nm"});
    let directory = Reply::alto("directory", &json!({"meta": meta, "resources": resources}));
    server.on("GET /ird", [directory]).on("GET /nm", [network_map("1")]);
    server
}

fn answer(metrics: &[&str], cell: &Value) -> Reply {
    let types: Vec<Value> =
        metrics.iter().map(|metric| json!({"cost-metric": metric, "cost-mode": "numerical"})).collect();
    // Some servers have no cost-type beside the list, and some have one that says nothing.
    let meta = json!({"multi-cost-types": types, "cost-type": "whatever"});
    Reply::alto("endpointcost", &json!({"meta": meta, "endpoint-cost-map": {"ipv4:10.0.0.1": {"ipv4:10.0.0.2": cell}}}))
}

fn single(metric: &str, cost: f64) -> Reply {
    let meta = json!({"cost-type": {"cost-metric": metric, "cost-mode": "numerical"}});
    Reply::alto("endpointcost", &json!({"meta": meta, "endpoint-cost-map": {"ipv4:10.0.0.1": {"ipv4:10.0.0.2": cost}}}))
}

fn pair(metrics: &[&str]) -> EndpointCostQuery {
    EndpointCostQuery { sources: endpoints(["10.0.0.1"]), destinations: endpoints(["10.0.0.2"]), ..query(metrics) }
}

#[test]
fn no_more_types_than_the_server_takes() {
    let server = scripted(&json!({"max-cost-types": 2, "cost-constraints": true}));
    server.on("POST /ecs", [answer(&["delay-ow", "routingcost"], &json!([1, 2])), single("bw-residual", 3.0)]);
    let costs = client(&server).endpoint_costs(&pair(&["delay-ow", "routingcost", "bw-residual"])).unwrap();
    assert_eq!(costs.table.queries, 2);
    assert_eq!(all(&costs)[0].2, [Some(1.0), Some(2.0), Some(3.0)]);
    let asked = server.asked("POST /ecs");
    assert_eq!(asked[0].json()["multi-cost-types"].as_array().unwrap().len(), 2);
    assert_eq!(asked[0].json().get("cost-type"), None);
    assert_eq!(asked[1].json()["cost-type"]["cost-metric"], "bw-residual");
    assert_eq!(asked[1].json().get("multi-cost-types"), None);

    // One that takes none at all, and knows no tests of others.
    let server = scripted(&json!({"cost-constraints": true}));
    server.on("POST /ecs", [single("delay-ow", 1.0), single("lossrate", 9.0)]);
    let mut query = pair(&["delay-ow"]);
    query.costs.tests = vec![vec![test("lossrate", "le 1")]];
    assert!(all(&client(&server).endpoint_costs(&query).unwrap()).is_empty());
    for asked in server.asked("POST /ecs") {
        let members: Vec<String> = asked.json().as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, ["cost-type", "endpoints"]);
    }
}

#[test]
fn only_what_is_testable_is_tested_there() {
    let capabilities = json!({"max-cost-types": 4, "testable-cost-type-names": ["delay-ow"]});
    let server = scripted(&capabilities);
    let types = ["routingcost", "lossrate"];
    server.on("POST /ecs", [answer(&types, &json!([1, 2]))]);
    let mut query = pair(&types);
    query.costs.tests = vec![vec![test("delay-ow", "le 5")], vec![test("delay-ow", "gt 9")]];
    client(&server).endpoint_costs(&query).unwrap();
    let asked = server.asked("POST /ecs")[0].json();
    assert_eq!(asked["or-constraints"], json!([["le 5"], ["gt 9"]]));
    assert_eq!(asked["testable-cost-types"], json!([{"cost-metric": "delay-ow", "cost-mode": "numerical"}]));
    assert_eq!(asked.get("constraints"), None);
    // Not testable: had with the others, and tested here.
    let server = scripted(&capabilities);
    server.on("POST /ecs", [answer(&["routingcost", "lossrate", "bw-residual"], &json!([1, 2, null]))]);
    query.costs.tests = vec![vec![test("bw-residual", "ge 0")]];
    assert!(all(&client(&server).endpoint_costs(&query).unwrap()).is_empty());
    let asked = server.asked("POST /ecs")[0].json();
    assert_eq!(asked["multi-cost-types"].as_array().unwrap().len(), 3);
    assert!(asked.get("constraints").is_none() && asked.get("testable-cost-types").is_none(), "{asked}");
}

#[test]
fn arrays_are_read_by_what_the_answer_says_of_them() {
    let types = ["delay-ow", "routingcost"];
    let ask = |reply: Reply| {
        let server = scripted(&json!({"max-cost-types": 9}));
        server.on("POST /ecs", [reply]);
        client(&server).endpoint_costs(&pair(&types))
    };
    let turned = ask(answer(&["routingcost", "delay-ow"], &json!([7, null]))).unwrap();
    assert_eq!(all(&turned)[0].2, [None, Some(7.0)]);
    assert!(all(&ask(answer(&types, &json!([null, null]))).unwrap()).is_empty());
    for (reply, says) in [
        (answer(&types, &json!([1])), "an array has 1 costs"),
        (answer(&types, &json!([1, 2, 3])), "an array has 3 costs"),
        (answer(&types, &json!(1)), "endpoint-cost-map"),
        (answer(&types, &json!([1, "2"])), "endpoint-cost-map"),
        (answer(&["delay-ow", "lossrate"], &json!([1, 2])), "was asked for"),
        (answer(&["delay-ow"], &json!([1])), "was asked for"),
        (single("delay-ow", 1.0), "endpoint-cost-map"),
    ] {
        let error = ask(reply).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains(says), "{error}: {says}");
    }
    let refusal = json!({"meta": {"code": "E_INVALID_FIELD_VALUE", "field": "multi-cost-types"}});
    let error = ask(Reply::alto("error", &refusal).with_status(400)).unwrap_err();
    assert_eq!(error.alto().unwrap().field.as_deref(), Some("multi-cost-types"));
}

#[test]
fn what_cannot_be_had_is_an_error_that_says_what_there_is() {
    let server = scripted(&json!({"max-cost-types": 4}));
    let sources_only = EndpointCostQuery { destinations: Vec::new(), ..pair(&["delay-ow", "tput"]) };
    server.on("POST /ecs", [single("delay-ow", 1.0)]);
    let error = client(&server).endpoint_costs(&sources_only).unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error:?}");
    assert!(error.to_string().contains("numerical tput; there is numerical delay-ow"), "{error}");
    let none = EndpointCostQuery { costs: CostQuery::of([]), ..pair(&[]) };
    assert!(matches!(client(&server).endpoint_costs(&none), Err(Error::Query(_))));
}

#[test]
fn routing_costs_that_claim_to_be_promised_are_no_information() {
    let server = Script::start();
    let context = json!({"cost-source": "sla"});
    let types = json!({
        "rc": {"cost-metric": "routingcost", "cost-mode": "numerical", "cost-context": context},
        "delay": {"cost-metric": "delay-ow", "cost-mode": "numerical", "cost-context": context},
    });
    let capabilities = json!({"cost-type-names": ["rc", "delay"]});
    let resources = json!({"ecs": post_entry("ecs", "endpointcost", "endpointcostparams", &capabilities)});
    server.on("GET /ird", [Reply::alto("directory", &json!({"meta": {"cost-types": types}, "resources": resources}))]);
    let directory = client(&server).directory().unwrap();
    let offered = directory.get("ecs").unwrap().cost_types();
    assert_eq!(offered.iter().map(|kind| kind.cost_metric.as_str()).collect::<Vec<_>>(), ["delay-ow"]);
    assert_eq!(metric::source(&offered[0]), "sla");
    assert!(directory.problems().iter().any(|problem| problem.contains("always estimation")), "{directory:?}");
}
