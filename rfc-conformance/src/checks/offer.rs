//! What a server has to offer at all (RFC 7285 §6, §7, §9.2.5.2).

use std::collections::BTreeMap;

use crate::check::{Check, Requirement};
use crate::context::Context;
use crate::http::NoAnswer;
use crate::target::{Kind, Resource};
use crate::verdict::{Finding, Sheet};

const DISTINCT: Requirement =
    Requirement::must("rfc7285/6.1/1", "No two cost maps are defined for the same cost type and network map");
const ROUTINGCOST: Requirement = Requirement::must("rfc7285/6.1.1.1/1", "The cost metric `routingcost` is offered");
const BASIC_MODE: Requirement =
    Requirement::must("rfc7285/6.1.2/1", "At least one of the modes `numerical` and `ordinal` is offered");
const PID_PROPERTY: Requirement =
    Requirement::must("rfc7285/7.1.1/1", "The property `pid` is defined for every network map");
const KINDS: Requirement = Requirement::def(
    "rfc7285/9.2.5.2/1",
    "Maps are either whole (no `accepts`) or filtered by the media type made for it",
);
const NETWORK_MAP: Requirement = Requirement::must("rfc7285/11.2.1/1", "At least one network map is provided");
const COST_MAP: Requirement =
    Requirement::must("rfc7285/11.2.3/1", "A full cost map is provided for the metric `routingcost`");
const DISTINCT_AGAIN: Requirement =
    Requirement::must("rfc7285/11.2.3.5/2", "No two cost maps for one cost type use the same network map");
const PID_OFFERED: Requirement = Requirement::must(
    "rfc7285/11.4.1.4/2",
    "Some endpoint property service lists `<map>.pid` for every network map and answers it",
);

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[DISTINCT, DISTINCT_AGAIN], distinct),
    Check::new(&[ROUTINGCOST, BASIC_MODE], cost_types),
    Check::new(&[NETWORK_MAP, COST_MAP, KINDS], maps),
    Check::new(&[PID_PROPERTY, PID_OFFERED], pid_property),
];

fn distinct(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no full cost map is listed");
    let target = context.target;
    let mut known: BTreeMap<_, &Resource> = BTreeMap::new();
    for resource in target.of(Kind::CostMap) {
        let exchange = &target.directory_of(resource).exchange;
        let types = target.cost_types_of(resource);
        for requirement in [DISTINCT, DISTINCT_AGAIN] {
            sheet.on(requirement).saw(exchange, 1, "cost map");
        }
        for cost_type in types {
            let key = (resource.uses().first().copied().unwrap_or_default().to_owned(), cost_type.clone());
            if let Some(other) = known.insert(key, resource).filter(|other| other.id != resource.id) {
                let seen = format!("{} and {} are both {cost_type}", other.id, resource.id);
                let finding = Finding::new("one cost map per cost type and network map", seen);
                let finding = finding.at(resource.pointer()).from(exchange);
                sheet.on(DISTINCT).broken(finding.clone());
                sheet.on(DISTINCT_AGAIN).broken(finding);
            }
        }
    }
    Ok(())
}

fn cost_types(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let target = context.target;
    let Some(root) = target.directories.first() else {
        return Ok(());
    };
    let all: Vec<_> = target.resources.iter().flat_map(|resource| target.cost_types_of(resource)).collect();
    let seen = |words: Vec<&str>| if words.is_empty() { "no cost type".to_owned() } else { words.join(", ") };
    let entry = sheet.on(ROUTINGCOST);
    entry.saw(&root.exchange, target.resources.len(), "entry");
    if !all.iter().any(|cost_type| cost_type.metric == "routingcost") {
        let metrics = all.iter().map(|cost_type| cost_type.metric.as_str()).collect();
        entry.broken(Finding::new("`routingcost`", seen(metrics)).at("/meta/cost-types").from(&root.exchange));
    }
    let entry = sheet.on(BASIC_MODE);
    entry.saw(&root.exchange, target.resources.len(), "entry");
    if !all.iter().any(|cost_type| cost_type.is_numerical() || cost_type.is_ordinal()) {
        let modes = all.iter().map(|cost_type| cost_type.mode.as_str()).collect();
        let finding = Finding::new("`numerical` or `ordinal`", seen(modes)).at("/meta/cost-types");
        entry.broken(finding.from(&root.exchange));
    }
    Ok(())
}

fn maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let target = context.target;
    let Some(root) = target.directories.first() else {
        return Ok(());
    };
    let count = target.resources.len();
    let entry = sheet.on(NETWORK_MAP);
    entry.saw(&root.exchange, count, "entry");
    if target.of(Kind::NetworkMap).next().is_none() {
        let expected = "an entry with `media-type` application/alto-networkmap+json and no `accepts`";
        entry.broken(Finding::new(expected, "none").at("/resources").from(&root.exchange));
    }
    let entry = sheet.on(COST_MAP);
    entry.saw(&root.exchange, count, "entry");
    let is_routing =
        |resource: &Resource| target.cost_types_of(resource).iter().any(|cost_type| cost_type.metric == "routingcost");
    if !target.of(Kind::CostMap).any(is_routing) {
        let expected =
            "an entry with `media-type` application/alto-costmap+json, no `accepts` and metric `routingcost`";
        entry.broken(Finding::new(expected, "none").at("/resources").from(&root.exchange));
    }
    let entry = sheet.on(KINDS);
    for resource in &target.resources {
        let exchange = &target.directory_of(resource).exchange;
        let is_map = ["application/alto-networkmap+json", "application/alto-costmap+json"];
        if is_map.contains(&resource.media_type.as_str()) {
            entry.saw(exchange, 1, "map");
            if resource.kind == Kind::Other {
                let accepts = resource.accepts.as_deref().unwrap_or_default();
                let finding = Finding::new("the media type of the filter for this map", accepts);
                entry.info(finding.at(resource.pointer() + "/accepts").from(exchange));
            }
        }
    }
    entry.nothing("no map is listed");
    Ok(())
}

fn pid_property(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.nothing_at_all("no network map is listed");
    let target = context.target;
    for map in target.of(Kind::NetworkMap) {
        let property = format!("{}.pid", map.id);
        let listed = &target.directory_of(map).exchange;
        let service =
            target.of(Kind::EndpointProperty).find(|service| service.prop_types().contains(&property.as_str()));
        let entry = sheet.on(PID_OFFERED);
        entry.saw(listed, 1, "network map");
        let Some(service) = service else {
            let finding = Finding::new(format!("an endpoint property service with `{property}`"), "none");
            entry.broken(finding.clone().at("/resources").from(listed));
            sheet.on(PID_PROPERTY).saw(listed, 1, "network map").broken(finding.at("/resources").from(listed));
            continue;
        };
        let addresses: Vec<_> = context.addresses(1)?.into_iter().map(crate::address::to_typed).collect();
        if addresses.is_empty() {
            continue;
        }
        let body = serde_json::json!({"properties": [property], "endpoints": addresses});
        let exchange = context.post(service, &body)?;
        for requirement in [PID_OFFERED, PID_PROPERTY] {
            sheet.on(requirement).promised(service, &exchange, "network map asked about");
        }
    }
    Ok(())
}
