//! Filtered cost maps: each is the full map restricted to what was asked for (RFC 7285 §6.2, §11.3.2).

use std::sync::Arc;

use serde_json::{Value, json};

use super::cost_map::{inversion, inverted, tag_of, values};
use super::costs::{
    BROKEN_CONSTRAINTS, ConstraintGrades, Lenience, Question, constraint_questions, cost_type_of, judge, with,
};
use super::expect::Refusal;
use super::filtered_network_map::unknown_name;
use crate::check::{Check, Requirement};
use crate::context::{Context, MOST_OF_A_KIND, Steady};
use crate::http::{Exchange, NoAnswer};
use crate::metric::more_is_better;
use crate::target::{CostType, Kind, Resource};
use crate::verdict::{Finding, Grade, Sheet};
use crate::view::{CostMap, Costs, NetworkMap, spread};

const DEFINED_PAIRS: Requirement =
    Requirement::def("rfc7285/6.2/1", "Every pair asked for that has a cost is answered, others may be absent");
const RANKS_WITHIN: Requirement =
    Requirement::def("rfc7285/6.2/2", "Ranks are in the order of the costs within the answer they stand in");
const CAPABILITIES: Requirement =
    Requirement::def("rfc7285/9.1.3/1", "Every cost type of the capabilities can be asked for");
const ALL_DEFINED: Requirement =
    Requirement::must("rfc7285/11.2.3.6/5", "A full cost map has every pair whose cost is defined");
const PROVIDED: Requirement = Requirement::may("rfc7285/11.3.2/1", "A filtered cost map is provided");
const FORMAT: Requirement = Requirement::def("rfc7285/11.3.2.1/1", "A filtered cost map is answered as a cost map is");
const MATCHING: Requirement = Requirement::must(
    "rfc7285/11.3.2.3/2",
    "Cost types that are announced are answered, others refused with E_INVALID_FIELD_VALUE",
);
const DESCRIPTION: Requirement =
    Requirement::must("rfc7285/11.3.2.3/4", "A description in a requested cost type is ignored");
const SYNTAX: Requirement = Requirement::def(
    "rfc7285/11.3.2.3/6",
    "A constraint is gt, lt, ge, le or eq, a blank and a number; anything else is refused",
);
const STORED: Requirement =
    Requirement::should("rfc7285/11.3.2.3/8", "Values of constraints are stored in at least double precision");
const COMPUTED: Requirement =
    Requirement::should("rfc7285/11.3.2.3/9", "Constraints are computed with double precision");
const CONJUNCTION: Requirement = Requirement::def("rfc7285/11.3.2.3/10", "Several constraints must all hold");
const EMPTY_LISTS: Requirement =
    Requirement::must("rfc7285/11.3.2.3/11", "An empty list of sources or destinations stands for all PIDs");
const REPEATED: Requirement = Requirement::must("rfc7285/11.3.2.3/12", "PIDs that are repeated count once");
const NO_PIDS: Requirement = Requirement::must("rfc7285/11.3.2.3/13", "Without `pids` the whole cost map is asked for");
const BOTH_LISTS: Requirement = Requirement::def("rfc7285/11.3.2.3/14", "`pids` needs both `srcs` and `dsts`");
const CONSTRAINTS: Requirement =
    Requirement::def("rfc7285/11.3.2.4/3", "With `cost-constraints` true, constraints are taken for every cost type");
const META: Requirement = Requirement::def(
    "rfc7285/11.3.2.6/1",
    "A filtered cost map has the version tag of the full network map, and the cost type that was asked for",
);
const ONLY_ASKED: Requirement = Requirement::must("rfc7285/11.3.2.6/3", "Only pairs that were asked for are returned");
const UNKNOWN: Requirement =
    Requirement::must("rfc7285/11.3.2.6/4", "Names that no PID has are treated as if they were not there");
const EXCLUDED: Requirement =
    Requirement::must("rfc7285/11.3.2.6/5", "Pairs that do not meet the constraints are not returned");
const UNCONSTRAINED: Requirement =
    Requirement::def("rfc7285/11.3.2.6/6", "Without constraints (none, or an empty list) every pair is returned");
const EVERYTHING: Requirement =
    Requirement::def("rfc7285/11.3.2.6/7", "Every pair asked for is returned, with the cost of the full map");
const NOTHING: Requirement =
    Requirement::def("rfc7285/11.3.2.6/8", "That no pair meets the constraints is an answer, not an error");
const UNSUPPORTED_MODE: Requirement =
    Requirement::def("rfc9274/4/1", "A cost mode that is not supported is refused with E_INVALID_FIELD_VALUE");

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[PROVIDED], provided),
    Check::new(
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
        ],
        restrictions,
    ),
    Check::new(&[SYNTAX, STORED, COMPUTED, CONJUNCTION, CONSTRAINTS, EXCLUDED, UNCONSTRAINED, NOTHING], constraints),
    Check::new(&[RANKS_WITHIN], ranks),
    Check::new(&[BOTH_LISTS], both_lists),
    Check::new(&[MATCHING, UNSUPPORTED_MODE], unsupported),
];

const GRADES: ConstraintGrades = ConstraintGrades {
    syntax: &[SYNTAX, EXCLUDED],
    conjunction: &[CONJUNCTION, EXCLUDED],
    excluded: &[EXCLUDED],
    absent: &[UNCONSTRAINED],
    nothing: &[NOTHING, EXCLUDED],
    precision: &[STORED, COMPUTED],
};

fn provided(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PROVIDED);
    entry.nothing("no filtered cost map is listed");
    for resource in context.target.of(Kind::FilteredCostMap) {
        entry.saw(&context.target.directory_of(resource).exchange, 1, "filtered cost map");
    }
    Ok(())
}

/// Every filtered cost map with every cost type it announces; of very many, some.
fn offers<'a>(context: &'a Context<'_>) -> Vec<(&'a Resource, CostType)> {
    let resources = context.target.of(Kind::FilteredCostMap).take(MOST_OF_A_KIND);
    let offers = resources.flat_map(|resource| {
        let types = context.target.cost_types_of(resource);
        types.into_iter().take(2 * MOST_OF_A_KIND).map(move |cost_type| (resource, cost_type))
    });
    offers.collect()
}

/// Asks a question about the whole map: the one that is served by GET if there is one, else the one without a filter.
fn around<T>(
    context: &Context<'_>,
    resource: &Resource,
    cost_type: &CostType,
    question: impl FnMut(&Arc<Exchange>) -> Result<T, NoAnswer>,
) -> Result<Option<Steady<T>>, NoAnswer> {
    let map = context.target.network_map_of(resource);
    match map.and_then(|map| context.target.cost_map_of(&map.id, cost_type)) {
        Some(full) => context.steady(full, question),
        None => context.steady_post(resource, &json!({"cost-type": cost_type.to_json()}), question),
    }
}

fn restrictions(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no filtered cost map with a network map is listed");
    for (resource, cost_type) in offers(context) {
        let Some(map) = context.target.network_map_of(resource) else {
            continue;
        };
        let Some(pids) =
            context.network_map(map)?.map(|map| map.pids().into_iter().map(str::to_owned).collect::<Vec<_>>())
        else {
            continue;
        };
        let pids: Vec<&str> = pids.iter().map(String::as_str).collect();
        let asked = around(context, resource, &cost_type, |before| {
            let Some(full) = CostMap::read(before) else {
                return Ok(Vec::new());
            };
            let mut questions = against_full(&full.costs, &pids, &cost_type);
            let own = context.post(resource, &questions[0].body)?;
            // What is wrong with costs is said once: from here on the resource is held against itself.
            let own = CostMap::read(&own).map(|own| own.costs).filter(|own| own.0.keys().eq(full.costs.0.keys()));
            questions.extend(against_itself(&own.unwrap_or(full.costs), &pids, &cost_type));
            questions
                .into_iter()
                .map(|question| Ok((context.post(resource, &question.body)?, question)))
                .collect::<Result<Vec<_>, NoAnswer>>()
        })?;
        let Some(steady) = asked else {
            sheet.nothing_at_all("costs changed during every comparison");
            continue;
        };
        for (exchange, question) in &steady.found {
            judge(resource, &cost_type, &steady.full, exchange, question, sheet);
            if exchange.answer.status == 200 {
                cost_type_of(sheet.on(META), exchange, &cost_type);
            }
        }
        tagged(context, map, resource, &cost_type, sheet)?;
    }
    Ok(())
}

/// The version tag, held against a network map that was the same before and after.
fn tagged(
    context: &Context<'_>,
    map: &Resource,
    resource: &Resource,
    cost_type: &CostType,
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let body = json!({"cost-type": cost_type.to_json(), "pids": {"srcs": [], "dsts": []}});
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

/// Questions whose answers must be parts of the full map, the first one all of it.
fn against_full(costs: &Costs, pids: &[&str], cost_type: &CostType) -> Vec<Question> {
    let (srcs, dsts) = (spread(pids, 2), spread(pids, 3));
    let some = costs.filtered(|src, dst, _| srcs.contains(&src) && dsts.contains(&dst));
    let everything = [NO_PIDS, EVERYTHING, MATCHING, CAPABILITIES, FORMAT, ALL_DEFINED];
    vec![
        Question::new(json!({"cost-type": cost_type.to_json()}), costs.clone(), &everything),
        Question::new(body_of(cost_type, &srcs, &dsts), some, &[EVERYTHING, DEFINED_PAIRS]),
    ]
}

/// Questions whose answers must be parts of what is answered without a filter.
fn against_itself(costs: &Costs, pids: &[&str], cost_type: &CostType) -> Vec<Question> {
    let body = |srcs: &[&str], dsts: &[&str]| body_of(cost_type, srcs, dsts);
    let (srcs, dsts) = (spread(pids, 2), spread(pids, 3));
    let some = costs.filtered(|src, dst, _| srcs.contains(&src) && dsts.contains(&dst));
    let none = unknown_name(pids);
    let mut questions = vec![
        Question::new(body(&[], &[]), costs.clone(), &[EMPTY_LISTS]),
        Question::new(body(&srcs, &dsts), some.clone(), &[ONLY_ASKED]),
        Question::new(
            body(&[&srcs[..], &srcs[..]].concat(), &[&dsts[..], &dsts[..]].concat()),
            some.clone(),
            &[REPEATED],
        ),
        Question::new(body(&[&none], &[]), Costs::default(), &[UNKNOWN]).lenient(Lenience::OnlyUnknown),
    ];
    if let Some(pid) = pids.get(pids.len() / 2).copied() {
        let row = costs.filtered(|src, _, _| src == pid);
        let column = costs.filtered(|_, dst, _| dst == pid);
        questions.push(Question::new(body(&[pid], &[]), row.clone(), &[EMPTY_LISTS, ONLY_ASKED]));
        questions.push(Question::new(body(&[], &[pid]), column, &[EMPTY_LISTS, ONLY_ASKED]));
        questions.push(Question::new(body(&[pid, &none], &[]), row, &[UNKNOWN]));
    }
    let mut described = body(&srcs, &dsts);
    described["cost-type"]["description"] = json!("something else");
    questions.push(Question::new(described, some, &[DESCRIPTION]));
    questions
}

fn constraints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no filtered cost map is listed");
    sheet.on(CONSTRAINTS).nothing("no filtered cost map announces `cost-constraints`");
    for (resource, cost_type) in offers(context) {
        let body = json!({"cost-type": cost_type.to_json()});
        let announced = resource.takes_constraints();
        let asked = context.steady_post(resource, &body, |before| {
            let costs = CostMap::read(before).map(|full| full.costs).unwrap_or_default();
            let questions = match (cost_type.is_numerical(), announced) {
                (true, true) => constraint_questions(&body, &costs, &GRADES),
                (true, false) => not_announced(&body, &costs),
                _ => Vec::new(),
            };
            let answers: Result<Vec<_>, NoAnswer> =
                questions.into_iter().map(|question| Ok((context.post(resource, &question.body)?, question))).collect();
            let every_rank = with(&body, "constraints", json!(["ge 0"]));
            let plain = if announced { Some(context.post(resource, &every_rank)?) } else { None };
            Ok((answers?, plain))
        })?;
        let Some(steady) = asked else {
            sheet.nothing_at_all("costs changed during every comparison");
            continue;
        };
        let (answers, plain) = steady.found;
        for (exchange, question) in &answers {
            judge(resource, &cost_type, &steady.full, exchange, question, sheet);
        }
        if answers.is_empty() {
            sheet.nothing_at_all("no numerical costs are there that constraints could apply to");
        }
        if let Some(exchange) = plain {
            sheet.on(CONSTRAINTS).promised(resource, &exchange, "cost type");
        }
        if announced && cost_type.is_numerical() {
            for text in BROKEN_CONSTRAINTS {
                let answer = context.post(resource, &with(&body, "constraints", json!([text])));
                let refusal = Refusal {
                    codes: &["E_INVALID_FIELD_VALUE"],
                    fields: &["constraints"],
                    element: true,
                    value: Some(text),
                };
                sheet.on(SYNTAX).refused(&answer, "broken constraint", &refusal);
            }
        }
    }
    Ok(())
}

/// Constraints where none are announced: only one, but one that excludes something.
fn not_announced(body: &Value, costs: &Costs) -> Vec<Question> {
    let highest = costs.0.values().copied().fold(f64::NEG_INFINITY, f64::max);
    if !highest.is_finite() {
        return Vec::new();
    }
    let expected = costs.filtered(|_, _, cost| cost >= highest);
    let body = with(body, "constraints", json!([format!("ge {highest}")]));
    vec![Question::new(body, expected, &[EXCLUDED]).lenient(Lenience::Unannounced)]
}

fn ranks(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(RANKS_WITHIN);
    entry.nothing("no filtered cost map offers a metric in both modes");
    for (resource, cost_type) in offers(context) {
        let numerical = CostType { mode: "numerical".to_owned(), metric: cost_type.metric.clone() };
        let Some(reversed) = more_is_better(&cost_type.metric).filter(|_| cost_type.is_ordinal()) else {
            continue;
        };
        if !context.target.cost_types_of(resource).contains(&numerical) {
            continue;
        }
        let map = context.map_behind(resource)?;
        let pids = map.as_ref().map_or_else(Vec::new, |map| spread(&map.pids(), 8));
        let body = |kind: &CostType| json!({"cost-type": kind.to_json(), "pids": {"srcs": pids, "dsts": pids}});
        let asked = context.steady_post(resource, &body(&numerical), |_| context.post(resource, &body(&cost_type)))?;
        let Some(steady) = asked else {
            entry.nothing("costs changed during every comparison");
            continue;
        };
        let (Some(costs), Some(ranks)) = (CostMap::read(&steady.full), CostMap::read(&steady.found)) else {
            continue;
        };
        entry.saw(&steady.found, ranks.costs.0.len(), "rank");
        if let Some(pairs) = inversion(&ranks.costs, &costs.costs, reversed) {
            entry.broken(inverted(pairs, &ranks.costs, &costs.costs, &steady.full, &steady.found));
        }
    }
    Ok(())
}

fn both_lists(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(BOTH_LISTS);
    entry.nothing("no filtered cost map is listed");
    for resource in context.target.of(Kind::FilteredCostMap).take(MOST_OF_A_KIND) {
        let Some(cost_type) = context.target.cost_types_of(resource).first().map(CostType::to_json) else {
            continue;
        };
        for (there, missing) in [("srcs", "pids/dsts"), ("dsts", "pids/srcs")] {
            let answer = context.post(resource, &json!({"cost-type": cost_type, "pids": {there: []}}));
            if let Ok(exchange) = &answer
                && exchange.answer.status == 200
            {
                // Sloppy rather than wrong: the endpoint cost service has both lists optional.
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

/// Cost types that are not announced.
pub(super) fn foreign_types(known: &[CostType]) -> Vec<CostType> {
    let metrics =
        known.iter().map(|kind| kind.metric.as_str()).chain(["routingcost", "priv:no-such-metric", "hopcount"]);
    let metrics: Vec<_> = metrics.collect();
    let mut foreign = Vec::new();
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
    sheet.nothing_at_all("neither a filtered cost map nor an endpoint cost service is listed");
    for (resource, body) in context.askable()? {
        if !matches!(resource.kind, Kind::FilteredCostMap | Kind::EndpointCost) {
            continue;
        }
        let known = context.target.cost_types_of(resource);
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
