//! Scenarios with maps that change while a client reads them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ipnet::IpNet;
use serde_json::json;

use super::super::recording::Capture;
use super::super::requirements;
use super::super::scenario::PlayedScenario;
use super::super::scenario::{Deployment, FollowUp, Needs, Scenario};
use super::super::task::Task;
use super::{cost_map_task, costs_task, fixture, with_rewritten_messages};
use crate::mock_server::network::Network;
use crate::mock_server::resource::{RequestTarget, ResourceKind};
use crate::mock_server::service::Service;
use crate::sheet::Sheet;
use crate::verdict::Finding;

pub(super) fn scenarios() -> Vec<Scenario> {
    let scenario = |name, about, requirement, service, tasks, grade| Scenario {
        name,
        about,
        requirement,
        needs: Needs::Nothing,
        root: "/directory",
        follow_up: FollowUp::NoEvidence,
        service,
        tasks,
        grade,
    };
    vec![
        scenario(
            "new-version",
            "The network map changes as soon as a client has retrieved it or its costs",
            requirements::SAME_VERSION,
            new_version,
            new_version_tasks,
            Some(retrieved_again as fn(&PlayedScenario<'_>, &mut Sheet)),
        ),
        scenario(
            "other-map",
            "The first costs are for another network map with the same tag",
            requirements::TAGS_EQUAL,
            other_map,
            |service| vec![costs_task(service, requirements::TAGS_EQUAL).or_refusal().inconclusive()],
            Some(told_apart),
        ),
        scenario(
            "new-costs",
            "The costs change with every request",
            requirements::CHANGING_COSTS,
            new_costs,
            new_costs_tasks,
            None,
        ),
    ]
}

/// Returns the network with some addresses moved to another PID.
fn second_version(network: &Network) -> Network {
    let mut second = network.clone();
    second.maps[0].pids.entry("pidC".into()).or_default().extend("203.0.113.0/24".parse::<IpNet>().ok());
    second
}

/// Returns whether responses of a resource carry the tag of the first network map.
fn tagged(found: RequestTarget<'_>) -> bool {
    let RequestTarget::Resource(resource) = found else { return false };
    match &resource.kind {
        ResourceKind::NetworkMap(map)
        | ResourceKind::CostMap(map, _)
        | ResourceKind::FilteredNetworkMap(map)
        | ResourceKind::FilteredCostMap(map, _) => map == "nm-a",
        ResourceKind::PropertyMap(_) | ResourceKind::FilteredPropertyMap(_) => resource.kind.uses().contains(&"nm-a"),
        ResourceKind::EndpointProperty(_)
        | ResourceKind::EndpointCost(_)
        | ResourceKind::UpdateStream(_)
        | ResourceKind::Tips(_) => false,
    }
}

fn new_version(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let first = service.network.clone();
    service.network = second_version(&first);
    let second = Service { network: service.network.clone(), ..fixture(deployment) };
    let first = Service { network: first, ..fixture(deployment) };
    // What is read first is of the first version, and so is the end of it.
    let reads = AtomicUsize::new(0);
    service.hooks.intercept = Some(Arc::new(move |_, request| {
        let found = second.find(request)?;
        if !tagged(found) || (request.method == "POST") != found.accepts().is_some() {
            return None;
        }
        let version = if reads.fetch_add(1, Ordering::SeqCst) == 0 { &first } else { &second };
        Some(version.serve(version.find(request)?, request))
    }));
    service
}

fn new_version_tasks(service: &Service) -> Vec<Task> {
    vec![costs_task(service, requirements::SAME_VERSION).inconclusive()]
}

/// Returns the first tag of a response.
fn tag(capture: &Capture) -> Option<String> {
    let message: serde_json::Value = serde_json::from_slice(&capture.answer.body).ok()?;
    let tag = message.pointer("/meta/vtag/tag").or_else(|| message.pointer("/meta/dependent-vtags/0/tag"))?;
    Some(tag.as_str()?.to_owned())
}

fn has_map(capture: &Capture) -> bool {
    capture.resource().is_some_and(|resource| {
        matches!(resource.kind, ResourceKind::NetworkMap(_) | ResourceKind::FilteredNetworkMap(_))
    })
}

/// Grades whether a client that saw two versions of the network map retrieved the older part again.
fn retrieved_again(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs() {
        let read: Vec<_> = run.iter().filter(|c| c.answer.status == 200).filter_map(|c| Some((c, tag(c)?))).collect();
        let first_of = |map: bool| read.iter().position(|(capture, _)| has_map(capture) == map);
        let (Some(map), Some(costs)) = (first_of(true), first_of(false)) else { continue };
        let (earlier, later) = (map.min(costs), map.max(costs));
        let entry = sheet.on(requirements::SAME_VERSION);
        if read[earlier].1 == read[later].1 {
            continue;
        }
        let (older, newer) = (&read[earlier], &read[later]);
        entry.saw(&newer.0.exchange(), 1, "mismatched pair");
        let again =
            read[later + 1..].iter().any(|(capture, tag)| has_map(capture) == has_map(older.0) && *tag == newer.1);
        if !again {
            let expected = "what is of the older version is retrieved again";
            let seen = "it is not asked for again";
            entry.warn(Finding::new(expected, seen).from(&older.0.exchange()).from(&newer.0.exchange()));
        }
    }
}

/// Gives both network maps the same tag, and lets the first costs refer to the wrong one.
fn other_map(deployment: &Deployment) -> Service {
    let answered = AtomicUsize::new(0);
    with_rewritten_messages(deployment, move |found, _, message| {
        let RequestTarget::Resource(resource) = found else { return };
        if let Some(vtag) = message.pointer_mut("/meta/vtag") {
            vtag["tag"] = json!("2014-09");
        }
        if let Some(vtag) = message.pointer_mut("/meta/dependent-vtags/0") {
            vtag["tag"] = json!("2014-09");
            let costs = matches!(&resource.kind, ResourceKind::CostMap(map, _) | ResourceKind::FilteredCostMap(map, _) if map == "nm-a");
            if costs && answered.fetch_add(1, Ordering::SeqCst) == 0 {
                vtag["resource-id"] = json!("nm-b");
                if let Some(pids) = message.get_mut("cost-map") {
                    *pids = json!({ "pidA": { "pidA": 666, "pidB": 666, "pidC": 666, "pidD": 666, "pidZ": 666 } });
                }
            }
        }
    })
}

/// Grades whether costs for another network map are rejected or requested again.
fn told_apart(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs() {
        let costs: Vec<_> = run.iter().filter(|c| c.answer.status == 200 && tag(c).is_some() && !has_map(c)).collect();
        let Some(first) = costs.first().filter(|_| run.iter().any(|c| has_map(c))) else { continue };
        let entry = sheet.on(requirements::TAGS_EQUAL);
        entry.saw(&first.exchange(), 1, "foreign cost map");
        let answered = played.done().any(|(_, done)| done.run == run[0].run && done.succeeded());
        if answered && costs.len() < 2 {
            let expected = "costs whose tag names another resource are not used";
            entry.fail(Finding::new(expected, "an answer without asking again").from(&first.exchange()));
        }
    }
}

/// Serves other costs for the second task than for the first.
fn new_costs(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.network = scaled(&service.network, if deployment.turn > 0 { 2.0 } else { 1.0 });
    service
}

fn scaled(network: &Network, factor: f64) -> Network {
    let mut network = network.clone();
    network.maps[0].costs.values_mut().for_each(|cost| *cost *= factor);
    network
}

fn new_costs_tasks(service: &Service) -> Vec<Task> {
    let first = cost_map_task(service, requirements::CHANGING_COSTS);
    let changed = Service { network: scaled(&service.network, 2.0), ..service.clone() };
    let second = cost_map_task(&changed, requirements::CHANGING_COSTS);
    vec![first, second]
}
