//! Checks of answers for prefixes, which must determine the value of every address in them (RFC 9240 §6.1.3, §8.6).

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use serde_json::Value;

use super::requirements::{
    s6_1_3::{BETWEEN, NULL},
    s8_6::{ALL_PROPERTIES, COVERED, ENOUGH, EXCEPTIONS, ONLY_ASKED, WRITTEN_OUT},
};
use super::{CHANGING, Mapped, NO_ADDRESSES, addresses, entity_ids};
use crate::check::Check;
use crate::context::Context;
use crate::entity::Entity;
use crate::http::{Exchange, NoAnswer};
use crate::json::brief;
use crate::property_map::{PropertyMap, halves};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;
use crate::view::spread;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "asks for prefixes around, between and inside the defined ones and derives the values of single addresses",
    &[BETWEEN, ONLY_ASKED, ALL_PROPERTIES, ENOUGH, WRITTEN_OUT, EXCEPTIONS, COVERED, NULL],
    prefixes,
)];

/// Maximum number of prefixes requested of each domain.
const MOST_PREFIXES: usize = 16;
/// Maximum number of addresses examined in each prefix.
const MOST_INSIDE: usize = 6;

/// Answers for the addresses and prefixes of one domain.
struct Answers {
    /// Answer for the addresses alone.
    alone: Arc<Exchange>,
    addresses: Vec<IpAddr>,
    prefixes: Vec<(IpNet, Arc<Exchange>)>,
}

fn prefixes(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let filters = Mapped::filters(context);
    if filters.iter().all(|mapped| mapped.mappings.address_domains().next().is_none()) {
        sheet.skip_all(NO_ADDRESSES);
        return Ok(());
    }
    sheet.on(NULL).skip("no requested address is exempt from inheritance");
    sheet.on(COVERED).skip("no requested prefix is covered by other entities");
    sheet.skip_all("no prefixes are known for requests");
    for mapped in &filters {
        for domain in mapped.mappings.address_domains() {
            let Some(held) = mapped.steady(context, |full| ask(context, mapped, full, domain))? else {
                sheet.skip_all(CHANGING);
                continue;
            };
            let Some(alone) = mapped.read(&held.found.alone) else {
                continue;
            };
            for (prefix, exchange) in &held.found.prefixes {
                let inside: Vec<_> =
                    held.found.addresses.iter().copied().filter(|address| prefix.contains(address)).collect();
                let inside = spread(&inside, MOST_INSIDE);
                if let Some(answer) = mapped.read(exchange) {
                    let asked = Entity::over(domain, *prefix);
                    let prefix_answer =
                        PrefixAnswer { mapped, full: &held.full, alone: &alone, answer: &answer, asked };
                    prefix_answer.grade(&inside, sheet);
                }
            }
        }
    }
    Ok(())
}

/// Selects prefixes for requests: defined ones, their halves, and those around them, first where both halves are defined.
fn select_prefixes(full: &PropertyMap, domain: &str) -> Vec<IpNet> {
    let defined: BTreeSet<IpNet> = full.nets(domain).into_iter().collect();
    let around = |net: &IpNet| IpNet::new(net.addr(), net.prefix_len().checked_sub(1)?).ok().map(|net| net.trunc());
    let parents: BTreeSet<IpNet> = defined.iter().filter_map(around).collect();
    let is_split =
        |net: &&IpNet| halves(net).is_some_and(|(one, two)| defined.contains(&one) && defined.contains(&two));
    let (split, other): (Vec<&IpNet>, Vec<_>) = parents.iter().partition(is_split);
    let inner: BTreeSet<IpNet> = defined.iter().filter_map(halves).flat_map(|(one, two)| [one, two]).collect();
    let plain: Vec<_> = defined.iter().copied().collect();
    let some = |nets: Vec<IpNet>| spread(&nets, MOST_PREFIXES / 4);
    let split = split.into_iter().copied().collect();
    let other = other.into_iter().copied().collect();
    let inner = inner.into_iter().filter(|net| !defined.contains(net)).collect();
    let mut chosen = [some(split), some(plain), some(inner), some(other)].concat();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

fn ask(context: &Context<'_>, mapped: &Mapped<'_>, full: &PropertyMap, domain: &str) -> Result<Answers, NoAnswer> {
    let prefixes = select_prefixes(full, domain);
    let mut addresses = addresses(context, full, domain)?;
    let mut inside = Vec::new();
    for prefix in &prefixes {
        let within: Vec<_> = addresses.iter().copied().filter(|address| prefix.contains(address)).collect();
        inside.extend(spread(&within, MOST_INSIDE));
        inside.extend([prefix.network(), prefix.broadcast()]);
    }
    addresses = inside;
    addresses.sort_unstable();
    addresses.dedup();
    let alone = mapped.ask(context, &entity_ids(domain, &addresses), &[])?;
    let answers: Result<Vec<_>, NoAnswer> = prefixes
        .into_iter()
        .map(|prefix| Ok((prefix, mapped.ask(context, &[format!("{domain}:{prefix}")], &[])?)))
        .collect();
    Ok(Answers { alone, addresses, prefixes: answers? })
}

/// A requested prefix with everything that is known about it.
struct PrefixAnswer<'a> {
    mapped: &'a Mapped<'a>,
    full: &'a PropertyMap,
    alone: &'a PropertyMap,
    answer: &'a PropertyMap,
    asked: Entity,
}

impl PrefixAnswer<'_> {
    fn grade(&self, inside: &[IpAddr], sheet: &mut Sheet) {
        self.only_asked(sheet);
        self.covered(sheet);
        // Entities outside the requested prefix must not be needed.
        let answer = self.answer.within(&self.asked);
        for property in self.mapped.mappings.of_domain(&self.asked.domain) {
            for address in inside {
                self.value(&answer, property, *address, sheet);
            }
        }
    }

    fn only_asked(&self, sheet: &mut Sheet) {
        let entry = sheet.on(ONLY_ASKED);
        entry.saw(&self.answer.exchange, self.answer.entities.len().max(1), "entity in an answer");
        for entity in self.answer.entities.keys().filter(|entity| !entity.is_within(&self.asked)) {
            let finding = Finding::new(format!("{} and entities within it", self.asked), entity.to_string());
            entry.fail(finding.at(self.answer.place(entity)).from(&self.answer.exchange));
        }
    }

    fn covered(&self, sheet: &mut Sheet) {
        let nets: BTreeMap<&Entity, &IpNet> =
            self.answer.entities.keys().filter_map(|entity| Some((entity, entity.net()?))).collect();
        for (entity, net) in &nets {
            let longer = |other: &&IpNet| net.contains(*other) && other.prefix_len() > net.prefix_len();
            let inner: Vec<IpNet> = nets.values().copied().filter(longer).copied().collect();
            if IpNet::aggregate(&inner).contains(net) {
                let seen = format!("{entity} as well as {} entities that cover it", inner.len());
                let finding = Finding::new("no entity that others cover", seen);
                let entry = sheet.on(COVERED);
                entry.fail(finding.at(self.answer.place(entity)).from(&self.answer.exchange));
            }
        }
        let inner: Vec<IpNet> = self.full.within(&self.asked).nets(&self.asked.domain);
        let inner: Vec<IpNet> = inner.into_iter().filter(|net| Some(net) != self.asked.net()).collect();
        if self.asked.net().is_some_and(|net| IpNet::aggregate(&inner).contains(net)) {
            sheet.on(COVERED).saw(&self.answer.exchange, 1, "prefix that others cover");
        }
    }

    fn value(&self, answer: &PropertyMap, property: &str, address: IpAddr, sheet: &mut Sheet) {
        let entity = Entity::at(&self.asked.domain, address);
        let (alone, seen) = (self.alone.value(&entity, property), answer.value(&entity, property));
        let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), brief);
        let finding = |expected: Option<&Value>| {
            let expected = format!("{} as {property} of {entity}, in the answer for {}", text(expected), self.asked);
            Finding::new(expected, text(seen)).at("/property-map")
        };
        let finding_alone = finding(alone).from(&self.alone.exchange).from(&self.answer.exchange);
        let mut hold = |requirement: Requirement, what: &str, right: bool, finding: &Finding| {
            let entry = sheet.on(requirement);
            entry.saw(&self.answer.exchange, 1, what);
            if !right {
                entry.fail(finding.clone());
            }
        };
        hold(ENOUGH, "address in a prefix", seen == alone, &finding_alone);
        if alone.is_some() {
            let anywhere = |properties: &serde_json::Map<String, Value>| {
                properties.get(property).is_some_and(|value| !value.is_null())
            };
            let there = answer.entities.values().any(anywhere);
            hold(ALL_PROPERTIES, "property of an address", there, &finding_alone);
        } else if self.full.is_blocked(&entity, property) || seen.is_some() {
            hold(NULL, "address", seen.is_none(), &finding_alone);
        }
        // The entity that determines the value is outside the requested prefix, the prefix itself, or inside it.
        let Some((giver, expected)) = self.full.determining(&entity, property).filter(|(_, value)| !value.is_null())
        else {
            return;
        };
        let finding = finding(Some(expected)).from(&self.full.exchange).from(&self.answer.exchange);
        let right = seen == Some(expected);
        if !giver.is_within(&self.asked) {
            hold(WRITTEN_OUT, "inherited value", right, &finding);
            hold(BETWEEN, "inherited value", right, &finding);
        } else if giver != self.asked && self.full.value(&self.asked, property) != Some(expected) {
            hold(EXCEPTIONS, "value inside a prefix", right, &finding);
        }
    }
}
