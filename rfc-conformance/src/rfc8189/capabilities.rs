//! Checks of multi-cost capabilities (RFC 8189 §3.5, §4.1, §4.1.1, §4.2.1).

use serde_json::Value;

use super::cost_service::{self, list, most};
use super::requirements::{
    s3_5::SINGLE_BY_GET,
    s4_1::AS_BEFORE,
    s4_1_1::{DEFAULT, DEFINED, EXCLUSIVE, ONLY_TESTABLE, TESTABLE},
    s4_2_1::ENDPOINT_CAPABILITIES,
};
use super::{NOT_ANNOUNCED, note};
use crate::assertion::Refusal;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::{brief, pointer};
use crate::rfc7285::cost_query::with;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("reads full cost maps and looks for arrays", &[SINGLE_BY_GET], single_by_get),
    Check::new(
        "examines `testable-cost-type-names` in the directories",
        &[EXCLUSIVE, TESTABLE, ONLY_TESTABLE, ENDPOINT_CAPABILITIES],
        testable,
    ),
    Check::new(
        "resolves the names in the capabilities of multi-cost resources",
        &[DEFINED, ENDPOINT_CAPABILITIES],
        defined,
    ),
    Check::new("sends multi-cost queries to resources that do not announce them", &[DEFAULT], not_announced),
    Check::new("examines media types and `uses` of multi-cost resources", &[AS_BEFORE], base_protocol),
];

fn single_by_get(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(SINGLE_BY_GET);
    entry.skip("no full cost map is listed");
    for map in context.of(Kind::CostMap) {
        // Modes of other standards may have arrays as costs.
        if !context.subject.cost_types_of(map).iter().all(|kind| kind.is_numerical() || kind.is_ordinal()) {
            continue;
        }
        let exchange = context.latest(map)?;
        entry.saw(&exchange, 1, "cost map");
        if exchange.value().is_some_and(|value| value.pointer("/meta/multi-cost-types").is_some()) {
            let finding = Finding::new("one cost type", "several").at("/meta/multi-cost-types");
            entry.fail(finding.from(&exchange));
        }
        let rows = exchange.value().and_then(|value| value.get("cost-map")).and_then(Value::as_object);
        let arrays = rows.into_iter().flatten().find_map(|(src, row)| {
            let (dst, cost) = row.as_object()?.iter().find(|(_, cost)| cost.is_array())?;
            Some((pointer(&pointer("/cost-map", src), dst), cost))
        });
        if let Some((place, cost)) = arrays {
            entry.fail(Finding::new("a single value", brief(cost)).at(place).from(&exchange));
        }
    }
    Ok(())
}

fn names<'a>(resource: &'a Resource, member: &str) -> Option<&'a [Value]> {
    resource.entry.pointer(&format!("/capabilities/{member}"))?.as_array().map(Vec::as_slice)
}

fn testable(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource announces `testable-cost-type-names`");
    for resource in &context.subject.resources {
        let directory = &context.subject.directory_of(resource).exchange;
        let member = "testable-cost-type-names";
        let at = format!("{}/capabilities/{member}", resource.pointer());
        if directory.value().and_then(|value| value.pointer(&at)).is_none() {
            continue;
        }
        note(sheet, resource, EXCLUSIVE, |entry| {
            entry.saw(directory, 1, "resource");
            if resource.takes_constraints() {
                entry.fail(Finding::new("one of the two members", "both").at(&at).from(directory));
            }
        });
        let names = names(resource, member).unwrap_or_default();
        note(sheet, resource, ONLY_TESTABLE, |entry| {
            entry.saw(directory, 1, "resource");
            if names.is_empty() {
                entry.fail(Finding::new("at least one name", "none").at(&at).from(directory));
            }
        });
        let known = resource.cost_type_names();
        for (index, name) in names.iter().enumerate() {
            note(sheet, resource, TESTABLE, |entry| {
                entry.saw(directory, 1, "name");
                if !name.as_str().is_some_and(|name| known.contains(&name)) {
                    let finding = Finding::new("a name in `cost-type-names`", brief(name)).at(format!("{at}/{index}"));
                    entry.fail(finding.from(directory));
                }
            });
        }
    }
    Ok(())
}

fn defined(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOT_ANNOUNCED);
    for resource in context.subject.resources.iter().filter(|resource| most(resource) > 0) {
        let directory = context.subject.directory_of(resource);
        for member in ["cost-type-names", "testable-cost-type-names"] {
            for (index, name) in names(resource, member).unwrap_or_default().iter().enumerate() {
                let at = format!("{}/capabilities/{member}/{index}", resource.pointer());
                note(sheet, resource, DEFINED, |entry| {
                    entry.saw(&directory.exchange, 1, "name");
                    if name.as_str().and_then(|name| directory.cost_type(name)).is_none() {
                        let finding = Finding::new("a name in `meta.cost-types`", brief(name)).at(&at);
                        entry.fail(finding.from(&directory.exchange));
                    }
                });
            }
        }
    }
    Ok(())
}

fn not_announced(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(DEFAULT);
    entry.skip("every resource announces `max-cost-types`");
    for service in cost_service::all(context)?.into_iter().filter(|service| service.most == 0) {
        let types = &service.types[..service.types.len().min(2)];
        let answer = context.post(service.resource, &with(&service.scope, "multi-cost-types", list(types)));
        if let Ok(exchange) = &answer
            && exchange.answer.status == 200
            && exchange.value().is_none_or(|value| value.pointer("/meta/multi-cost-types").is_none())
        {
            // An answer for one cost type: whether `cost-type` may be absent is graded elsewhere.
            entry.saw(exchange, 1, "multi-cost request");
            continue;
        }
        let codes = ["E_MISSING_FIELD", "E_INVALID_FIELD_VALUE", "E_INVALID_FIELD_TYPE"];
        entry.refused(&answer, "multi-cost request", &Refusal { codes: &codes, ..Refusal::default() });
    }
    Ok(())
}

fn base_protocol(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(AS_BEFORE);
    entry.skip("no filtered cost map announces `max-cost-types`");
    for service in
        cost_service::announced(context)?.iter().filter(|service| service.resource.kind == Kind::FilteredCostMap)
    {
        let resource = service.resource;
        let directory = &context.subject.directory_of(resource).exchange;
        entry.saw(directory, 1, "filtered cost map");
        if resource.uses().len() != 1 || context.subject.network_map_of(resource).is_none() {
            let seen = resource.entry.get("uses").map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new("the ID of one network map", seen).at(resource.pointer() + "/uses");
            entry.fail(finding.from(directory));
        }
        let exchange = context.post(resource, &service.many(service.together()))?;
        entry.promised(resource, &exchange, "multi-cost request");
    }
    Ok(())
}
