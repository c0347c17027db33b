//! The network that the stage describes: documentation addresses only, with the traps of RFC 7285 built in.
//!
//! `nm-a` has prefixes nested across PIDs, a PID without IPv6, one without IPv4, costs that do not exist (two of them
//! next to a PID that has costs for everything else) and different costs there and back. `nm-b` knows only IPv4 and is
//! complete without a default prefix.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::cost_query::Costs;
use crate::metric::more_is_better;

/// Media types of RFC 7285 §14.1 and RFC 9240 §12.1.
pub mod media {
    /// Information resource directory.
    pub const DIRECTORY: &str = "application/alto-directory+json";
    /// Network map.
    pub const NETWORK_MAP: &str = "application/alto-networkmap+json";
    /// Request for a filtered network map.
    pub const NETWORK_MAP_FILTER: &str = "application/alto-networkmapfilter+json";
    /// Cost map.
    pub const COST_MAP: &str = "application/alto-costmap+json";
    /// Request for a filtered cost map.
    pub const COST_MAP_FILTER: &str = "application/alto-costmapfilter+json";
    /// Endpoint properties.
    pub const ENDPOINT_PROPERTY: &str = "application/alto-endpointprop+json";
    /// Request for endpoint properties.
    pub const ENDPOINT_PROPERTY_PARAMS: &str = "application/alto-endpointpropparams+json";
    /// Endpoint costs.
    pub const ENDPOINT_COST: &str = "application/alto-endpointcost+json";
    /// Request for endpoint costs.
    pub const ENDPOINT_COST_PARAMS: &str = "application/alto-endpointcostparams+json";
    /// Property map (RFC 9240).
    pub const PROPERTY_MAP: &str = "application/alto-propmap+json";
    /// Request for a filtered property map (RFC 9240).
    pub const PROPERTY_MAP_PARAMS: &str = "application/alto-propmapparams+json";
    /// Error.
    pub const ERROR: &str = "application/alto-error+json";
}

/// A metric and a mode.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServedCostType {
    /// What is measured.
    pub metric: String,
    /// How it is expressed.
    pub mode: String,
}

impl ServedCostType {
    /// A cost type by its names.
    pub fn new(metric: &str, mode: &str) -> Self {
        Self { metric: metric.into(), mode: mode.into() }
    }

    /// `routingcost` as numbers.
    pub fn numerical() -> Self {
        Self::new("routingcost", "numerical")
    }

    /// `routingcost` as ranks.
    pub fn ordinal() -> Self {
        Self::new("routingcost", "ordinal")
    }

    /// As it is written in messages.
    pub fn to_json(&self) -> Value {
        json!({ "cost-mode": self.mode, "cost-metric": self.metric })
    }
}

/// A network map and the costs between its PIDs.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedMap {
    /// Its resource ID.
    pub id: String,
    /// Prefixes by PID.
    pub pids: BTreeMap<String, Vec<IpNet>>,
    /// `routingcost` from PID to PID, where it is defined.
    pub costs: Costs,
    /// Costs of other metrics; a metric that is not here costs what `routingcost` does.
    pub metrics: BTreeMap<String, Costs>,
}

/// Everything that is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// The default map first.
    pub maps: Vec<ServedMap>,
    /// Values by property (without those ending in `.pid`) and address.
    pub properties: BTreeMap<String, BTreeMap<IpAddr, Value>>,
}

impl ServedMap {
    /// Parses a map from `PID PREFIX...` lines and rows of costs, where `-` is a cost that is not defined.
    fn parse(id: &str, pids: &[(&str, &str)], costs: &[&str]) -> Self {
        let prefixes = |text: &str| text.split_whitespace().filter_map(|prefix| prefix.parse().ok()).collect();
        let map = pids.iter().map(|(pid, text)| ((*pid).to_owned(), prefixes(text))).collect();
        let names: Vec<_> = pids.iter().map(|(pid, _)| *pid).collect();
        Self { id: id.into(), pids: map, costs: matrix(&names, costs), metrics: BTreeMap::new() }
    }

    /// The costs of a metric.
    pub fn costs_of(&self, metric: &str) -> &Costs {
        self.metrics.get(metric).unwrap_or(&self.costs)
    }

    /// The tag: a hash of what the map says.
    pub fn tag(&self) -> String {
        let mut digest = Sha256::new();
        for (pid, prefixes) in &self.pids {
            digest.update(format!("{pid} {prefixes:?}\n"));
        }
        digest.finalize()[..16].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    /// The version tag, as it is written in messages.
    pub fn vtag(&self) -> Value {
        json!({ "resource-id": self.id, "tag": self.tag() })
    }

    /// The PID with the longest prefix that holds the address (RFC 7285 §11.2.2).
    pub fn pid_of(&self, address: IpAddr) -> Option<&str> {
        let all = self.pids.iter().flat_map(|(pid, prefixes)| prefixes.iter().map(move |prefix| (pid, prefix)));
        let holding = all.filter(|(_, prefix)| prefix.contains(&address));
        holding.max_by_key(|(_, prefix)| prefix.prefix_len()).map(|(pid, _)| pid.as_str())
    }

    /// The prefixes of a PID by address type; all types, or only those named.
    pub fn group(&self, pid: &str, types: Option<&[String]>) -> Map<String, Value> {
        let mut group = Map::new();
        for prefix in self.pids.get(pid).into_iter().flatten() {
            let kind = if prefix.addr().is_ipv4() { "ipv4" } else { "ipv6" };
            if types.is_none_or(|types| types.iter().any(|asked| asked == kind)) {
                let list = group.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(prefix.to_string().into());
                }
            }
        }
        group
    }

    /// The `routingcost` from PID to PID.
    pub fn cost(&self, source: &str, destination: &str) -> Option<f64> {
        self.costs.get(&(source.to_owned(), destination.to_owned())).copied()
    }
}

impl Network {
    /// The fixture.
    pub fn fixture() -> Self {
        let a = ServedMap::parse(
            "nm-a",
            &[
                ("pidA", "192.0.2.0/24 198.51.100.0/25 2001:db8:a::/48"),
                ("pidB", "192.0.2.128/25 192.0.2.7/32 2001:db8:a:b::/64"),
                ("pidC", "198.51.100.128/25"),
                ("pidD", "2001:db8:d::/48"),
                ("pidZ", "0.0.0.0/0 ::/0"),
            ],
            &["0 1.5 5 7 20", "2 0 5 - 20", "5 5 0 9 30", "7 - 9 0 -", "20 20 30 40 -"],
        );
        let b = ServedMap::parse("nm-b", &[("west", "0.0.0.0/1"), ("east", "128.0.0.0/1")], &["1 10", "20 2"]);
        let fiber = BTreeMap::from([(IpAddr::from([192, 0, 2, 7]), Value::from("fiber"))]);
        Self { maps: vec![a, b], properties: BTreeMap::from([("priv:x-link".into(), fiber)]) }
    }

    /// A map by its resource ID.
    pub fn map(&self, id: &str) -> Option<&ServedMap> {
        self.maps.iter().find(|map| map.id == id)
    }

    /// A property of an address; `ID.pid` is looked up in the map.
    pub fn property(&self, name: &str, address: IpAddr) -> Option<Value> {
        match name.strip_suffix(".pid") {
            Some(map) => self.map(map)?.pid_of(address).map(Value::from),
            None => self.properties.get(name)?.get(&address).cloned(),
        }
    }
}

/// Rows of costs between PIDs.
pub(super) fn matrix(pids: &[&str], rows: &[&str]) -> Costs {
    let cells = pids.iter().zip(rows).flat_map(|(source, row)| {
        let row = pids.iter().zip(row.split_whitespace());
        row.filter_map(|(destination, cost)| {
            Some((((*source).to_owned(), (*destination).to_owned()), cost.parse().ok()?))
        })
    });
    cells.collect()
}

/// Costs as a cost type has them; where more is better, the most has the first rank.
pub(super) fn as_type(cost_type: &ServedCostType, mut costs: Costs) -> BTreeMap<(String, String), Value> {
    if cost_type.mode == "ordinal" && more_is_better(&cost_type.metric) == Some(true) {
        for cost in costs.values_mut() {
            *cost = -*cost;
        }
    }
    in_mode(&cost_type.mode, &costs)
}

/// Costs in the mode asked for: as they are, or their dense ranks from 1 over all that were asked for.
pub fn in_mode<K: Ord + Clone>(mode: &str, costs: &BTreeMap<K, f64>) -> BTreeMap<K, Value> {
    let mut distinct: Vec<f64> = costs.values().copied().collect();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    let rank = |cost: f64| distinct.iter().take_while(|other| **other < cost).count() + 1;
    let value = |cost: f64| match mode {
        "ordinal" => Value::from(rank(cost)),
        _ => number(cost),
    };
    costs.iter().map(|(pair, cost)| (pair.clone(), value(*cost))).collect()
}

/// A number without a needless fraction.
pub fn number(value: f64) -> Value {
    #[expect(clippy::cast_possible_truncation, reason = "the range is checked")]
    if value.fract() == 0.0 && value.abs() < 9e15 { Value::from(value as i64) } else { Value::from(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_decides() {
        let network = Network::fixture();
        for (address, a, b) in [
            ("192.0.2.1", "pidA", Some("east")),
            ("192.0.2.7", "pidB", Some("east")),
            ("192.0.2.200", "pidB", Some("east")),
            ("198.51.100.1", "pidA", Some("east")),
            ("198.51.100.200", "pidC", Some("east")),
            ("203.0.113.1", "pidZ", Some("east")),
            ("10.0.0.1", "pidZ", Some("west")),
            ("2001:db8:a::1", "pidA", None),
            ("2001:db8:a:b::1", "pidB", None),
            ("2001:db8:d::1", "pidD", None),
            ("2001:db8:ffff::1", "pidZ", None),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(network.maps[0].pid_of(address), Some(a), "{address}");
            assert_eq!(network.maps[1].pid_of(address), b, "{address}");
        }
    }

    #[test]
    fn the_matrix_is_read_whole() {
        let network = Network::fixture();
        assert_eq!(network.maps[0].costs.len(), 21);
        assert_eq!(network.maps[0].cost("pidB", "pidD"), None);
        assert_eq!(network.maps[0].cost("pidB", "pidA"), Some(2.0));
        assert_eq!(network.maps[0].pids.values().map(Vec::len).sum::<usize>(), 10);
        let ranks = in_mode("ordinal", &network.maps[0].costs);
        assert_eq!(ranks[&("pidA".to_owned(), "pidB".to_owned())], 2);
    }
}
