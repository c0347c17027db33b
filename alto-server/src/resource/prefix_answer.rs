//! The prefixes and values that a filtered answer needs so that its reader finds the value of every address by
//! inheritance alone (RFC 9240 §8.6).

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use topo::{Properties, Property};

/// Values of one entity by property; `None` says that the property has no value.
pub(super) type Cells<'a> = BTreeMap<Property, Option<&'a str>>;

/// Composes the answer for some prefixes and properties: the values of each, inherited ones included, and those inside.
pub(super) fn compose<'a>(
    properties: &'a Properties,
    requested: &BTreeSet<IpNet>,
    wanted: &BTreeSet<Property>,
) -> BTreeMap<IpNet, Cells<'a>> {
    let mut answer: BTreeMap<IpNet, Cells<'a>> = BTreeMap::new();
    let mut outermost: Option<IpNet> = None;
    for net in requested {
        let has = properties.values(net).into_iter().filter(|(property, _)| wanted.contains(property));
        let has: Cells<'a> = has.map(|(property, value)| (property, Some(value))).collect();
        if !has.is_empty() {
            answer.entry(*net).or_default().extend(has);
        }
        // In order, a prefix follows the one that contains it, and everything inside that one is listed already.
        if outermost.is_some_and(|outer| outer.contains(net)) {
            continue;
        }
        outermost = Some(*net);
        for (inner, said) in properties.inside(net).filter(|(inner, _)| inner != net) {
            let said: Vec<_> = said.into_iter().filter(|(property, _)| wanted.contains(property)).collect();
            if !said.is_empty() {
                answer.entry(inner).or_default().extend(said);
            }
        }
    }
    remove_covered(&mut answer);
    answer
}

/// Removes prefixes that smaller ones in the answer cover completely, after passing their values on to these (§8.6).
fn remove_covered(answer: &mut BTreeMap<IpNet, Cells<'_>>) {
    // From the outside in, because a value that was passed on may be passed on again.
    let all: Vec<IpNet> = answer.keys().copied().collect();
    for (place, net) in all.iter().enumerate() {
        let mut parts = Vec::new();
        let mut last: Option<&IpNet> = None;
        for inner in all[place + 1..].iter().take_while(|inner| net.contains(*inner)) {
            if last.is_none_or(|last| !last.contains(inner)) {
                parts.push(*inner);
                last = Some(inner);
            }
        }
        if !parts.is_empty() && covers(net, &parts) {
            let cells = answer.remove(net).unwrap_or_default();
            for part in parts {
                let inner = answer.entry(part).or_default();
                for (property, value) in &cells {
                    inner.entry(*property).or_insert(*value);
                }
            }
        }
    }
}

/// Tells whether disjoint prefixes inside another cover it completely. Their shares of it, in units of 2^-128, then add
/// up to 2^128, which wraps to zero.
fn covers(net: &IpNet, parts: &[IpNet]) -> bool {
    let share = |part: &IpNet| 1u128 << (128 - u32::from(part.prefix_len() - net.prefix_len()));
    parts.iter().map(share).fold(0, u128::wrapping_add) == 0
}
