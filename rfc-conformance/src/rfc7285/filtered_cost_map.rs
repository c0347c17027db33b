//! Checks of filtered cost maps against full cost maps (RFC 7285 §6.2, §11.3.2).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::cost_map::{inversion, inverted, tag_of, values};
use super::cost_query::{
    ConstraintGrades, CostQuery, Lenience, MALFORMED_CONSTRAINTS, constraint_queries, cost_type_of, grade, with,
};
use super::filtered_network_map::unknown_name;
use super::requirements::{
    s6_1_2_1::NUMERICAL,
    s6_1_2_2::ORDINAL,
    s6_2::{DEFINED_PAIRS, RANKS_WITHIN},
    s9_1_3::CAPABILITIES,
    s11_2_3_6::ALL_DEFINED,
    s11_3_2::PROVIDED,
    s11_3_2_1::FORMAT,
    s11_3_2_3::{
        BOTH_LISTS, COMPUTED, CONJUNCTION, DESCRIPTION, EMPTY_LISTS, MATCHING, NO_PIDS, REPEATED, STORED, SYNTAX,
    },
    s11_3_2_4::CONSTRAINTS,
    s11_3_2_6::{EVERYTHING, EXCLUDED, META, NOTHING, ONLY_ASKED, UNCONSTRAINED, UNKNOWN},
};
use crate::assertion::{Refusal, is_refusal};
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND, Steady};
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::metric::more_is_better;
use crate::rfc9274::requirements::s4::UNSUPPORTED_MODE;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{CostMap, Costs, NetworkMap, spread};

/// Number of PIDs beyond which a map is so large that parts of it are examined, wherever a part is enough.
const MOST_PIDS: usize = 256;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("looks for filtered cost maps in the directories", &[PROVIDED], provided),
    Check::new(
        "asks for the whole map and parts of it, with empty, repeated and unknown PIDs, and compares the answers with the full map",
        &[
            DEFINED_PAIRS,
            CAPABILITIES,
            ALL_DEFINED,
            FORMAT,
            MATCHING,
            DESCRIPTION,
            EMPTY_LISTS,
            REPEATED,
            NO_PIDS,
            META,
            ONLY_ASKED,
            UNKNOWN,
            EVERYTHING,
            NUMERICAL,
            ORDINAL,
        ],
        restrictions,
    ),
    Check::new(
        "applies constraints derived from the unconstrained answer, with every operator and in combination, and sends malformed ones",
        &[SYNTAX, STORED, COMPUTED, CONJUNCTION, CONSTRAINTS, EXCLUDED, UNCONSTRAINED, NOTHING, FORMAT, META],
        constraints,
    ),
    Check::new("compares ordinal with numerical costs of the same PIDs", &[RANKS_WITHIN], ranks),
    Check::new("sends `pids` with one of its two lists", &[BOTH_LISTS], both_lists),
    Check::new("asks for cost types and modes that are not announced", &[MATCHING, UNSUPPORTED_MODE], unsupported),
];

const GRADES: ConstraintGrades = ConstraintGrades {
    syntax: &[SYNTAX, EXCLUDED],
    conjunction: &[CONJUNCTION, EXCLUDED],
    excluded: &[EXCLUDED],
    absent: &[UNCONSTRAINED],
    empty: &[NOTHING, EXCLUDED],
    precision: &[STORED, COMPUTED],
};

fn provided(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PROVIDED);
    entry.skip("no filtered cost map is listed");
    for resource in context.subject.of(Kind::FilteredCostMap) {
        entry.saw(&context.subject.directory_of(resource).exchange, 1, "filtered cost map");
    }
    Ok(())
}

/// Collects filtered cost maps with each cost type they announce, up to a bound.
fn offers<'a>(context: &'a Context<'_>) -> Vec<(&'a Resource, CostType)> {
    let resources = context.of(Kind::FilteredCostMap).take(MOST_OF_A_KIND);
    let offers = resources.flat_map(|resource| {
        let types = context.subject.cost_types_of(resource);
        types.into_iter().take(2 * MOST_OF_A_KIND).map(move |cost_type| (resource, cost_type))
    });
    offers.collect()
}

/// Makes requests while the whole map does not change: the full cost map if there is one, else the unfiltered answer.
fn while_steady<T>(
    context: &Context<'_>,
    resource: &Resource,
    cost_type: &CostType,
    requests: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
) -> Result<Option<Steady<T>>, NoAnswer> {
    let map = context.network_map_of(resource);
    match map.and_then(|map| context.cost_map_of(&map.id, cost_type)) {
        Some(full) => context.steady(full, requests),
        None => context.steady_post(resource, &json!({"cost-type": cost_type.to_json()}), requests),
    }
}

fn restrictions(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered cost map with a network map is listed");
    let mut few = BTreeSet::new();
    for (resource, cost_type) in offers(context) {
        let Some(map) = context.network_map_of(resource) else {
            continue;
        };
        let Some(pids) =
            context.network_map(map)?.map(|map| map.pids().into_iter().map(str::to_owned).collect::<Vec<_>>())
        else {
            continue;
        };
        let pids: Vec<&str> = pids.iter().map(String::as_str).collect();
        if pids.len() > MOST_PIDS && !few.insert(&resource.id) {
            // One cost type of a large map is enough: the filter is the same for all.
            continue;
        }
        let asked = while_steady(context, resource, &cost_type, |before| {
            let mut noted = Sheet::new(&[]);
            // Answers are graded at once and dropped, as each may be as large as the whole map.
            let graded = |exchange: &Arc<Exchange>, query: &CostQuery, noted: &mut Sheet| {
                grade(resource, &cost_type, before, exchange, query, noted);
                if exchange.answer.status == 200 {
                    cost_type_of(noted.on(META), exchange, &cost_type);
                }
            };
            let Some(full) = CostMap::read(before) else {
                return Ok(noted);
            };
            let full = full.costs;
            let [whole, part] = against_full(&full, &pids, &cost_type);
            let answer = context.post(resource, &whole.body)?;
            // Wrong costs are reported once: the other answers are compared with the unfiltered one of the resource itself.
            let own = CostMap::read(&answer).map(|own| own.costs).filter(|own| !own.0.is_empty());
            answered(resource, &answer, &mut noted);
            if all_defined(before, &answer, (&full, own.as_ref()), &mut noted) {
                graded(&answer, &whole, &mut noted);
                graded(&context.post(resource, &part.body)?, &part, &mut noted);
            }
            for query in against_itself(&own.unwrap_or(full), &pids, &cost_type) {
                graded(&context.post(resource, &query.body)?, &query, &mut noted);
            }
            Ok(noted)
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        sheet.absorb(steady.found);
        grade_tag(context, map, resource, &cost_type, &pids, sheet)?;
    }
    Ok(())
}

/// Grades whether a request for the whole map is answered at all.
fn answered(resource: &Resource, exchange: &Arc<Exchange>, sheet: &mut Sheet) {
    // A request that is refused says nothing about the form of answers.
    let form = (!is_refusal(exchange)).then_some(FORMAT);
    for requirement in [MATCHING, CAPABILITIES].into_iter().chain(form) {
        sheet.on(requirement).promised(resource, exchange, "unfiltered answer");
    }
}

/// Grades whether the full cost map has every pair of the unfiltered answer, and returns the verdict.
fn all_defined(
    before: &Arc<Exchange>,
    exchange: &Arc<Exchange>,
    (full, own): (&Costs, Option<&Costs>),
    sheet: &mut Sheet,
) -> bool {
    let entry = sheet.on(ALL_DEFINED);
    entry.saw(exchange, full.0.len(), "pair");
    let lacking = own.and_then(|own| own.0.iter().find(|(pair, _)| !full.0.contains_key(*pair)));
    let Some(((src, dst), cost)) = lacking else { return true };
    let place = pointer("/cost-map", src);
    let finding = Finding::new(format!("cost {cost} from {src} to {dst}, as the filtered cost map has it"), "no cost");
    entry.fail(finding.at(place).from(exchange).from(before));
    false
}

/// Grades the version tag while the network map does not change.
fn grade_tag(
    context: &Context<'_>,
    map: &Resource,
    resource: &Resource,
    cost_type: &CostType,
    pids: &[&str],
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let all = if pids.len() > MOST_PIDS { spread(pids, MOST_PIDS / 4) } else { Vec::new() };
    let body = body_of(cost_type, &all, &all);
    let steady = context.steady(map, |_| context.post(resource, &body))?;
    if let Some(steady) = steady
        && steady.found.answer.status == 200
        && let Some(full) = NetworkMap::read(&steady.full)
    {
        tag_of(sheet.on(META), &steady.found, &full, map);
        let data = steady.found.value().and_then(|value| value.get("cost-map"));
        values(sheet, &steady.found, "/cost-map", data.unwrap_or(&Value::Null), cost_type);
    }
    Ok(())
}

fn body_of(cost_type: &CostType, srcs: &[&str], dsts: &[&str]) -> Value {
    json!({"cost-type": cost_type.to_json(), "pids": {"srcs": srcs, "dsts": dsts}})
}

/// Creates queries whose answers must equal parts of the full map; the first asks for all of it.
fn against_full(costs: &Costs, pids: &[&str], cost_type: &CostType) -> [CostQuery; 2] {
    let (srcs, dsts) = (spread(pids, 2), spread(pids, 3));
    let some = costs.filtered(|src, dst, _| srcs.contains(&src) && dsts.contains(&dst));
    let everything = [NO_PIDS, EVERYTHING];
    [
        CostQuery::new(json!({"cost-type": cost_type.to_json()}), costs.clone(), &everything),
        CostQuery::new(body_of(cost_type, &srcs, &dsts), some, &[EVERYTHING, DEFINED_PAIRS]),
    ]
}

/// Creates queries whose answers must equal parts of the unfiltered answer.
fn against_itself(costs: &Costs, pids: &[&str], cost_type: &CostType) -> Vec<CostQuery> {
    let body = |srcs: &[&str], dsts: &[&str]| body_of(cost_type, srcs, dsts);
    let (srcs, dsts) = (spread(pids, 2), spread(pids, 3));
    let some = costs.filtered(|src, dst, _| srcs.contains(&src) && dsts.contains(&dst));
    let none = unknown_name(pids);
    let mut queries = vec![
        CostQuery::new(body(&[], &[]), costs.clone(), &[EMPTY_LISTS]),
        CostQuery::new(body(&srcs, &dsts), some.clone(), &[ONLY_ASKED]),
        CostQuery::new(
            body(&[&srcs[..], &srcs[..]].concat(), &[&dsts[..], &dsts[..]].concat()),
            some.clone(),
            &[REPEATED],
        ),
        CostQuery::new(body(&[&none], &[]), Costs::default(), &[UNKNOWN]).lenient(Lenience::OnlyUnknown),
    ];
    if let Some(pid) = pids.get(pids.len() / 2).copied() {
        let row = costs.filtered(|src, _, _| src == pid);
        let column = costs.filtered(|_, dst, _| dst == pid);
        queries.push(CostQuery::new(body(&[pid], &[]), row.clone(), &[EMPTY_LISTS, ONLY_ASKED]));
        queries.push(CostQuery::new(body(&[], &[pid]), column, &[EMPTY_LISTS, ONLY_ASKED]));
        queries.push(CostQuery::new(body(&[pid, &none], &[]), row, &[UNKNOWN]));
    }
    let mut described = body(&srcs, &dsts);
    described["cost-type"]["description"] = json!("another description");
    queries.push(CostQuery::new(described, some, &[DESCRIPTION]));
    queries
}

fn constraints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered cost map is listed");
    sheet.on(CONSTRAINTS).skip("no filtered cost map announces `cost-constraints`");
    for (resource, cost_type) in offers(context) {
        let body = match context.network_map_for(resource)? {
            // Of a large map, a part is enough to apply constraints to.
            Some(map) if map.groups.len() > MOST_PIDS => {
                let some = spread(&map.pids(), MOST_PIDS / 4);
                body_of(&cost_type, &some, &some)
            }
            _ => json!({"cost-type": cost_type.to_json()}),
        };
        let announced = resource.takes_constraints();
        let asked = context.steady_post(resource, &body, |before| {
            let costs = CostMap::read(before).map(|full| full.costs).unwrap_or_default();
            let queries = match (cost_type.is_numerical(), announced) {
                (true, true) => {
                    let mut queries = constraint_queries(&body, &costs, &GRADES);
                    queries.extend(nothing_of_named(&cost_type, &costs));
                    queries
                }
                (true, false) => unannounced_queries(&body, &costs),
                _ => Vec::new(),
            };
            let answers: Result<Vec<_>, NoAnswer> =
                queries.into_iter().map(|query| Ok((context.post(resource, &query.body)?, query))).collect();
            let every_rank = with(&body, "constraints", json!(["ge 0"]));
            let plain = if announced { Some(context.post(resource, &every_rank)?) } else { None };
            let limits = if announced && cost_type.is_ordinal() { limits(&costs) } else { Vec::new() };
            let low_ranks = limits.into_iter().map(|limit| {
                let body = with(&body, "constraints", json!([format!("le {limit}")]));
                Ok((context.post(resource, &body)?, limit))
            });
            let low_ranks: Result<Vec<_>, NoAnswer> = low_ranks.collect();
            Ok((answers?, plain, low_ranks?))
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        let (answers, plain, low_ranks) = steady.found;
        for (exchange, limit) in low_ranks {
            grade_ranks(&exchange, limit, sheet);
        }
        for (exchange, query) in &answers {
            grade(resource, &cost_type, &steady.full, exchange, query, sheet);
            let tags = exchange.value().and_then(|value| value.pointer("/meta/dependent-vtags"));
            if exchange.answer.status == 200 && query.expected.0.is_empty() && tags.is_none() {
                let finding = Finding::new("the version tag of the network map", "none").at("/meta/dependent-vtags");
                sheet.on(META).fail(finding.from(exchange));
            }
        }
        if answers.is_empty() {
            sheet.skip_all("there are no numerical costs to which constraints could apply");
        }
        if let Some(exchange) = plain {
            sheet.on(CONSTRAINTS).promised(resource, &exchange, "cost type");
        }
        if announced && cost_type.is_numerical() {
            for text in MALFORMED_CONSTRAINTS {
                let answer = context.post(resource, &with(&body, "constraints", json!([text])));
                let refusal = Refusal {
                    codes: &["E_INVALID_FIELD_VALUE"],
                    fields: &["constraints"],
                    element: true,
                    value: Some(text),
                };
                sheet.on(SYNTAX).refused(&answer, "malformed constraint", &refusal);
            }
        }
    }
    Ok(())
}

/// Returns the lowest ranks and one that about half of the others exceed.
fn limits(ranks: &Costs) -> Vec<f64> {
    let mut values: Vec<f64> = ranks.0.values().copied().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.get(values.len() / 2).copied();
    values.dedup();
    values.into_iter().take(3).chain(middle).collect()
}

/// Grades whether the ranks in an answer meet a constraint. Which pairs are left is not compared, as ranks are relative to
/// their answer.
fn grade_ranks(exchange: &Arc<Exchange>, limit: f64, sheet: &mut Sheet) {
    let Some(seen) = CostMap::read(exchange) else { return };
    let entry = sheet.on(EXCLUDED);
    entry.saw(exchange, seen.costs.0.len(), "rank");
    if let Some((pair, rank)) = seen.costs.0.iter().find(|(_, rank)| **rank > limit) {
        let place = pointer(&pointer("/cost-map", &pair.0), &pair.1);
        entry.fail(Finding::new(format!("no rank above {limit}"), format!("{rank}")).at(place).from(exchange));
    }
}

/// Creates a query that names PIDs and that no pair of them passes.
fn nothing_of_named(cost_type: &CostType, costs: &Costs) -> Option<CostQuery> {
    let (src, dst) = costs.0.keys().next()?;
    let highest = costs.0.values().copied().fold(f64::NEG_INFINITY, f64::max);
    let body = with(&body_of(cost_type, &[&**src], &[&**dst]), "constraints", json!([format!("gt {highest}")]));
    Some(CostQuery::new(body, Costs::default(), &[NOTHING, EXCLUDED]))
}

/// Creates a query with a constraint that excludes some pairs, for resources that announce no constraints.
fn unannounced_queries(body: &Value, costs: &Costs) -> Vec<CostQuery> {
    let highest = costs.0.values().copied().fold(f64::NEG_INFINITY, f64::max);
    if !highest.is_finite() {
        return Vec::new();
    }
    let expected = costs.filtered(|_, _, cost| cost >= highest);
    let body = with(body, "constraints", json!([format!("ge {highest}")]));
    vec![CostQuery::new(body, expected, &[EXCLUDED]).lenient(Lenience::Unannounced)]
}

fn ranks(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(RANKS_WITHIN);
    entry.skip("no filtered cost map offers a metric in both modes");
    for (resource, cost_type) in offers(context) {
        let numerical = CostType { mode: "numerical".to_owned(), metric: cost_type.metric.clone() };
        let Some(reversed) = more_is_better(&cost_type.metric).filter(|_| cost_type.is_ordinal()) else {
            continue;
        };
        if !context.subject.cost_types_of(resource).contains(&numerical) {
            continue;
        }
        let map = context.network_map_for(resource)?;
        let pids = map.as_ref().map_or_else(Vec::new, |map| spread(&map.pids(), 8));
        let body = |kind: &CostType| json!({"cost-type": kind.to_json(), "pids": {"srcs": pids, "dsts": pids}});
        let asked = context.steady_post(resource, &body(&numerical), |_| context.post(resource, &body(&cost_type)))?;
        let Some(steady) = asked else {
            entry.skip("costs changed during every comparison");
            continue;
        };
        let (Some(costs), Some(ranks)) = (CostMap::read(&steady.full), CostMap::read(&steady.found)) else {
            continue;
        };
        entry.saw(&steady.found, ranks.costs.0.len(), "rank");
        if let Some(pairs) = inversion(&ranks.costs, &costs.costs, reversed) {
            entry.fail(inverted(pairs, &ranks.costs, &costs.costs, &steady.full, &steady.found));
        }
    }
    Ok(())
}

fn both_lists(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(BOTH_LISTS);
    entry.skip("no filtered cost map is listed");
    for resource in context.of(Kind::FilteredCostMap).take(MOST_OF_A_KIND) {
        let Some(cost_type) = context.subject.cost_types_of(resource).first().map(CostType::to_json) else {
            continue;
        };
        for (there, missing) in [("srcs", "pids/dsts"), ("dsts", "pids/srcs")] {
            let answer = context.post(resource, &json!({"cost-type": cost_type, "pids": {there: []}}));
            if let Ok(exchange) = &answer
                && exchange.answer.status == 200
            {
                // A warning only: both arrays are optional in the endpoint cost service.
                let finding = Finding::new("E_MISSING_FIELD", exchange.outline()).from(exchange);
                entry.saw(exchange, 1, "request with one list").note(Grade::Warn, finding);
                continue;
            }
            let refusal = Refusal { codes: &["E_MISSING_FIELD"], fields: &[missing], ..Refusal::default() };
            entry.refused(&answer, "request with one list", &refusal);
        }
    }
    Ok(())
}

/// Lists cost types that are not announced.
pub(super) fn foreign_types(known: &[CostType]) -> Vec<CostType> {
    let metrics =
        known.iter().map(|kind| kind.metric.as_str()).chain(["routingcost", "priv:no-such-metric", "hopcount"]);
    let metrics: Vec<_> = metrics.collect();
    // Names of metrics are case-sensitive.
    let other_case = known.first().map(|kind| CostType { metric: kind.metric.to_uppercase(), mode: kind.mode.clone() });
    let mut foreign: Vec<_> = other_case.into_iter().filter(|kind| !known.contains(kind)).collect();
    for metric in metrics {
        for mode in ["numerical", "ordinal"] {
            let kind = CostType { metric: metric.to_owned(), mode: mode.to_owned() };
            if !known.contains(&kind) && !foreign.contains(&kind) {
                foreign.push(kind);
            }
        }
    }
    foreign
}

fn unsupported(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("neither a filtered cost map nor an endpoint cost service is listed");
    for (resource, body) in context.valid_requests()? {
        if !matches!(resource.kind, Kind::FilteredCostMap | Kind::EndpointCost) {
            continue;
        }
        let known = context.subject.cost_types_of(resource);
        let refusal = Refusal {
            codes: &["E_INVALID_FIELD_VALUE"],
            fields: &["cost-type", "cost-type/cost-mode", "cost-type/cost-metric"],
            ..Refusal::default()
        };
        if resource.kind == Kind::FilteredCostMap {
            for kind in foreign_types(&known) {
                let answer = context.post(resource, &with(&body, "cost-type", kind.to_json()));
                sheet.on(MATCHING).refused(&answer, "cost type that is not announced", &refusal);
            }
        }
        let metric = known.first().map(|kind| kind.metric.clone()).unwrap_or_default();
        for mode in ["array", "priv:x", "foo", "NUMERICAL"] {
            let kind = CostType { metric: metric.clone(), mode: mode.to_owned() };
            if known.contains(&kind) {
                continue;
            }
            let answer = context.post(resource, &with(&body, "cost-type", kind.to_json()));
            sheet.on(UNSUPPORTED_MODE).refused(&answer, "cost mode", &refusal);
        }
    }
    Ok(())
}
