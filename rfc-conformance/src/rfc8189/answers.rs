//! Checks of multi-cost answers (RFC 8189 §4.1.1, §4.1.2, §4.1.3, §4.2.2, §4.2.3).

use serde_json::{Value, json};

use super::cost_service::{self, CostService, SingleCosts, list};
use super::multi_cost_query::{MultiCostQuery, ask, grade};
use super::requirements::{
    s3_5::WHOLE,
    s4_1_1::MAX,
    s4_1_2::{ARRAYS, DESCRIPTION, ONE, PIDS},
    s4_1_3::{EMPTY, LIST, NULL, OMITTED, ONLY, SCALARS, TAGGED, VALUES},
    s4_2_1::ENDPOINT_CAPABILITIES,
    s4_2_2::{ENDPOINT_ARRAYS, ENDPOINT_REQUESTS, ENDPOINTS},
    s4_2_3::{ENDPOINT_ANSWERS, ENDPOINT_NULL, ENDPOINT_OMITTED},
};
use super::{NOT_ANNOUNCED, note};
use crate::assertion::Refusal;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::brief;
use crate::requirement::Requirement;
use crate::rfc7285::cost_map::tag_of;
use crate::rfc7285::cost_query::with;
use crate::rfc7285::filtered_network_map::unknown_name;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind};
use crate::verdict::Finding;
use crate::view::{NetworkMap, Pair, spread};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "asks for single costs, pairs in both orders and as many cost types as permitted, and compares the answers",
        &[
            MAX,
            ONE,
            DESCRIPTION,
            ARRAYS,
            SCALARS,
            EMPTY,
            LIST,
            VALUES,
            NULL,
            OMITTED,
            ONLY,
            ENDPOINT_CAPABILITIES,
            ENDPOINT_REQUESTS,
            ENDPOINT_ARRAYS,
            ENDPOINT_ANSWERS,
            ENDPOINT_NULL,
            ENDPOINT_OMITTED,
        ],
        combinations,
    ),
    Check::new("examines `max-cost-types` in the directories", &[MAX, ENDPOINT_CAPABILITIES], max_cost_types),
    Check::new(
        "restricts multi-cost queries by PIDs and compares the answers with those for single costs",
        &[WHOLE, PIDS, ONLY, VALUES],
        filters,
    ),
    Check::new("compares the tag of a multi-cost answer with that of the network map", &[TAGGED], version_tag),
    Check::new("sends multi-cost queries without endpoints or with one list", &[ENDPOINTS], endpoints),
];

/// Maximum number of PIDs for which whole cost maps of many cost types are compared.
const MOST_PIDS: usize = 256;
const CHANGING: &str = "costs changed during every comparison";

fn max_cost_types(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOT_ANNOUNCED);
    for resource in &context.subject.resources {
        let place = "/capabilities/max-cost-types";
        let Some(value) = resource.entry.pointer(place) else { continue };
        let directory = &context.subject.directory_of(resource).exchange;
        note(sheet, resource, MAX, |entry| {
            entry.saw(directory, 1, "resource");
            if value.as_u64().is_none() {
                let finding = Finding::new("a non-negative integer", brief(value));
                entry.fail(finding.at(resource.pointer() + place).from(directory));
            }
        });
    }
    Ok(())
}

fn combinations(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let services = cost_service::announced(context)?;
    if services.is_empty() {
        sheet.skip_all(NOT_ANNOUNCED);
    }
    for service in services {
        let steady =
            service.steady(context, &service.scope, |known| ask(context, &service, queries(&service, known)))?;
        let Some((_, answers)) = steady else {
            sheet.skip_all(CHANGING);
            continue;
        };
        for (exchange, query) in &answers {
            grade(&service, exchange, query, sheet);
        }
        twice(context, &service, sheet)?;
    }
    Ok(())
}

/// Names one cost type twice, which servers may reject; an answer repeats it.
fn twice(context: &Context<'_>, service: &CostService<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let Some(cost_type) = service.types.first().filter(|_| service.most >= 2) else { return Ok(()) };
    let body = service.many(&[cost_type.clone(), cost_type.clone()]);
    let steady = service.steady(context, &service.scope, |known| {
        ask(context, service, vec![MultiCostQuery::new(known, body.clone(), &[LIST], |_| true)])
    })?;
    for (exchange, query) in steady.iter().flat_map(|(_, answers)| answers) {
        if exchange.answer.status == 200 {
            grade(service, exchange, query, sheet);
        }
    }
    Ok(())
}

/// Creates queries for every cost type alone and in an array of one, for pairs in both orders, and for as many as permitted.
fn queries(service: &CostService<'_>, known: &SingleCosts) -> Vec<MultiCostQuery> {
    let query = |body: Value, grades: &[Requirement]| MultiCostQuery::new(known, body, grades, |_| true);
    let mut queries = Vec::new();
    for cost_type in &service.types {
        queries.push(query(service.one(cost_type), &[SCALARS]));
        queries.push(query(service.many(std::slice::from_ref(cost_type)), &[MAX, ONE, ARRAYS]));
    }
    if service.most >= 2 {
        for pair in service.types.windows(2) {
            queries.push(query(service.many(pair), &[MAX, ARRAYS]));
            let swapped = [pair[1].clone(), pair[0].clone()];
            queries.push(query(service.many(&swapped), &[MAX, ARRAYS, VALUES]));
        }
    }
    let together = service.together();
    queries.push(query(service.many(together), &[MAX, ARRAYS]));
    let mut described = list(together);
    for element in described.as_array_mut().into_iter().flatten() {
        element["description"] = json!("another description");
    }
    queries.push(query(with(&service.scope, "multi-cost-types", described), &[DESCRIPTION]));
    queries
}

fn filters(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered cost map announces `max-cost-types`");
    for service in
        cost_service::announced(context)?.iter().filter(|service| service.resource.kind == Kind::FilteredCostMap)
    {
        let Some(map) = context.network_map_for(service.resource)? else { continue };
        if map.groups.len() > MOST_PIDS {
            sheet.skip_all("the cost map is too large to be fetched once for each cost type");
            continue;
        }
        let pids = map.pids();
        let types: Vec<CostType> = service.together().iter().take(2).cloned().collect();
        let steady = service.steady(context, &json!({}), |known| {
            ask(context, service, filter_queries(service, known, &types, &pids))
        })?;
        let Some((_, answers)) = steady else {
            sheet.skip_all(CHANGING);
            continue;
        };
        for (exchange, query) in &answers {
            grade(service, exchange, query, sheet);
        }
    }
    Ok(())
}

fn filter_queries(
    service: &CostService<'_>,
    known: &SingleCosts,
    types: &[CostType],
    pids: &[&str],
) -> Vec<MultiCostQuery> {
    let all = json!({"multi-cost-types": list(service.together())});
    let asked = json!({"multi-cost-types": list(types)});
    let body = |srcs: &[&str], dsts: &[&str]| with(&asked, "pids", json!({"srcs": srcs, "dsts": dsts}));
    let none = unknown_name(pids);
    let mut queries = vec![
        MultiCostQuery::new(known, all.clone(), &[WHOLE], |_| true),
        MultiCostQuery::new(known, with(&all, "pids", json!({"srcs": [], "dsts": []})), &[WHOLE, PIDS], |_| true),
    ];
    if let Some(pid) = pids.get(pids.len() / 2).copied() {
        let row = |pair: &Pair| &*pair.0 == pid;
        queries.push(MultiCostQuery::new(known, body(&[pid], &[]), &[PIDS], row));
        queries.push(MultiCostQuery::new(known, body(&[], &[pid]), &[PIDS], |pair| &*pair.1 == pid));
        queries.push(MultiCostQuery::new(known, body(&[pid, pid], &[]), &[PIDS], row));
        queries.push(MultiCostQuery::new(known, body(&[pid, &none], &[]), &[PIDS], row));
    }
    queries
}

fn version_tag(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TAGGED);
    entry.skip("no filtered cost map announces `max-cost-types`");
    for service in
        cost_service::announced(context)?.iter().filter(|service| service.resource.kind == Kind::FilteredCostMap)
    {
        let Some(map) = context.network_map_of(service.resource) else { continue };
        // A part is enough, as the tag is that of the whole map.
        let body = service.many(&spread(service.together(), 2));
        let Some(steady) = context.steady(map, |_| context.post(service.resource, &body))? else {
            entry.skip("the network map changed during every comparison");
            continue;
        };
        if let Some(full) = NetworkMap::read(&steady.full).filter(|_| steady.found.answer.status == 200) {
            tag_of(entry, &steady.found, &full, map);
        }
    }
    Ok(())
}

fn endpoints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint cost service announces `max-cost-types`");
    for service in
        cost_service::announced(context)?.iter().filter(|service| service.resource.kind == Kind::EndpointCost)
    {
        let asked = json!({"multi-cost-types": list(service.together())});
        let answer = context.post(service.resource, &asked);
        let refusal = Refusal { codes: &["E_MISSING_FIELD"], fields: &["endpoints"], ..Refusal::default() };
        sheet.on(ENDPOINTS).refused(&answer, "request without endpoints", &refusal);
        let answer = context.post(service.resource, &with(&asked, "endpoints", json!({"srcs": [], "dsts": []})));
        let codes = ["E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"];
        sheet.on(ENDPOINTS).refused(
            &answer,
            "request without endpoints",
            &Refusal { codes: &codes, ..Refusal::default() },
        );
        // An empty array stands for the client, as in single-cost requests.
        let addresses = &service.scope["endpoints"]["dsts"];
        for (given, other) in [("dsts", "srcs"), ("srcs", "dsts")] {
            let scope = json!({"endpoints": {given: addresses, other: []}});
            let steady = service.steady(context, &scope, |known| {
                let body = with(&scope, "multi-cost-types", list(service.together()));
                ask(context, service, vec![MultiCostQuery::new(known, body, &[ENDPOINTS], |_| true)])
            })?;
            for (exchange, query) in steady.iter().flat_map(|(_, answers)| answers) {
                grade(service, exchange, query, sheet);
            }
        }
    }
    Ok(())
}
