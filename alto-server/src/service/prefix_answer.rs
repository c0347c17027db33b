//! What an answer must say of prefixes so that whoever has only the answer finds the value of every address in it
//! (RFC 9240 §8.6).

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;
use topo::{Properties, Property};

/// What is said of one entity, a value or that there is none, by property.
pub(super) type Cells<'a> = BTreeMap<Property, Option<&'a str>>;

/// Answers for some prefixes and properties: what each of them has, inherited or not, and what is said inside them.
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
        // Sorted, a prefix follows what holds it, and what is inside that has been listed.
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

/// Removes what is wholly covered by smaller entities of the answer, after handing its values down to these (§8.6).
fn remove_covered(answer: &mut BTreeMap<IpNet, Cells<'_>>) {
    // From the outside in: what is handed down may be handed on. An entity of its own family is all that can cover one.
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

/// Whether disjoint prefixes inside another are all of it: their shares, in units of 2^-128, then add up to one, which
/// is zero in 128 bits.
fn covers(net: &IpNet, parts: &[IpNet]) -> bool {
    let share = |part: &IpNet| 1u128 << (128 - u32::from(part.prefix_len() - net.prefix_len()));
    parts.iter().map(share).fold(0, u128::wrapping_add) == 0
}
