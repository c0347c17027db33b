//! Comparison of a client's answer with the expected one.
//!
//! An answer is the data member of the ALTO message that would hold it, or the whole message. Addresses may have any
//! spelling, with or without their type; the level of the only source or property may be omitted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::task::Ask;
use crate::mock_server::cost_type::ServedCostType;
use crate::mock_server::request::parse_address;

/// Returns how an answer differs from the expected one, or `None` if they are equivalent.
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
        Ask::Follow { .. }
            if answer.get("network-map").is_some()
                || right.get("pidZ").is_some_and(|pid| pid.get("ipv4").is_some()) =>
        {
            compare(&groups(right), &groups(unwrapped(answer, "network-map")))
        }
        Ask::Follow { .. } => {
            let costs = Ask::CostMap { map: None, cost_type: ServedCostType::numerical() };
            difference(&costs, right, answer)
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

/// Returns the data member of an answer that is a whole message, otherwise the answer.
fn unwrapped<'a>(answer: &'a Value, member: &str) -> &'a Value {
    answer.get(member).unwrap_or(answer)
}

/// Expands the bare value of a question about a single address to an object.
fn one(ask: &Ask, answer: &Value) -> Value {
    let (Ask::Pid { addresses, .. } | Ask::Property { addresses, .. }) = ask else { return answer.clone() };
    match (addresses.as_slice(), answer) {
        ([address], Value::String(_)) => json!({ address.as_str(): answer }),
        _ => unwrapped(answer, "endpoint-properties").clone(),
    }
}

/// Collects the keys of an object, the strings of an array, or the `id` members of its objects.
fn names(value: &Value) -> BTreeSet<String> {
    match value {
        Value::Object(members) => members.keys().cloned().collect(),
        Value::Array(elements) => {
            elements.iter().filter_map(|e| e.as_str().or_else(|| e.get("id")?.as_str())).map(str::to_owned).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Parses the IPv4 and IPv6 prefixes of each PID.
fn groups(value: &Value) -> BTreeMap<String, BTreeSet<IpNet>> {
    let parse = |group: &Value| {
        let lists = ["ipv4", "ipv6"].into_iter().filter_map(|kind| group.get(kind)?.as_array());
        lists.flatten().filter_map(|prefix| prefix.as_str()?.parse().ok()).collect()
    };
    value.as_object().into_iter().flatten().map(|(pid, group)| (pid.clone(), parse(group))).collect()
}

/// Collects values by address; a nested object contributes its member of the wanted name, or its only member.
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
    // Clients may report an unknown value as null.
    named.filter(|(_, value)| !value.is_null()).collect()
}

/// Parses an address with or without its type.
fn address(text: &str) -> Option<IpAddr> {
    parse_address(text).or_else(|| text.parse().ok())
}

fn compare<T: PartialEq + std::fmt::Debug>(
    right: &BTreeMap<String, T>,
    answer: &BTreeMap<String, T>,
) -> Option<String> {
    for (key, value) in right {
        match answer.get(key) {
            None => return Some(format!("no value for {key}")),
            Some(said) if said != value => return Some(format!("{said:?} for {key}")),
            Some(_) => {}
        }
    }
    answer.keys().find(|key| !right.contains_key(*key)).map(|extra| format!("{:?} for {extra}", answer[extra]))
}

/// Compares costs as numbers, in ordinal mode by their order only.
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
        // The message quotes the costs as the client gave them.
        compare(right, answer).unwrap_or_else(|| "other costs".into())
    })
}

#[cfg(test)]
mod tests {
    use super::super::expected::{costs, pids};
    use super::*;
    use crate::mock_server::network::Network;

    fn addresses(list: &[&str]) -> Vec<String> {
        list.iter().map(|address| (*address).to_owned()).collect()
    }

    #[test]
    fn equivalent_forms_of_an_answer_are_accepted() {
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
    fn undefined_costs_may_be_absent_or_null_but_not_zero() {
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
    fn ranks_are_compared_by_order() {
        let ask = Ask::CostMap { map: None, cost_type: ServedCostType::ordinal() };
        let right = json!({ "a": { "b": 0, "c": 0, "d": 7 } });
        assert_eq!(difference(&ask, &right, &json!({ "cost-map": { "a": { "b": 1, "c": 1, "d": 2 } } })), None);
        assert!(difference(&ask, &right, &json!({ "a": { "b": 0, "c": 1, "d": 7 } })).is_some());
        assert!(difference(&ask, &right, &json!({ "a": { "b": 0, "d": 7 } })).is_some());
    }
}
