//! Checks of the format and version tags of property maps (RFC 9240 §7.1 to §7.6, §8.1 to §8.6).

use std::sync::Arc;

use serde_json::Value;

use super::requirements::{
    s3_2::ONE_DOMAIN,
    s5_1_3::ENTITY,
    s7_1::WHOLE,
    s7_6::{FORM, ONLY_MAPPED, ORDER, SAME_RESOURCE, TAGS},
    s8_2::FILTERED,
    s8_6::{ALL_TAGS, SOME_TAGS},
};
use super::{Mapped, NO_FILTER, NO_MAP, addresses, entity_ids};
use crate::address;
use crate::check::Check;
use crate::context::Context;
use crate::entity::{Entity, Mappings, parts};
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, kind, pointer};
use crate::property_map::PropertyMap;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::Kind;
use crate::verdict::Finding;
use crate::view::{Vtag, spread};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "reads property maps and examines names, entities and values",
        &[WHOLE, FILTERED, FORM, ENTITY, ONLY_MAPPED, SAME_RESOURCE],
        forms,
    ),
    Check::new("asks for entities of one domain and looks for others", &[ONE_DOMAIN], domains),
    Check::new(
        "compares the tags of full property maps with those of the resources in `uses`, and their order",
        &[TAGS, ORDER],
        whole_tags,
    ),
    Check::new(
        "compares the tags of filtered property maps with those of the resources that the request needs",
        &[ALL_TAGS, SOME_TAGS],
        filtered_tags,
    ),
];

/// Maximum number of entities in a request.
const MOST_ENTITIES: usize = 16;
/// Maximum number of dependencies examined for each map.
const MOST_USED: usize = 8;

fn forms(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let (whole, filtered) = (Mapped::all(context, Kind::PropertyMap), Mapped::filters(context));
    sheet.on(WHOLE).skip("no full property map is listed");
    sheet.on(FILTERED).skip(NO_FILTER);
    if !whole.is_empty() || !filtered.is_empty() {
        sheet.on(SAME_RESOURCE).skip("no answer has entities of a resource-specific domain");
    }
    sheet.skip_all(NO_MAP);
    for mapped in whole {
        let exchange = context.latest(mapped.resource)?;
        sheet.on(WHOLE).promised(mapped.resource, &exchange, "property map");
        form(&mapped, &exchange, sheet);
    }
    for mapped in filtered {
        let all = context.post(mapped.resource, &super::everything())?;
        let mut answers = vec![all];
        if let Some(plain) = context.valid_request(mapped.resource)? {
            answers.push(context.post(mapped.resource, &plain)?);
        }
        for exchange in answers {
            sheet.on(FILTERED).promised(mapped.resource, &exchange, "filtered property map");
            form(&mapped, &exchange, sheet);
        }
    }
    Ok(())
}

fn form(mapped: &Mapped<'_>, exchange: &Arc<Exchange>, sheet: &mut Sheet) {
    let data = exchange.value().filter(|_| exchange.answer.status == 200).and_then(|value| value.get("property-map"));
    let entry = sheet.on(FORM);
    entry.saw(exchange, 1, "answer");
    let Some(data) = data.and_then(Value::as_object) else {
        let seen = data.map_or_else(|| exchange.outline(), |data| kind(data).to_owned());
        entry.fail(Finding::new("an object `property-map`", seen).at("/property-map").from(exchange));
        return;
    };
    for (key, properties) in data {
        let place = pointer("/property-map", key);
        let Some(properties) = properties.as_object() else {
            sheet.on(FORM).fail(Finding::new("an object", kind(properties)).at(place).from(exchange));
            continue;
        };
        let entity = Entity::read(key, &mapped.mappings);
        let entry = sheet.on(ENTITY);
        entry.saw(exchange, 1, "entity");
        match &entity {
            None => {
                let finding = Finding::new("an entity of a mapped domain", format!("{key:?}")).at(&place);
                entry.fail(finding.from(exchange));
            }
            Some(entity) if has_host_bits(entity, key) => {
                let finding = Finding::new(format!("{entity}, without host bits"), key).at(&place);
                entry.info(finding.from(exchange));
            }
            Some(_) => {}
        }
        let domain = entity.map(|entity| entity.domain).or_else(|| domain_of(key, &mapped.mappings));
        members(mapped, exchange, domain.as_deref(), properties, &place, sheet);
    }
}

/// Finds the mapped domain that a key begins with.
fn domain_of(key: &str, mappings: &Mappings) -> Option<String> {
    let fits = |domain: &&String| key.strip_prefix(domain.as_str()).is_some_and(|rest| rest.starts_with(':'));
    mappings.0.keys().filter(fits).max_by_key(|domain| domain.len()).cloned()
}

fn has_host_bits(entity: &Entity, key: &str) -> bool {
    let text = key.get(entity.domain.len() + 1..).unwrap_or_default();
    address::prefix(parts(&entity.domain).1, text).is_some_and(|net| net != net.trunc())
}

fn members(
    mapped: &Mapped<'_>,
    exchange: &Exchange,
    domain: Option<&str>,
    properties: &serde_json::Map<String, Value>,
    place: &str,
    sheet: &mut Sheet,
) {
    let entry = sheet.on(ONLY_MAPPED);
    entry.saw(exchange, properties.len().max(1), "property of an entity");
    let Some(domain) = domain else {
        let known: Vec<_> = mapped.mappings.0.keys().map(String::as_str).collect();
        let finding = Finding::new(format!("an entity of {}", known.join(", ")), "an entity of another domain");
        entry.fail(finding.at(place).from(exchange));
        return;
    };
    let known = mapped.mappings.of_domain(domain);
    for name in properties.keys().filter(|name| !known.contains(name)) {
        let finding = Finding::new(format!("one of {}", known.join(", ")), format!("{name:?}"));
        entry.fail(finding.at(pointer(place, name)).from(exchange));
    }
    let Some(resource) = parts(domain).0.filter(|id| !id.is_empty()) else {
        return;
    };
    let entry = sheet.on(SAME_RESOURCE);
    entry.saw(exchange, properties.len(), "property of an entity");
    for name in properties.keys() {
        if parts(name).0.is_some_and(|other| !other.is_empty() && other != resource) {
            let finding = Finding::new(format!("properties of {resource} or of the map itself"), format!("{name:?}"));
            entry.fail(finding.at(pointer(place, name)).from(exchange));
        }
    }
}

/// Selects entities of a domain for requests.
fn some_of(
    context: &Context<'_>,
    mapped: &Mapped<'_>,
    full: &PropertyMap,
    domain: &str,
) -> Result<Vec<String>, NoAnswer> {
    if mapped.mappings.address_domains().any(|other| other == domain) {
        let addresses = addresses(context, full, domain)?;
        return Ok(entity_ids(domain, &spread(&addresses, MOST_ENTITIES)));
    }
    let known = full.entities.keys().filter(|entity| entity.domain == domain).map(ToString::to_string);
    Ok(spread(&known.collect::<Vec<_>>(), MOST_ENTITIES))
}

fn domains(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let Some(full) = mapped.read(&context.post(mapped.resource, &super::everything())?) else {
            continue;
        };
        for domain in mapped.mappings.0.keys() {
            let entities = some_of(context, &mapped, &full, domain)?;
            if entities.is_empty() {
                continue;
            }
            let exchange = mapped.ask(context, &entities, &[])?;
            let Some(seen) = mapped.read(&exchange) else {
                continue;
            };
            let entry = sheet.on(ONE_DOMAIN);
            entry.saw(&exchange, entities.len(), "requested entity");
            for other in seen.entities.keys().filter(|entity| entity.domain != *domain) {
                let finding = Finding::new(format!("entities of {domain}"), other.to_string());
                entry.fail(finding.at(seen.place(other)).from(&exchange));
            }
        }
    }
    Ok(())
}

/// Compares the version tags of an answer with the current tags of resources, and returns the last answer.
fn compare_tags(
    context: &Context<'_>,
    sheet: &mut Sheet,
    requirement: Requirement,
    ids: &[&str],
    ask: &mut dyn FnMut() -> Result<Arc<Exchange>, NoAnswer>,
) -> Result<Option<Arc<Exchange>>, NoAnswer> {
    let mut last = None;
    for id in ids.iter().take(MOST_USED) {
        let Some(used) = context.subject.named(id).filter(|used| !used.is_posted() && context.is_usable(used)) else {
            continue;
        };
        let Some(steady) = context.steady(used, |_| ask())? else {
            sheet.on(requirement).skip("a used resource changed during every comparison");
            continue;
        };
        let exchange = steady.found;
        let current = steady.full.value().and_then(|value| value.pointer("/meta/vtag")).and_then(Vtag::read);
        let message = exchange.value().filter(|_| exchange.answer.status == 200).unwrap_or(&Value::Null);
        let found = Vtag::dependent(message).into_iter().find(|tag| tag.resource_id == **id);
        let entry = sheet.on(requirement);
        entry.saw(&exchange, 1, "dependency");
        let wrong = match (&found, &current) {
            (None, _) => true,
            (Some(found), Some(current)) => found != current,
            (Some(_), None) => false,
        };
        if wrong {
            let expected = current.map_or_else(|| format!("a tag of {id}"), |tag| tag.to_string());
            let seen = message.pointer("/meta/dependent-vtags").map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new(expected, seen).at("/meta/dependent-vtags");
            entry.fail(finding.from(&steady.full).from(&exchange));
        }
        last = Some(exchange);
    }
    Ok(last)
}

/// Returns the version tags of resources other than the expected ones.
fn unexpected_tags(exchange: &Exchange, ids: &[&str]) -> Vec<Vtag> {
    let tags = Vtag::dependent(exchange.value().unwrap_or(&Value::Null));
    tags.into_iter().filter(|tag| !ids.contains(&tag.resource_id.as_str())).collect()
}

fn whole_tags(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(TAGS).skip("no full property map is listed");
    sheet.on(ORDER).skip("no full property map uses more than one resource");
    for mapped in Mapped::all(context, Kind::PropertyMap) {
        let uses = mapped.resource.uses();
        let last = compare_tags(context, sheet, TAGS, &uses, &mut || context.get(mapped.resource))?;
        let exchange = last.map_or_else(|| context.latest(mapped.resource), Ok)?;
        let entry = sheet.on(TAGS);
        entry.saw(&exchange, 1, "property map");
        for tag in unexpected_tags(&exchange, &uses) {
            let finding = Finding::new("tags of resources in `uses` only", tag.to_string()).at("/meta/dependent-vtags");
            entry.warn(finding.from(&exchange));
        }
        let tags = Vtag::dependent(exchange.value().unwrap_or(&Value::Null));
        let seen: Vec<_> = tags.iter().map(|tag| tag.resource_id.as_str()).filter(|id| uses.contains(id)).collect();
        let expected: Vec<_> = uses.iter().copied().filter(|id| seen.contains(id)).collect();
        if expected.len() > 1 {
            let entry = sheet.on(ORDER);
            entry.saw(&exchange, 1, "property map");
            if seen != expected {
                let finding = Finding::new(expected.join(", "), seen.join(", ")).at("/meta/dependent-vtags");
                entry.fail(finding.from(&exchange));
            }
        }
    }
    Ok(())
}

fn filtered_tags(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let uses = mapped.resource.uses();
        if uses.is_empty() {
            sheet.skip_all("no filtered property map uses another resource");
            continue;
        }
        let Some(full) = mapped.read(&context.post(mapped.resource, &super::everything())?) else {
            continue;
        };
        for (domain, properties) in &mapped.mappings.0 {
            let entities = some_of(context, &mapped, &full, domain)?;
            if entities.is_empty() || properties.is_empty() {
                continue;
            }
            match parts(domain).0 {
                None => {
                    compare_tags(context, sheet, ALL_TAGS, &uses, &mut || mapped.ask(context, &entities, properties))?;
                }
                Some(resource) => {
                    let mut ids: Vec<_> = properties.iter().filter_map(|name| parts(name).0).collect();
                    let all_named = ids.len() == properties.len() && !ids.contains(&"");
                    ids.push(resource);
                    ids.retain(|id| uses.contains(id));
                    let mut ask = || mapped.ask(context, &entities, properties);
                    let Some(exchange) = compare_tags(context, sheet, SOME_TAGS, &ids, &mut ask)? else {
                        continue;
                    };
                    // The dependencies of self-defined properties are not known.
                    for tag in unexpected_tags(&exchange, &ids).into_iter().filter(|_| all_named) {
                        let finding = Finding::new(format!("tags of {}", ids.join(", ")), tag.to_string());
                        sheet.on(SOME_TAGS).warn(finding.at("/meta/dependent-vtags").from(&exchange));
                    }
                }
            }
        }
    }
    Ok(())
}
