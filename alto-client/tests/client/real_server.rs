//! Everything a real server offers can be had, and is what it should be.

use alto_client::{Basis, Client, CostMapQuery, CostQuery, EndpointCostQuery, Kind, cost_type, routing_cost};
use alto_types::{AddressType, PropertyType};
use serde_json::json;

use super::{endpoint, endpoints, ip};
use test_support::alto_server::Server;

fn fixture() -> (Server, Client) {
    let server = Server::of("conformance-fixture-a.json");
    let client = Client::builder(&server.directory()).build().unwrap();
    (server, client)
}

const PIDS: [(&str, &str); 10] = [
    ("192.0.2.1", "pidA"),
    ("192.0.2.7", "pidB"),
    ("192.0.2.200", "pidB"),
    ("198.51.100.1", "pidA"),
    ("198.51.100.200", "pidC"),
    ("203.0.113.1", "pidZ"),
    ("2001:db8:a::1", "pidA"),
    ("2001:db8:a:b::1", "pidB"),
    ("2001:db8:d::1", "pidD"),
    ("2001:db8:ffff::1", "pidZ"),
];

#[test]
fn the_directory_has_every_kind_of_resource() {
    let (server, client) = fixture();
    let directory = client.directory().unwrap();
    assert_eq!(directory.problems(), [""; 0]);
    assert_eq!(directory.uri(), server.directory());
    assert_eq!(directory.default_network_map().unwrap().as_str(), "network-map");
    for kind in [
        Kind::NetworkMap,
        Kind::FilteredNetworkMap,
        Kind::CostMap,
        Kind::FilteredCostMap,
        Kind::EndpointProperty,
        Kind::EndpointCost,
    ] {
        assert!(directory.of_kind(kind).count() >= 1, "{kind:?}");
    }
    // Property maps are of no kind that this client asks, and neither are what follows changes.
    let others = ["application/alto-propmap+json", "text/event-stream", "application/alto-tips+json"];
    assert!(directory.of_kind(Kind::Other).all(|entry| others.contains(&entry.media_type())));
    assert!(directory.get("endpoint-cost").unwrap().uri().starts_with(&format!("http://{}/", server.address)));
}

#[test]
fn addresses_are_looked_up_here_as_the_server_does() {
    let (_server, client) = fixture();
    let map = client.network_map(None).unwrap();
    let asked: Vec<_> = PIDS.iter().map(|(address, _)| endpoint(address)).collect();
    let (id, answer) = client.pids(Some("network-map"), &asked).unwrap();
    assert_eq!(answer.vtags, [map.vtag().clone()]);
    for (address, pid) in PIDS {
        assert_eq!(map.pid_of(ip(address)).unwrap().as_str(), pid, "{address}");
        assert_eq!(answer.pid_of(endpoint(address), &id), Some(pid), "{address}");
    }
    let property = "network-map.pid".parse::<PropertyType>().unwrap();
    let twice = [property.clone(), property];
    assert_eq!(client.endpoint_properties(&asked, &twice).unwrap(), answer, "what is asked twice counts once");
}

#[test]
fn maps_fit_each_other_and_undefined_costs_are_absent() {
    let (_server, client) = fixture();
    let maps = client.maps(&CostMapQuery::default()).unwrap();
    assert_eq!(maps.costs.depends_on, *maps.network.vtag());
    assert_eq!(maps.costs.iter().count(), 22);
    assert_eq!(maps.costs.get("pidA", "pidB"), Some(1.5));
    assert_eq!(maps.costs.get("pidB", "pidA"), Some(2.0));
    assert_eq!(maps.costs.get("pidB", "pidD"), None);
    assert_eq!(maps.cost(ip("192.0.2.1"), ip("192.0.2.7")), Some(1.5));
    assert_eq!(maps.cost(ip("192.0.2.1"), ip("2001:db8:d::1")), Some(7.0));
    assert_eq!(maps.cost(ip("2001:db8:d::1"), ip("192.0.2.7")), None);
}

#[test]
fn parts_of_maps() {
    let (_server, client) = fixture();
    let whole = client.network_map(None).unwrap();
    let pids = ["pidA".parse().unwrap(), "no-such".parse().unwrap()];
    let part = client.partial_network_map(None, &pids, &[AddressType::Ipv6]).unwrap();
    assert_eq!(part.vtag, *whole.vtag());
    assert_eq!(serde_json::to_value(&part.pids).unwrap(), json!({"pidA": {"ipv6": ["2001:db8:a::/48"]}}));
    assert_eq!(client.partial_network_map(None, &[], &[]).unwrap().pids, *whole.pids());

    let query = CostMapQuery {
        sources: vec!["pidC".parse().unwrap()],
        costs: CostQuery::constrained(routing_cost(), ["ge 5".parse().unwrap(), "lt 9".parse().unwrap()]),
        ..CostMapQuery::default()
    };
    let maps = client.maps(&query).unwrap();
    assert_eq!(
        serde_json::to_value(&maps.costs.table.first().unwrap().costs).unwrap(),
        json!({"pidC": {"pidA": 5.0, "pidB": 5.0}})
    );
    let costs = CostQuery::constrained(routing_cost(), ["gt 10".parse().unwrap(), "lt 5".parse().unwrap()]);
    let nothing = CostMapQuery { costs, ..query };
    assert_eq!(client.maps(&nothing).unwrap().costs.iter().count(), 0, "no pair is no error");
}

#[test]
fn endpoint_costs_in_both_modes() {
    let (_server, client) = fixture();
    let mut query = EndpointCostQuery {
        sources: endpoints(["192.0.2.1"]),
        destinations: endpoints(["192.0.2.7", "198.51.100.200", "203.0.113.1", "2001:db8:d::1"]),
        ..EndpointCostQuery::default()
    };
    let costs = client.endpoint_costs(&query).unwrap();
    assert_eq!(costs.basis, Basis::Service);
    let mut found: Vec<f64> = costs.iter().map(|(_, _, cost)| cost).collect();
    found.sort_by(f64::total_cmp);
    assert_eq!(found, [1.5, 5.0, 7.0, 20.0]);
    assert_eq!(costs.get(ip("192.0.2.1"), ip("2001:db8:d::1")), Some(7.0));
    let by_maps = client.endpoint_costs_by_maps(&query).unwrap();
    assert_eq!((by_maps.basis, by_maps.table.rows()), (Basis::Maps, costs.table.rows()));

    let ordinal = cost_type("routingcost", "ordinal").unwrap();
    query.costs = ordinal.clone().into();
    let ranks = client.endpoint_costs(&query).unwrap();
    assert_eq!(ranks.get(endpoint("192.0.2.1"), endpoint("203.0.113.1")), Some(4.0));
    assert_eq!(client.endpoint_costs_by_maps(&query).unwrap().table.rows(), ranks.table.rows());
    query.costs = CostQuery::constrained(ordinal, ["le 2".parse().unwrap()]);
    assert_eq!(client.endpoint_costs(&query).unwrap().iter().count(), 2);
}

#[test]
fn the_server_sees_the_address_one_connects_from() {
    let server = Server::of("two-isps.json");
    let destinations = endpoints(["127.1.2.1", "127.2.2.1"]);
    for source in ["127.1.1.2", "127.2.1.1"] {
        let client = Client::builder(&server.directory()).source(ip(source)).build().unwrap();
        let query = EndpointCostQuery { destinations: destinations.clone(), ..EndpointCostQuery::default() };
        let costs = client.endpoint_costs(&query).unwrap();
        let sources: Vec<_> = costs.table.first().unwrap().costs.keys().copied().collect();
        assert_eq!(sources, [endpoint(source)]);
        let explicit = EndpointCostQuery { sources, ..query.clone() };
        assert_eq!(client.endpoint_costs(&explicit).unwrap().table, costs.table);
        // The other way round: what it costs from there to here.
        let back = EndpointCostQuery { sources: query.destinations, ..EndpointCostQuery::default() };
        let costs = client.endpoint_costs(&back).unwrap();
        assert!(costs.iter().all(|(_, to, _)| to == endpoint(source)), "{costs:?}");
        assert_eq!(costs.iter().count(), 2);
    }
    // Nobody has this address here.
    let client = Client::builder(&server.directory()).source(ip("192.0.2.1")).build().unwrap();
    let error = client.directory().unwrap_err().to_string();
    assert!(error.contains("cannot connect from 192.0.2.1"), "{error}");
    let client = Client::builder(&server.directory()).source(ip("::1")).build().unwrap();
    let error = client.directory().unwrap_err().to_string();
    assert!(error.contains("no address that can be reached from ::1"), "{error}");
}

#[test]
fn errors_of_the_server_keep_what_it_said() {
    let server = Server::of_with("conformance-fixture-a.json", &["--max-list-entries", "3"]);
    let client = Client::builder(&server.directory()).build().unwrap();
    let many = endpoints(["192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"]);
    let query = EndpointCostQuery { destinations: many, ..EndpointCostQuery::default() };
    let error = client.endpoint_costs(&query).unwrap_err();
    assert!(error.status().is_some_and(|status| (400..500).contains(&status)), "{error:?}");
    assert!(error.to_string().contains(&format!("http://{}/endpointcost/lookup", server.address)), "{error}");
}
