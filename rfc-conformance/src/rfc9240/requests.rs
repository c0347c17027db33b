//! Checks of requests to filtered property maps: empty, absent and repeated members, and missing properties (RFC 9240 §8.3,
//! §8.6).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s8_3::{ALL_PROPERTIES, EVERYTHING, NAMES, REPEATED_ENTITIES, REPEATED_PROPERTIES, USABLE},
    s8_6::{NO_PROPERTIES, ONLY_ASKED, UNDEFINED},
};
use super::{CHANGING, Mapped, NO_FILTER, addresses, entity_ids, everything, request};
use crate::check::Check;
use crate::context::Context;
use crate::entity::{Entity, Id, parts};
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::property_map::PropertyMap;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;
use crate::view::spread;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("sends an empty list of entities", &[EVERYTHING], all_entities),
    Check::new(
        "sends empty and repeated lists, and every property alone",
        &[REPEATED_ENTITIES, ALL_PROPERTIES, REPEATED_PROPERTIES, ONLY_ASKED],
        lists,
    ),
    Check::new("omits `properties`", &[NAMES], names),
    Check::new("asks for the names of all entities and requests each of them", &[USABLE], usable),
    Check::new("asks for properties that entities do not have", &[NO_PROPERTIES, UNDEFINED], undefined),
];

/// Maximum number of entities in a request.
const MOST_ENTITIES: usize = 8;
/// Maximum number of properties requested individually.
const MOST_PROPERTIES: usize = 8;

fn all_entities(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(EVERYTHING);
    entry.skip(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let exchange = context.post(mapped.resource, &everything())?;
        entry.promised(mapped.resource, &exchange, "request for everything");
        // The answer must have all domains of the full map.
        let Some((whole, all)) = mapped.full_map(context).zip(mapped.read(&exchange)) else {
            continue;
        };
        let Some(full) = whole.read(&context.latest(whole.resource)?) else {
            continue;
        };
        let domains: BTreeSet<_> = full.entities.keys().map(|entity| entity.domain.as_str()).collect();
        for domain in domains.into_iter().filter(|domain| all.entities.keys().all(|entity| entity.domain != **domain)) {
            let finding = Finding::new(format!("entities of {domain}, as in the full map"), "none");
            entry.fail(finding.at("/property-map").from(&full.exchange).from(&exchange));
        }
    }
    Ok(())
}

/// Selects entities of a domain for requests: addresses, or names that the map lists.
fn some_of(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    full: &PropertyMap,
    domain: &str,
) -> Result<Vec<String>, NoAnswer> {
    if mapped.mappings.address_domains().any(|other| other == domain) {
        return Ok(entity_ids(domain, &spread(&addresses(context, full, domain)?, MOST_ENTITIES)));
    }
    let known = full.entities.keys().filter(|entity| entity.domain == domain).map(ToString::to_string);
    Ok(spread(&known.collect::<Vec<_>>(), MOST_ENTITIES))
}

/// Selects entities of each domain that has properties.
fn entities_by_domain<'m>(
    context: &Context<'_>,
    mapped: &'m Mapped<'_>,
) -> Result<Vec<(&'m str, Vec<String>)>, NoAnswer> {
    let Some(full) = mapped.read(&context.post(mapped.resource, &everything())?) else {
        return Ok(Vec::new());
    };
    let mut domains = Vec::new();
    for domain in mapped.mappings.0.keys() {
        let entities = some_of(context, mapped, &full, domain)?;
        if !entities.is_empty() && !mapped.mappings.of_domain(domain).is_empty() {
            domains.push((domain.as_str(), entities));
        }
    }
    Ok(domains)
}

fn lists(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_FILTER);
    for mapped in Mapped::filters(context) {
        for (domain, entities) in entities_by_domain(context, &mapped)? {
            let known = mapped.mappings.of_domain(domain);
            let names: Vec<String> = mapped.mappings.properties().into_iter().map(str::to_owned).collect();
            let twice = |list: &[String]| [list, list, list].concat();
            let plain = request(&entities, known);
            let variants = [
                (REPEATED_ENTITIES, request(&twice(&entities), known)),
                (REPEATED_PROPERTIES, request(&entities, &twice(known))),
                (ALL_PROPERTIES, request(&entities, &[])),
                (ALL_PROPERTIES, request(&entities, &names)),
            ];
            let asked = context.steady_post(mapped.resource, &plain, |_| {
                let alike: Result<Vec<_>, _> =
                    variants.iter().map(|(_, body)| context.post(mapped.resource, body)).collect();
                let parts = spread(known, MOST_PROPERTIES).into_iter().map(|name| {
                    let exchange = mapped.ask(context, &entities, std::slice::from_ref(&name))?;
                    Ok((name, exchange))
                });
                Ok((alike?, parts.collect::<Result<Vec<_>, NoAnswer>>()?))
            })?;
            let Some(steady) = asked else {
                sheet.skip_all(CHANGING);
                continue;
            };
            let Some(plain) = mapped.read(&steady.full) else {
                sheet.skip_all("ordinary requests are not answered");
                continue;
            };
            let (alike, parts) = &steady.found;
            for ((requirement, _), exchange) in variants.iter().zip(alike) {
                grade_equivalent(&mapped, *requirement, &plain, exchange, sheet);
            }
            for (name, exchange) in parts {
                grade_single(&mapped, &plain, name, exchange, sheet);
            }
        }
    }
    Ok(())
}

/// Grades the answer to an equivalent request.
fn grade_equivalent(
    mapped: &Mapped<'_>,
    requirement: Requirement,
    plain: &PropertyMap,
    exchange: &Arc<Exchange>,
    sheet: &mut Sheet,
) {
    let entry = sheet.on(requirement);
    if entry.promised(mapped.resource, exchange, "request").is_none() {
        return;
    }
    let Some(seen) = mapped.read(exchange) else {
        return;
    };
    let repeats = exchange.document().map_or(0, |document| document.duplicates.len());
    let filled = |map: &PropertyMap| {
        let entities = map.entities.iter().filter(|(_, properties)| !properties.is_empty());
        entities.map(|(entity, properties)| (entity.clone(), properties.clone())).collect::<Vec<_>>()
    };
    if filled(&seen) != filled(plain) || repeats > 0 || seen.keys.len() > seen.entities.len() {
        let data = |exchange: &Exchange| exchange.value().and_then(|value| value.get("property-map")).map(brief);
        let expected = data(&plain.exchange).unwrap_or_default();
        let finding = Finding::new(expected, data(exchange).unwrap_or_default()).at("/property-map");
        entry.fail(finding.from(&plain.exchange).from(exchange));
    }
}

/// Grades the answer for one property, which must be the corresponding part of the whole answer.
fn grade_single(mapped: &Mapped<'_>, plain: &PropertyMap, name: &str, exchange: &Arc<Exchange>, sheet: &mut Sheet) {
    let entry = sheet.on(ONLY_ASKED);
    entry.saw(exchange, 1, "requested property");
    let Some(seen) = mapped.read(exchange) else {
        return;
    };
    for (entity, properties) in &seen.entities {
        let place = seen.place(entity);
        if let Some(other) = properties.keys().find(|other| *other != name) {
            let finding = Finding::new(format!("{name:?} and no other property"), format!("{other:?}"));
            entry.fail(finding.at(pointer(&place, other)).from(exchange));
        }
    }
    for entity in plain.entities.keys().chain(seen.entities.keys()) {
        let (expected, found) = (plain.value(entity, name), seen.value(entity, name));
        if expected != found {
            let text = |value: Option<&Value>| value.map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new(format!("{} as {name} of {entity}", text(expected)), text(found));
            entry.fail(finding.at(seen.place(entity)).from(&plain.exchange).from(exchange));
        }
    }
}

fn names(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NAMES);
    entry.skip(NO_FILTER);
    for mapped in Mapped::filters(context) {
        for domain in mapped.mappings.0.keys() {
            let asked = mapped.steady(context, |full| {
                let entities = some_of(context, &mapped, full, domain)?;
                if entities.is_empty() {
                    return Ok(None);
                }
                let exchange = context.post(mapped.resource, &json!({"entities": entities}))?;
                Ok(Some((entities, exchange)))
            })?;
            let Some((entities, exchange)) = asked.as_ref().and_then(|held| held.found.as_ref()) else {
                continue;
            };
            let Some(full) = asked.as_ref().map(|held| &held.full) else {
                continue;
            };
            let Some(data) = entry.promised(mapped.resource, exchange, "request without `properties`") else {
                continue;
            };
            let asked: Vec<Entity> = entities.iter().filter_map(|text| Entity::read(text, &mapped.mappings)).collect();
            let mut there = BTreeSet::new();
            for (key, value) in data.as_object().into_iter().flatten() {
                let place = pointer("/property-map", key);
                if *value == json!("{}") {
                    // RFC 9240 §8.3 and §8.6 contradict each other.
                    entry.warn(Finding::new("an empty object", "the string \"{}\"").at(&place).from(exchange));
                } else if *value != json!({}) {
                    entry.fail(Finding::new("an empty object", brief(value)).at(&place).from(exchange));
                }
                let entity = Entity::read(key, &mapped.mappings).filter(|entity| asked.contains(entity));
                let has_any =
                    entity.as_ref().is_some_and(|it| !full.values(it, mapped.mappings.of_domain(domain)).is_empty());
                if !has_any {
                    let finding = Finding::new("requested entities with properties only", format!("{key:?}"));
                    entry.fail(finding.at(&place).from(&full.exchange).from(exchange));
                }
                there.extend(entity);
            }
            for entity in asked.iter().filter(|entity| !there.contains(entity)) {
                // The RFC leaves open whether inherited properties count, but not those of the entity itself.
                let own = full.entities.get(entity).is_some_and(|own| own.values().any(|value| !value.is_null()));
                if own {
                    let finding = Finding::new(format!("{entity}, which has properties"), "none");
                    entry.fail(finding.at("/property-map").from(&full.exchange).from(exchange));
                }
            }
        }
    }
    Ok(())
}

fn usable(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(USABLE);
    entry.skip(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let exchange = context.post(mapped.resource, &json!({"entities": []}))?;
        let Some(data) = entry.promised(mapped.resource, &exchange, "request without entities and `properties`") else {
            continue;
        };
        let keys: Vec<String> = data.as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
        let all = context.post(mapped.resource, &everything())?;
        if keys.is_empty() && mapped.read(&all).is_some_and(|all| !all.entities.is_empty()) {
            let finding = Finding::new("entities that can be requested", "none").at("/property-map");
            entry.fail(finding.from(&all).from(&exchange));
        }
        for key in spread(&keys, MOST_ENTITIES) {
            let again = mapped.ask(context, std::slice::from_ref(&key), &[])?;
            entry.saw(&again, 1, "name");
            if again.answer.status != 200 {
                let finding = Finding::new(format!("an answer about {key:?}"), again.outline());
                entry.fail(finding.from(&exchange).from(&again));
            }
        }
    }
    Ok(())
}

fn undefined(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    if Mapped::filters(context).is_empty() {
        sheet.skip_all(NO_FILTER);
        return Ok(());
    }
    sheet.skip_all("every known entity has every property");
    for mapped in Mapped::filters(context) {
        let Some(full) = mapped.read(&context.post(mapped.resource, &everything())?) else {
            continue;
        };
        for (domain, properties) in &mapped.mappings.0 {
            let mut candidates: Vec<Entity> = match parts(domain).1 {
                "ipv4" | "ipv6" => {
                    let addresses = addresses(context, &full, domain)?;
                    addresses.into_iter().map(|address| Entity::at(domain, address)).collect()
                }
                // An unknown PID is valid, as it may have existed a moment ago.
                "pid" => {
                    vec![Entity { domain: domain.clone(), id: Id::Name(UNKNOWN_PID.to_owned()) }]
                }
                _ => Vec::new(),
            };
            candidates.extend(full.entities.keys().filter(|entity| entity.domain == *domain).cloned());
            for property in properties.iter().take(MOST_PROPERTIES) {
                let lacks =
                    |entity: &&Entity| full.value(entity, property).is_none() && entity.net().is_none_or(is_single);
                let Some(entity) = candidates.iter().find(lacks) else {
                    continue;
                };
                request_missing(context, &mapped, entity, property, properties, sheet)?;
            }
        }
    }
    Ok(())
}

/// Name of a PID that no network map has.
const UNKNOWN_PID: &str = "no-such-pid";

fn is_single(net: &ipnet::IpNet) -> bool {
    net.prefix_len() == net.max_prefix_len()
}

/// Requests a property that an entity does not have, alone and with others.
fn request_missing(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    entity: &Entity,
    property: &str,
    properties: &[String],
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let texts = [entity.to_string()];
    let only = [property.to_owned()];
    for (requirement, names) in [(NO_PROPERTIES, &only[..]), (UNDEFINED, properties)] {
        let exchange = mapped.ask(context, &texts, names)?;
        let entry = sheet.on(requirement);
        // RFC 9240 does not say whether the name of a PID that does not exist is an invalid identifier.
        let is_unknown = matches!(&entity.id, Id::Name(name) if name == UNKNOWN_PID);
        if is_unknown && (400..500).contains(&exchange.answer.status) {
            let finding = Finding::new("status 200, as the PID may have existed a moment ago", exchange.outline());
            entry.saw(&exchange, 1, "entity without a property").warn(finding.from(&exchange));
            continue;
        }
        if entry.promised(mapped.resource, &exchange, "entity without a property").is_none() {
            continue;
        }
        let found = mapped.read(&exchange).and_then(|map| map.entities.get(entity)?.get(property).cloned());
        if let Some(value) = found {
            let grade_null = value.is_null();
            let finding = Finding::new(format!("no {property} for {entity}"), brief(&value)).at("/property-map");
            // Null states the same (§6.1.3).
            if grade_null {
                entry.info(finding.from(&exchange))
            } else {
                entry.fail(finding.from(&exchange))
            };
        }
    }
    Ok(())
}
