//! Scenarios in which the network changes while a client follows it, by update streams (RFC 8895) and TIPS (RFC 9569).

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ipnet::IpNet;
use serde_json::{Value, json};

use super::super::expected;
use super::super::requirements;
use super::super::scenario::{Deployment, Scenario};
use super::super::task::{Ask, Expected, Task};
use super::{fixture, scenario};
use crate::mock_server::cost_type::ServedCostType;
use crate::mock_server::network::Network;
use crate::mock_server::resource::{Followed, ResourceKind, ServedResource};
use crate::mock_server::service::Service;
use crate::mock_server::updates::{Documents as _, SentEvent, Updates};
use crate::updates::{JSON_PATCH, MERGE_PATCH};

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        scenario(
            "stream",
            "The costs change while a client follows them in an update stream",
            requirements::REPLAYS,
            |deployment| service(deployment, MERGE_PATCH, Updates::default()),
            |service| vec![follow(service, COSTS, "stream", requirements::REPLAYS)],
        ),
        scenario(
            "stream-comments",
            "An update stream has comments, other line ends, and data in several lines",
            requirements::COMMENTS,
            |deployment| service(deployment, MERGE_PATCH, Updates::with_events(odd_form)),
            |service| vec![follow(service, COSTS, "stream", requirements::COMMENTS)],
        ),
        scenario(
            "stream-replaced",
            "An update stream has whole documents where patches are possible",
            requirements::FULL_ANY_TIME,
            |deployment| service(deployment, "", Updates::default()),
            |service| vec![follow(service, COSTS, "stream", requirements::FULL_ANY_TIME)],
        ),
        scenario(
            "stream-patches",
            "An update stream has JSON patches of a network map",
            requirements::BOTH_PATCHES,
            |deployment| service(deployment, JSON_PATCH, Updates::default()),
            |service| vec![follow(service, MAP, "stream", requirements::BOTH_PATCHES)],
        ),
        scenario(
            "stream-bad-patch",
            "The last operation of a JSON patch fails, once",
            requirements::WHOLE_PATCH,
            bad_patch,
            |service| vec![follow(service, MAP, "stream", requirements::WHOLE_PATCH)],
        ),
        scenario(
            "views",
            "The costs change while a client follows them by TIPS",
            requirements::NEXT_EDGES,
            |deployment| service(deployment, MERGE_PATCH, Updates::default()),
            |service| vec![follow(service, COSTS, "tips", requirements::NEXT_EDGES)],
        ),
        scenario(
            "views-closed",
            "A TIPS view is closed while a client follows it",
            requirements::CLOSED_VIEW,
            closed_view,
            |service| vec![follow(service, COSTS, "tips", requirements::CLOSED_VIEW)],
        ),
    ]
}

/// Resources that are followed.
const COSTS: &str = "cm-a-num";
const MAP: &str = "nm-a";
/// Time without a change after which the next one comes.
const PAUSE: Duration = Duration::from_millis(60);

/// Returns the versions of the network after the first one.
fn versions(first: &Network) -> VecDeque<Network> {
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let mut one = first.clone();
    one.maps[0].costs.insert(pair("pidA", "pidB"), 4.5);
    one.maps[0].costs.remove(&pair("pidA", "pidC"));
    let mut two = one.clone();
    two.maps[0].pids.entry("pidC".into()).or_default().extend("203.0.113.0/24".parse::<IpNet>().ok());
    let mut three = two.clone();
    three.maps[0].pids.remove("pidD");
    three.maps[0].costs.retain(|(from, to), _| from != "pidD" && to != "pidD");
    three.maps[0].costs.insert(pair("pidB", "pidA"), 0.5);
    [one, two, three].into()
}

/// Creates the example service with an update stream and TIPS, whose patches have one type.
fn service(deployment: &Deployment, patches: &str, updates: Updates) -> Service {
    let mut service = fixture(deployment);
    service.updates = Some(Arc::new(updates.scripted(versions(&service.network), PAUSE)));
    let followed = || [MAP, COSTS].map(|id| Followed { id: id.into(), patches: patches.into() }).into();
    for (id, path, kind) in
        [("live", "updates", ResourceKind::UpdateStream(followed())), ("edges", "tips", ResourceKind::Tips(followed()))]
    {
        service.directories[0].entries.push((id.into(), path.into()));
        let path = format!("{}/{path}", deployment.prefix);
        service.resources.push(ServedResource { id: id.into(), path, kind });
    }
    service
}

/// Creates the task to follow a resource to its last version.
fn follow(service: &Service, resource: &str, by: &'static str, requirement: crate::requirement::Requirement) -> Task {
    let last = versions(&service.network).pop_back().unwrap_or_else(|| service.network.clone());
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let served = service.resource(resource);
    let document = served.and_then(|served| service.document(Some(&last), served, None, client).ok());
    let tag = document.as_ref().and_then(|document| document.pointer("/meta/vtag/tag")?.as_str());
    let right = if resource == MAP {
        expected::network_map(&last, MAP)
    } else {
        expected::cost_map(&last, MAP, &ServedCostType::numerical())
    };
    let tag = tag.unwrap_or_default().to_owned();
    let ask = Ask::Follow { resource: resource.to_owned(), by, tag };
    Task { ask, requirement, expected: Expected::Answer(right), inconclusive: false }
}

/// Writes events in forms that are valid and unusual.
fn odd_form(_: &crate::mock_server::updates::StreamView<'_>, events: &mut Vec<SentEvent>) {
    for event in events {
        // A line break between two members means nothing.
        let data = event.data.replacen(",\"", ",\rdata:\"", 3);
        let event_line = &event.name;
        event.raw = Some(format!(
            ":\n: a comment\n:event: application/json,x\nretry: 1000\nevent: {event_line}\r\n: within\ndata: {data}\r\n\r\n"
        ));
    }
}

/// Creates a service whose first JSON patch fails at its end.
fn bad_patch(deployment: &Deployment) -> Service {
    let spoilt = AtomicBool::new(false);
    let on_events = move |_: &crate::mock_server::updates::StreamView<'_>, events: &mut Vec<SentEvent>| {
        for event in events.iter_mut().filter(|event| event.name.starts_with(JSON_PATCH)) {
            if !spoilt.swap(true, Ordering::SeqCst)
                && let Ok(Value::Array(mut operations)) = serde_json::from_str(&event.data)
            {
                operations.insert(0, json!({ "op": "add", "path": "/network-map/poison", "value": {} }));
                operations.push(json!({ "op": "remove", "path": "/network-map/nowhere" }));
                event.data = Value::Array(operations).to_string();
            }
        }
    };
    service(deployment, JSON_PATCH, Updates::with_events(on_events))
}

/// Creates a service that closes its views once, when an edge has been read.
fn closed_view(deployment: &Deployment) -> Service {
    let mut service = service(deployment, MERGE_PATCH, Updates::default());
    let reads = AtomicUsize::new(0);
    service.hooks.intercept = Some(Arc::new(move |service, request| {
        let edge = request.path.contains("/ug/");
        if edge && reads.fetch_add(1, Ordering::SeqCst) == 1 {
            service.updates.as_ref()?.close_views();
        }
        None
    }));
    service
}
