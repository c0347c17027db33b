//! Properties of addresses and PIDs (RFC 9240), with inheritance.
//!
//! A prefix inherits each property it lacks from the longest prefix that covers it and has the property; an explicit
//! `null` there ends the search without a value (§6.1.3). The PID of an address is one of these properties, derived from
//! the network map; the operator defines the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::name::PropertyName;
use crate::prefix::mapped;
use crate::prefix::network_map::{NetworkMap, PidId};
use crate::prefix::tree::{Prefix, PrefixTree};
use crate::tag::Hasher;

/// The kind of an entity that has properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EntityKind {
    /// IPv4 addresses and prefixes.
    Ipv4,
    /// IPv6 addresses and prefixes.
    Ipv6,
    /// PIDs of the network map.
    Pid,
}

/// A property of addresses or PIDs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Property {
    /// The PID that an address belongs to.
    Pid,
    /// An operator-defined property, by the index of its name.
    Operators(usize),
}

/// A property and its value; `None` for an explicit absence of a value.
pub type Assignment = (Property, Option<Arc<str>>);

/// Borrowed [`Assignment`]s of one entity.
pub type Assignments<'a> = Vec<(Property, Option<&'a str>)>;

/// The properties of all addresses and PIDs of one network.
#[derive(Clone, Debug)]
pub struct Properties {
    /// Names of the operator-defined properties, sorted.
    names: Vec<PropertyName>,
    /// Operator-defined values, sorted.
    rows: Rows,
    /// Network map that defines the PIDs of addresses.
    map: Arc<NetworkMap>,
    /// Combined lookup tables, built on first use, because a million prefixes take a while and may never be queried.
    tables: OnceLock<Tables>,
    /// Properties with at least one assignment, by kind of entity.
    assigned: [Vec<Property>; 3],
    tag: String,
}

/// Lookup tables for both address families.
#[derive(Clone, Debug)]
struct Tables {
    ipv4: Table<Ipv4Net>,
    ipv6: Table<Ipv6Net>,
}

/// Assignments of the prefixes of one family, sorted by property within each prefix.
#[derive(Clone, Debug)]
struct Table<N> {
    tree: PrefixTree<N>,
    assignments: Vec<Assignment>,
    /// Index of the first assignment of each prefix, and the number of all assignments.
    starts: Vec<usize>,
}

/// Operator-defined assignments, by kind of entity.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    pub(crate) ipv4: Vec<(Ipv4Net, Assignment)>,
    pub(crate) ipv6: Vec<(Ipv6Net, Assignment)>,
    pub(crate) pids: BTreeMap<PidId, Vec<Assignment>>,
}

impl Properties {
    /// Combines the operator's assignments, at most one per entity and property, with a network map.
    pub(crate) fn new(names: Vec<PropertyName>, mut rows: Rows, map: Arc<NetworkMap>) -> Self {
        rows.ipv4.sort_unstable();
        rows.ipv6.sort_unstable();
        for assignments in rows.pids.values_mut() {
            assignments.sort_unstable();
        }
        let pid = |any: bool| any.then_some(Property::Pid);
        let assigned = [
            distinct(rows.ipv4.iter().map(|(_, (property, _))| *property).chain(pid(map.has_ipv4()))),
            distinct(rows.ipv6.iter().map(|(_, (property, _))| *property).chain(pid(map.has_ipv6()))),
            distinct(rows.pids.values().flatten().map(|(property, _)| *property)),
        ];
        let tag = content_hash(&names, &rows, map.tag());
        Self { names, rows, map, tables: OnceLock::new(), assigned, tag }
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| {
            let (mut ipv4, mut ipv6) = (self.rows.ipv4.clone(), self.rows.ipv6.clone());
            for (_, pid) in self.map.pids() {
                let name = || (Property::Pid, Some(pid.name().shared()));
                ipv4.extend(pid.ipv4().iter().map(|net| (*net, name())));
                ipv6.extend(pid.ipv6().iter().map(|net| (*net, name())));
            }
            Tables { ipv4: Table::new(ipv4), ipv6: Table::new(ipv6) }
        })
    }

    /// Returns whether the lookup tables exist yet; the first query builds them.
    pub fn is_ready(&self) -> bool {
        self.tables.get().is_some()
    }

    /// Version tag: a hash of the content including the network map, in hexadecimal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the name of a property without the resource it belongs to: `pid`, or the operator's `priv:...`.
    pub fn name(&self, property: Property) -> &str {
        match property {
            Property::Pid => "pid",
            Property::Operators(place) => self.names[place].as_str(),
        }
    }

    /// Returns the properties that entities of a kind may have, sorted.
    pub fn of(&self, kind: EntityKind) -> &[Property] {
        &self.assigned[kind as usize]
    }

    /// Returns the number of assignments to addresses and prefixes, the size of a complete listing.
    pub fn len(&self) -> usize {
        self.rows.ipv4.len() + self.rows.ipv6.len() + self.map.prefix_count()
    }

    /// Returns whether no address has a property.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value of a property of an address or prefix, its own or inherited.
    pub fn value(&self, net: &IpNet, property: Property) -> Option<&str> {
        match &mapped::canonical(net) {
            IpNet::V4(net) => self.tables().ipv4.value_at(&net.trunc(), property),
            IpNet::V6(net) => self.tables().ipv6.value_at(&net.trunc(), property),
        }
    }

    /// Returns all values of an address or prefix, its own or inherited, by property.
    pub fn values(&self, net: &IpNet) -> BTreeMap<Property, &str> {
        match &mapped::canonical(net) {
            IpNet::V4(net) => self.tables().ipv4.values(&net.trunc()),
            IpNet::V6(net) => self.tables().ipv6.values(&net.trunc()),
        }
    }

    /// Iterates over the prefixes covered by `net`, itself included, that have assignments.
    ///
    /// Together with what `net` inherits, they determine the values of every address in `net`. The absence of a value is
    /// included only where it overrides an inherited one.
    pub fn inside(&self, net: &IpNet) -> Box<dyn Iterator<Item = (IpNet, Assignments<'_>)> + '_> {
        match &mapped::canonical(net) {
            IpNet::V4(net) => {
                Box::new(self.tables().ipv4.inside(net.trunc()).map(|(net, assignment)| (net.into(), assignment)))
            }
            IpNet::V6(net) => {
                Box::new(self.tables().ipv6.inside(net.trunc()).map(|(net, assignment)| (net.into(), assignment)))
            }
        }
    }

    /// Returns the assignments of a PID; PIDs inherit nothing (§6.2.3).
    pub fn of_pid(&self, pid: PidId) -> &[Assignment] {
        self.rows.pids.get(&pid).map_or(&[], Vec::as_slice)
    }
}

/// Hashes all assignments and the map's tag, so that equal content, and only this, has equal tags.
fn content_hash(names: &[PropertyName], rows: &Rows, map_tag: &str) -> String {
    let mut hasher = Hasher::new("properties");
    hasher.text(map_tag);
    hasher.number(names.len() as u64);
    for name in names {
        hasher.text(name.as_str());
    }
    hasher.number(rows.ipv4.len() as u64);
    for (net, assignment) in &rows.ipv4 {
        add_to(&mut hasher, &net.to_string(), assignment);
    }
    hasher.number(rows.ipv6.len() as u64);
    for (net, assignment) in &rows.ipv6 {
        add_to(&mut hasher, &net.to_string(), assignment);
    }
    hasher.number(rows.pids.values().map(Vec::len).sum::<usize>() as u64);
    for (pid, assignments) in &rows.pids {
        for assignment in assignments {
            add_to(&mut hasher, &pid.0.to_string(), assignment);
        }
    }
    hasher.finish()
}

impl<N: Prefix> Table<N> {
    fn new(mut rows: Vec<(N, Assignment)>) -> Self {
        rows.sort_unstable();
        let tree = PrefixTree::new(rows.iter().map(|(net, _)| *net).collect());
        let mut starts = Vec::with_capacity(tree.nets().len() + 1);
        let mut assignments = Vec::with_capacity(rows.len());
        let mut last = None;
        for (net, assignment) in rows {
            if last != Some(net) {
                starts.push(assignments.len());
                last = Some(net);
            }
            assignments.push(assignment);
        }
        starts.push(assignments.len());
        Self { tree, assignments, starts }
    }

    fn assignments_at(&self, place: usize) -> &[Assignment] {
        &self.assignments[self.starts[place]..self.starts[place + 1]]
    }

    fn value_at(&self, net: &N, property: Property) -> Option<&str> {
        self.value(self.tree.closest(net)?, property)
    }

    fn value(&self, place: usize, property: Property) -> Option<&str> {
        self.tree.outwards(place).find_map(|place| {
            let assignments = self.assignments_at(place);
            let found = assignments.binary_search_by_key(&property, |(property, _)| *property).ok()?;
            // An explicit absence of a value ends the search too.
            Some(assignments[found].1.as_deref())
        })?
    }

    fn values(&self, net: &N) -> BTreeMap<Property, &str> {
        let mut found: BTreeMap<Property, Option<&str>> = BTreeMap::new();
        for place in self.tree.closest(net).into_iter().flat_map(|place| self.tree.outwards(place)) {
            for (property, value) in self.assignments_at(place) {
                found.entry(*property).or_insert(value.as_deref());
            }
        }
        found.into_iter().filter_map(|(property, value)| Some((property, value?))).collect()
    }

    fn inside(&self, net: N) -> impl Iterator<Item = (N, Assignments<'_>)> {
        self.tree.inside(&net).map(|place| {
            let inherits = |property| self.tree.parent(place).and_then(|parent| self.value(parent, property)).is_some();
            let assignments = self.assignments_at(place).iter().map(|(property, value)| (*property, value.as_deref()));
            let effective = assignments.filter(|(property, value)| value.is_some() || inherits(*property));
            (self.tree.nets()[place], effective.collect())
        })
    }
}

fn add_to(hasher: &mut Hasher, entity: &str, (property, value): &Assignment) {
    hasher.text(entity);
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
