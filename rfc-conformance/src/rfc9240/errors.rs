//! Checks of errors of filtered property maps (RFC 9240 §8.6).

use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::s8_6::{
    DOMAIN, ENTITY_NAMED, ERRORS, FIELD, IDENTIFIER, NEEDS_ENTITIES, PROPERTY, PROPERTY_NAMED,
};
use super::{Mapped, NO_FILTER, request};
use crate::assertion::{ERROR, Refusal};
use crate::check::Check;
use crate::context::Context;
use crate::entity::parts;
use crate::http::{Exchange, NoAnswer};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("sends requests without `entities`", &[NEEDS_ENTITIES, ERRORS], without_entities),
    Check::new(
        "sends entities of unknown domains and with invalid identifiers, alone and after a valid one",
        &[DOMAIN, IDENTIFIER, ENTITY_NAMED, ERRORS],
        entities,
    ),
    Check::new(
        "asks for properties that are not mapped, alone and after a valid one",
        &[PROPERTY, PROPERTY_NAMED, ERRORS],
        properties,
    ),
    Check::new("sends a name that may be a domain or a property in each list", &[FIELD], ambiguous_names),
];

/// Returns a valid entity and a valid property of a filtered map, if known.
fn valid_pair(context: &Context<'_>, mapped: &Mapped<'_>) -> Result<Option<(String, String)>, NoAnswer> {
    let body = context.valid_request(mapped.resource)?;
    let first = |list: &str| Some(body.as_ref()?.get(list)?.as_array()?.first()?.as_str()?.to_owned());
    let property = first("properties");
    Ok(first("entities").zip(property))
}

/// Grades whether an answer is an ALTO error, which is a MUST here and a SHOULD in RFC 7285.
fn grade_error(answer: &Result<Arc<Exchange>, NoAnswer>, sheet: &mut Sheet) {
    let entry = sheet.on(ERRORS);
    let Ok(exchange) = answer else {
        return;
    };
    entry.saw(exchange, 1, "invalid request");
    let is_alto = exchange.answer.media_type().is_some_and(|media_type| media_type.is(ERROR));
    if !(400..500).contains(&exchange.answer.status) || !is_alto || exchange.error_code().is_none() {
        entry.fail(Finding::new("an ALTO error", exchange.outline()).from(exchange));
    }
}

fn member<'e>(exchange: &'e Exchange, name: &str) -> Option<&'e str> {
    exchange.value()?.pointer("/meta")?.get(name)?.as_str()
}

fn without_entities(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let known = mapped.mappings.properties();
        for body in [json!({}), json!({"properties": []}), json!({"properties": known})] {
            let answer = context.post(mapped.resource, &body);
            grade_error(&answer, sheet);
            let refusal = Refusal { codes: &["E_MISSING_FIELD"], fields: &["entities"], ..Refusal::default() };
            sheet.on(NEEDS_ENTITIES).refused(&answer, "request without `entities`", &refusal);
        }
    }
    Ok(())
}

/// Lists invalid entities for a filtered map, with the requirement that each grades.
fn invalid_entities(mapped: &Mapped<'_>) -> Vec<(Requirement, String)> {
    let known = &mapped.mappings.0;
    let mut wrong = Vec::new();
    for text in ["nosuch:1", "pid:x", "ipv4:192.0.2.1", "ipv6:2001:db8::1", "no-such-map.ipv4:192.0.2.1", ".nosuch:1"] {
        let domain = text.split_once(':').map_or(text, |(domain, _)| domain);
        if !known.contains_key(domain) {
            wrong.push((DOMAIN, text.to_owned()));
        }
    }
    for domain in known.keys() {
        let ids: &[&str] = match parts(domain).1 {
            "ipv4" => &["300.1.1.1", "192.0.2.0/33", "2001:db8::1", "192.0.2", "192.0.2.034", "", "192.0.2.0/", "x"],
            "ipv6" => &["2001:db8::/129", "192.0.2.1", "2001:db8::1::2", "12345::", "", "2001:db8::/", "[::1]"],
            "pid" => &["", "a b"],
            _ => &[],
        };
        wrong.extend(ids.iter().map(|id| (IDENTIFIER, format!("{domain}:{id}"))));
        // Without a colon there is no identifier.
        wrong.push((IDENTIFIER, domain.clone()));
    }
    wrong
}

fn entities(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let right = valid_pair(context, &mapped)?;
        for (requirement, text) in invalid_entities(&mapped) {
            // Alone, and after a valid entity.
            let lists = [Some(vec![text.clone()]), right.as_ref().map(|(right, _)| vec![right.clone(), text.clone()])];
            for list in lists.into_iter().flatten() {
                let answer = mapped.ask(context, &list, &[]);
                grade_error(&answer, sheet);
                let refusal =
                    Refusal { codes: &["E_INVALID_FIELD_VALUE"], fields: &["entities"], element: true, value: None };
                sheet.on(requirement).refused(&answer, "entity", &refusal);
                grade_value(&answer, ENTITY_NAMED, &text, sheet);
            }
        }
    }
    Ok(())
}

/// Grades whether `value` names the invalid entity or property.
fn grade_value(answer: &Result<Arc<Exchange>, NoAnswer>, requirement: Requirement, text: &str, sheet: &mut Sheet) {
    let Ok(exchange) = answer else {
        return;
    };
    // Other answers and errors are graded elsewhere.
    if exchange.error_code() != Some("E_INVALID_FIELD_VALUE") {
        sheet.on(requirement).skip("no request was rejected with E_INVALID_FIELD_VALUE");
        return;
    }
    let entry = sheet.on(requirement);
    entry.saw(exchange, 1, "error");
    let seen = member(exchange, "value");
    if seen != Some(text) {
        let finding =
            Finding::new(format!("{text:?}"), seen.map_or_else(|| "none".to_owned(), |text| format!("{text:?}")));
        entry.fail(finding.at("/meta/value").from(exchange));
    }
}

fn properties(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let known = mapped.mappings.properties();
        let mut wrong = vec![".nosuch".to_owned(), "priv:nosuch".to_owned(), "no-such-map.pid".to_owned()];
        // The name of a self-defined property without its dot is another property.
        wrong.extend(known.iter().filter_map(|name| name.strip_prefix('.')).map(str::to_owned));
        wrong.retain(|name| !known.contains(&name.as_str()));
        let right = valid_pair(context, &mapped)?;
        let entities: Vec<String> = right.iter().map(|(entity, _)| entity.clone()).collect();
        for text in wrong {
            let lists = [Some(vec![text.clone()]), right.as_ref().map(|(_, right)| vec![right.clone(), text.clone()])];
            for list in lists.into_iter().flatten() {
                let answer = mapped.ask(context, &entities, &list);
                grade_error(&answer, sheet);
                let refusal =
                    Refusal { codes: &["E_INVALID_FIELD_VALUE"], fields: &["properties"], element: true, value: None };
                sheet.on(PROPERTY).refused(&answer, "property", &refusal);
                grade_value(&answer, PROPERTY_NAMED, &text, sheet);
            }
        }
    }
    Ok(())
}

fn ambiguous_names(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(FIELD);
    entry.skip(NO_FILTER);
    for mapped in Mapped::filters(context) {
        let known = mapped.mappings.properties();
        let text = ["pid", "ipv4", "nosuch"].into_iter().find(|text| !known.contains(text)).unwrap_or("no-such");
        let Some((entity, property)) = valid_pair(context, &mapped)? else {
            entry.skip("no entities are known for requests");
            continue;
        };
        let bodies: [(&str, Value); 2] = [
            ("entities", request(&[text.to_owned()], &[property])),
            ("properties", request(&[entity], &[text.to_owned()])),
        ];
        for (field, body) in bodies {
            let exchange = context.post(mapped.resource, &body)?;
            entry.saw(&exchange, 1, "invalid request");
            let seen = member(&exchange, "field");
            if seen != Some(field) {
                let seen = seen.map_or_else(|| exchange.outline(), str::to_owned);
                entry.fail(Finding::new(format!("`{field}`"), seen).at("/meta/field").from(&exchange));
            }
        }
    }
    Ok(())
}
