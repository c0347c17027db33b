//! What is told of addresses and PIDs beside costs (RFC 9240): each prefix says some things, and what it does not say
//! it has from the longest prefix around it that does; a `null` there ends the search without a value (§6.1.3).
//!
//! The PID of an address is one of these properties, derived from the network map. The others are the operator's.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

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
    /// What the operator says, sorted.
    rows: Rows,
    /// What says the rest.
    map: Arc<NetworkMap>,
    /// Both together, made when first asked for: nobody may ask, and with a million prefixes it takes its time.
    tables: OnceLock<Tables>,
    /// Which properties anything is said of, by kind.
    said_of: [Vec<Property>; 3],
    tag: String,
}

/// What is said of prefixes.
#[derive(Clone, Debug)]
struct Tables {
    ipv4: Table<Ipv4Net>,
    ipv6: Table<Ipv6Net>,
}

/// What is said of the prefixes of one family, sorted by property within each.
#[derive(Clone, Debug)]
struct Table<N> {
    tree: PrefixTree<N>,
    given: Vec<Given>,
    /// Where in `given` each prefix starts, and the end of all.
    starts: Vec<usize>,
}

/// What the operator says, by family.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) ipv4: Vec<(Ipv4Net, Given)>,
    pub(crate) ipv6: Vec<(Ipv6Net, Given)>,
    pub(crate) pids: BTreeMap<PidId, Vec<Given>>,
}

impl Properties {
    /// From the operator's, none of them said twice of the same thing, and the map.
    pub(crate) fn new(names: Vec<PropertyName>, mut rows: Rows, map: Arc<NetworkMap>) -> Self {
        rows.ipv4.sort_unstable();
        rows.ipv6.sort_unstable();
        for given in rows.pids.values_mut() {
            given.sort_unstable();
        }
        let pid = |any: bool| any.then_some(Property::Pid);
        let said_of = [
            distinct(rows.ipv4.iter().map(|(_, (property, _))| *property).chain(pid(map.has_ipv4()))),
            distinct(rows.ipv6.iter().map(|(_, (property, _))| *property).chain(pid(map.has_ipv6()))),
            distinct(rows.pids.values().flatten().map(|(property, _)| *property)),
        ];
        let tag = hash(&names, &rows, map.tag());
        Self { names, rows, map, tables: OnceLock::new(), said_of, tag }
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| {
            let (mut ipv4, mut ipv6) = (self.rows.ipv4.clone(), self.rows.ipv6.clone());
            for (_, pid) in self.map.pids() {
                let name = || (Property::Pid, Some(pid.name().text()));
                ipv4.extend(pid.ipv4().iter().map(|net| (*net, name())));
                ipv6.extend(pid.ipv6().iter().map(|net| (*net, name())));
            }
            Tables { ipv4: Table::new(ipv4), ipv6: Table::new(ipv6) }
        })
    }

    /// Whether what is said of addresses has been asked for before; the first time takes longer.
    pub fn is_ready(&self) -> bool {
        self.tables.get().is_some()
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
        self.rows.ipv4.len() + self.rows.ipv6.len() + self.map.prefix_count()
    }

    /// Whether nothing is said of any address.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value that an address or prefix has, its own or inherited.
    pub fn value(&self, net: &IpNet, property: Property) -> Option<&str> {
        match net {
            IpNet::V4(net) => self.tables().ipv4.value_at(&net.trunc(), property),
            IpNet::V6(net) => self.tables().ipv6.value_at(&net.trunc(), property),
        }
    }

    /// Everything that an address or prefix has, its own or inherited, sorted by property.
    pub fn values(&self, net: &IpNet) -> BTreeMap<Property, &str> {
        match net {
            IpNet::V4(net) => self.tables().ipv4.values(&net.trunc()),
            IpNet::V6(net) => self.tables().ipv6.values(&net.trunc()),
        }
    }

    /// Each prefix inside `net`, itself included, of which something is said, with that: enough to find what any
    /// address in `net` has, if what `net` inherits is known. No value is said only where one would be inherited.
    pub fn inside(&self, net: &IpNet) -> Box<dyn Iterator<Item = (IpNet, Said<'_>)> + '_> {
        match net {
            IpNet::V4(net) => Box::new(self.tables().ipv4.inside(net.trunc()).map(|(net, given)| (net.into(), given))),
            IpNet::V6(net) => Box::new(self.tables().ipv6.inside(net.trunc()).map(|(net, given)| (net.into(), given))),
        }
    }

    /// What a PID has; PIDs inherit nothing (§6.2.3).
    pub fn of_pid(&self, pid: PidId) -> &[Given] {
        self.rows.pids.get(&pid).map_or(&[], Vec::as_slice)
    }
}

/// Equal exactly for equal properties of equal maps.
fn hash(names: &[PropertyName], rows: &Rows, map_tag: &str) -> String {
    let mut hasher = Hasher::new("properties");
    hasher.text(map_tag);
    hasher.number(names.len() as u64);
    for name in names {
        hasher.text(name.as_str());
    }
    hasher.number(rows.ipv4.len() as u64);
    for (net, given) in &rows.ipv4 {
        add_to(&mut hasher, &net.to_string(), given);
    }
    hasher.number(rows.ipv6.len() as u64);
    for (net, given) in &rows.ipv6 {
        add_to(&mut hasher, &net.to_string(), given);
    }
    hasher.number(rows.pids.values().map(Vec::len).sum::<usize>() as u64);
    for (pid, given) in &rows.pids {
        for given in given {
            add_to(&mut hasher, &pid.0.to_string(), given);
        }
    }
    hasher.finish()
}

impl<N: Prefix> Table<N> {
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

    fn value_at(&self, net: &N, property: Property) -> Option<&str> {
        self.value(self.tree.closest(net)?, property)
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
}

fn add_to(hasher: &mut Hasher, of: &str, (property, value): &Given) {
    hasher.text(of);
    hasher.number(match property {
        Property::Pid => 0,
        Property::Operators(place) => *place as u64 + 1,
    });
    hasher.number(u64::from(value.is_some()));
    hasher.text(value.as_deref().unwrap_or_default());
}

fn distinct(properties: impl IntoIterator<Item = Property>) -> Vec<Property> {
    properties.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}
