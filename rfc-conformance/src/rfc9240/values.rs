//! Checks of property values: inheritance, PIDs, and agreement of full and filtered maps (RFC 9240 §6.1.3, §6.2.3, §7.6).

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
use super::{CHANGING, MOST_ADDRESSES, Mapped, NO_ADDRESSES, addresses, entity_ids};
use crate::check::Check;
use crate::context::Context;
use crate::entity::{Entity, parts};
use crate::http::{Exchange, NoAnswer};
use crate::json::brief;
use crate::property_map::PropertyMap;
use crate::requirement::Requirement;
use crate::rfc7285::filtered_network_map::in_other_case;
use crate::rfc7285::requirements::s10_1::PID_CASE;
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};
use crate::view::spread;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "derives the values of addresses from the full map and compares them with single answers",
        &[INHERITED, NONE, MAY_HAVE_NONE, NULL, EVERYTHING],
        inheritance,
    ),
    Check::new("looks for inherited values of PIDs", &[FLAT], flat),
    Check::new("asks for the properties of a PID by its name in other case", &[PID_CASE], other_case),
    Check::new("compares full and filtered property maps", &[COMPLETE, NULL], views),
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
    sheet.on(NONE).skip("every requested address has every property");
    sheet.on(NULL).skip("no requested address is exempt from inheritance");
    sheet.on(MAY_HAVE_NONE).skip("no entity has the value null");
    for mapped in filters {
        for domain in mapped.mappings.address_domains() {
            let asked = mapped.steady(context, |full| {
                let addresses = addresses(context, full, domain)?;
                let exchange = mapped.ask(context, &entity_ids(domain, &addresses), &[])?;
                Ok((addresses, exchange))
            })?;
            let Some(held) = asked else {
                sheet.skip_all(CHANGING);
                continue;
            };
            let (addresses, exchange) = &held.found;
            if let Some(alone) = mapped.read(exchange) {
                grade(&mapped, domain, &held.full, &alone, addresses, sheet);
            }
        }
    }
    Ok(())
}

/// Compares the values of requested addresses with those in the whole map.
fn grade(
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
        // If an entity passes its value to some addresses but not to others, a null is missing for the others.
        let mut givers = BTreeSet::new();
        let mut lacking = Vec::new();
        for address in addresses {
            let entity = Entity::at(domain, *address);
            let (expected, seen) = (full.value(&entity, property), alone.value(&entity, property));
            let decides = full.determining(&entity, property).map(|(entity, _)| entity);
            let finding = Finding::new(format!("{} as {property} of {entity}", text(expected)), text(seen));
            let finding = finding.at(alone.place(&entity)).from(&full.exchange).from(&alone.exchange);
            let mut expect = |requirement: Requirement, right: bool| {
                let entry = sheet.on(requirement);
                entry.saw(&alone.exchange, 1, "address");
                if !right {
                    entry.fail(finding.clone());
                }
            };
            match (expected, seen) {
                (Some(expected), _) => {
                    expect(INHERITED, seen == Some(expected));
                    expect(EVERYTHING, true);
                    match (seen, decides) {
                        (Some(_), Some(giver)) => drop(givers.insert(giver)),
                        (None, Some(giver)) => lacking.push((giver, finding)),
                        _ => {}
                    }
                }
                (None, seen) if full.is_blocked(&entity, property) => {
                    expect(INHERITED, seen.is_none());
                    expect(NULL, true);
                }
                (None, None) => expect(NONE, true),
                (None, Some(_)) => {
                    expect(NONE, false);
                    expect(EVERYTHING, false);
                }
            }
        }
        for (giver, finding) in lacking {
            if givers.contains(&giver) {
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

fn other_case(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PID_CASE);
    for mapped in Mapped::filters(context) {
        for domain in mapped.mappings.flat_domains().filter(|domain| parts(domain).1 == "pid") {
            let Some(all) = mapped.read(&context.post(mapped.resource, &super::everything())?) else { continue };
            let known = all.entities.keys().filter(|entity| entity.domain == domain);
            let texts: BTreeSet<_> = known.map(ToString::to_string).collect();
            let other = texts.iter().filter_map(|text| text.strip_prefix(domain)).map(in_other_case);
            let Some(other) = other.map(|id| format!("{domain}{id}")).find(|other| !texts.contains(other)) else {
                continue;
            };
            let exchange = mapped.ask(context, std::slice::from_ref(&other), &[])?;
            let Some(seen) = mapped.read(&exchange) else { continue };
            entry.saw(&exchange, 1, "PID in other case");
            if let Some((entity, _)) = seen.entities.iter().find(|(_, values)| !values.is_empty()) {
                let finding = Finding::new(format!("no properties, as {other} is unknown"), entity.to_string());
                entry.fail(finding.at(seen.place(entity)).from(&exchange));
            }
        }
    }
    Ok(())
}

/// Values of the entities of a domain, according to a filtered map.
type FilteredValues = Vec<(Entity, Map<String, Value>)>;

/// Compares full maps with their filtered views.
fn views(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered property map is known to be a view of a full one");
    for mapped in Mapped::filters(context) {
        let Some(whole) = mapped.full_map(context) else {
            continue;
        };
        for (domain, properties) in &whole.mappings.0 {
            let asked = context.steady(whole.resource, |full| {
                let Some(full) = whole.read(full) else {
                    return Ok(None);
                };
                filtered_values(context, &mapped, &full, domain, properties)
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

fn filtered_values(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    full: &PropertyMap,
    domain: &str,
    properties: &[String],
) -> Result<Option<(Arc<Exchange>, FilteredValues)>, NoAnswer> {
    let Some(all) = mapped.read(&context.post(mapped.resource, &super::everything())?) else {
        return Ok(None);
    };
    let entities: Vec<Entity> = if mapped.mappings.address_domains().any(|other| other == domain) {
        // Entities that only one of the two maps lists are compared as well.
        let mut addresses = spread(&addresses(context, full, domain)?, MOST_ADDRESSES / 2);
        addresses.extend(all.select_addresses(domain, MOST_ADDRESSES / 2));
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
        // Resource-specific properties have the same value in all maps.
        let is_specific = parts(property).0.is_some_and(|resource| !resource.is_empty());
        let grade = if is_specific && whole.is_some() { Grade::Fail } else { Grade::Warn };
        sheet.on(COMPLETE).note(grade, finding.clone());
        let inherits = full.determining(entity, property).is_some_and(|(giver, _)| giver != *entity);
        if filtered.is_none() && inherits {
            sheet.on(NULL).saw(&full.exchange, 1, "address").fail(finding);
        }
    }
}
