//! The `properties` of a topology file: which of it can be used, and what is wrong with the rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::check::Problems;
use crate::file::{GivenFile, PropertiesFile, PropertyValue};
use crate::network_map::NetworkMap;
use crate::properties::{Properties, Property, Rows};
use crate::topology::Host;

/// What marks a name as the operator's own (RFC 9240 §5.2.1); all others are registered.
const PRIVATE: &str = "priv:";
/// Longest name of a property (§5.2.1).
const MAX_NAME: usize = 32;
/// Most properties of one network.
const MAX_PROPERTIES: usize = 256;
/// Longest value, in bytes.
const MAX_VALUE: usize = 255;

/// The name of a property that an operator defines.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PropertyName(Arc<str>);

/// A text that cannot name a property.
#[derive(Debug, thiserror::Error)]
#[error(
    "{text:?} cannot name a property: write {PRIVATE} and more, {MAX_NAME} characters at most, which are letters, \
     digits, \"-\", \"_\" or \":\" and no \".\"; such as priv:alto-access"
)]
pub(crate) struct InvalidPropertyName {
    text: String,
}

/// What a file says, checked as far as that can be without knowing all PIDs.
pub(crate) struct Checked<'a> {
    names: Vec<PropertyName>,
    rows: Rows,
    pids: &'a BTreeMap<String, GivenFile>,
}

/// Where the same was said before.
type Said = HashMap<(IpNet, Property), String>;

impl PropertyName {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PropertyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PropertyName {
    type Err = InvalidPropertyName;

    fn from_str(text: &str) -> Result<Self, InvalidPropertyName> {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:".contains(&byte);
        let rest = text.strip_prefix(PRIVATE).unwrap_or_default();
        if rest.is_empty() || text.len() > MAX_NAME || !rest.bytes().all(legal) {
            return Err(InvalidPropertyName { text: text.chars().take(80).collect() });
        }
        Ok(Self(text.into()))
    }
}

/// Reads what is said of hosts and prefixes.
pub(crate) fn read<'a>(
    file: &'a PropertiesFile,
    hosts: &[Host],
    problems: &mut Problems,
    warnings: &mut Vec<String>,
) -> Checked<'a> {
    let names = names(file, problems);
    let (mut rows, mut said) = (Rows::default(), Said::new());
    for (key, given) in &file.hosts {
        let path = format!("properties.hosts.{key}");
        let Ok(place) = hosts.binary_search_by(|host| host.name.as_str().cmp(key)) else {
            problems.add(path, format!("{key:?} is no host of this file; name one, or use \"prefixes\""));
            continue;
        };
        for address in &hosts[place].addresses {
            rows.add((*address).into(), &path, given, &names, &mut said, problems);
        }
    }
    for (key, given) in &file.prefixes {
        let path = format!("properties.prefixes.{key}");
        let Some(net) = key.parse::<IpNet>().ok().or_else(|| key.parse::<IpAddr>().ok().map(IpNet::from)) else {
            let message = format!("{key:?} is no prefix: use one such as 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1");
            problems.add(path, message);
            continue;
        };
        if net.addr() != net.network() {
            warnings.push(format!("{path}: {key} has bits after its length; {} is meant", net.trunc()));
        }
        rows.add(net.trunc(), &path, given, &names, &mut said, problems);
    }
    Checked { names, rows, pids: &file.pids }
}

impl Checked<'_> {
    /// Adds what is said of PIDs, and what the map says.
    pub(crate) fn complete(mut self, map: &NetworkMap, problems: &mut Problems) -> Properties {
        for (key, given) in self.pids {
            let path = format!("properties.pids.{key}");
            let Some(pid) = map.id(key) else {
                problems.add(path, format!("{key:?} is no PID of this network; the network map lists them"));
                continue;
            };
            for (name, value) in given {
                let path = format!("{path}.{name}");
                let Some(property) = property(name, &self.names) else { continue };
                match value {
                    PropertyValue::None => {
                        problems.add(path, "null says nothing of a PID, which inherits nothing; leave it out");
                    }
                    PropertyValue::Text(text) => {
                        if let Some(text) = checked(text, &path, problems) {
                            self.rows.pids.entry(pid).or_default().push((property, Some(text)));
                        }
                    }
                }
            }
        }
        Properties::new(self.names, self.rows, map)
    }
}

impl Rows {
    /// Adds what is said of an address or prefix.
    fn add(
        &mut self,
        net: IpNet,
        path: &str,
        given: &GivenFile,
        names: &[PropertyName],
        said: &mut Said,
        problems: &mut Problems,
    ) {
        for (name, value) in given {
            let path = format!("{path}.{name}");
            // A name that is none was complained of before.
            let Some(property) = property(name, names) else { continue };
            if let Some(other) = said.insert((net, property), path.clone()) {
                problems.add(path, format!("{other} is of {net} too; leave one"));
                continue;
            }
            let value = match value {
                PropertyValue::None => None,
                PropertyValue::Text(text) => match checked(text, &path, problems) {
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

/// The names of all properties, sorted, each there once.
fn names(file: &PropertiesFile, problems: &mut Problems) -> Vec<PropertyName> {
    let mut names = BTreeSet::new();
    for (section, entries) in [("hosts", &file.hosts), ("prefixes", &file.prefixes), ("pids", &file.pids)] {
        for (key, given) in entries {
            for name in given.keys() {
                names.extend(problems.take(format!("properties.{section}.{key}.{name}"), name.parse::<PropertyName>()));
            }
        }
    }
    if names.len() > MAX_PROPERTIES {
        let message = format!("names {} different properties; use at most {MAX_PROPERTIES}", names.len());
        problems.add("properties", message);
    }
    names.into_iter().collect()
}

fn property(name: &str, names: &[PropertyName]) -> Option<Property> {
    names.binary_search_by(|known| known.as_str().cmp(name)).ok().map(Property::Operators)
}

/// A value that can be sent, and shown to people.
fn checked(text: &str, path: &str, problems: &mut Problems) -> Option<Arc<str>> {
    if text.is_empty() || text.len() > MAX_VALUE || text.chars().any(char::is_control) {
        let shown: String = text.chars().take(80).collect();
        let remedy = format!("write 1 to {MAX_VALUE} bytes without control characters");
        problems.add(path, format!("{shown:?} is no value: {remedy}, or null for none"));
        return None;
    }
    Some(text.into())
}
