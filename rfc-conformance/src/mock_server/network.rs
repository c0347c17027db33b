//! Network maps, the costs between their PIDs, and endpoint properties.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use ipnet::IpNet;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::cost_type::Costs;

/// Network map with the costs between its PIDs.
#[derive(Clone, Debug, PartialEq)]
pub struct ServedMap {
    /// Resource ID of the network map.
    pub id: String,
    /// Prefixes by PID.
    pub pids: BTreeMap<String, Vec<IpNet>>,
    /// `routingcost` from PID to PID, where it is defined.
    pub costs: Costs,
    /// Costs of other metrics; for a metric that is absent here, `costs` apply.
    pub metrics: BTreeMap<String, Costs>,
}

/// All data that the server publishes.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// Network maps, the default map first.
    pub maps: Vec<ServedMap>,
    /// Values by property name and address, without the `pid` properties.
    pub properties: BTreeMap<String, BTreeMap<IpAddr, Value>>,
    /// Properties of prefixes in property maps that have become null, whatever the maps say.
    pub absent: BTreeSet<(IpNet, String)>,
}

impl ServedMap {
    /// Returns the costs of a metric.
    pub fn costs_of(&self, metric: &str) -> &Costs {
        self.metrics.get(metric).unwrap_or(&self.costs)
    }

    /// Returns the tag: a hash of all PIDs and prefixes.
    pub fn tag(&self) -> String {
        let mut digest = Sha256::new();
        for (pid, prefixes) in &self.pids {
            digest.update(format!("{pid} {prefixes:?}\n"));
        }
        digest.finalize()[..16].iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
    }

    /// Returns the `VersionTag` object of ALTO messages (RFC 7285 §10.3).
    pub fn vtag(&self) -> Value {
        json!({ "resource-id": self.id, "tag": self.tag() })
    }

    /// Returns the PID with the longest prefix that contains an address (RFC 7285 §11.2.2).
    pub fn pid_of(&self, address: IpAddr) -> Option<&str> {
        let all = self.pids.iter().flat_map(|(pid, prefixes)| prefixes.iter().map(move |prefix| (pid, prefix)));
        let containing = all.filter(|(_, prefix)| prefix.contains(&address));
        containing.max_by_key(|(_, prefix)| prefix.prefix_len()).map(|(pid, _)| pid.as_str())
    }

    /// Returns the prefixes of a PID by address type, optionally restricted to some types.
    pub fn group(&self, pid: &str, types: Option<&[String]>) -> Map<String, Value> {
        let mut group = Map::new();
        for prefix in self.pids.get(pid).into_iter().flatten() {
            let address_type = if prefix.addr().is_ipv4() { "ipv4" } else { "ipv6" };
            if types.is_none_or(|types| types.iter().any(|wanted| wanted == address_type)) {
                let list = group.entry(address_type).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(list) = list {
                    list.push(prefix.to_string().into());
                }
            }
        }
        group
    }

    /// Returns the `routingcost` from PID to PID.
    pub fn cost(&self, source: &str, destination: &str) -> Option<f64> {
        self.costs.get(&(source.to_owned(), destination.to_owned())).copied()
    }
}

impl Network {
    /// Returns a network map by its resource ID.
    pub fn map(&self, id: &str) -> Option<&ServedMap> {
        self.maps.iter().find(|map| map.id == id)
    }

    /// Returns a property of an address; `ID.pid` is the PID in the network map with this ID.
    pub fn property(&self, name: &str, address: IpAddr) -> Option<Value> {
        match name.strip_suffix(".pid") {
            Some(map) => self.map(map)?.pid_of(address).map(Value::from),
            None => self.properties.get(name)?.get(&address).cloned(),
        }
    }
}
