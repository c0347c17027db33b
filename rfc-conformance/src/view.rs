//! Network maps and cost maps in answers, read by value, whatever their spelling.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use crate::address::{self, Table};
use crate::context::LARGE;
use crate::http::Exchange;

/// A version tag (RFC 7285 §10.3).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Vtag {
    pub(crate) resource_id: String,
    pub(crate) tag: String,
}

/// Groups of prefixes by PID.
pub(crate) type Groups = BTreeMap<String, Group>;
/// Prefixes by address type, without host bits and sorted; invalid prefixes as written.
pub(crate) type Group = BTreeMap<String, BTreeSet<String>>;

/// A full or filtered network map.
#[derive(Clone, Debug)]
pub(crate) struct NetworkMap {
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) vtag: Option<Vtag>,
    pub(crate) groups: Groups,
    /// Number of prefixes listed for each PID and address type.
    pub(crate) written: BTreeMap<(String, String), usize>,
    /// Valid prefixes without host bits, with their PIDs.
    pub(crate) prefixes: Vec<(IpNet, String)>,
    table: Table,
}

/// Name of a PID or endpoint, shared between all pairs that have it, so that large maps stay small.
pub(crate) type Name = Arc<str>;
/// Source and destination, by value.
pub(crate) type Pair = (Name, Name);

/// Costs by source and destination; addresses are in canonical form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Costs(pub(crate) Arc<BTreeMap<Pair, f64>>);

/// A pair with different costs in two maps.
pub(crate) struct Difference {
    pub(crate) src: Name,
    pub(crate) dst: Name,
    pub(crate) expected: Option<f64>,
    pub(crate) seen: Option<f64>,
}

/// A cost map or the costs of endpoints.
#[derive(Clone, Debug)]
pub(crate) struct CostMap {
    pub(crate) vtags: Vec<Vtag>,
    pub(crate) costs: Costs,
    /// Pairs with a cost that is not a number.
    pub(crate) others: Vec<Pair>,
}

impl Vtag {
    /// Reads a version tag object.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Self { resource_id: text("resource-id")?, tag: text("tag")? })
    }

    /// Reads the valid version tags in `meta.dependent-vtags`.
    pub(crate) fn dependent(message: &Value) -> Vec<Self> {
        let list = message.pointer("/meta/dependent-vtags").and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Self::read).collect()
    }
}

impl std::fmt::Display for Vtag {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.resource_id, self.tag)
    }
}

impl NetworkMap {
    /// Reads an answer; `None` if it has no valid `network-map`.
    pub(crate) fn read(exchange: &Arc<Exchange>) -> Option<Self> {
        let message = exchange.value().filter(|_| exchange.answer.status == 200)?;
        let mut map = Self {
            exchange: Arc::clone(exchange),
            vtag: message.pointer("/meta/vtag").and_then(Vtag::read),
            groups: Groups::new(),
            written: BTreeMap::new(),
            prefixes: Vec::new(),
            table: Table::default(),
        };
        for (pid, group) in message.get("network-map")?.as_object()? {
            let known = map.groups.entry(pid.clone()).or_default();
            for (kind, prefixes) in group.as_object()? {
                let known = known.entry(kind.clone()).or_default();
                let prefixes = prefixes.as_array()?;
                map.written.insert((pid.clone(), kind.clone()), prefixes.len());
                for text in prefixes.iter().filter_map(Value::as_str) {
                    match address::prefix(kind, text) {
                        Some(prefix) => {
                            known.insert(prefix.trunc().to_string());
                            map.table.insert(&prefix, pid);
                            map.prefixes.push((prefix.trunc(), pid.clone()));
                        }
                        None => drop(known.insert(text.to_owned())),
                    }
                }
            }
        }
        Some(map)
    }

    /// Returns the PID of an address by longest-prefix match.
    pub(crate) fn pid_of(&self, address: IpAddr) -> Option<&str> {
        self.table.owner(address)
    }

    /// Returns all PIDs.
    pub(crate) fn pids(&self) -> Vec<&str> {
        self.groups.keys().map(String::as_str).collect()
    }

    /// Returns all address types.
    pub(crate) fn address_types(&self) -> BTreeSet<&str> {
        self.groups.values().flat_map(BTreeMap::keys).map(String::as_str).collect()
    }

    /// Returns the groups of some PIDs and address types.
    pub(crate) fn restricted(&self, pids: &[&str], kinds: &[&str]) -> Groups {
        let chosen = self.groups.iter().filter(|(pid, _)| pids.contains(&pid.as_str()));
        chosen
            .map(|(pid, group)| {
                let group = group.iter().filter(|(kind, _)| kinds.contains(&kind.as_str()));
                (pid.clone(), group.map(|(kind, prefixes)| (kind.clone(), prefixes.clone())).collect())
            })
            .collect()
    }

    /// Selects at most `most` addresses for requests, first those that need a longest-prefix match.
    pub(crate) fn select_addresses(&self, most: usize) -> Vec<IpAddr> {
        let mut nested = Vec::new();
        let mut plain = Vec::new();
        for (prefix, pid) in &self.prefixes {
            // Addresses in a nested prefix, and the next one, which belongs to the enclosing prefix.
            let around = prefix.prefix_len().checked_sub(1).and_then(|length| IpNet::new(prefix.addr(), length).ok());
            let outer = around.and_then(|_| self.pid_around(prefix));
            if outer.is_some_and(|outer| outer != pid) {
                nested.push(prefix.network());
                nested.push(prefix.broadcast());
                nested.extend(address::just_after(prefix));
            } else {
                plain.push(prefix.network());
                plain.push(prefix.broadcast());
            }
        }
        let mut chosen = Vec::new();
        let mut seen = BTreeSet::new();
        // Half of the addresses for each kind; unused shares go to the other.
        let (nested, plain) = (spread(&nested, most), spread(&plain, most));
        let share = most.saturating_sub(plain.len().min(most / 2));
        for address in nested.iter().take(share).chain(&plain) {
            if chosen.len() < most && seen.insert(*address) {
                chosen.push(*address);
            }
        }
        chosen
    }

    /// Selects one address of each PID that has addresses of its own, at most `most`.
    pub(crate) fn address_of_each_pid(&self, most: usize) -> Vec<IpAddr> {
        let mut found: BTreeMap<&str, IpAddr> = BTreeMap::new();
        for (prefix, pid) in &self.prefixes {
            let address = prefix.network();
            if self.pid_of(address) == Some(pid) {
                found.entry(pid).or_insert(address);
            }
        }
        spread(&found.into_values().collect::<Vec<_>>(), most)
    }

    /// Returns the PID of the smallest prefix that contains a prefix.
    fn pid_around(&self, prefix: &IpNet) -> Option<&str> {
        (0..prefix.prefix_len()).rev().find_map(|length| {
            let around = IpNet::new(prefix.addr(), length).ok()?.trunc();
            self.table.exactly(&around)
        })
    }
}

impl Costs {
    /// Reads costs by source and destination, and lists the pairs whose cost is not a number.
    fn read(data: &Value) -> Option<(Self, Vec<Pair>)> {
        let (mut costs, mut others) = (Vec::new(), Vec::new());
        let mut names: HashMap<&str, Name> = HashMap::new();
        for (src, row) in data.as_object()? {
            let from = Arc::clone(names.entry(src).or_insert_with(|| canonical(src)));
            for (dst, cost) in row.as_object()? {
                match cost.as_f64() {
                    Some(cost) => {
                        let to = Arc::clone(names.entry(dst).or_insert_with(|| canonical(dst)));
                        costs.push(((Arc::clone(&from), to), cost));
                    }
                    None => others.push((src.as_str().into(), dst.as_str().into())),
                }
            }
        }
        // Building the map from all pairs at once is much faster than inserting them one by one.
        Some((costs.into_iter().collect(), others))
    }

    /// Returns the pairs that a predicate admits.
    pub(crate) fn filtered(&self, keep: impl Fn(&str, &str, f64) -> bool) -> Self {
        let kept = self.0.iter().filter(|((src, dst), cost)| keep(src, dst, **cost));
        kept.map(|(pair, cost)| (pair.clone(), *cost)).collect()
    }

    /// Returns the first pair that differs from the expected costs.
    pub(crate) fn difference(&self, expected: &Self) -> Option<Difference> {
        // The usual case, decided without looking up pairs.
        if self.0 == expected.0 {
            return None;
        }
        let pairs: BTreeSet<_> = self.0.keys().chain(expected.0.keys()).collect();
        let pair = pairs.into_iter().find(|pair| self.0.get(*pair) != expected.0.get(*pair))?;
        Some(Difference {
            src: pair.0.clone(),
            dst: pair.1.clone(),
            expected: expected.0.get(pair).copied(),
            seen: self.0.get(pair).copied(),
        })
    }
}

impl FromIterator<(Pair, f64)> for Costs {
    fn from_iter<I: IntoIterator<Item = (Pair, f64)>>(costs: I) -> Self {
        Self(Arc::new(costs.into_iter().collect()))
    }
}

impl CostMap {
    /// Reads the costs of an answer, once unless it is large; `None` if it has none.
    pub(crate) fn read(exchange: &Exchange) -> Option<Self> {
        if exchange.answer.body.len() > LARGE {
            return Self::of(exchange);
        }
        Option::clone(&exchange.made(|| Self::of(exchange)))
    }

    fn of(exchange: &Exchange) -> Option<Self> {
        let message = exchange.value().filter(|_| exchange.answer.status == 200)?;
        let data = message.get("cost-map").or_else(|| message.get("endpoint-cost-map"))?;
        let (costs, others) = Costs::read(data)?;
        Some(Self { vtags: Vtag::dependent(message), costs, others })
    }
}

/// Returns a name of an endpoint in canonical form, and any other name as it is.
pub(crate) fn canonical(text: &str) -> Name {
    address::typed(text).map_or_else(|| text.into(), |address| address::to_typed(address).into())
}

/// Selects at most `most` elements, evenly spread.
pub(crate) fn spread<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    if all.len() <= most {
        return all.to_vec();
    }
    (0..most).map(|index| all[index * all.len() / most].clone()).collect()
}
