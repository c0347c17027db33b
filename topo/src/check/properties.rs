//! Checks of the `properties` section of a topology file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::nodes::Names;
use crate::error::Problems;
use crate::file::{PropertiesFile, PropertyValue, PropertyValues};
use crate::model::parts::Host;
use crate::model::properties::{Properties, Property, Rows};
use crate::name::PropertyName;
use crate::prefix::mapped;
use crate::prefix::network_map::NetworkMap;

/// Largest number of distinct properties in one network.
const MAX_PROPERTIES: usize = 256;
/// Largest length of a value in bytes.
const MAX_VALUE: usize = 255;

/// Properties that are checked except for those of PIDs, which need the complete network map.
pub(super) struct WithoutPids<'a> {
    names: Vec<PropertyName>,
    rows: Rows,
    pids: &'a BTreeMap<String, PropertyValues>,
}

/// Paths of the values found so far, by prefix and property.
type Assigned = HashMap<(IpNet, Property), String>;

/// Checks the properties of hosts and prefixes.
pub(super) fn read<'a>(
    file: &'a PropertiesFile,
    hosts: &[Host],
    node_names: &Names,
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> WithoutPids<'a> {
    let names = names(file, problems);
    let mut rows = Rows::default();
    let mut assigned = Assigned::new();
    for (key, values) in &file.hosts {
        let path = format!("properties.hosts.{key}");
        if node_names.is_refused(key) {
            continue;
        }
        let Ok(place) = hosts.binary_search_by(|host| host.name.as_str().cmp(key)) else {
            let message = format!("{key:?} is not a host of this file; name a host, or use \"prefixes\"");
            problems.add(path, message);
            continue;
        };
        for address in &hosts[place].addresses {
            rows.add((*address).into(), &path, values, &names, &mut assigned, problems);
        }
    }
    for (key, values) in &file.prefixes {
        let path = format!("properties.prefixes.{key}");
        let Some(net) = key.parse::<IpNet>().ok().or_else(|| key.parse::<IpAddr>().ok().map(IpNet::from)) else {
            let message = format!("{key:?} is not a prefix: write it as in 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1");
            problems.add(path, message);
            continue;
        };
        if net.addr() != net.network() {
            warnings.push(format!("{path}: {key} has bits set beyond its prefix length; {} is used", net.trunc()));
        }
        rows.add(mapped::canonical(&net.trunc()), &path, values, &names, &mut assigned, problems);
    }
    WithoutPids { names, rows, pids: &file.pids }
}

impl WithoutPids<'_> {
    /// Checks the properties of PIDs and returns the properties of the whole network.
    pub(super) fn complete(mut self, map: &Arc<NetworkMap>, problems: &mut Problems) -> Properties {
        for (key, values) in self.pids {
            let path = format!("properties.pids.{key}");
            let Some(pid) = map.id(key).map(|pid| map.pid(pid).name()) else {
                problems.add(path, format!("{key:?} is not a PID of this network; see its network map"));
                continue;
            };
            for (name, value) in values {
                let path = format!("{path}.{name}");
                let Some(property) = property(name, &self.names) else { continue };
                match value {
                    PropertyValue::None => {
                        problems.add(path, "null has no effect here, because PIDs inherit nothing; remove it");
                    }
                    PropertyValue::Text(text) => {
                        if let Some(text) = checked_text(text, &path, problems) {
                            self.rows.pids.entry(pid.clone()).or_default().push((property, Some(text)));
                        }
                    }
                }
            }
        }
        Properties::new(self.names, self.rows, Arc::clone(map))
    }
}

impl Rows {
    /// Adds the values of an address or prefix.
    fn add(
        &mut self,
        net: IpNet,
        path: &str,
        values: &PropertyValues,
        names: &[PropertyName],
        assigned: &mut Assigned,
        problems: &mut Problems,
    ) {
        for (name, value) in values {
            let path = format!("{path}.{name}");
            // Invalid names were reported before.
            let Some(property) = property(name, names) else { continue };
            if let Some(other) = assigned.insert((net, property), path.clone()) {
                problems.add(path, format!("{net} already has this property from {other}; remove one of them"));
                continue;
            }
            let value = match value {
                PropertyValue::None => None,
                PropertyValue::Text(text) => match checked_text(text, &path, problems) {
                    Some(text) => Some(text),
                    None => continue,
                },
            };
            match net {
                IpNet::V4(net) => self.ipv4.push((net, (property, value))),
                IpNet::V6(net) => self.ipv6.push((net, (property, value))),
            }
        }
    }
}

/// Returns the distinct names of all properties, sorted.
fn names(file: &PropertiesFile, problems: &mut Problems) -> Vec<PropertyName> {
    let mut names = BTreeSet::new();
    for (section, entries) in [("hosts", &file.hosts), ("prefixes", &file.prefixes), ("pids", &file.pids)] {
        for (key, values) in entries {
            for name in values.keys() {
                names.extend(problems.take(format!("properties.{section}.{key}.{name}"), name.parse::<PropertyName>()));
            }
        }
    }
    if names.len() > MAX_PROPERTIES {
        let message = format!("has {} different properties; use at most {MAX_PROPERTIES}", names.len());
        problems.add("properties", message);
    }
    names.into_iter().collect()
}

fn property(name: &str, names: &[PropertyName]) -> Option<Property> {
    names.binary_search_by(|known| known.as_str().cmp(name)).ok().map(Property::Operators)
}

/// Accepts a value that can be sent to clients and shown to people.
fn checked_text(text: &str, path: &str, problems: &mut Problems) -> Option<Arc<str>> {
    if text.is_empty() || text.len() > MAX_VALUE || text.chars().any(char::is_control) {
        let shown: String = text.chars().take(80).collect();
        let remedy = format!("use 1 to {MAX_VALUE} bytes without control characters");
        problems.add(path, format!("{shown:?} is not a valid value: {remedy}, or null for no value"));
        return None;
    }
    Some(text.into())
}
