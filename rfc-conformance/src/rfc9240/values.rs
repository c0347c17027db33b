//! Values of addresses and PIDs: what is inherited, and that whole and filtered maps agree (RFC 9240 §6.1.3, §6.2.3, §7.6).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::requirements::{
    s6_1_3::{INHERITED, MAY_HAVE_NONE, NONE, NULL},
    s6_2_3::FLAT,
    s7_6::COMPLETE,
    s8_3::EVERYTHING,
};
use super::{CHANGING, MOST_ADDRESSES, Mapped, NO_ADDRESSES, addresses, spelt};
use crate::check::Check;
use crate::context::Context;
use crate::entity::{Entity, parts};
use crate::http::{Exchange, NoAnswer};
use crate::json::brief;
use crate::property_map::PropertyMap;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};
use crate::view::spread;

/// All checks of this file.
pub(crate) const CHECKS: &[Check] = &[
    Check::new(&[INHERITED, NONE, MAY_HAVE_NONE, NULL, EVERYTHING], inheritance),
    Check::new(&[FLAT], flat),
    Check::new(&[COMPLETE, NULL], views),
];

pub(super) fn text(value: Option<&Value>) -> String {
    value.map_or_else(|| "none".to_owned(), brief)
}

fn inheritance(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let filters = Mapped::filters(context);
    if filters.iter().all(|mapped| mapped.mappings.address_domains().next().is_none()) {
        sheet.skip_all(NO_ADDRESSES);
        return Ok(());
    }
    sheet.on(NONE).skip("every address that was asked about has every property");
    sheet.on(NULL).skip("no address that was asked about lies where nothing is inherited");
    sheet.on(MAY_HAVE_NONE).skip("no entity is said to have no value");
    for mapped in filters {
        for domain in mapped.mappings.address_domains() {
            let asked = mapped.steady(context, |full| {
                let addresses = addresses(context, full, domain)?;
                let exchange = mapped.ask(context, &spelt(domain, &addresses), &[])?;
                Ok((addresses, exchange))
            })?;
            let Some(held) = asked else {
                sheet.skip_all(CHANGING);
                continue;
            };
            let (addresses, exchange) = &held.found;
            if let Some(alone) = mapped.read(exchange) {
                judge(&mapped, domain, &held.full, &alone, addresses, sheet);
            }
        }
    }
    Ok(())
}

/// Addresses that were asked for, against everything that the map says.
fn judge(
    mapped: &Mapped<'_>,
    domain: &str,
    full: &PropertyMap,
    alone: &PropertyMap,
    addresses: &[IpAddr],
    sheet: &mut Sheet,
) {
    let nulls = full.entities.iter().filter(|(entity, _)| entity.domain == domain);
    let nulls = nulls.flat_map(|(_, properties)| properties.values()).filter(|value| value.is_null()).count();
    sheet.on(MAY_HAVE_NONE).saw(&full.exchange, nulls, "null");
    for property in mapped.mappings.of_domain(domain) {
        // Who passes a value on to some: if others do not get it, they must be exempt by a null that is not there.
        let mut generous = BTreeSet::new();
        let mut lacking = Vec::new();
        for address in addresses {
            let entity = Entity::at(domain, *address);
            let (expected, seen) = (full.value(&entity, property), alone.value(&entity, property));
            let decides = full.decides(&entity, property).map(|(entity, _)| entity);
            let finding = Finding::new(format!("{} as {property} of {entity}", text(expected)), text(seen));
            let finding = finding.at(alone.place(&entity)).from(&full.exchange).from(&alone.exchange);
            let mut hold = |requirement: Requirement, right: bool| {
                let entry = sheet.on(requirement);
                entry.saw(&alone.exchange, 1, "address");
                if !right {
                    entry.fail(finding.clone());
                }
            };
            match (expected, seen) {
                (Some(expected), _) => {
                    hold(INHERITED, seen == Some(expected));
                    hold(EVERYTHING, true);
                    match (seen, decides) {
                        (Some(_), Some(giver)) => drop(generous.insert(giver)),
                        (None, Some(giver)) => lacking.push((giver, finding)),
                        _ => {}
                    }
                }
                (None, seen) if full.is_blocked(&entity, property) => {
                    hold(INHERITED, seen.is_none());
                    hold(NULL, true);
                }
                (None, None) => hold(NONE, true),
                (None, Some(_)) => {
                    hold(NONE, false);
                    hold(EVERYTHING, false);
                }
            }
        }
        for (giver, finding) in lacking {
            if generous.contains(&giver) {
                sheet.on(NULL).fail(finding);
            }
        }
    }
}

fn flat(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered property map has PIDs with properties");
    for mapped in Mapped::filters(context) {
        for domain in mapped.mappings.flat_domains().filter(|domain| parts(domain).1 == "pid") {
            let asked = mapped.steady(context, |full| {
                let pids = full.entities.keys().filter(|entity| entity.domain == domain).cloned();
                let pids = spread(&pids.collect::<Vec<_>>(), MOST_ADDRESSES / 4);
                if pids.is_empty() {
                    return Ok(None);
                }
                let texts: Vec<_> = pids.iter().map(ToString::to_string).collect();
                Ok(Some((mapped.ask(context, &texts, &[])?, pids)))
            })?;
            let Some(held) = asked else {
                sheet.skip_all(CHANGING);
                continue;
            };
            let Some((exchange, pids)) = held.found else {
                continue;
            };
            let Some(seen) = mapped.read(&exchange) else {
                continue;
            };
            let properties = mapped.mappings.of_domain(domain);
            let entry = sheet.on(FLAT);
            for pid in &pids {
                entry.saw(&exchange, 1, "PID");
                let (expected, found) = (held.full.values(pid, properties), seen.values(pid, properties));
                if expected != found {
                    let finding = Finding::new(brief(&expected.into()), brief(&found.into())).at(seen.place(pid));
                    entry.fail(finding.from(&held.full.exchange).from(&exchange));
                }
            }
        }
    }
    Ok(())
}

/// What a view says of everything in one domain.
type Said = Vec<(Entity, Map<String, Value>)>;

/// Whole maps beside their filtered views.
fn views(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered property map is known to be a view of a whole one");
    for mapped in Mapped::filters(context) {
        let Some(whole) = mapped.whole_of(context) else {
            continue;
        };
        for (domain, properties) in &whole.mappings.0 {
            let asked = context.steady(whole.resource, |full| {
                let Some(full) = whole.read(full) else {
                    return Ok(None);
                };
                said(context, &mapped, &full, domain, properties)
            })?;
            let Some(steady) = asked else {
                sheet.skip_all(CHANGING);
                continue;
            };
            let (Some((exchange, said)), Some(full)) = (steady.found, whole.read(&steady.full)) else {
                continue;
            };
            for (entity, values) in said {
                compare(&full, &exchange, &entity, &values, properties, sheet);
            }
        }
    }
    Ok(())
}

fn said(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    full: &PropertyMap,
    domain: &str,
    properties: &[String],
) -> Result<Option<(Arc<Exchange>, Said)>, NoAnswer> {
    let Some(all) = mapped.read(&context.post(mapped.resource, &super::everything())?) else {
        return Ok(None);
    };
    let entities: Vec<Entity> = if mapped.mappings.address_domains().any(|other| other == domain) {
        // What only one of the two knows is looked at, too.
        let mut addresses = spread(&addresses(context, full, domain)?, MOST_ADDRESSES / 2);
        addresses.extend(all.telling_addresses(domain, MOST_ADDRESSES / 2));
        addresses.sort_unstable();
        addresses.dedup();
        addresses.into_iter().map(|address| Entity::at(domain, address)).collect()
    } else if mapped.mappings.flat_domains().any(|other| other == domain) {
        let both: BTreeSet<_> = full.entities.keys().chain(all.entities.keys()).cloned().collect();
        let both: Vec<_> = both.into_iter().filter(|entity| entity.domain == domain).collect();
        spread(&both, MOST_ADDRESSES)
    } else {
        Vec::new()
    };
    if entities.is_empty() || properties.is_empty() {
        return Ok(None);
    }
    let texts: Vec<_> = entities.iter().map(ToString::to_string).collect();
    let exchange = mapped.ask(context, &texts, properties)?;
    let Some(answer) = mapped.read(&exchange) else {
        return Ok(None);
    };
    let values = |entity: Entity| {
        let values = answer.values(&entity, properties);
        (entity, values)
    };
    Ok(Some((exchange, entities.into_iter().map(values).collect())))
}

fn compare(
    full: &PropertyMap,
    exchange: &Exchange,
    entity: &Entity,
    values: &Map<String, Value>,
    properties: &[String],
    sheet: &mut Sheet,
) {
    let entry = sheet.on(COMPLETE);
    entry.saw(exchange, 1, "entity");
    for property in properties {
        let (whole, filtered) = (full.value(entity, property), values.get(property));
        if whole == filtered {
            if filtered.is_none() && full.is_blocked(entity, property) {
                sheet.on(NULL).saw(&full.exchange, 1, "address");
            }
            continue;
        }
        let finding =
            Finding::new(format!("{} as {property} of {entity}, as in the filtered map", text(filtered)), text(whole));
        let finding = finding.at("/property-map").from(exchange).from(&full.exchange);
        // A property of another resource is one and the same in all maps.
        let is_specific = parts(property).0.is_some_and(|resource| !resource.is_empty());
        let grade = if is_specific && whole.is_some() { Grade::Fail } else { Grade::Warn };
        sheet.on(COMPLETE).note(grade, finding.clone());
        let inherits = full.decides(entity, property).is_some_and(|(giver, _)| giver != *entity);
        if filtered.is_none() && inherits {
            sheet.on(NULL).saw(&full.exchange, 1, "address").fail(finding);
        }
    }
}
