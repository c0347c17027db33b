//! Endpoint costs and properties, and filters: what is asked of whom, and what is done here instead (RFC 7285 §11.3,
//! §11.4, §11.5).

use alto_client::{Basis, CostMapQuery, CostQuery, EndpointCostQuery, Error, cost_type, routing_cost};
use alto_types::{AddressType, PropertyType, TypedEndpointAddr};
use serde_json::{Value, json};

use super::{
    client, cost_map, cost_map_entry, directory, endpoint, endpoint_costs, endpoints, network_map, network_map_entry,
    post_entry,
};
use test_support::scripted_server::{Reply, Script};

/// A server with a network map and these resources.
fn server(more: Value) -> Script {
    let server = Script::start();
    let mut entries = more;
    entries["nm"] = network_map_entry();
    server.on("GET /ird", [directory(&entries)]).on("GET /nm", [network_map("1")]);
    server
}

fn costs_entry(uri: &str, cost_types: &[&str], constraints: bool) -> Value {
    let capabilities = json!({"cost-type-names": cost_types, "cost-constraints": constraints});
    post_entry(uri, "endpointcost", "endpointcostparams", &capabilities)
}

fn query() -> EndpointCostQuery {
    EndpointCostQuery {
        sources: endpoints(["10.0.0.1"]),
        destinations: endpoints(["10.0.0.2", "192.0.2.1", "2001:db8::1"]),
        ..EndpointCostQuery::default()
    }
}

fn ordinal(query: EndpointCostQuery) -> EndpointCostQuery {
    query.of(cost_type("routingcost", "ordinal").unwrap())
}

#[test]
fn answers_are_compared_by_value_and_the_unasked_left_out() {
    let server = server(json!({"ecs": costs_entry("ecs", &["num"], false)}));
    server.on(
        "POST /ecs",
        [endpoint_costs(
            "numerical",
            &json!({
                "ipv4:10.0.0.1": {"ipv6:2001:0DB8:0:0:0:0:0:1": 3, "ipv4:203.0.113.1": 1, "mac:00-00": 2},
                "ipv4:203.0.113.2": {"ipv4:10.0.0.2": 1},
                "xyz:?": 5,
            }),
        )],
    );
    let costs = client(&server).endpoint_costs(&query()).unwrap();
    assert_eq!(costs.iter().collect::<Vec<_>>(), [(endpoint("10.0.0.1"), endpoint("2001:db8::1"), 3.0)]);
    assert_eq!(costs.get(endpoint("10.0.0.1"), endpoint("10.0.0.2")), None, "undefined is not 0");
}

#[test]
fn constraints_go_to_whom_understands_them() {
    let constraints = ["ge 2".parse().unwrap(), "le 1e3".parse().unwrap()];
    let query = query().of(CostQuery::constrained(routing_cost(), constraints));
    let row = json!({"ipv4:10.0.0.1": {"ipv4:10.0.0.2": 1, "ipv4:192.0.2.1": 2, "ipv6:2001:db8::1": 2000}});
    // Two services, one of which knows constraints.
    let two = json!({"a": costs_entry("a", &["num"], false), "b": costs_entry("b", &["num"], true)});
    let server = server_with_costs(two, "b", &json!({"ipv4:10.0.0.1": {"ipv4:192.0.2.1": 2}}));
    assert_eq!(client(&server).endpoint_costs(&query).unwrap().iter().count(), 1);
    assert_eq!(server.asked("POST /b")[0].json()["constraints"], json!(["ge 2", "le 1000"]));
    // None that does: none are sent, and the answer is filtered here.
    let server = server_with_costs(json!({"a": costs_entry("a", &["num"], false)}), "a", &row);
    let costs = client(&server).endpoint_costs(&query).unwrap();
    assert_eq!(costs.iter().map(|(_, to, _)| to).collect::<Vec<_>>(), endpoints(["192.0.2.1"]));
    assert_eq!(server.asked("POST /a")[0].json().get("constraints"), None);
}

fn server_with_costs(entries: Value, path: &str, costs: &Value) -> Script {
    let server = server(entries);
    server.on(&format!("POST /{path}"), [endpoint_costs("numerical", costs)]);
    server
}

#[test]
fn questions_that_may_not_be_asked_are_not() {
    let properties = json!({"prop-types": ["nm.pid"]});
    let server = server(json!({
        "ecs": costs_entry("ecs", &["num"], false),
        "eps": post_entry("eps", "endpointprop", "endpointpropparams", &properties),
    }));
    let client = client(&server);
    assert!(matches!(client.endpoint_costs(&EndpointCostQuery::default()), Err(Error::Query(_))));
    let half = EndpointCostQuery { sources: Vec::new(), ..query() };
    assert!(matches!(client.endpoint_costs_by_maps(&half), Err(Error::Query(_))));
    let pid: PropertyType = "nm.pid".parse().unwrap();
    assert!(matches!(client.endpoint_properties(&[], std::slice::from_ref(&pid)), Err(Error::Query(_))));
    assert!(matches!(client.endpoint_properties(&endpoints(["10.0.0.1"]), &[]), Err(Error::Query(_))));
    match client.endpoint_properties(&endpoints(["10.0.0.1"]), &[pid, "priv:x".parse().unwrap()]) {
        Err(Error::Unsupported { wanted, offered, .. }) => {
            assert!(wanted.contains("priv:x"), "{wanted}");
            assert_eq!(offered, ["nm.pid"]);
        }
        other => panic!("{other:?}"),
    }
    let unknown =
        EndpointCostQuery { costs: cost_type("tput", "numerical").unwrap().into(), sources: Vec::new(), ..query() };
    assert!(matches!(client.endpoint_costs(&unknown), Err(Error::Unsupported { .. })));
    assert!(server.seen().iter().all(|request| request.method == "GET"), "nothing was asked of the services");
}

#[test]
fn ranks_are_made_of_numbers_where_only_those_are_offered() {
    let row = json!({"ipv4:10.0.0.1": {"ipv4:10.0.0.2": 8, "ipv4:192.0.2.1": 0.5, "ipv6:2001:db8::1": 8}});
    let server = server_with_costs(json!({"a": costs_entry("a", &["num"], true)}), "a", &row);
    let query =
        query().of(CostQuery::constrained(cost_type("routingcost", "ordinal").unwrap(), ["ge 2".parse().unwrap()]));
    let costs = client(&server).endpoint_costs(&query).unwrap();
    assert_eq!(costs.table.first().unwrap().cost_type.cost_mode.as_str(), "ordinal");
    assert_eq!(costs.iter().map(|(_, _, rank)| rank).collect::<Vec<_>>(), [2.0, 2.0], "tests are of the ranks");
    assert_eq!(server.asked("POST /a")[0].json().get("constraints"), None);
    // Numbers cannot be made of ranks.
    let ranks = json!({"a": costs_entry("a", &["ord"], true)});
    let server = server_with_costs(ranks, "a", &row);
    let query = EndpointCostQuery { sources: Vec::new(), ..super::endpoints::query() };
    assert!(matches!(client(&server).endpoint_costs(&query), Err(Error::Unsupported { .. })));
}

#[test]
fn without_a_service_the_maps_are_used() {
    let server = server(json!({"cm": cost_map_entry("cm", "num"), "ord": cost_map_entry("ord", "ord")}));
    server.on("GET /cm", [cost_map("1", "numerical", &json!({"a": {"a": 1, "b": 12}}))]);
    let costs = client(&server).endpoint_costs(&query()).unwrap();
    assert_eq!(costs.basis, Basis::Maps);
    let expected =
        [(endpoint("10.0.0.1"), endpoint("10.0.0.2"), 1.0), (endpoint("10.0.0.1"), endpoint("192.0.2.1"), 12.0)];
    assert_eq!(costs.iter().collect::<Vec<_>>(), expected, "an address without PID has no cost");
    let ranks = client(&server).endpoint_costs(&ordinal(query())).unwrap();
    assert_eq!(ranks.iter().map(|(_, _, rank)| rank).collect::<Vec<_>>(), [1.0, 2.0]);
    // Ranks of the whole map are ranked anew for a part of it.
    let server = super::endpoints::server(json!({"ord": cost_map_entry("ord", "ord")}));
    server.on("GET /ord", [cost_map("1", "ordinal", &json!({"a": {"a": 3, "b": 40}}))]);
    let ranks = client(&server).endpoint_costs_by_maps(&ordinal(query())).unwrap();
    assert_eq!(ranks.iter().map(|(_, _, rank)| rank).collect::<Vec<_>>(), [1.0, 2.0]);
    // Who asks is something only a service knows.
    let here = EndpointCostQuery { sources: Vec::new(), ..query() };
    assert!(matches!(client(&server).endpoint_costs(&here), Err(Error::Unsupported { .. })));
}

#[test]
fn large_questions_are_asked_in_parts_but_for_ranks() {
    let server = server(json!({"ecs": costs_entry("ecs", &["num", "ord"], false)}));
    let many: Vec<TypedEndpointAddr> =
        (0..25_000_u32).map(|n| TypedEndpointAddr(std::net::Ipv4Addr::from(0x0a00_0000 + n).into())).collect();
    let empty = endpoint_costs("numerical", &json!({}));
    let first = endpoint_costs("numerical", &json!({"ipv4:10.0.0.1": {"ipv4:10.0.0.0": 1}}));
    let last = endpoint_costs("numerical", &json!({"ipv4:10.0.0.1": {"ipv4:10.0.97.167": 2}}));
    server.on("POST /ecs", [first, empty.clone(), last, endpoint_costs("ordinal", &json!({}))]);
    let client = client(&server);
    let query = EndpointCostQuery { destinations: [many.clone(), many].concat(), ..query() };
    assert_eq!(client.endpoint_costs(&query).unwrap().iter().count(), 2);
    client.endpoint_costs(&ordinal(query)).unwrap();
    let sizes: Vec<usize> = server
        .asked("POST /ecs")
        .iter()
        .map(|request| request.json()["endpoints"]["dsts"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [10_000, 10_000, 5000, 25_000], "repeated ones are asked for once");
}

#[test]
fn properties_come_from_the_services_that_have_them() {
    let service = |uri: &str, names: &[&str]| {
        post_entry(uri, "endpointprop", "endpointpropparams", &json!({"prop-types": names}))
    };
    let server = server(json!({
        "a": service("a", &["nm.pid", "not a name"]), "b": service("b", &["priv:link", "nm.pid"]),
    }));
    let answer = |meta: &Value, values: &Value| {
        Reply::alto("endpointprop", &json!({"meta": meta, "endpoint-properties": values}))
    };
    let vtag = json!({"resource-id": "nm", "tag": "1"});
    server.on(
        "POST /a",
        [answer(
            &json!({"dependent-vtags": [vtag]}),
            &json!({
                "ipv4:10.0.0.1": {"nm.pid": "a", "extra": "x"}, "ipv4:10.0.0.2": {}, "ipv4:9.9.9.9": {"nm.pid": "b"},
            }),
        )],
    );
    server.on("POST /b", [answer(&json!({}), &json!({"ipv4:10.0.0.1": {"priv:link": "fiber"}}))]);
    let client = client(&server);
    let (pid, link): (PropertyType, PropertyType) = ("nm.pid".parse().unwrap(), "priv:link".parse().unwrap());
    let asked = endpoints(["10.0.0.1", "10.0.0.2", "10.0.0.1"]);
    let found = client.endpoint_properties(&asked, &[pid.clone(), link.clone()]).unwrap();
    assert_eq!(found.get(endpoint("10.0.0.1"), &pid), Some("a"));
    assert_eq!(found.get(endpoint("10.0.0.1"), &link), Some("fiber"));
    assert_eq!(found.get(endpoint("10.0.0.2"), &pid), None);
    assert_eq!((found.vtags.len(), found.values.len()), (1, 2));
    let request = json!({"properties": ["nm.pid"], "endpoints": ["ipv4:10.0.0.1", "ipv4:10.0.0.2"]});
    assert_eq!(server.asked("POST /a")[0].json(), request);
    for value in [json!(5), json!(null), json!(["a"])] {
        server.on("POST /b", [answer(&json!({}), &json!({"ipv4:10.0.0.1": {"priv:link": value}}))]);
        assert!(matches!(
            client.endpoint_properties(&asked, std::slice::from_ref(&link)),
            Err(Error::Malformed { .. })
        ));
    }
}

#[test]
fn get_is_preferred_and_filters_say_all_they_must() {
    let constraints = json!({"cost-type-names": ["num"], "cost-constraints": true});
    let server = server(json!({
        "fnm": post_entry("fnm", "networkmap", "networkmapfilter", &json!({})),
        "fcm": post_entry("fcm", "costmap", "costmapfilter", &constraints),
        "cm": cost_map_entry("cm", "num"),
    }));
    let costs = || cost_map("1", "numerical", &json!({"a": {"a": 1, "b": 2}, "b": {"a": 3}}));
    server.on("GET /cm", [costs()]).on("POST /fcm", [costs()]).on("POST /fnm", [network_map("1")]);
    let client = client(&server);
    client.partial_network_map(None, &[], &[]).unwrap();
    client.maps(&CostMapQuery::default()).unwrap();
    assert!(server.seen().iter().all(|request| request.method == "GET"), "whole maps by GET");

    let part = client.partial_network_map(None, &[], &[AddressType::Ipv4]).unwrap();
    assert_eq!(part.pids.len(), 2);
    assert_eq!(server.asked("POST /fnm")[0].json(), json!({"pids": [], "address-types": ["ipv4"]}));
    let from_a = CostMapQuery { sources: vec!["a".parse().unwrap()], ..CostMapQuery::default() };
    let part = client.cost_map(&from_a).unwrap();
    assert_eq!(part.iter().count(), 2, "what was not asked for is left out");
    let costs = CostQuery::constrained(routing_cost(), ["lt 3".parse().unwrap()]);
    let cheap = CostMapQuery { costs, ..CostMapQuery::default() };
    client.cost_map(&cheap).unwrap();
    let cost_type = json!({"cost-metric": "routingcost", "cost-mode": "numerical"});
    let [pids, all] = &server.asked("POST /fcm")[..] else { panic!() };
    assert_eq!(pids.json(), json!({"cost-type": cost_type, "pids": {"srcs": ["a"], "dsts": []}}));
    assert_eq!(all.json(), json!({"cost-type": cost_type, "constraints": ["lt 3"]}));
}

#[test]
fn without_filters_the_whole_maps_are_filtered_here() {
    let server = server(json!({"cm": cost_map_entry("cm", "num")}));
    server.on("GET /cm", [cost_map("1", "numerical", &json!({"a": {"a": 1, "b": 2}, "b": {"a": 3}}))]);
    let client = client(&server);
    let part = client.partial_network_map(None, &["a".parse().unwrap()], &[AddressType::Ipv6]).unwrap();
    assert_eq!(serde_json::to_value(part.pids).unwrap(), json!({"a": {}}));
    let query = CostMapQuery {
        destinations: vec!["a".parse().unwrap()],
        costs: CostQuery::constrained(routing_cost(), ["gt 1".parse().unwrap()]),
        ..CostMapQuery::default()
    };
    let costs = client.maps(&query).unwrap().costs;
    assert_eq!(
        costs.iter().map(|(from, to, cost)| (from.as_str(), to.as_str(), cost)).collect::<Vec<_>>(),
        [("b", "a", 3.0)]
    );
}

#[test]
fn where_only_a_filter_exists_it_gives_the_whole_map() {
    let filter = post_entry("fcm", "costmap", "costmapfilter", &json!({"cost-type-names": ["num"]}));
    let server = server(json!({"fcm": filter}));
    server.on("POST /fcm", [cost_map("1", "numerical", &json!({"a": {"b": 2}}))]);
    let client = client(&server);
    assert_eq!(client.maps(&CostMapQuery::default()).unwrap().costs.get("a", "b"), Some(2.0));
    let sent = server.asked("POST /fcm")[0].json();
    assert_eq!((sent.get("pids"), sent.get("constraints")), (None, None));
}
