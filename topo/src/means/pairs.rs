//! The mean over all pairs of distinct hosts, one of each of two sets.

use super::access::{Part, Sum};
use super::members::{End, Group, Members, Overlaps, access_of, overlaps};
use crate::costs::Costs;
use crate::route::measures::{Measures, Wanted};
use crate::value::Value;

/// Whether the two sets of hosts are those of one PID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// The hosts of one PID, among themselves.
    Same,
    /// Two sets that may have hosts in common.
    Different,
}

/// Finds the mean of the wanted values of the routes from all hosts of one set to all distinct hosts of another; `None` if
/// there is no route.
pub(crate) fn mean(
    costs: &Costs,
    from: &Members,
    into: &Members,
    relation: Relation,
    wanted: Wanted,
) -> Option<Measures> {
    if let ([host], [other]) = (&from.hosts[..], &into.hosts[..])
        && host == other
    {
        return access_of(costs.access(), *host);
    }
    if let Some((a, b)) = only_pair(from, into) {
        let way = costs.way(a.end, b.end, wanted)?;
        let total = a.access.plus(b.access).plus(Sum::of(&way));
        return Some(measures(total, &Part::of_way(&way), &from.out_part, &into.in_part));
    }
    let common: Overlaps;
    let overlaps = match relation {
        Relation::Same => &from.own,
        Relation::Different => {
            common = overlaps_of(costs, from, into);
            &common
        }
    };
    let mut pairs = Pairs::default();
    for a in &from.from {
        if let End::Host(host) = a.end
            && costs.access().has_neighbouring_host(host)
            && !into.hosts.is_empty()
        {
            // Its direct links may be better than the way over switches, so every destination is its own.
            for &other in into.hosts.iter().filter(|&&other| other != host) {
                pairs.add(costs.between_hosts(host, other, wanted), 1, Sum::default());
            }
            continue;
        }
        for b in &into.into {
            let both = overlaps.get(&(a.end, b.end)).copied().unwrap_or_default();
            let weight = (a.count * b.count).saturating_sub(both.count);
            if weight > 0 {
                let access = a.access.times(b.count).plus(b.access.times(a.count)).minus(both.access);
                pairs.add(costs.way(a.end, b.end, wanted), weight, access);
            }
        }
    }
    pairs.measures(&from.out_part, &into.in_part)
}

/// Returns the two groups if they are one host each, at least one of them virtual, so that the pair is the only one.
fn only_pair<'a>(from: &'a Members, into: &'a Members) -> Option<(&'a Group, &'a Group)> {
    match (&from.from[..], &into.into[..]) {
        ([a @ Group { count: 1, .. }], [b @ Group { count: 1, .. }])
            if from.hosts.is_empty() || into.hosts.is_empty() =>
        {
            Some((a, b))
        }
        _ => None,
    }
}

/// Finds the mean cost between the switches of two sets of hosts, access left out.
///
/// Hosts at several switches are left out, because their access is part of their routes.
pub(crate) fn core_cost(costs: &Costs, from: &Members, into: &Members, relation: Relation) -> Option<Value> {
    let mut pairs = Pairs::default();
    let at_one_switch = |end: End| !matches!(end, End::Host(_));
    for a in from.from.iter().filter(|group| at_one_switch(group.end)) {
        for b in into.into.iter().filter(|group| at_one_switch(group.end)) {
            let both = match relation {
                Relation::Same => from.own.get(&(a.end, b.end)).map_or(0, |own| own.count),
                Relation::Different => 0,
            };
            let weight = (a.count * b.count).saturating_sub(both);
            if weight > 0 {
                pairs.add(costs.way(a.end, b.end, Wanted::CostAndHops), weight, Sum::default());
            }
        }
    }
    pairs.measures(&Part::NONE, &Part::NONE).map(|measures| measures.cost)
}

/// Collects the hosts that both sets have: of two PIDs, only hosts with addresses in several PIDs.
fn overlaps_of(costs: &Costs, from: &Members, into: &Members) -> Overlaps {
    let candidates = match (&from.hosts[..], &into.hosts[..]) {
        ([], _) | (_, []) => return Overlaps::new(),
        (single @ [_], _) | (_, single @ [_]) => single,
        _ => &from.shared,
    };
    let has = |members: &Members, host: u32| members.hosts.binary_search(&host).is_ok();
    let common = candidates.iter().copied().filter(|&host| has(from, host) && has(into, host));
    overlaps(costs.access(), common)
}

/// The pairs that have a route.
#[derive(Default)]
struct Pairs {
    count: u128,
    total: Sum,
    /// Routes without access, with the number of pairs that take each.
    ways: Vec<(Measures, u128)>,
}

impl Pairs {
    fn add(&mut self, way: Option<Measures>, weight: u128, access: Sum) {
        let Some(way) = way else { return };
        self.count += weight;
        self.total = self.total.plus(access).plus(Sum::of(&way).times(weight));
        self.ways.push((way, weight));
    }

    fn measures(&self, out: &Part, into: &Part) -> Option<Measures> {
        let mean = self.total.over(self.count)?;
        Some(measures(mean, &Part::of(&self.ways), out, into))
    }
}

/// Returns the values of a mean way whose core, between the access links, has these values.
fn measures(mean: Sum, core: &Part, out: &Part, into: &Part) -> Measures {
    let value = |micros: u128| Value::from_micros(u64::try_from(micros).unwrap_or(u64::MAX));
    // Hop counts are whole numbers (RFC 9439 §4.5.2).
    let hops = value(mean.hops).to_nearest_integer().as_integer().and_then(|hops| u32::try_from(hops).ok());
    Measures {
        cost: value(mean.cost),
        hops: hops.unwrap_or(u32::MAX),
        delay: value(mean.delay),
        success: out.success.and(core.success).and(into.success),
        residual: out.residual.min(core.residual).min(into.residual),
        available: out.available.min(core.available).min(into.available),
        ..Measures::EMPTY
    }
}
