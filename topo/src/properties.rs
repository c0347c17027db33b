//! What is told of addresses and PIDs beside costs (RFC 9240): each prefix says some things, and what it does not say
//! it has from the longest prefix around it that does; a `null` there ends the search without a value (§6.1.3).
//!
//! The PID of an address is one of these properties, derived from the network map. The others are the operator's.

use std::collections::BTreeMap;
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::network_map::{NetworkMap, PidId};
use crate::prefix_tree::{Prefix, PrefixTree};
use crate::property_check::PropertyName;
use crate::tag::Hasher;

/// Kinds of things that have properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityKind {
    /// IPv4 addresses and prefixes.
    Ipv4,
    /// IPv6 addresses and prefixes.
    Ipv6,
    /// PIDs of the network map.
    Pid,
}

/// A property.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// In which PID an address is.
    Pid,
    /// One of the operator's, by its place among their names.
    Operators(usize),
}

/// What is said of one property: a value, or that there is none.
pub type Given = (Property, Option<Arc<str>>);

/// What is said of one thing, for as long as it is looked at.
pub type Said<'a> = Vec<(Property, Option<&'a str>)>;

/// All properties of one network.
#[derive(Clone, Debug)]
pub struct Properties {
    /// Of the operator's, sorted.
    names: Vec<PropertyName>,
    ipv4: Table<Ipv4Net>,
    ipv6: Table<Ipv6Net>,
    pids: BTreeMap<PidId, Vec<Given>>,
    /// Which properties anything is said of, by kind.
    said_of: [Vec<Property>; 3],
    tag: String,
}

/// What is said of the prefixes of one family, sorted by property within each.
#[derive(Clone, Debug)]
struct Table<N> {
    tree: PrefixTree<N>,
    given: Vec<Given>,
    /// Where in `given` each prefix starts, and the end of all.
    starts: Vec<usize>,
}

/// What is said, sorted by family, while it is put together.
#[derive(Default)]
pub(crate) struct Rows {
    pub(crate) ipv4: Vec<(Ipv4Net, Given)>,
    pub(crate) ipv6: Vec<(Ipv6Net, Given)>,
    pub(crate) pids: BTreeMap<PidId, Vec<Given>>,
}

impl Properties {
    /// From the operator's, none of them said twice of the same thing, and the map.
    pub(crate) fn new(names: Vec<PropertyName>, mut rows: Rows, map: &NetworkMap) -> Self {
        for (_, pid) in map.pids() {
            let name = || (Property::Pid, Some(pid.name().text()));
            rows.ipv4.extend(pid.ipv4().iter().map(|net| (*net, name())));
            rows.ipv6.extend(pid.ipv6().iter().map(|net| (*net, name())));
        }
        for given in rows.pids.values_mut() {
            given.sort_unstable();
        }
        let (ipv4, ipv6, pids) = (Table::new(rows.ipv4), Table::new(rows.ipv6), rows.pids);
        let said_of = [distinct(&ipv4.given), distinct(&ipv6.given), distinct(pids.values().flatten())];
        let mut properties = Self { names, ipv4, ipv6, pids, said_of, tag: String::new() };
        properties.tag = properties.hash(map.tag());
        properties
    }

    /// A hash of the content, the map's included, in hexadecimal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The name of one of these properties, without what it is a property of: `pid`, or the operator's `priv:...`.
    pub fn name(&self, property: Property) -> &str {
        match property {
            Property::Pid => "pid",
            Property::Operators(place) => self.names[place].as_str(),
        }
    }

    /// Which properties things of a kind may have, sorted.
    pub fn of(&self, kind: EntityKind) -> &[Property] {
        &self.said_of[kind as usize]
    }

    /// How many values there are of addresses and prefixes: what it takes to list all.
    pub fn len(&self) -> usize {
        self.ipv4.given.len() + self.ipv6.given.len()
    }

    /// Whether nothing is said of any address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value that an address or prefix has, its own or inherited.
    pub fn value(&self, net: &IpNet, property: Property) -> Option<&str> {
        match net {
            IpNet::V4(net) => self.ipv4.value(self.ipv4.tree.closest(&net.trunc())?, property),
            IpNet::V6(net) => self.ipv6.value(self.ipv6.tree.closest(&net.trunc())?, property),
        }
    }

    /// Everything that an address or prefix has, its own or inherited, sorted by property.
    pub fn values(&self, net: &IpNet) -> BTreeMap<Property, &str> {
        match net {
            IpNet::V4(net) => self.ipv4.values(&net.trunc()),
            IpNet::V6(net) => self.ipv6.values(&net.trunc()),
        }
    }

    /// Each prefix inside `net`, itself included, of which something is said, with that: enough to find what any
    /// address in `net` has, if what `net` inherits is known. No value is said only where one would be inherited.
    pub fn inside(&self, net: &IpNet) -> Box<dyn Iterator<Item = (IpNet, Said<'_>)> + '_> {
        match net {
            IpNet::V4(net) => Box::new(self.ipv4.inside(net.trunc()).map(|(net, given)| (net.into(), given))),
            IpNet::V6(net) => Box::new(self.ipv6.inside(net.trunc()).map(|(net, given)| (net.into(), given))),
        }
    }

    /// What a PID has; PIDs inherit nothing (§6.2.3).
    pub fn of_pid(&self, pid: PidId) -> &[Given] {
        self.pids.get(&pid).map_or(&[], Vec::as_slice)
    }

    fn hash(&self, map_tag: &str) -> String {
        let mut hasher = Hasher::new("properties");
        hasher.text(map_tag);
        hasher.number(self.names.len() as u64);
        self.names.iter().for_each(|name| hasher.text(name.as_str()));
        self.ipv4.add_to(&mut hasher);
        self.ipv6.add_to(&mut hasher);
        hasher.number(self.pids.len() as u64);
        for (pid, given) in &self.pids {
            hasher.number(pid.0.into());
            add_to(given, &mut hasher);
        }
        hasher.finish()
    }
}

impl<N: Prefix + std::fmt::Display> Table<N> {
    fn new(mut rows: Vec<(N, Given)>) -> Self {
        rows.sort_unstable();
        let tree = PrefixTree::new(rows.iter().map(|(net, _)| *net).collect());
        let mut starts = Vec::with_capacity(tree.nets().len() + 1);
        let mut given = Vec::with_capacity(rows.len());
        let mut last = None;
        for (net, said) in rows {
            if last != Some(net) {
                starts.push(given.len());
                last = Some(net);
            }
            given.push(said);
        }
        starts.push(given.len());
        Self { tree, given, starts }
    }

    fn given(&self, place: usize) -> &[Given] {
        &self.given[self.starts[place]..self.starts[place + 1]]
    }

    fn value(&self, place: usize, property: Property) -> Option<&str> {
        self.tree.outwards(place).find_map(|place| {
            let given = self.given(place);
            let found = given.binary_search_by_key(&property, |(property, _)| *property).ok()?;
            // Something is said here, be it that there is no value: nothing further out counts.
            Some(given[found].1.as_deref())
        })?
    }

    fn values(&self, net: &N) -> BTreeMap<Property, &str> {
        let mut found: BTreeMap<Property, Option<&str>> = BTreeMap::new();
        for place in self.tree.closest(net).into_iter().flat_map(|place| self.tree.outwards(place)) {
            for (property, value) in self.given(place) {
                found.entry(*property).or_insert(value.as_deref());
            }
        }
        found.into_iter().filter_map(|(property, value)| Some((property, value?))).collect()
    }

    fn inside(&self, net: N) -> impl Iterator<Item = (N, Said<'_>)> {
        self.tree.inside(&net).map(|place| {
            let inherits = |property| self.tree.parent(place).and_then(|parent| self.value(parent, property)).is_some();
            let given = self.given(place).iter().map(|(property, value)| (*property, value.as_deref()));
            let said = given.filter(|(property, value)| value.is_some() || inherits(*property));
            (self.tree.nets()[place], said.collect())
        })
    }

    fn add_to(&self, hasher: &mut Hasher) {
        hasher.number(self.tree.nets().len() as u64);
        for (place, net) in self.tree.nets().iter().enumerate() {
            hasher.text(&net.to_string());
            add_to(self.given(place), hasher);
        }
    }
}

fn add_to(given: &[Given], hasher: &mut Hasher) {
    hasher.number(given.len() as u64);
    for (property, value) in given {
        hasher.number(match property {
            Property::Pid => 0,
            Property::Operators(place) => *place as u64 + 1,
        });
        hasher.number(u64::from(value.is_some()));
        hasher.text(value.as_deref().unwrap_or_default());
    }
}

fn distinct<'a>(given: impl IntoIterator<Item = &'a Given>) -> Vec<Property> {
    let all: std::collections::BTreeSet<Property> = given.into_iter().map(|(property, _)| *property).collect();
    all.into_iter().collect()
}
