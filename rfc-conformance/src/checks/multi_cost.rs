//! Several costs at once (RFC 8189): only for servers that announce them, and that others do not pretend to.

use serde_json::{Value, json};

use super::costs::{Question, judge, with};
use super::expect::Refusal;
use crate::check::{Check, Requirement};
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::target::{CostType, Kind, Resource};
use crate::verdict::{Finding, Sheet};
use crate::view::CostMap;

const SINGLE_BY_GET: Requirement =
    Requirement::def("rfc8189/3.5/1", "A full cost map has single values, never arrays of several costs");
const WHOLE: Requirement =
    Requirement::def("rfc8189/3.5/2", "Without a filter, several costs are given for the whole map");
const EXCLUSIVE: Requirement = Requirement::must(
    "rfc8189/4.1.1/2",
    "`testable-cost-type-names` is not announced together with `cost-constraints` true",
);
const MAX: Requirement =
    Requirement::def("rfc8189/4.1.1/3", "`max-cost-types` is a number, and as many cost types can be asked for");
const DEFAULT: Requirement =
    Requirement::def("rfc8189/4.1.1/4", "Without `max-cost-types`, several costs at once are not answered");
const TESTABLE: Requirement =
    Requirement::must("rfc8189/4.1.1/5", "Every testable cost type name is one of the cost type names");
const SOME_TESTABLE: Requirement =
    Requirement::def("rfc8189/4.1.1/6", "`testable-cost-type-names`, if present, has at least one name");
const NEITHER: Requirement = Requirement::def("rfc8189/4.1.2/3", "Without any cost type a request is refused");
const ARRAYS: Requirement =
    Requirement::must("rfc8189/4.1.2/6", "For `multi-cost-types` every cost is an array of as many values, in order");
const UNSUPPORTED: Requirement =
    Requirement::def("rfc8189/4.1.2/8", "An unsupported one of several cost types is refused");
const TOO_MANY: Requirement = Requirement::def("rfc8189/4.1.2/11", "More cost types than `max-cost-types` are refused");
const NONE: Requirement = Requirement::def("rfc8189/4.1.2/12", "An empty list of cost types is refused");
const ONE: Requirement =
    Requirement::def("rfc8189/4.1.2/13", "A list of one cost type still gives arrays, of one value each");
const DEFAULT_INDEX: Requirement = Requirement::def("rfc8189/4.1.2/27", "A constraint without an index means index 0");
const RANGE: Requirement = Requirement::def("rfc8189/4.1.2/30", "An index that points to no cost type is refused");
const OR: Requirement =
    Requirement::def("rfc8189/4.1.2/34", "`or-constraints` selects pairs that meet all of any inner list");
const META: Requirement =
    Requirement::def("rfc8189/4.1.3/1", "The answer has `multi-cost-types` as asked for, and an empty `cost-type`");

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[SINGLE_BY_GET], single_by_get),
    Check::new(&[EXCLUSIVE, TESTABLE, SOME_TESTABLE], capabilities),
    Check::new(&[DEFAULT], not_announced),
    Check::new(&[MAX, WHOLE, ARRAYS, ONE, META], several),
    Check::new(&[NEITHER, UNSUPPORTED, TOO_MANY, NONE], refusals),
    Check::new(&[DEFAULT_INDEX, RANGE, OR], constraints),
];

const NOBODY: &str = "no resource announces `max-cost-types`";

/// `max-cost-types` of a resource, as far as it is a number.
fn most(resource: &Resource) -> usize {
    let value = resource.entry.pointer("/capabilities/max-cost-types").and_then(Value::as_u64);
    value.and_then(|most| usize::try_from(most).ok()).unwrap_or(0)
}

/// Resources that answer with costs by POST, with a request for which `cost-type` is still to be chosen.
fn askable<'a>(context: &'a Context<'_>) -> Result<Vec<(&'a Resource, Value)>, NoAnswer> {
    let mut all = context.askable()?;
    all.retain(|(resource, _)| matches!(resource.kind, Kind::FilteredCostMap | Kind::EndpointCost));
    Ok(all)
}

fn announced<'a>(context: &'a Context<'_>) -> Result<Vec<(&'a Resource, Value)>, NoAnswer> {
    Ok(askable(context)?.into_iter().filter(|(resource, _)| most(resource) > 0).collect())
}

/// A request for several cost types instead of one.
fn many(body: &Value, types: &[CostType]) -> Value {
    let mut body = body.clone();
    if let Some(members) = body.as_object_mut() {
        members.remove("cost-type");
    }
    with(&body, "multi-cost-types", types.iter().map(CostType::to_json).collect())
}

/// Every cost of an answer, with its place.
fn costs<'a>(resource: &Resource, exchange: &'a Exchange) -> Vec<(String, &'a Value)> {
    let member = resource.kind.data_member().unwrap_or_default();
    let data = exchange.value().and_then(|value| value.get(member)).and_then(Value::as_object);
    let rows = data.into_iter().flatten();
    rows.flat_map(|(src, row)| {
        let place = pointer(&format!("/{member}"), src);
        row.as_object().into_iter().flatten().map(move |(dst, cost)| (pointer(&place, dst), cost))
    })
    .collect()
}

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
        if let Some((place, cost)) = costs(map, &exchange).into_iter().find(|(_, cost)| cost.is_array()) {
            entry.broken(Finding::new("a single value", brief(cost)).at(place).from(&exchange));
        }
    }
    Ok(())
}

fn capabilities(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no resource announces `testable-cost-type-names`");
    for resource in &context.target.resources {
        let directory = &context.target.directory_of(resource).exchange;
        let place = "/capabilities/testable-cost-type-names";
        let Some(names) = resource.entry.pointer(place) else {
            continue;
        };
        let at = resource.pointer() + place;
        let entry = sheet.on(EXCLUSIVE);
        entry.saw(directory, 1, "resource");
        if resource.takes_constraints() {
            entry.broken(Finding::new("one of the two", "both").at(&at).from(directory));
        }
        let names = names.as_array().map(Vec::as_slice).unwrap_or_default();
        let entry = sheet.on(SOME_TESTABLE);
        entry.saw(directory, 1, "resource");
        if names.is_empty() {
            entry.broken(Finding::new("at least one name", "none").at(&at).from(directory));
        }
        let known = resource.cost_type_names();
        let entry = sheet.on(TESTABLE);
        for (index, name) in names.iter().enumerate() {
            entry.saw(directory, 1, "name");
            if !name.as_str().is_some_and(|name| known.contains(&name)) {
                let finding = Finding::new("one of `cost-type-names`", brief(name)).at(format!("{at}/{index}"));
                entry.broken(finding.from(directory));
            }
        }
    }
    Ok(())
}

fn not_announced(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(DEFAULT);
    entry.nothing("every resource announces `max-cost-types`");
    for (resource, body) in askable(context)?.into_iter().filter(|(resource, _)| most(resource) == 0) {
        let types = context.target.cost_types_of(resource);
        let answer = context.post(resource, &many(&body, &types[..types.len().min(2)]));
        let codes = ["E_MISSING_FIELD", "E_INVALID_FIELD_VALUE", "E_INVALID_FIELD_TYPE"];
        entry.refused(&answer, "request for several costs", &Refusal { codes: &codes, ..Refusal::default() });
    }
    Ok(())
}

fn several(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all(NOBODY);
    for (resource, body) in announced(context)?.into_iter().take(MOST_OF_A_KIND) {
        let known = context.target.cost_types_of(resource);
        let together = known.len().min(most(resource));
        let mut questions = vec![(ONE, known[..1.min(known.len())].to_vec()), (MAX, known[..together].to_vec())];
        questions.extend(known.windows(2).filter(|_| together >= 2).map(|pair| (ARRAYS, pair.to_vec())));
        for (requirement, types) in questions {
            let exchange = context.post(resource, &many(&body, &types))?;
            if sheet.on(requirement).promised(resource, &exchange, "request for several costs").is_none() {
                continue;
            }
            arrays(resource, &exchange, &types, requirement, sheet);
        }
        if resource.kind == Kind::FilteredCostMap && together >= 1 {
            whole(context, resource, &known[..together], sheet)?;
        }
    }
    Ok(())
}

/// Arrays of the right length, and what `meta` says about them.
fn arrays(resource: &Resource, exchange: &Exchange, types: &[CostType], requirement: Requirement, sheet: &mut Sheet) {
    let all = costs(resource, exchange);
    for requirement in [requirement, ARRAYS] {
        let entry = sheet.on(requirement);
        entry.saw(exchange, all.len(), "array");
        let wrong = all.iter().find(|(_, cost)| cost.as_array().is_none_or(|array| array.len() != types.len()));
        if let Some((place, cost)) = wrong {
            let expected = format!("an array of {}", types.len());
            entry.broken(Finding::new(expected, brief(cost)).at(place).from(exchange));
        }
    }
    let entry = sheet.on(META);
    entry.saw(exchange, 1, "answer");
    let meta = exchange.value().and_then(|value| value.get("meta")).unwrap_or(&Value::Null);
    let seen = meta.get("multi-cost-types").and_then(Value::as_array);
    let seen: Option<Vec<_>> = seen.map(|types| types.iter().filter_map(CostType::read).collect());
    if seen.as_deref() != Some(types) {
        let seen = meta.get("multi-cost-types").map_or_else(|| "none".to_owned(), brief);
        let expected = types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        entry.broken(Finding::new(expected, seen).at("/meta/multi-cost-types").from(exchange));
    }
    if meta.get("cost-type") != Some(&json!({})) {
        let seen = meta.get("cost-type").map_or_else(|| "none".to_owned(), brief);
        entry.broken(Finding::new("an empty object", seen).at("/meta/cost-type").from(exchange));
    }
}

/// Each of several costs is what it is when asked for alone.
fn whole(context: &Context<'_>, resource: &Resource, types: &[CostType], sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for (index, cost_type) in types.iter().enumerate().filter(|(_, kind)| kind.is_numerical()) {
        let alone = json!({"cost-type": cost_type.to_json()});
        let body = many(&alone, types);
        let Some(steady) = context.steady_post(resource, &alone, |_| context.post(resource, &body))? else {
            sheet.on(WHOLE).nothing("costs changed during every comparison");
            continue;
        };
        let expected = CostMap::read(&steady.full).map(|map| map.costs).unwrap_or_default();
        let entry = sheet.on(WHOLE);
        entry.saw(&steady.found, expected.0.len(), "pair");
        let wrong = expected.0.iter().find_map(|((src, dst), cost)| {
            let place = pointer(&pointer("/cost-map", src), dst);
            let seen = steady.found.value()?.pointer(&format!("{place}/{index}")).cloned().unwrap_or(Value::Null);
            (seen.as_f64() != Some(*cost)).then_some((place, *cost, seen))
        });
        if let Some((place, cost, seen)) = wrong {
            let finding = Finding::new(format!("{cost} as value {index}"), brief(&seen)).at(place);
            entry.broken(finding.from(&steady.full).from(&steady.found));
        }
    }
    Ok(())
}

fn refusals(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all(NOBODY);
    let any: &[&str] = &["E_SYNTAX", "E_MISSING_FIELD", "E_INVALID_FIELD_TYPE", "E_INVALID_FIELD_VALUE"];
    for (resource, body) in announced(context)?.into_iter().take(MOST_OF_A_KIND) {
        let known = context.target.cost_types_of(resource);
        let mut neither = body.clone();
        if let Some(members) = neither.as_object_mut() {
            members.remove("cost-type");
        }
        let foreign = CostType { metric: "priv:no-such-metric".to_owned(), mode: "numerical".to_owned() };
        let crowd: Vec<_> = known.iter().cycle().take(most(resource) + 1).cloned().collect();
        let mut questions = vec![
            (NEITHER, neither, any),
            (UNSUPPORTED, many(&body, &[foreign]), &["E_INVALID_FIELD_VALUE"][..]),
            (NONE, many(&body, &[]), any),
        ];
        if most(resource) < 100 {
            questions.push((TOO_MANY, many(&body, &crowd), &["E_INVALID_FIELD_VALUE"]));
        }
        for (requirement, body, codes) in questions {
            let answer = context.post(resource, &body);
            sheet.on(requirement).refused(&answer, "request", &Refusal { codes, ..Refusal::default() });
        }
    }
    Ok(())
}

fn constraints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no resource announces both `max-cost-types` and constraints");
    for (resource, body) in announced(context)?.into_iter().take(MOST_OF_A_KIND) {
        let directory = context.target.directory_of(resource);
        let testable = resource.entry.pointer("/capabilities/testable-cost-type-names").and_then(Value::as_array);
        let names: Vec<&str> = match testable {
            Some(names) => names.iter().filter_map(Value::as_str).collect(),
            None if resource.takes_constraints() => resource.cost_type_names(),
            None => continue,
        };
        let mut types = names.into_iter().filter_map(|name| directory.cost_type(name));
        let Some(cost_type) = types.find(CostType::is_numerical) else {
            continue;
        };
        let mut body = with(&body, "cost-type", cost_type.to_json());
        if let Some(members) = body.as_object_mut().filter(|_| resource.kind == Kind::FilteredCostMap) {
            members.remove("pids");
        }
        let asked = context.steady_post(resource, &body, |before| {
            let costs = CostMap::read(before).map(|map| map.costs).unwrap_or_default();
            let mut values: Vec<f64> = costs.0.values().copied().collect();
            values.sort_by(f64::total_cmp);
            let (Some(lowest), Some(highest)) = (values.first().copied(), values.last().copied()) else {
                return Ok(Vec::new());
            };
            let ends = costs.filtered(|_, _, cost| cost <= lowest || cost >= highest);
            let low = costs.filtered(|_, _, cost| cost <= lowest);
            let inner = json!([[format!("le {lowest}")], [format!("[0] ge {highest}")]]);
            let questions = [
                Question::new(
                    with(&body, "constraints", json!([format!("le {lowest}")])),
                    low.clone(),
                    &[DEFAULT_INDEX],
                ),
                Question::new(with(&body, "constraints", json!([format!("[0] le {lowest}")])), low, &[DEFAULT_INDEX]),
                Question::new(with(&body, "or-constraints", inner), ends, &[OR]),
            ];
            questions.into_iter().map(|question| Ok((context.post(resource, &question.body)?, question))).collect()
        })?;
        let Some(steady) = asked else {
            sheet.nothing_at_all("costs changed during every comparison");
            continue;
        };
        for (exchange, question) in &steady.found {
            judge(resource, &cost_type, &steady.full, exchange, question, sheet);
        }
        for text in ["[1] ge 0", "[7] ge 0"] {
            let answer = context.post(resource, &with(&body, "constraints", json!([text])));
            let refusal =
                Refusal { codes: &["E_INVALID_FIELD_VALUE"], fields: &["constraints"], element: true, value: None };
            sheet.on(RANGE).refused(&answer, "index", &refusal);
        }
    }
    Ok(())
}
