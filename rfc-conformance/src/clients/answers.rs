//! What the right answers are, and whether an answer says the same.
//!
//! A client answers in the words of RFC 7285: with the data member of the message that would hold the answer, or with
//! the whole message. Addresses may be spelt in any way, with their type or without; where one source or one property
//! was asked for, its level may be left out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};

use super::scenario::Ask;
use crate::mock_server::network::{Network, ServedCostType, in_mode};
use crate::mock_server::request::parse_address;
use crate::mock_server::service::Service;

/// The IDs of all resources that are not directories.
pub(super) fn resources(service: &Service) -> Value {
    service.resources.iter().map(|resource| (resource.id.clone(), json!({}))).collect::<Map<_, _>>().into()
}

/// A network map.
pub(super) fn network_map(network: &Network, map: &str) -> Value {
    let Some(map) = network.map(map) else { return Value::Null };
    map.pids.keys().map(|pid| (pid.clone(), map.group(pid, None).into())).collect::<Map<_, _>>().into()
}

/// The PIDs of addresses; those of none are left out.
pub(super) fn pids(network: &Network, map: &str, addresses: &[String]) -> Value {
    properties(network, &format!("{map}.pid"), addresses)
}

/// A property of addresses.
pub(super) fn properties(network: &Network, property: &str, addresses: &[String]) -> Value {
    let value = |address: &String| Some((address.clone(), network.property(property, parse_address(address)?)?));
    addresses.iter().filter_map(value).collect::<Map<_, _>>().into()
}

/// A whole cost map.
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

/// Costs from an address to others, by the default map.
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

/// Why an answer is not the right one; nothing if it is.
pub(super) fn difference(ask: &Ask, right: &Value, answer: &Value) -> Option<String> {
    match ask {
        Ask::Directory => {
            let (right, named) = (names(right), names(unwrapped(answer, "resources")));
            let missing: Vec<_> = right.difference(&named).cloned().collect();
            (!missing.is_empty()).then(|| format!("without {}", missing.join(", ")))
        }
        Ask::NetworkMap { .. } => compare(&groups(right), &groups(unwrapped(answer, "network-map"))),
        Ask::Pid { .. } => compare(&by_address(right, "pid"), &by_address(&one(ask, answer), "pid")),
        Ask::Property { property, .. } => {
            compare(&by_address(right, property), &by_address(&one(ask, answer), property))
        }
        Ask::CostMap { cost_type, .. } => {
            let matrix = |value: &Value| -> BTreeMap<String, Value> {
                let rows = value.as_object().into_iter().flatten();
                let cells = rows
                    .flat_map(|(source, row)| row.as_object().into_iter().flatten().map(move |cell| (source, cell)));
                let known = cells.filter(|(_, (_, cost))| !cost.is_null());
                known
                    .map(|(source, (destination, cost))| (format!("{source} to {destination}"), cost.clone()))
                    .collect()
            };
            compare_costs(&matrix(right), &matrix(unwrapped(answer, "cost-map")), cost_type)
        }
        Ask::Costs { cost_type, from, .. } => {
            let answer = unwrapped(answer, "endpoint-cost-map");
            let row =
                answer.as_object().into_iter().flatten().find(|(source, row)| {
                    row.is_object() && address(source).is_some() && address(source) == address(from)
                });
            let row = row.map_or(answer, |(_, row)| row);
            compare_costs(&by_address(right, "cost"), &by_address(row, "cost"), cost_type)
        }
    }
}

/// The data member, if the whole message was given.
fn unwrapped<'a>(answer: &'a Value, member: &str) -> &'a Value {
    answer.get(member).unwrap_or(answer)
}

/// A single value stands for the only address that was asked about.
fn one(ask: &Ask, answer: &Value) -> Value {
    let (Ask::Pid { addresses, .. } | Ask::Property { addresses, .. }) = ask else { return answer.clone() };
    match (addresses.as_slice(), answer) {
        ([address], Value::String(_)) => json!({ address.as_str(): answer }),
        _ => unwrapped(answer, "endpoint-properties").clone(),
    }
}

/// Keys of an object, elements of an array, or the `id` of objects in one.
fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(elements) => {
            elements.iter().filter_map(|e| e.as_str().or_else(|| e.get("id")?.as_str())).map(str::to_owned).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Prefixes of the known types by PID, by value.
fn groups(value: &Value) -> BTreeMap<String, BTreeSet<IpNet>> {
    let parse = |group: &Value| {
        let lists = ["ipv4", "ipv6"].into_iter().filter_map(|kind| group.get(kind)?.as_array());
        lists.flatten().filter_map(|prefix| prefix.as_str()?.parse().ok()).collect()
    };
    value.as_object().into_iter().flatten().map(|(pid, group)| (pid.clone(), parse(group))).collect()
}

/// Values by address; those within an object under the name of what was asked for, or under the only name there is.
fn by_address(value: &Value, wanted: &str) -> BTreeMap<String, Value> {
    let inner = |value: &Value| match value {
        Value::Object(members) => {
            let named = members.iter().find(|(name, _)| *name == wanted || name.ends_with(&format!(".{wanted}")));
            named
                .or_else(|| members.iter().next().filter(|_| members.len() == 1))
                .map_or(Value::Null, |(_, v)| v.clone())
        }
        other => other.clone(),
    };
    let members = value.as_object().into_iter().flatten();
    let named =
        members.map(|(key, value)| (address(key).map_or_else(|| key.clone(), |ip| ip.to_string()), inner(value)));
    // What is not known may also be written as null.
    named.filter(|(_, value)| !value.is_null()).collect()
}

/// An address with its type or without.
fn address(text: &str) -> Option<IpAddr> {
    parse_address(text).or_else(|| text.parse().ok())
}

fn compare<T: PartialEq + std::fmt::Debug>(
    right: &BTreeMap<String, T>,
    answer: &BTreeMap<String, T>,
) -> Option<String> {
    for (key, value) in right {
        match answer.get(key) {
            None => return Some(format!("nothing for {key}")),
            Some(said) if said != value => return Some(format!("{said:?} for {key}")),
            Some(_) => {}
        }
    }
    answer.keys().find(|key| !right.contains_key(*key)).map(|extra| format!("{:?} for {extra}", answer[extra]))
}

/// Ranks are the same if their order is.
fn compare_costs(
    right: &BTreeMap<String, Value>,
    answer: &BTreeMap<String, Value>,
    cost_type: &ServedCostType,
) -> Option<String> {
    let numbers = |costs: &BTreeMap<String, Value>| -> BTreeMap<String, Option<f64>> {
        let mut numbers: BTreeMap<_, _> = costs.iter().map(|(key, cost)| (key.clone(), cost.as_f64())).collect();
        if cost_type.mode == "ordinal" {
            let mut distinct: Vec<_> = numbers.values().flatten().copied().collect();
            distinct.sort_by(f64::total_cmp);
            distinct.dedup();
            for number in numbers.values_mut() {
                #[expect(clippy::cast_precision_loss, reason = "ranks are small")]
                let rank = number.and_then(|n| distinct.iter().position(|other| *other >= n)).map(|rank| rank as f64);
                *number = rank;
            }
        }
        numbers
    };
    compare(&numbers(right), &numbers(answer)).map(|_| {
        // The difference in the client's own words, not in normalised ones.
        compare(right, answer).unwrap_or_else(|| "other costs".into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(list: &[&str]) -> Vec<String> {
        list.iter().map(|address| (*address).to_owned()).collect()
    }

    #[test]
    fn answers_may_be_written_in_several_ways() {
        let network = Network::fixture();
        let asked = addresses(&["ipv4:192.0.2.7", "ipv6:2001:db8:d::1"]);
        let right = pids(&network, "nm-a", &asked);
        let ask = Ask::Pid { map: None, addresses: asked };
        for answer in [
            json!({ "ipv4:192.0.2.7": "pidB", "ipv6:2001:db8:d::1": "pidD" }),
            json!({ "192.0.2.7": "pidB", "2001:DB8:D:0::1": "pidD" }),
            json!({ "192.0.2.7": {"pid": "pidB", "prefix": "x"}, "2001:DB8:D:0::1": {"nm-a.pid": "pidD"} }),
            json!({ "meta": {}, "endpoint-properties":
                { "ipv4:192.0.2.7": {"nm-a.pid": "pidB"}, "ipv6:2001:db8:d::1": {"nm-a.pid": "pidD"} } }),
        ] {
            assert_eq!(difference(&ask, &right, &answer), None, "{answer}");
        }
        for answer in [
            json!({ "ipv4:192.0.2.7": "pidA", "ipv6:2001:db8:d::1": "pidD" }),
            json!({ "ipv4:192.0.2.7": "pidB" }),
            json!({ "ipv4:192.0.2.7": "pidB", "ipv6:2001:db8:d::1": "pidD", "ipv4:1.1.1.1": "pidZ" }),
            json!("pidB"),
        ] {
            assert!(difference(&ask, &right, &answer).is_some(), "{answer}");
        }
    }

    #[test]
    fn costs_that_do_not_exist_must_not_be_made_up() {
        let network = Network::fixture();
        let (from, to) = ("ipv4:192.0.2.7".to_owned(), addresses(&["ipv6:2001:db8:d::1", "ipv4:198.51.100.200"]));
        let right = costs(&network, &ServedCostType::numerical(), &from, &to, None);
        assert_eq!(right, json!({ "ipv4:198.51.100.200": 5 }));
        let ask = Ask::Costs { cost_type: ServedCostType::numerical(), from, to, most: None };
        assert_eq!(difference(&ask, &right, &json!({ "198.51.100.200": 5.0, "2001:db8:d::1": null })), None);
        assert_eq!(difference(&ask, &right, &json!({ "192.0.2.7": { "198.51.100.200": 5 } })), None);
        assert!(difference(&ask, &right, &json!({ "198.51.100.200": 5, "2001:db8:d::1": 0 })).is_some());
    }

    #[test]
    fn of_ranks_only_the_order_counts() {
        let ask = Ask::CostMap { map: None, cost_type: ServedCostType::ordinal() };
        let right = json!({ "a": { "b": 0, "c": 0, "d": 7 } });
        assert_eq!(difference(&ask, &right, &json!({ "cost-map": { "a": { "b": 1, "c": 1, "d": 2 } } })), None);
        assert!(difference(&ask, &right, &json!({ "a": { "b": 0, "c": 1, "d": 7 } })).is_some());
        assert!(difference(&ask, &right, &json!({ "a": { "b": 0, "d": 7 } })).is_some());
    }
}
