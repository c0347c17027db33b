//! Checks of the resources and cost types that a server must provide (RFC 7285 §6, §7, §9.2.5.2).

use std::collections::BTreeMap;

use super::requirements::{
    s6_1::DISTINCT, s6_1_1_1::ROUTINGCOST, s6_1_2::BASIC_MODE, s7_1_1::PID_PROPERTY, s9_2_5_2::KINDS,
    s11_2_1::NETWORK_MAP, s11_2_3::COST_MAP, s11_2_3_5::DISTINCT_AGAIN, s11_4_1_4::PID_OFFERED,
};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("compares cost type and network map of all full cost maps", &[DISTINCT, DISTINCT_AGAIN], distinct),
    Check::new("collects the cost types of all directories", &[ROUTINGCOST, BASIC_MODE], cost_types),
    Check::new(
        "looks for a network map and a cost map of `routingcost` in the directories",
        &[NETWORK_MAP, COST_MAP, KINDS],
        maps,
    ),
    Check::new(
        "looks for a service with the `pid` of every network map, and asks it",
        &[PID_PROPERTY, PID_OFFERED],
        pid_property,
    ),
];

fn distinct(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no full cost map is listed");
    let subject = context.subject;
    let mut known: BTreeMap<_, &Resource> = BTreeMap::new();
    for resource in subject.of(Kind::CostMap) {
        let exchange = &subject.directory_of(resource).exchange;
        let types = subject.cost_types_of(resource);
        for requirement in [DISTINCT, DISTINCT_AGAIN] {
            sheet.on(requirement).saw(exchange, 1, "cost map");
        }
        for cost_type in types {
            let key = (resource.uses().first().copied().unwrap_or_default().to_owned(), cost_type.clone());
            if let Some(other) = known.insert(key, resource).filter(|other| other.id != resource.id) {
                let seen = format!("{} and {} are both {cost_type}", other.id, resource.id);
                let finding = Finding::new("one cost map for each cost type and network map", seen);
                let finding = finding.at(resource.pointer()).from(exchange);
                sheet.on(DISTINCT).fail(finding.clone());
                sheet.on(DISTINCT_AGAIN).fail(finding);
            }
        }
    }
    Ok(())
}

fn cost_types(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let Some(root) = subject.directories.first() else {
        return Ok(());
    };
    let all: Vec<_> = subject.resources.iter().flat_map(|resource| subject.cost_types_of(resource)).collect();
    let seen = |names: Vec<&str>| if names.is_empty() { "no cost type".to_owned() } else { names.join(", ") };
    let entry = sheet.on(ROUTINGCOST);
    entry.saw(&root.exchange, subject.resources.len(), "entry");
    if !all.iter().any(|cost_type| cost_type.metric == "routingcost") {
        let metrics = all.iter().map(|cost_type| cost_type.metric.as_str()).collect();
        entry.fail(Finding::new("`routingcost`", seen(metrics)).at("/meta/cost-types").from(&root.exchange));
    }
    let entry = sheet.on(BASIC_MODE);
    entry.saw(&root.exchange, subject.resources.len(), "entry");
    if !all.iter().any(|cost_type| cost_type.is_numerical() || cost_type.is_ordinal()) {
        let modes = all.iter().map(|cost_type| cost_type.mode.as_str()).collect();
        let finding = Finding::new("`numerical` or `ordinal`", seen(modes)).at("/meta/cost-types");
        entry.fail(finding.from(&root.exchange));
    }
    Ok(())
}

fn maps(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let subject = context.subject;
    let Some(root) = subject.directories.first() else {
        return Ok(());
    };
    let count = subject.resources.len();
    let entry = sheet.on(NETWORK_MAP);
    entry.saw(&root.exchange, count, "entry");
    if subject.of(Kind::NetworkMap).next().is_none() {
        let expected = "an entry with `media-type` application/alto-networkmap+json and no `accepts`";
        entry.fail(Finding::new(expected, "none").at("/resources").from(&root.exchange));
    }
    let entry = sheet.on(COST_MAP);
    entry.saw(&root.exchange, count, "entry");
    let is_routing =
        |resource: &Resource| subject.cost_types_of(resource).iter().any(|cost_type| cost_type.metric == "routingcost");
    if !subject.of(Kind::CostMap).any(is_routing) {
        let expected =
            "an entry with `media-type` application/alto-costmap+json, no `accepts` and metric `routingcost`";
        entry.fail(Finding::new(expected, "none").at("/resources").from(&root.exchange));
    }
    let entry = sheet.on(KINDS);
    for resource in &subject.resources {
        let exchange = &subject.directory_of(resource).exchange;
        let is_map = ["application/alto-networkmap+json", "application/alto-costmap+json"];
        if is_map.contains(&resource.media_type.as_str()) {
            entry.saw(exchange, 1, "map");
            if resource.kind == Kind::Other {
                let accepts = resource.accepts.as_deref().unwrap_or_default();
                let finding = Finding::new("the media type of filters for this map", accepts);
                entry.info(finding.at(resource.pointer() + "/accepts").from(exchange));
            }
        }
    }
    entry.skip("no map is listed");
    Ok(())
}

fn pid_property(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no network map is listed");
    let subject = context.subject;
    for map in subject.of(Kind::NetworkMap) {
        let property = format!("{}.pid", map.id);
        let listed = &subject.directory_of(map).exchange;
        let service =
            subject.of(Kind::EndpointProperty).find(|service| service.prop_types().contains(&property.as_str()));
        let entry = sheet.on(PID_OFFERED);
        entry.saw(listed, 1, "network map");
        let Some(service) = service else {
            let finding = Finding::new(format!("an endpoint property service with `{property}`"), "none");
            entry.fail(finding.clone().at("/resources").from(listed));
            sheet.on(PID_PROPERTY).saw(listed, 1, "network map").fail(finding.at("/resources").from(listed));
            continue;
        };
        if !context.is_usable(service) || !context.is_usable(map) {
            continue;
        }
        let addresses: Vec<_> = context.addresses(1)?.into_iter().map(crate::address::to_typed).collect();
        if addresses.is_empty() {
            continue;
        }
        let body = serde_json::json!({"properties": [property], "endpoints": addresses});
        let exchange = context.post(service, &body)?;
        for requirement in [PID_OFFERED, PID_PROPERTY] {
            sheet.on(requirement).promised(service, &exchange, "request for the `pid` of a network map");
        }
    }
    Ok(())
}
