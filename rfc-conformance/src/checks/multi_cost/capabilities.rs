//! What directories say about several costs (RFC 8189 §3.5, §4.1, §4.1.1, §4.2.1), and who does not answer with them.

use serde_json::Value;

use super::super::costs::with;
use super::super::expect::Refusal;
use super::scene::{self, list, most};
use super::{NOBODY, OF_ENDPOINTS, note};
use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::{brief, pointer};
use crate::target::{Kind, Resource};
use crate::verdict::{Finding, Sheet};

const SINGLE_BY_GET: Requirement =
    Requirement::def("rfc8189/3.5/1", "A full cost map has single values, never arrays of several costs");
const AS_BEFORE: Requirement = Requirement::def(
    "rfc8189/4.1/1",
    "A filtered cost map with several costs uses one network map, and is asked and answered in the types of RFC 7285",
);
const EXCLUSIVE: Requirement = Requirement::must(
    "rfc8189/4.1.1/2",
    "`testable-cost-type-names` is not announced together with `cost-constraints` true",
);
const DEFAULT: Requirement =
    Requirement::def("rfc8189/4.1.1/4", "Without `max-cost-types`, several costs at once are not answered");
const TESTABLE: Requirement =
    Requirement::must("rfc8189/4.1.1/5", "Every testable cost type name is one of the cost type names");
pub(super) const ONLY_TESTABLE: Requirement = Requirement::def(
    "rfc8189/4.1.1/6",
    "`testable-cost-type-names`, if present, has at least one name, and tests are for those names alone",
);
const DEFINED: Requirement = Requirement::def(
    "rfc8189/4.1.1/7",
    "Cost types by whose names costs are announced are defined in the same directory",
);

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[SINGLE_BY_GET], single_by_get),
    Check::new(&[EXCLUSIVE, TESTABLE, ONLY_TESTABLE, OF_ENDPOINTS], testable),
    Check::new(&[DEFINED, OF_ENDPOINTS], defined),
    Check::new(&[DEFAULT], not_announced),
    Check::new(&[AS_BEFORE], as_before),
];

fn single_by_get(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(SINGLE_BY_GET);
    entry.nothing("no full cost map is listed");
    for map in context.target.of(Kind::CostMap) {
        // A mode of another standard may have arrays of its own.
        if !context.target.cost_types_of(map).iter().all(|kind| kind.is_numerical() || kind.is_ordinal()) {
            continue;
        }
        let exchange = context.known(map)?;
        entry.saw(&exchange, 1, "cost map");
        if exchange.value().is_some_and(|value| value.pointer("/meta/multi-cost-types").is_some()) {
            let finding = Finding::new("one cost type", "several").at("/meta/multi-cost-types");
            entry.broken(finding.from(&exchange));
        }
        let rows = exchange.value().and_then(|value| value.get("cost-map")).and_then(Value::as_object);
        let arrays = rows.into_iter().flatten().find_map(|(src, row)| {
            let (dst, cost) = row.as_object()?.iter().find(|(_, cost)| cost.is_array())?;
            Some((pointer(&pointer("/cost-map", src), dst), cost))
        });
        if let Some((place, cost)) = arrays {
            entry.broken(Finding::new("a single value", brief(cost)).at(place).from(&exchange));
        }
    }
    Ok(())
}

fn names<'a>(resource: &'a Resource, member: &str) -> Option<&'a [Value]> {
    resource.entry.pointer(&format!("/capabilities/{member}"))?.as_array().map(Vec::as_slice)
}

fn testable(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no resource announces `testable-cost-type-names`");
    for resource in &context.target.resources {
        let directory = &context.target.directory_of(resource).exchange;
        let member = "testable-cost-type-names";
        let at = format!("{}/capabilities/{member}", resource.pointer());
        if directory.value().and_then(|value| value.pointer(&at)).is_none() {
            continue;
        }
        note(sheet, resource, EXCLUSIVE, |entry| {
            entry.saw(directory, 1, "resource");
            if resource.takes_constraints() {
                entry.broken(Finding::new("one of the two", "both").at(&at).from(directory));
            }
        });
        let names = names(resource, member).unwrap_or_default();
        note(sheet, resource, ONLY_TESTABLE, |entry| {
            entry.saw(directory, 1, "resource");
            if names.is_empty() {
                entry.broken(Finding::new("at least one name", "none").at(&at).from(directory));
            }
        });
        let known = resource.cost_type_names();
        for (index, name) in names.iter().enumerate() {
            note(sheet, resource, TESTABLE, |entry| {
                entry.saw(directory, 1, "name");
                if !name.as_str().is_some_and(|name| known.contains(&name)) {
                    let finding = Finding::new("one of `cost-type-names`", brief(name)).at(format!("{at}/{index}"));
                    entry.broken(finding.from(directory));
                }
            });
        }
    }
    Ok(())
}

fn defined(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all(NOBODY);
    for resource in context.target.resources.iter().filter(|resource| most(resource) > 0) {
        let directory = context.target.directory_of(resource);
        for member in ["cost-type-names", "testable-cost-type-names"] {
            for (index, name) in names(resource, member).unwrap_or_default().iter().enumerate() {
                let at = format!("{}/capabilities/{member}/{index}", resource.pointer());
                note(sheet, resource, DEFINED, |entry| {
                    entry.saw(&directory.exchange, 1, "name");
                    if name.as_str().and_then(|name| directory.cost_type(name)).is_none() {
                        let finding = Finding::new("a name in `meta.cost-types`", brief(name)).at(&at);
                        entry.broken(finding.from(&directory.exchange));
                    }
                });
            }
        }
    }
    Ok(())
}

fn not_announced(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(DEFAULT);
    entry.nothing("every resource announces `max-cost-types`");
    for scene in scene::all(context)?.into_iter().filter(|scene| scene.most == 0) {
        let types = &scene.types[..scene.types.len().min(2)];
        let answer = context.post(scene.resource, &with(&scene.scope, "multi-cost-types", list(types)));
        let codes = ["E_MISSING_FIELD", "E_INVALID_FIELD_VALUE", "E_INVALID_FIELD_TYPE"];
        entry.refused(&answer, "request for several costs", &Refusal { codes: &codes, ..Refusal::default() });
    }
    Ok(())
}

fn as_before(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(AS_BEFORE);
    entry.nothing("no filtered cost map announces `max-cost-types`");
    for scene in scene::announced(context)?.iter().filter(|scene| scene.resource.kind == Kind::FilteredCostMap) {
        let resource = scene.resource;
        let directory = &context.target.directory_of(resource).exchange;
        entry.saw(directory, 1, "filtered cost map");
        if resource.uses().len() != 1 || context.target.network_map_of(resource).is_none() {
            let seen = resource.entry.get("uses").map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new("the ID of one network map", seen).at(resource.pointer() + "/uses");
            entry.broken(finding.from(directory));
        }
        let exchange = context.post(resource, &scene.many(scene.together()))?;
        entry.promised(resource, &exchange, "request for several costs");
    }
    Ok(())
}
