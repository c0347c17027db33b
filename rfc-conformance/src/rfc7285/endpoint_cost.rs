//! Checks of the endpoint cost service (RFC 7285 §11.5, §13.2).

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

use serde_json::{Value, json};

use super::cost_map::{inversion, inverted, values};
use super::cost_query::{
    ConstraintGrades, CostQuery, Lenience, MALFORMED_CONSTRAINTS, constraint_queries, cost_type_of, grade, with,
};
use super::endpoint_property::spellings;
use super::filtered_cost_map::foreign_types;
use super::requirements::{
    s6_1_2_1::NUMERICAL,
    s6_1_2_2::ORDINAL,
    s11_5_1::PROVIDED,
    s11_5_1_1::FORMAT,
    s11_5_1_3::{CLIENT, CONSTRAINTS, DESCRIPTION, MATCHING, NOT_BOTH, REPEATED},
    s11_5_1_6::{COST_TYPE, NUMBERS, OMITTED, ONLY_ASKED, RANKS, SAME_COSTS},
    s13_2::MIXED,
};
use crate::address;
use crate::assertion::{Refusal, is_refusal};
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND, accept};
use crate::http::{Exchange, NoAnswer, Request};
use crate::json::pointer;
use crate::metric::more_is_better;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{CostMap, Pair};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("looks for endpoint cost services in the directories", &[PROVIDED], provided),
    Check::new(
        "asks for the costs between addresses of the network map, with every cost type, with a description, and with repeated addresses",
        &[FORMAT, COST_TYPE, ONLY_ASKED, NUMBERS, OMITTED, MATCHING, DESCRIPTION, REPEATED, NUMERICAL, ORDINAL],
        answers,
    ),
    Check::new(
        "applies constraints derived from the unconstrained answer, and sends malformed ones",
        &[CONSTRAINTS],
        constraints,
    ),
    Check::new(
        "omits or empties one list and expects the address of the suite, as if it were listed, also with forged forwarding fields and with constraints",
        &[CLIENT, CONSTRAINTS],
        client_address,
    ),
    Check::new("omits or empties both lists", &[NOT_BOTH], both_empty),
    Check::new("asks for cost types that are not announced", &[MATCHING], foreign),
    Check::new("compares ordinal with numerical costs of the same pairs", &[RANKS], ranks),
    Check::new("names a destination in all spellings of its address", &[REPEATED], respelled),
    Check::new("asks for costs between an IPv4 and an IPv6 address", &[MIXED], mixed),
    Check::new("asks for pairs alone, together and among 200, and compares their costs", &[SAME_COSTS], same_costs),
];

/// Maximum number of endpoints in a request.
const MOST_ADDRESSES: usize = 8;
/// Number of destinations in a long request.
const MANY_ADDRESSES: u32 = 200;
const NO_SERVICE: &str = "no endpoint cost service is listed, or no addresses are known to ask about";

fn request(cost_type: &CostType, srcs: &[String], dsts: &[String]) -> Value {
    json!({"cost-type": cost_type.to_json(), "endpoints": {"srcs": srcs, "dsts": dsts}})
}

/// Services with a cost type each, and addresses to ask about.
type Offers<'a> = (Vec<(&'a Resource, CostType)>, Vec<String>);

/// Collects every service with every cost type it announces, and addresses to ask about.
fn offers<'a>(context: &'a Context<'_>) -> Result<Offers<'a>, NoAnswer> {
    let addresses: Vec<_> = context.addresses(MOST_ADDRESSES)?.into_iter().map(address::to_typed).collect();
    if addresses.is_empty() {
        return Ok((Vec::new(), addresses));
    }
    let services = context.of(Kind::EndpointCost).take(MOST_OF_A_KIND);
    let offers = services.flat_map(|resource| {
        let types = context.subject.cost_types_of(resource);
        types.into_iter().take(2 * MOST_OF_A_KIND).map(move |cost_type| (resource, cost_type))
    });
    Ok((offers.collect(), addresses))
}

fn provided(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PROVIDED);
    entry.skip("no endpoint cost service is listed");
    for resource in context.subject.of(Kind::EndpointCost) {
        entry.saw(&context.subject.directory_of(resource).exchange, 1, "endpoint cost service");
    }
    Ok(())
}

fn answers(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_SERVICE);
    let (offers, addresses) = offers(context)?;
    for (resource, cost_type) in offers {
        let body = request(&cost_type, &addresses, &addresses);
        let described = json!({"cost-mode": cost_type.mode, "cost-metric": cost_type.metric, "description": "other"});
        let twice = [addresses.clone(), addresses.clone()].concat();
        let asked = context.steady_post(resource, &body, |_| {
            let described = context.post(resource, &with(&body, "cost-type", described.clone()))?;
            Ok((described, context.post(resource, &request(&cost_type, &twice, &twice))?))
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        sheet.on(MATCHING).promised(resource, &steady.full, "cost type");
        // A request that is refused says nothing about the form of answers.
        if is_refusal(&steady.full) {
            continue;
        }
        let Some(data) = sheet.on(FORMAT).promised(resource, &steady.full, "answer") else {
            continue;
        };
        cost_type_of(sheet.on(COST_TYPE), &steady.full, &cost_type);
        values(sheet, &steady.full, "/endpoint-cost-map", data, &cost_type);
        keys_and_values(&steady.full, &addresses, &cost_type, sheet);
        let expected = CostMap::read(&steady.full).map(|map| map.costs).unwrap_or_default();
        for (exchange, requirement) in [(&steady.found.0, DESCRIPTION), (&steady.found.1, REPEATED)] {
            let query = CostQuery::new(Value::Null, expected.clone(), &[requirement]);
            grade(resource, &cost_type, &steady.full, exchange, &query, sheet);
        }
    }
    Ok(())
}

/// Grades the keys and values of an answer.
fn keys_and_values(exchange: &Arc<Exchange>, asked: &[String], cost_type: &CostType, sheet: &mut Sheet) {
    let data = exchange.value().and_then(|value| value.get("endpoint-cost-map")).and_then(Value::as_object);
    let plain = cost_type.is_numerical() || cost_type.is_ordinal();
    let mut pairs = 0;
    let is_asked = |key: &str| {
        asked.iter().any(|asked| asked == key)
            || address::typed(key).is_some_and(|address| asked.contains(&address::to_typed(address)))
    };
    for (src, row) in data.into_iter().flatten() {
        let place = pointer("/endpoint-cost-map", src);
        for (dst, cost) in row.as_object().into_iter().flatten() {
            let place = pointer(&place, dst);
            let entry = sheet.on(ONLY_ASKED);
            entry.saw(exchange, 1, "pair");
            if !is_asked(src) || !is_asked(dst) {
                let finding = Finding::new("requested pairs only", format!("{src} to {dst}")).at(&place);
                entry.fail(finding.from(exchange));
            }
            if plain {
                pairs += 1;
                let entry = sheet.on(NUMBERS);
                entry.saw(exchange, 1, "cost");
                if !cost.is_number() {
                    let finding = Finding::new("a number or no member", crate::json::brief(cost)).at(&place);
                    let finding = finding.from(exchange);
                    entry.fail(finding.clone());
                    sheet.on(OMITTED).saw(exchange, 1, "pair without a cost").note(Grade::Fail, finding);
                }
            }
        }
    }
    if plain {
        let omitted = (asked.len() * asked.len()).saturating_sub(pairs);
        sheet.on(OMITTED).skip("every pair has a cost").saw(exchange, omitted, "pair without a cost");
    }
}

const GRADES: ConstraintGrades = ConstraintGrades {
    syntax: &[CONSTRAINTS],
    conjunction: &[CONSTRAINTS],
    excluded: &[CONSTRAINTS],
    absent: &[CONSTRAINTS],
    empty: &[CONSTRAINTS],
    precision: &[CONSTRAINTS],
};

fn constraints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_SERVICE);
    let (offers, addresses) = offers(context)?;
    for (resource, cost_type) in offers.into_iter().filter(|(_, cost_type)| cost_type.is_numerical()) {
        let body = request(&cost_type, &addresses, &addresses);
        let announced = resource.takes_constraints();
        let asked = context.steady_post(resource, &body, |before| {
            let costs = CostMap::read(before).map(|map| map.costs).unwrap_or_default();
            let mut queries = constraint_queries(&body, &costs, &GRADES);
            if !announced {
                // A single constraint that excludes some pairs is enough.
                queries.retain(|query| {
                    query.lenience == Lenience::None
                        && !query.expected.0.is_empty()
                        && query.expected.0.len() < costs.0.len()
                });
                queries.truncate(1);
                for query in &mut queries {
                    query.lenience = Lenience::Unannounced;
                }
            }
            queries
                .into_iter()
                .map(|query| Ok((context.post(resource, &query.body)?, query)))
                .collect::<Result<Vec<_>, NoAnswer>>()
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("costs changed during every comparison");
            continue;
        };
        sheet.on(CONSTRAINTS).skip("there are no costs to which constraints could apply");
        for (exchange, query) in &steady.found {
            grade(resource, &cost_type, &steady.full, exchange, query, sheet);
        }
        for text in MALFORMED_CONSTRAINTS.iter().filter(|_| announced) {
            let answer = context.post(resource, &with(&body, "constraints", json!([text])));
            let codes = ["E_INVALID_FIELD_VALUE"];
            let refusal = Refusal { codes: &codes, fields: &["constraints"], element: true, value: Some(text) };
            sheet.on(CONSTRAINTS).refused(&answer, "malformed constraint", &refusal);
        }
    }
    Ok(())
}

fn client_address(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(CLIENT).skip(NO_SERVICE);
    let (offers, addresses) = offers(context)?;
    let mut services: Vec<&str> = Vec::new();
    for (resource, cost_type) in offers {
        // One cost type is enough.
        if services.contains(&resource.id.as_str()) {
            continue;
        }
        services.push(&resource.id);
        let Ok(own) = context.client.connect(&resource.uri).map(|wire| wire.local_address()) else {
            continue;
        };
        let Some(own) = own else {
            continue;
        };
        for (given, missing) in [("dsts", "srcs"), ("srcs", "dsts")] {
            if own.is_loopback() {
                as_if_listed(context, sheet, (resource, &cost_type), &addresses, (given, missing), own)?;
            }
            for endpoints in [json!({given: addresses}), json!({given: addresses, missing: []})] {
                let body = json!({"cost-type": cost_type.to_json(), "endpoints": endpoints});
                for forwarded in [None, Some("203.0.113.77")] {
                    let request =
                        Request::post(&resource.uri, resource.accepts.as_deref().unwrap_or_default(), body.to_string());
                    let request = request.with("Accept", &accept(resource));
                    let request = match forwarded {
                        // Clients must not be able to claim another address.
                        Some(address) => {
                            let forwarded = request.with("X-Forwarded-For", address);
                            forwarded.with("Forwarded", &format!("for={address}"))
                        }
                        None => request,
                    };
                    let exchange = context.send(request)?;
                    let entry = sheet.on(CLIENT);
                    if let Some(data) = entry.promised(resource, &exchange, "request without one list") {
                        grade_client_address(entry, &exchange, data, missing == "srcs", own, forwarded.is_some());
                    }
                }
            }
        }
    }
    Ok(())
}

/// Compares answers to requests without one list, some of them with a constraint, with answers about the suite's address.
fn as_if_listed(
    context: &Context<'_>,
    sheet: &mut Sheet,
    (resource, cost_type): (&Resource, &CostType),
    addresses: &[String],
    (given, missing): (&str, &str),
    own: IpAddr,
) -> Result<(), NoAnswer> {
    let body = |list: Option<Value>| {
        let mut endpoints = json!({given: addresses});
        if let Some(list) = list {
            endpoints[missing] = list;
        }
        json!({"cost-type": cost_type.to_json(), "endpoints": endpoints})
    };
    let constrained = resource.takes_constraints() && cost_type.is_numerical();
    let asked = context.steady_post(resource, &body(Some(json!([address::to_typed(own)]))), |listed| {
        let costs = CostMap::read(listed).map(|map| map.costs).unwrap_or_default();
        let lowest = costs.0.values().copied().min_by(f64::total_cmp);
        let mut queries = vec![
            CostQuery::new(body(None), costs.clone(), &[CLIENT]),
            CostQuery::new(body(Some(json!([]))), costs.clone(), &[CLIENT]),
        ];
        if let Some(lowest) = lowest.filter(|_| constrained) {
            let limited = with(&body(None), "constraints", json!([format!("gt {lowest}")]));
            queries.push(CostQuery::new(limited, costs.filtered(|_, _, cost| cost > lowest), &[CONSTRAINTS]));
        }
        queries
            .into_iter()
            .map(|query| Ok((context.post(resource, &query.body)?, query)))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let Some(steady) = asked.filter(|steady| !is_refusal(&steady.full)) else { return Ok(()) };
    for (exchange, query) in &steady.found {
        grade(resource, cost_type, &steady.full, exchange, query, sheet);
    }
    Ok(())
}

fn grade_client_address(
    entry: &mut crate::sheet::Entry,
    exchange: &Exchange,
    data: &Value,
    as_source: bool,
    own: IpAddr,
    forwarded: bool,
) {
    let rows = data.as_object().into_iter().flatten();
    let keys: Vec<(String, &str)> = if as_source {
        rows.map(|(src, _)| (pointer("/endpoint-cost-map", src), src.as_str())).collect()
    } else {
        rows.flat_map(|(src, row)| {
            let place = pointer("/endpoint-cost-map", src);
            row.as_object().into_iter().flatten().map(move |(dst, _)| (pointer(&place, dst), dst.as_str()))
        })
        .collect()
    };
    for (place, key) in keys {
        if address::typed(key) == Some(own) {
            continue;
        }
        let why = if forwarded { ", whatever X-Forwarded-For says" } else { "" };
        let finding = Finding::new(format!("{}{why}", address::to_typed(own)), key).at(place).from(exchange);
        // Between the suite and a remote server there may be a NAT.
        if own.is_loopback() || forwarded {
            entry.fail(finding)
        } else {
            entry.warn(finding)
        };
    }
}

fn both_empty(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NOT_BOTH);
    entry.skip(NO_SERVICE);
    for resource in context.of(Kind::EndpointCost).take(MOST_OF_A_KIND) {
        let Some(cost_type) = context.subject.cost_types_of(resource).first().map(CostType::to_json) else {
            continue;
        };
        for endpoints in [json!({}), json!({"srcs": [], "dsts": []}), json!({"srcs": []})] {
            let answer = context.post(resource, &json!({"cost-type": cost_type, "endpoints": endpoints}));
            if let Ok(exchange) = &answer
                && exchange.answer.status == 200
            {
                let finding = Finding::new("an error", exchange.outline()).from(exchange);
                entry.saw(exchange, 1, "request without endpoints").warn(finding);
                continue;
            }
            let codes = ["E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"];
            let refusal = Refusal { codes: &codes, ..Refusal::default() };
            entry.refused(&answer, "request without endpoints", &refusal);
        }
    }
    Ok(())
}

fn foreign(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(MATCHING);
    entry.skip(NO_SERVICE);
    for (resource, body) in
        context.valid_requests()?.into_iter().filter(|(resource, _)| resource.kind == Kind::EndpointCost)
    {
        for kind in foreign_types(&context.subject.cost_types_of(resource)) {
            let refusal = Refusal {
                codes: &["E_INVALID_FIELD_VALUE"],
                fields: &["cost-type", "cost-type/cost-mode", "cost-type/cost-metric"],
                ..Refusal::default()
            };
            let answer = context.post(resource, &with(&body, "cost-type", kind.to_json()));
            entry.refused(&answer, "cost type that is not announced", &refusal);
        }
    }
    Ok(())
}

fn ranks(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(RANKS);
    entry.skip("no endpoint cost service offers a metric in both modes");
    let (offers, addresses) = offers(context)?;
    for (resource, cost_type) in offers {
        let numerical = CostType { mode: "numerical".to_owned(), metric: cost_type.metric.clone() };
        let Some(reversed) = more_is_better(&cost_type.metric).filter(|_| cost_type.is_ordinal()) else {
            continue;
        };
        if !context.subject.cost_types_of(resource).contains(&numerical) {
            continue;
        }
        let asked = context.steady_post(resource, &request(&numerical, &addresses, &addresses), |_| {
            context.post(resource, &request(&cost_type, &addresses, &addresses))
        })?;
        let Some(steady) = asked else {
            entry.skip("costs changed during every comparison");
            continue;
        };
        let (Some(costs), Some(ranks)) = (CostMap::read(&steady.full), CostMap::read(&steady.found)) else {
            continue;
        };
        entry.saw(&steady.found, ranks.costs.0.len(), "rank");
        if let Some(pairs) = inversion(&ranks.costs, &costs.costs, reversed) {
            let finding = inverted(pairs, &ranks.costs, &costs.costs, &steady.full, &steady.found);
            let place = pointer(&pointer("/endpoint-cost-map", &pairs[1].0), &pairs[1].1);
            entry.fail(finding.at(place));
        }
    }
    Ok(())
}

/// Asks for the costs of a few pairs alone, together, and among many, and compares them.
fn same_costs(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(SAME_COSTS);
    entry.skip(NO_SERVICE);
    let (offers, addresses) = offers(context)?;
    for (resource, cost_type) in offers.into_iter().filter(|(_, cost_type)| cost_type.is_numerical()) {
        let all = request(&cost_type, &addresses, &addresses);
        let first = &addresses[..1];
        let alone = addresses.iter().take(3).map(std::slice::from_ref).map(<[String]>::to_vec);
        let lists: Vec<_> = alone.chain([many_addresses(&addresses)]).collect();
        let asked = context.steady_post(resource, &all, |_| {
            let answers =
                lists.iter().map(|dsts| Ok((context.post(resource, &request(&cost_type, first, dsts))?, dsts)));
            answers.collect::<Result<Vec<_>, NoAnswer>>()
        })?;
        let Some(steady) = asked else {
            entry.skip("costs changed during every comparison");
            continue;
        };
        let Some(together) = CostMap::read(&steady.full) else { continue };
        for (exchange, dsts) in &steady.found {
            let Some(seen) = CostMap::read(exchange) else { continue };
            let asked = |pair: &Pair| *pair.0 == *first[0] && dsts.iter().any(|dst| **dst == *pair.1);
            for (pair, expected) in together.costs.0.iter().filter(|(pair, _)| asked(pair)) {
                let cost = seen.costs.0.get(pair);
                entry.saw(exchange, 1, "pair");
                if cost.is_none_or(|cost| expected.total_cmp(cost).is_ne()) {
                    let cost = cost.map_or_else(|| "no cost".to_owned(), ToString::to_string);
                    let finding = Finding::new(format!("cost {expected} from {} to {}", pair.0, pair.1), cost);
                    let place = pointer(&pointer("/endpoint-cost-map", &pair.0), &pair.1);
                    entry.fail(finding.at(place).from(&steady.full).from(exchange));
                }
            }
        }
    }
    Ok(())
}

/// Extends a list of addresses to many, by their neighbours, which come first: a list must not be cut.
fn many_addresses(some: &[String]) -> Vec<String> {
    let v4 = some.iter().filter_map(|text| match address::typed(text)? {
        IpAddr::V4(address) => Some(u32::from(address)),
        IpAddr::V6(_) => None,
    });
    let neighbours = v4.flat_map(|first| (1..MANY_ADDRESSES).map(move |step| first.wrapping_add(step)));
    let neighbours = neighbours.map(|address| address::to_typed(IpAddr::from(std::net::Ipv4Addr::from(address))));
    neighbours.take(MANY_ADDRESSES as usize).chain(some.iter().cloned()).collect()
}

/// Names one destination in all spellings of its address.
fn respelled(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(REPEATED);
    entry.skip(NO_SERVICE);
    let texts = spellings(Ipv6Addr::new(0x2001, 0xdb8, 0xa, 0xb, 0, 0, 0, 1));
    let texts: Vec<_> = texts.into_iter().map(|text| format!("ipv6:{text}")).collect();
    for resource in context.of(Kind::EndpointCost).take(MOST_OF_A_KIND) {
        let Some(cost_type) = context.subject.cost_types_of(resource).into_iter().next() else {
            continue;
        };
        for body in [request(&cost_type, &texts[..1], &texts), request(&cost_type, &texts, &texts[..1])] {
            let exchange = context.post(resource, &body)?;
            entry.promised(resource, &exchange, "list of spellings");
        }
    }
    Ok(())
}

fn mixed(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(MIXED);
    entry.skip(NO_SERVICE);
    let (v4, v6) = ("ipv4:192.0.2.1".to_owned(), "ipv6:2001:db8::1".to_owned());
    for resource in context.of(Kind::EndpointCost).take(MOST_OF_A_KIND) {
        let Some(cost_type) = context.subject.cost_types_of(resource).into_iter().next() else {
            continue;
        };
        for (src, dst) in [(&v4, &v6), (&v6, &v4)] {
            let body = request(&cost_type, std::slice::from_ref(src), std::slice::from_ref(dst));
            let exchange = context.post(resource, &body)?;
            entry.promised(resource, &exchange, "pair of different types");
        }
    }
    Ok(())
}
