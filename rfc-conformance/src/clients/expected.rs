//! Expected answers to tasks, computed from the data of the mock server.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::mock_server::cost_type::{ServedCostType, in_mode};
use crate::mock_server::network::Network;
use crate::mock_server::request::parse_address;
use crate::mock_server::service::Service;

/// Returns the IDs of all resources other than directories.
pub(super) fn resources(service: &Service) -> Value {
    service.resources.iter().map(|resource| (resource.id.clone(), json!({}))).collect::<Map<_, _>>().into()
}

/// Returns a network map.
pub(super) fn network_map(network: &Network, map: &str) -> Value {
    let Some(map) = network.map(map) else { return Value::Null };
    map.pids.keys().map(|pid| (pid.clone(), map.group(pid, None).into())).collect::<Map<_, _>>().into()
}

/// Returns the PIDs of addresses, without addresses that have none.
pub(super) fn pids(network: &Network, map: &str, addresses: &[String]) -> Value {
    properties(network, &format!("{map}.pid"), addresses)
}

/// Returns a property of addresses, without addresses that lack it.
pub(super) fn properties(network: &Network, property: &str, addresses: &[String]) -> Value {
    let value = |address: &String| Some((address.clone(), network.property(property, parse_address(address)?)?));
    addresses.iter().filter_map(value).collect::<Map<_, _>>().into()
}

/// Returns a full cost map.
pub(super) fn cost_map(network: &Network, map: &str, cost_type: &ServedCostType) -> Value {
    let Some(map) = network.map(map) else { return Value::Null };
    let mut rows = Map::new();
    for ((source, destination), cost) in in_mode(&cost_type.mode, &map.costs) {
        if let Value::Object(row) = rows.entry(source).or_insert_with(|| json!({})) {
            row.insert(destination, cost);
        }
    }
    rows.into()
}

/// Returns the costs from an address to others by the default map, without costs above `most`.
pub(super) fn costs(
    network: &Network,
    cost_type: &ServedCostType,
    from: &str,
    to: &[String],
    most: Option<f64>,
) -> Value {
    let map = &network.maps[0];
    let pid = |address: &str| map.pid_of(parse_address(address)?);
    let cost = |to: &String| Some((to.clone(), map.cost(pid(from)?, pid(to)?)?));
    let found: BTreeMap<_, _> = to.iter().filter_map(cost).collect();
    let within = found.into_iter().filter(|(_, cost)| most.is_none_or(|most| *cost <= most)).collect();
    in_mode(&cost_type.mode, &within).into_iter().collect::<Map<_, _>>().into()
}
