//! The client against a real server.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod support;

use alto_peer::client::{Client, CostMapQuery, EndpointCostQuery, Kind, cost_type};
use support::Server;

#[test]
fn everything_a_server_offers_can_be_had() {
    let server = Server::of("two-isps.json");
    let client = Client::builder(&server.directory()).build().unwrap();
    let directory = client.directory().unwrap();
    println!("{directory:#?}");
    assert_eq!(directory.problems(), [""; 0]);
    assert_eq!(directory.of_kind(Kind::NetworkMap).count(), 1);
    let map = client.network_map(None).unwrap();
    println!("{:#?}", map.to_message());
    let maps = client.maps(&CostMapQuery::default()).unwrap();
    println!("{:#?}", maps.costs);
    let destinations = vec!["ipv4:127.1.1.1".parse().unwrap()];
    let query = EndpointCostQuery {
        destinations,
        cost_type: cost_type("routingcost", "ordinal").unwrap(),
        ..Default::default()
    };
    println!("{:#?}", client.endpoint_costs(&query).unwrap());
    println!("{:#?}", client.pids(None, &query.destinations).unwrap());
}
