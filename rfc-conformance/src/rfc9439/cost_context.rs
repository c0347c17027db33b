//! Checks of `cost-context`, the sources of costs (RFC 9439 §3.1, §4.x.4, §5.x.4, §6.3).

use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s3_1::{ALPHABET, MATCHING, NO_KEY, SHAPE, SLA, SOURCES},
    s4_1_4::{DELAY, FROM_IPPM, FROM_LINKS},
    s4_2_4::ROUND_TRIP,
    s4_3_4::VARIATION,
    s4_4_4::LOSS,
    s4_5_4::HOP,
    s5_1_4::{CONGESTION, NOT_NOMINAL, NOT_SLA},
    s6_3::ESTIMATED,
};
use super::{Announced, announced, each_answer, is_offered, performance_types};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::metric::{Metric, Operator};
use crate::requirement::Requirement;
use crate::rfc7285::cost_query::with;
use crate::rfc8189::cost_service;
use crate::sheet::Sheet;
use crate::subject::{CostType, Resource};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("examines every `cost-context` in directories and answers", &[SHAPE, SOURCES, ALPHABET], contexts),
    Check::new("compares the cost types of each resource", &[NO_KEY], no_key),
    Check::new(
        "sends another `cost-context` with a request, and compares the one in the answer with the directory",
        &[MATCHING],
        matching,
    ),
    Check::new(
        "examines the sources and parameters that suit each metric",
        &[SLA, FROM_LINKS, HOP, NOT_NOMINAL, NOT_SLA, CONGESTION, ESTIMATED],
        parameters,
    ),
    Check::new(
        "compares the names of registered metrics with the cost metric",
        &[FROM_IPPM, DELAY, ROUND_TRIP, VARIATION, LOSS],
        registered,
    ),
];

const NO_CONTEXT: &str = "no cost type has a `cost-context`";

/// A cost context with its answer and place.
struct Found<'a> {
    exchange: Arc<Exchange>,
    place: String,
    context: &'a Value,
}

fn contexts(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_CONTEXT);
    for its in announced(context) {
        if let Some(context) = its.context() {
            let place = format!("{}/cost-context", its.place);
            grade(&Found { exchange: Arc::clone(&its.directory.exchange), place, context }, sheet);
        }
    }
    each_answer(context, |answered| {
        let place = "/meta/cost-type/cost-context";
        if let Some(context) = answered.exchange.value().and_then(|value| value.pointer(place)) {
            let place = place.to_owned();
            grade(&Found { exchange: Arc::clone(&answered.exchange), place, context }, sheet);
        }
        Ok(())
    })?;
    for service in cost_service::announced(context)? {
        let exchange = context.post(service.resource, &service.many(service.together()))?;
        let types = exchange.value().and_then(|value| value.pointer("/meta/multi-cost-types")?.as_array());
        for (index, cost_type) in types.into_iter().flatten().enumerate() {
            if let Some(context) = cost_type.get("cost-context") {
                let place = format!("/meta/multi-cost-types/{index}/cost-context");
                grade(&Found { exchange: Arc::clone(&exchange), place, context }, sheet);
            }
        }
    }
    Ok(())
}

fn grade(found: &Found<'_>, sheet: &mut Sheet) {
    let at = |expected: &str, seen: &Value, step: &str| {
        Finding::new(expected, brief(seen)).at(format!("{}{step}", found.place)).from(&found.exchange)
    };
    let entry = sheet.on(SHAPE);
    entry.saw(&found.exchange, 1, "context");
    let Some(source) = found.context.get("cost-source").and_then(Value::as_str) else {
        entry.fail(at("an object with a string `cost-source`", found.context, ""));
        return;
    };
    let value = json!(source);
    let entry = sheet.on(ALPHABET);
    entry.saw(&found.exchange, 1, "source");
    let is_well_formed = !source.is_empty() && source.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_well_formed {
        entry.fail(at("ASCII letters and digits", &value, "/cost-source"));
    }
    let entry = sheet.on(SOURCES);
    entry.saw(&found.exchange, 1, "source");
    if !matches!(source, "nominal" | "sla" | "estimation") {
        let finding = at("nominal, sla or estimation", &value, "/cost-source");
        // A well-formed source may have been registered since.
        if is_well_formed {
            entry.warn(finding)
        } else {
            entry.fail(finding)
        };
    }
}

fn no_key(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NO_KEY);
    entry.skip("no resource announces a metric of RFC 9439");
    for resource in &context.subject.resources {
        if performance_types(context, resource).is_empty() {
            continue;
        }
        let directory = context.subject.directory_of(resource);
        entry.saw(&directory.exchange, 1, "resource");
        let types = directory.document().pointer("/meta/cost-types");
        let named = |name: &&str| types.and_then(|types| types.get(*name)).map(|value| (CostType::read(value), value));
        let all: Vec<_> = resource.cost_type_names().iter().filter_map(named).collect();
        for (index, (cost_type, value)) in all.iter().enumerate() {
            let Some((_, other)) = all[..index].iter().find(|(other, _)| other.is_some() && other == cost_type) else {
                continue;
            };
            let seen = format!("{} and {}", brief(other), brief(value));
            let place = format!("{}/capabilities/cost-type-names/{index}", resource.pointer());
            let finding = Finding::new("one cost type for each metric and mode", seen).at(place);
            let finding = finding.from(&directory.exchange);
            // By the letter of the RFC only cost types with equal contexts are the same.
            if other.get("cost-context") == value.get("cost-context") {
                entry.fail(finding)
            } else {
                entry.warn(finding)
            };
        }
    }
    Ok(())
}

fn matching(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(MATCHING);
    entry.skip("no resource that takes requests announces a metric of RFC 9439");
    let all = announced(context);
    for service in cost_service::all(context)? {
        let Some(cost_type) = performance_types(context, service.resource).into_iter().next() else { continue };
        let mut asked = cost_type.to_json();
        asked["cost-context"] = json!({"cost-source": "sla", "parameters": {"link": "https://sla.invalid/"}});
        let exchange = context.post(service.resource, &with(&service.scope, "cost-type", asked))?;
        if entry.promised(service.resource, &exchange, "request with another context").is_none() {
            continue;
        }
        let said = exchange.value().and_then(|value| value.pointer("/meta/cost-type"));
        if said.and_then(CostType::read).as_ref() != Some(&cost_type) {
            let seen = said.map_or_else(|| "none".to_owned(), brief);
            entry.fail(Finding::new(cost_type.to_string(), seen).at("/meta/cost-type").from(&exchange));
        }
        // The RFC leaves open whether answers have the context; if so, it must be that of the directory.
        if let Some(context) = said.and_then(|said| said.get("cost-context"))
            && let Some(announced) = announcement_of(&all, service.resource, &cost_type)
            && announced.context() != Some(context)
        {
            let expected = announced.context().map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new(expected, brief(context)).at("/meta/cost-type/cost-context");
            entry.warn(finding.from(&exchange));
        }
    }
    Ok(())
}

/// Finds the directory entry of a cost type of a resource.
fn announcement_of<'a>(
    all: &'a [Announced<'a>],
    resource: &Resource,
    cost_type: &CostType,
) -> Option<&'a Announced<'a>> {
    let places: Vec<_> = resource.cost_type_names().iter().map(|name| pointer("/meta/cost-types", name)).collect();
    all.iter().find(|its| its.cost_type == *cost_type && places.contains(&its.place))
}

fn parameters(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(ESTIMATED).skip("`routingcost` has no `cost-context`");
    if is_offered(context, sheet) {
        sheet.on(SLA).skip("no cost type has the source `sla`");
        sheet.on(FROM_LINKS).skip("no delay or loss has the source `estimation`");
        sheet.on(HOP).skip("`hopcount` has no `cost-context`");
        sheet.skip_all("`tput` has no `cost-context`");
    }
    for its in &announced(context) {
        let Some(source) = its.source() else { continue };
        let exchange = &its.directory.exchange;
        let at = format!("{}/cost-context", its.place);
        let finding = |expected: &str| {
            let seen = its.context().map_or_else(|| "none".to_owned(), brief);
            Finding::new(expected, format!("{seen} for {}", its.cost_type.metric)).at(&at).from(exchange)
        };
        if source == "sla" {
            let entry = sheet.on(SLA);
            entry.saw(exchange, 1, "context");
            if !its.parameter("link").is_some_and(is_uri) {
                entry.fail(finding("a URI as `parameters.link`"));
            }
        }
        match its.metric().base {
            "routingcost" => {
                let entry = sheet.on(ESTIMATED);
                entry.saw(exchange, 1, "context");
                if source != "estimation" {
                    entry.fail(finding("the source `estimation`"));
                }
            }
            "delay-ow" | "delay-rt" | "delay-variation" | "lossrate" if source == "estimation" => {
                let entry = sheet.on(FROM_LINKS);
                entry.saw(exchange, 1, "context");
                if its.context().and_then(|context| context.get("parameters")).is_none() {
                    entry.info(finding("parameters that describe how the estimate is made"));
                }
            }
            "hopcount" => {
                let entry = sheet.on(HOP);
                entry.saw(exchange, 1, "context");
                if its.context().and_then(|context| context.get("parameters")).is_none() {
                    entry.info(finding("parameters that define a hop"));
                }
            }
            "tput" => {
                for (requirement, not) in [(NOT_NOMINAL, "nominal"), (NOT_SLA, "sla")] {
                    let entry = sheet.on(requirement);
                    entry.saw(exchange, 1, "context");
                    if source == not {
                        entry.fail(finding("the source `estimation`"));
                    }
                }
                let entry = sheet.on(CONGESTION);
                entry.saw(exchange, 1, "context");
                if !its.parameter("congestion-control-algorithm").is_some_and(is_uri) {
                    entry.info(finding("a URI as `parameters.congestion-control-algorithm`"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn is_uri(value: &Value) -> bool {
    value.as_str().is_some_and(|text| fluent_uri::Uri::parse(text).is_ok())
}

/// Path element of the IANA registry of performance metrics (RFC 8912).
const REGISTRY: &str = "performance-metrics";
/// Statistics at the end of names in the registry, with the operator for each.
const STATISTICS: &[(&str, Operator)] = &[
    ("95Percentile", Operator::Percentile(95.0)),
    ("Percentile95", Operator::Percentile(95.0)),
    ("Mean", Operator::Mean),
    ("Min", Operator::Min),
    ("Max", Operator::Max),
    ("StdDev", Operator::StdDev),
    ("Std_Dev", Operator::StdDev),
];

/// Metrics with the prefixes of matching names in the registry, and the requirement that is graded.
const REGISTERED: &[(&str, &[&str], Requirement)] = &[
    ("delay-ow", &["OWDelay"], DELAY),
    ("delay-rt", &["RTDelay"], ROUND_TRIP),
    ("delay-variation", &["OWPDV"], VARIATION),
    ("lossrate", &["OWLoss", "RTLoss"], LOSS),
];

fn registered(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no parameters name a registered performance metric");
    for its in &announced(context) {
        let Some(parameters) = its.context().and_then(|context| context.get("parameters")) else { continue };
        let metric = its.metric();
        let Some((_, kinds, requirement)) = REGISTERED.iter().find(|(base, _, _)| *base == metric.base) else {
            continue;
        };
        let mut texts = Vec::new();
        strings(parameters, 0, &mut texts);
        let exchange = &its.directory.exchange;
        let at = format!("{}/cost-context/parameters", its.place);
        for text in texts {
            let name = text.rsplit('/').next().unwrap_or(text);
            let is_named =
                ["OWDelay_", "RTDelay_", "OWPDV_", "OWLoss_", "RTLoss_"].iter().any(|kind| name.starts_with(kind));
            if !is_named && !text.contains(REGISTRY) {
                continue;
            }
            let finding = |expected: String| Finding::new(expected, text).at(&at).from(exchange);
            let entry = sheet.on(FROM_IPPM);
            entry.saw(exchange, 1, "registered metric");
            if fluent_uri::Uri::parse(text).is_err() {
                entry.info(finding("the URI of the registered metric".to_owned()));
            }
            let entry = sheet.on(*requirement);
            entry.saw(exchange, 1, "registered metric");
            if !kinds.iter().any(|kind| name.starts_with(kind)) {
                entry.fail(finding(format!("a registered metric of {}", kinds.join(" or "))));
            } else if !statistic_matches(name, metric) {
                entry.fail(finding(format!("the statistic of {}", its.cost_type.metric)));
            }
        }
    }
    Ok(())
}

/// Tests whether a name in the registry ends in the statistic of a metric; true if it ends in no known statistic.
fn statistic_matches(name: &str, metric: Metric<'_>) -> bool {
    let named = STATISTICS.iter().find(|(end, _)| name.ends_with(end)).map(|(_, operator)| *operator);
    named.is_none_or(|named| metric.statistic() == Some(named))
}

/// Collects the strings in a value up to a depth.
fn strings<'a>(value: &'a Value, depth: usize, found: &mut Vec<&'a str>) {
    const DEEPEST: usize = 8;
    match value {
        Value::String(text) => found.push(text),
        Value::Array(elements) if depth < DEEPEST => {
            for element in elements {
                strings(element, depth + 1, found);
            }
        }
        Value::Object(members) if depth < DEEPEST => {
            for member in members.values() {
                strings(member, depth + 1, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_statistics_match_operators() {
        let name = "OWDelay_Active_IP-UDP-Poisson-Payload250B_RFC8912sec7_Seconds_95Percentile";
        assert!(statistic_matches(name, Metric::read("delay-ow:p95")));
        assert!(!statistic_matches(name, Metric::read("delay-ow")));
        assert!(statistic_matches(
            "OWLoss_Active_IP-UDP-Periodic_RFC8912sec8_Percent_LossRatio",
            Metric::read("lossrate")
        ));
        assert!(!statistic_matches(
            "RTDelay_Active_IP-UDP-Periodic_RFC8912sec4_Seconds_Mean",
            Metric::read("delay-rt:max")
        ));
    }
}
