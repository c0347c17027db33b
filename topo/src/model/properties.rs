//! Properties of addresses and PIDs (RFC 9240), with inheritance.
//!
//! A prefix inherits each property it lacks from the longest prefix that covers it and has the property; an explicit
//! `null` there ends the search without a value (§6.1.3). The PID of an address is one of these properties, derived from
//! the network map; the operator defines the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::name::{PidName, PropertyName};
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
    operators: Arc<Operators>,
    /// Network map that defines the PIDs of addresses.
    map: Arc<NetworkMap>,
    /// Properties with at least one assignment, by kind of entity.
    assigned: [Vec<Property>; 3],
    tag: String,
}

/// What the operator assigns.
#[derive(Debug)]
struct Operators {
    /// Names of the properties, sorted.
    names: Vec<PropertyName>,
    ipv4: Table<Ipv4Net>,
    ipv6: Table<Ipv6Net>,
    pids: BTreeMap<PidName, Vec<Assignment>>,
    digest: String,
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
    pub(crate) pids: BTreeMap<PidName, Vec<Assignment>>,
}

impl Properties {
    /// Combines the operator's assignments, at most one per entity and property, with a network map.
    pub(crate) fn new(names: Vec<PropertyName>, mut rows: Rows, map: Arc<NetworkMap>) -> Self {
        rows.ipv4.sort_unstable();
        rows.ipv6.sort_unstable();
        for assignments in rows.pids.values_mut() {
            assignments.sort_unstable();
        }
        let digest = content_hash(&names, &rows);
        let (ipv4, ipv6) = (Table::new(rows.ipv4), Table::new(rows.ipv6));
        Self::combine(Arc::new(Operators { names, ipv4, ipv6, pids: rows.pids, digest }), map)
    }

    /// Returns the same assignments with another network map.
    pub(crate) fn with_map(&self, map: Arc<NetworkMap>) -> Self {
        Self::combine(Arc::clone(&self.operators), map)
    }

    fn combine(operators: Arc<Operators>, map: Arc<NetworkMap>) -> Self {
        let pid = |any: bool| any.then_some(Property::Pid);
        let assigned = [
            distinct(operators.ipv4.properties().chain(pid(map.has_ipv4()))),
            distinct(operators.ipv6.properties().chain(pid(map.has_ipv6()))),
            distinct(operators.pids.values().flatten().map(|(property, _)| *property)),
        ];
        let mut hasher = Hasher::new("properties");
        hasher.text(map.tag());
        hasher.text(&operators.digest);
        Self { operators, map, assigned, tag: hasher.finish() }
    }

    /// Version tag: a hash of the content including the network map, in hexadecimal.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// Returns the name of a property without the resource it belongs to: `pid`, or the operator's `priv:...`.
    pub fn name(&self, property: Property) -> &str {
        match property {
            Property::Pid => "pid",
            Property::Operators(place) => self.operators.names[place].as_str(),
        }
    }

    /// Returns the properties that entities of a kind may have, sorted.
    pub fn of(&self, kind: EntityKind) -> &[Property] {
        &self.assigned[kind as usize]
    }

    /// Returns the number of assignments to addresses and prefixes, the size of a complete listing.
    pub fn len(&self) -> usize {
        self.operators.ipv4.assignments.len() + self.operators.ipv6.assignments.len() + self.map.prefix_count()
    }

    /// Returns whether no address has a property.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the value of a property of an address or prefix, its own or inherited.
    pub fn value(&self, net: &IpNet, property: Property) -> Option<&str> {
        let net = mapped::canonical(net);
        match (property, &net) {
            (Property::Pid, net) => self.map.closest(net).map(|pid| self.map.pid(pid).name().as_str()),
            (_, IpNet::V4(net)) => self.operators.ipv4.value_at(&net.trunc(), property),
            (_, IpNet::V6(net)) => self.operators.ipv6.value_at(&net.trunc(), property),
        }
    }

    /// Returns all values of an address or prefix, its own or inherited, by property.
    pub fn values(&self, net: &IpNet) -> BTreeMap<Property, &str> {
        let mut values = match &mapped::canonical(net) {
            IpNet::V4(net) => self.operators.ipv4.values(&net.trunc()),
            IpNet::V6(net) => self.operators.ipv6.values(&net.trunc()),
        };
        values.extend(self.value(net, Property::Pid).map(|pid| (Property::Pid, pid)));
        values
    }

    /// Iterates over the prefixes covered by `net`, itself included, that have assignments.
    ///
    /// Together with what `net` inherits, they determine the values of every address in `net`. The absence of a value is
    /// included only where it overrides an inherited one.
    pub fn inside(&self, net: &IpNet) -> Box<dyn Iterator<Item = (IpNet, Assignments<'_>)> + '_> {
        match mapped::canonical(net) {
            IpNet::V4(net) => {
                let net = net.trunc();
                let all = self.joined(self.operators.ipv4.inside(net), self.map.ipv4().inside(net));
                Box::new(all.map(|(net, assignments)| (net.into(), assignments)))
            }
            IpNet::V6(net) => {
                let net = net.trunc();
                let all = self.joined(self.operators.ipv6.inside(net), self.map.ipv6().inside(net));
                Box::new(all.map(|(net, assignments)| (net.into(), assignments)))
            }
        }
    }

    /// Joins the operator's assignments with the PIDs of prefixes, both sorted.
    fn joined<'a, N: Prefix>(
        &'a self,
        assigned: impl Iterator<Item = (N, Assignments<'a>)>,
        pids: impl Iterator<Item = (N, u32)>,
    ) -> impl Iterator<Item = (N, Assignments<'a>)> {
        let (mut assigned, mut pids) = (assigned.peekable(), pids.peekable());
        std::iter::from_fn(move || {
            let next =
                assigned.peek().map(|(net, _)| *net).into_iter().chain(pids.peek().map(|(net, _)| *net)).min()?;
            let mut assignments = Vec::new();
            if let Some((_, pid)) = pids.next_if(|(net, _)| *net == next) {
                assignments.push((Property::Pid, Some(self.map.pid(PidId(pid)).name().as_str())));
            }
            if let Some((_, operators)) = assigned.next_if(|(net, _)| *net == next) {
                assignments.extend(operators);
            }
            Some((next, assignments))
        })
    }

    /// Returns the assignments of a PID; PIDs inherit nothing (§6.2.3).
    pub fn of_pid(&self, pid: PidId) -> &[Assignment] {
        self.operators.pids.get(self.map.pid(pid).name()).map_or(&[], Vec::as_slice)
    }
}

/// Hashes all assignments, so that equal content, and only this, has equal hashes.
fn content_hash(names: &[PropertyName], rows: &Rows) -> String {
    let mut hasher = Hasher::new("assignments");
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
            add_to(&mut hasher, pid.as_str(), assignment);
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

    /// Iterates over the properties of all assignments.
    fn properties(&self) -> impl Iterator<Item = Property> {
        self.assignments.iter().map(|(property, _)| *property)
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
