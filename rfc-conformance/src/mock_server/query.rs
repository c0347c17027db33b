//! Answers to request bodies: filtered maps, endpoint properties and endpoint costs (RFC 7285 §11.3 to §11.5).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value, json};

use super::cost_query::{Offer, RequestedCosts};
use super::cost_type::{Costs, ServedCostType};
use super::error::AltoError;
use super::network::{Network, ServedMap};
use super::request::{Object, spell};

/// Limit on pairs of sources and destinations in a request.
const MAX_PAIRS: usize = 1_000_000;

/// Answers a request for a filtered network map.
pub fn filter_network_map(map: &ServedMap, body: &[u8]) -> Result<Value, AltoError> {
    let request = Object::parse(body)?;
    let pids = request.required("pids")?.strings()?;
    let types = request.optional("address-types").map(|types| types.strings()).transpose()?.unwrap_or_default();
    let types = (!types.is_empty()).then_some(types);
    let asked = |pid: &String| pids.is_empty() || pids.contains(pid);
    let answer: Map<_, _> = (map.pids.keys().filter(|pid| asked(pid)))
        .map(|pid| (pid.clone(), map.group(pid, types.as_deref()).into()))
        .collect();
    Ok(json!({ "meta": { "vtag": map.vtag() }, "network-map": answer }))
}

/// Answers a request for a filtered cost map.
pub fn filter_cost_map(map: &ServedMap, offer: &Offer, body: &[u8]) -> Result<Value, AltoError> {
    let request = Object::parse(body)?;
    let wanted = RequestedCosts::read(offer, &request)?;
    let (mut sources, mut destinations) = (Vec::new(), Vec::new());
    if let Some(pids) = request.optional("pids") {
        let pids = pids.object()?;
        sources = pids.required("srcs")?.strings()?;
        destinations = pids.required("dsts")?.strings()?;
    }
    let asked = |list: &[String], pid: &String| list.is_empty() || list.contains(pid);
    let costs = |metric: &str| {
        let all = map.costs_of(metric).iter();
        all.filter(|((source, destination), _)| asked(&sources, source) && asked(&destinations, destination))
            .map(|(pair, cost)| (pair.clone(), *cost))
            .collect()
    };
    Ok(cost_map(map, &wanted, &costs))
}

/// Returns the message of a full cost map.
pub fn full_cost_map(map: &ServedMap, cost_type: &ServedCostType) -> Value {
    cost_map(map, &RequestedCosts::one(cost_type), &|metric| map.costs_of(metric).clone())
}

fn cost_map(map: &ServedMap, wanted: &RequestedCosts, costs: &dyn Fn(&str) -> Costs) -> Value {
    let mut meta = wanted.meta();
    meta.insert("dependent-vtags".into(), json!([map.vtag()]));
    json!({ "meta": meta, "cost-map": nested(wanted.answer(costs)) })
}

/// Answers a request for endpoint properties.
pub fn endpoint_properties(network: &Network, offered: &[String], body: &[u8]) -> Result<Value, AltoError> {
    let request = Object::parse(body)?;
    let properties = request.required("properties")?.strings()?;
    let endpoints = request.required("endpoints")?;
    let endpoints = endpoints.addresses()?;
    if properties.is_empty() {
        return Err(AltoError::value("properties", &json!([])));
    }
    if endpoints.is_empty() {
        return Err(AltoError::value("endpoints", &json!([])));
    }
    if let Some(unknown) = properties.iter().find(|property| !offered.contains(property)) {
        return Err(AltoError::value("properties", &json!(unknown)));
    }
    let mut answer = Map::new();
    for (address, spelling) in &endpoints {
        let values: Map<_, _> = (properties.iter())
            .filter_map(|property| Some((property.clone(), network.property(property, *address)?)))
            .collect();
        answer.insert(spelling.clone(), values.into());
    }
    let of_maps = network.maps.iter().filter(|map| properties.contains(&format!("{}.pid", map.id)));
    let tags: Vec<_> = of_maps.map(ServedMap::vtag).collect();
    Ok(json!({ "meta": { "dependent-vtags": tags }, "endpoint-properties": answer }))
}

/// Answers a request for endpoint costs with the costs between their PIDs in the default map; an empty list of endpoints
/// stands for `client`.
pub fn endpoint_costs(network: &Network, offer: &Offer, client: IpAddr, body: &[u8]) -> Result<Value, AltoError> {
    let request = Object::parse(body)?;
    let wanted = RequestedCosts::read(offer, &request)?;
    let endpoints = request.required("endpoints")?.object()?;
    let list = |name| endpoints.optional(name).map(|list| list.addresses()).transpose();
    let (sources, destinations) = (list("srcs")?.unwrap_or_default(), list("dsts")?.unwrap_or_default());
    if sources.is_empty() && destinations.is_empty() {
        return Err(AltoError::value("endpoints", &json!({})));
    }
    if sources.len().max(1) * destinations.len().max(1) > MAX_PAIRS {
        return Err(AltoError::value("endpoints", &json!(format!("more than {MAX_PAIRS} pairs"))));
    }
    let client = client.to_canonical();
    let itself = vec![(client, spell(client))];
    let or_itself = |list: Vec<(IpAddr, String)>| if list.is_empty() { itself.clone() } else { list };
    let (sources, destinations) = (or_itself(sources), or_itself(destinations));
    let map = &network.maps[0];
    // Looking each address up once, not once per pair, bounds the work.
    let place = |list: Vec<(IpAddr, String)>| -> Vec<_> {
        list.into_iter().filter_map(|(address, name)| Some((name, map.pid_of(address)?))).collect()
    };
    let (sources, destinations) = (place(sources), place(destinations));
    let costs = |metric: &str| {
        let known = map.costs_of(metric);
        let mut costs = Costs::new();
        for (source, from) in &sources {
            for (destination, to) in &destinations {
                if let Some(cost) = known.get(&((*from).to_owned(), (*to).to_owned())) {
                    costs.insert((source.clone(), destination.clone()), *cost);
                }
            }
        }
        costs
    };
    Ok(json!({ "meta": wanted.meta(), "endpoint-cost-map": nested(wanted.answer(&costs)) }))
}

fn nested(costs: BTreeMap<(String, String), Value>) -> Map<String, Value> {
    let mut map = Map::new();
    for ((source, destination), cost) in costs {
        if let Value::Object(row) = map.entry(source).or_insert_with(|| json!({})) {
            row.insert(destination, cost);
        }
    }
    map
}
