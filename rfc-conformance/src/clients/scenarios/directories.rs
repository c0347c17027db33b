//! Scenarios with unusual directories: their location, their references, and members missing from their entries.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::expected;
use super::super::recording::RequestSubject;
use super::super::requirements;
use super::super::scenario::PlayedScenario;
use super::super::scenario::{Deployment, Scenario};
use super::super::task::{Ask, Expected, Task};
use super::{
    addresses, cost_map_task, costs_between, costs_task, directory_task, everything, fixture, map_task, pid_task,
    property_task, scenario, with_rewritten_messages,
};
use crate::mock_server::cost_type::ServedCostType;
use crate::mock_server::http::Response;
use crate::mock_server::resource::{RequestTarget, ServedDirectory};
use crate::mock_server::service::Service;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Limit on requests for one directory in a run, above which the client counts as looping.
const OFTEN: usize = 5;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            root: "/a/b/directory",
            ..scenario(
                "relative",
                "URIs of every relative form, in a directory deep in a path",
                requirements::RELATIVE,
                relative,
                relative_tasks,
            )
        },
        scenario(
            "moved-directory",
            "The root redirects to a directory elsewhere, whose URIs are relative",
            requirements::RELATIVE,
            moved,
            |service| everything(service, requirements::RELATIVE),
        ),
        Scenario {
            judge: Some(followed),
            ..scenario(
                "delegated",
                "Three directories on two servers that lead to each other in a circle; the same name of a cost type means different things in them",
                requirements::DISCOVERY,
                delegated,
                delegated_tasks,
            )
        },
        scenario(
            "default-map",
            "The default network map is not the first one, and filters are listed before maps",
            requirements::DEFAULT_MAP,
            default_map,
            default_map_tasks,
        ),
        scenario(
            "bare",
            "Entries without `accepts` and `capabilities`, and entries where they are empty",
            requirements::NO_ACCEPTS,
            bare,
            bare_tasks,
        ),
        scenario("shared-uri", "A map and several services at one URI", requirements::SHARED_URI, shared, |service| {
            everything(service, requirements::SHARED_URI)
        }),
    ]
}

/// Moves resources to other paths, and updates their URIs in the directories.
fn place_at(service: &mut Service, prefix: &str, places: &[(&str, &str, &str)]) {
    for (id, path, uri) in places {
        for resource in service.resources.iter_mut().filter(|resource| resource.id == *id) {
            resource.path = format!("{prefix}{path}");
        }
        for entry in service.directories.iter_mut().flat_map(|directory| &mut directory.entries) {
            if entry.0 == *id {
                (*uri).clone_into(&mut entry.1);
            }
        }
    }
}

fn relative(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let prefix = &deployment.prefix;
    let network_path = format!("//{}{prefix}/network/path", deployment.authority());
    let absolute = format!("{}{prefix}/absolute", deployment.origin);
    let rooted = format!("{prefix}/rooted/ranks");
    place_at(
        &mut service,
        prefix,
        &[
            ("nm-a", "/a/b/maps/x", "maps/x"),
            ("nm-b", "/a/b/y", "./y"),
            ("cm-a-num", "/a/costs", "../costs"),
            ("cm-a-ord", "/rooted/ranks", &rooted),
            ("fnm-a", "/a/b/directory", ""),
            ("fcm-a", "/network/path", &network_path),
            ("fcm-a-nc", "/up/filtered", "../../up/./x/../filtered"),
            ("eps", "/a/b/directory?properties", "?properties"),
            ("ecs", "/a/b/costs;v=1?from=a&to=b", "costs;v=1?from=a&to=b"),
            ("ecs-nc", "/absolute", &absolute),
            ("cm-b-num", "/a/b/c/d", "d"),
        ],
    );
    service.directories[0].path = format!("{prefix}/a/b/directory");
    service.directories[1].path = format!("{prefix}/a/b/c/directory");
    if let Some(entry) = service.directories[0].entries.iter_mut().find(|(id, _)| id == "sub") {
        entry.1 = "c/directory".into();
    }
    service
}

fn relative_tasks(service: &Service) -> Vec<Task> {
    let mut tasks = everything(service, requirements::RELATIVE);
    tasks.push(costs_between(service, requirements::RELATIVE, &ServedCostType::ordinal(), super::FROM, super::TO));
    tasks.push(map_b(service, requirements::RELATIVE));
    tasks.push(costs_of_b(service, requirements::RELATIVE));
    tasks
}

fn map_b(service: &Service, requirement: Requirement) -> Task {
    let right = expected::network_map(&service.network, "nm-b");
    Task {
        ask: Ask::NetworkMap { map: Some("nm-b".into()) },
        requirement,
        expected: Expected::Answer(right),
        weak: false,
    }
}

fn costs_of_b(service: &Service, requirement: Requirement) -> Task {
    let right = expected::cost_map(&service.network, "nm-b", &ServedCostType::numerical());
    let ask = Ask::CostMap { map: Some("nm-b".into()), cost_type: ServedCostType::numerical() };
    Task { ask, requirement, expected: Expected::Answer(right), weak: false }
}

/// Redirects the root directory; its relative URIs resolve to resources only against the new location.
fn moved(deployment: &Deployment) -> Service {
    let mut service = Service::fixture(&format!("{}/elsewhere/deep", deployment.prefix));
    let old = format!("{}/directory", deployment.prefix);
    service.hooks.intercept = Some(Arc::new(move |_, request| {
        let asked = request.path == old && matches!(request.method.as_str(), "GET" | "HEAD");
        asked.then(|| Response::plain(302, "elsewhere").with("Location", "elsewhere/deep/directory"))
    }));
    service
}

fn delegated(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let prefix = &deployment.prefix;
    let entry = |id: &str, uri: &str| (id.to_owned(), uri.to_owned());
    let (one, two) = (format!("{prefix}/one/directory"), format!("{prefix}/two/directory"));
    let (numerical, ordinal) = (ServedCostType::numerical(), ServedCostType::ordinal());
    service.directories = vec![
        ServedDirectory {
            id: "root".into(),
            path: format!("{prefix}/directory"),
            default_map: Some("nm-a".into()),
            cost_types: vec![("costs".into(), numerical.clone()), ("ranks".into(), ordinal.clone())],
            entries: vec![
                entry("nm-a", "maps/a"),
                entry("nm-b", "maps/b"),
                entry("fnm-a", "maps/a/filtered"),
                entry("one", &format!("{}{one}", deployment.other)),
            ],
        },
        // Here the names are the other way round.
        ServedDirectory {
            id: "one".into(),
            path: one.clone(),
            default_map: None,
            cost_types: vec![("costs".into(), ordinal), ("ranks".into(), numerical.clone())],
            entries: vec![
                entry("cm-a-num", "costs/a"),
                entry("cm-a-ord", "costs/a/ranks"),
                entry("fcm-a", "costs/a/filtered"),
                entry("ecs", "endpoints/costs"),
                entry("two", &format!("{}{two}", deployment.origin)),
                entry("root", &format!("{}{prefix}/directory", deployment.origin)),
            ],
        },
        ServedDirectory {
            id: "two".into(),
            path: two,
            default_map: None,
            cost_types: vec![("b".into(), numerical)],
            entries: vec![
                entry("cm-b-num", "costs/b"),
                entry("eps", "endpoints/properties"),
                entry("one", &format!("{}{one}", deployment.other)),
            ],
        },
    ];
    service.resources.retain(|resource| !matches!(resource.id.as_str(), "fcm-a-nc" | "ecs-nc"));
    for resource in &mut service.resources {
        let below = match resource.id.as_str() {
            "cm-a-num" | "cm-a-ord" | "fcm-a" | "ecs" => "one",
            "cm-b-num" | "eps" => "two",
            _ => continue,
        };
        let rest = resource.path[prefix.len()..].trim_start_matches("/more").to_owned();
        resource.path = format!("{prefix}/{below}{rest}");
    }
    // Each server has only what is its own.
    let (first, below_one) = (port_of(&deployment.origin), format!("{prefix}/one/"));
    service.hooks.intercept = Some(Arc::new(move |_, request| {
        let elsewhere = request.path.starts_with(&below_one) == (Some(request.server.port()) == first);
        elsewhere.then(|| Response::plain(404, "this is on the other server"))
    }));
    service
}

fn port_of(origin: &str) -> Option<u16> {
    origin.rsplit(':').next()?.parse().ok()
}

fn delegated_tasks(service: &Service) -> Vec<Task> {
    vec![
        directory_task(service, requirements::DISCOVERY),
        cost_map_task(service, requirements::LOCAL_NAMES),
        costs_task(service, requirements::LOCAL_NAMES),
        costs_between(service, requirements::LOCAL_NAMES, &ServedCostType::ordinal(), super::FROM, super::TO),
        pid_task(service, requirements::DELEGATION),
        costs_of_b(service, requirements::DELEGATION),
    ]
}

/// Grades whether all directories were read, each a limited number of times.
fn followed(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    let mut read = BTreeSet::new();
    for run in played.runs() {
        for id in ["root", "one", "two"] {
            let times = run.iter().filter(|capture| capture.subject == RequestSubject::Directory(id.into())).count();
            if let Some(last) = run.iter().rfind(|capture| capture.id() == Some(id)) {
                read.insert(id);
                let entry = sheet.on(requirements::DISCOVERY);
                entry.saw(&last.exchange(), 1, "directory");
                if times > OFTEN && run[0].run > 0 {
                    let expected = format!("each directory asked for at most {OFTEN} times in a run");
                    entry.fail(Finding::new(expected, format!("{id}: {times} times")).from(&last.exchange()));
                }
            }
        }
    }
    let attempted = played.done().any(|(task, _)| matches!(task.ask, Ask::Directory | Ask::CostMap { .. }));
    if attempted && read.len() < 3 {
        let seen = read.into_iter().collect::<Vec<_>>().join(", ");
        sheet.on(requirements::DISCOVERY).fail(Finding::new("the directories root, one and two are read", seen));
    }
}

fn default_map(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    service.directories[0].default_map = Some("nm-b".into());
    service
}

fn default_map_tasks(service: &Service) -> Vec<Task> {
    let list = addresses(&["ipv4:192.0.2.1", "ipv4:10.0.0.1"]);
    let right = expected::pids(&service.network, "nm-b", &list);
    let map = expected::network_map(&service.network, "nm-b");
    let costs = expected::cost_map(&service.network, "nm-b", &ServedCostType::numerical());
    let task = |ask, right| Task {
        ask,
        requirement: requirements::DEFAULT_MAP,
        expected: Expected::Answer(right),
        weak: false,
    };
    vec![
        task(Ask::NetworkMap { map: None }, map),
        task(Ask::Pid { map: None, addresses: list }, right),
        task(Ask::CostMap { map: None, cost_type: ServedCostType::numerical() }, costs),
    ]
}

fn bare(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |found, _, message| {
        let Some(Value::Object(resources)) = message.get_mut("resources") else { return };
        for id in ["nm-b", "cm-a-num", "sub", "cm-b-num"] {
            if let Some(entry) = resources.get_mut(id) {
                entry["accepts"] = json!("");
            }
        }
        for id in ["nm-b", "fnm-a", "sub"] {
            if let Some(entry) = resources.get_mut(id) {
                entry["capabilities"] = json!({});
            }
        }
        if let (Some(entry), RequestTarget::Directory(_)) = (resources.get_mut("nm-b"), found) {
            entry["uses"] = json!([]);
        }
    })
}

fn bare_tasks(service: &Service) -> Vec<Task> {
    vec![
        directory_task(service, requirements::NO_CAPABILITIES),
        map_task(service, requirements::NO_CAPABILITIES),
        map_b(service, requirements::NO_ACCEPTS),
        cost_map_task(service, requirements::NO_ACCEPTS),
        costs_of_b(service, requirements::NO_ACCEPTS),
        property_task(service, requirements::NO_CAPABILITIES, super::ADDRESSES),
    ]
}

fn shared(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let all = ["nm-a", "fnm-a", "fcm-a", "eps", "ecs"].map(|id| (id, "/everything", "everything"));
    place_at(&mut service, &deployment.prefix, &all);
    service
}
