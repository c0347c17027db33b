//! Directories: where they are, what they lead to, and what their entries leave out.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::answers;
use super::super::judge::Scene;
use super::super::log::Subject;
use super::super::rules;
use super::super::scenario::{Ask, Expected, Place, Scenario, Task};
use super::{
    addresses, cost_map_task, costs_between, costs_task, directory_task, everything, fixture, map_task, odd, pid_task,
    property_task, rewritten,
};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::stage::http::Answer;
use crate::stage::network::CostType;
use crate::stage::site::{Directory, Found, Site};
use crate::verdict::Finding;

/// How often one run may ask for one directory before it counts as going round in circles.
const OFTEN: usize = 5;

pub(super) fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            root: "/a/b/directory",
            ..odd(
                "relative",
                "URIs of every relative form, in a directory deep in a path",
                rules::RELATIVE,
                relative,
                relative_tasks,
            )
        },
        odd(
            "moved-directory",
            "The root redirects to a directory elsewhere, whose URIs are relative",
            rules::RELATIVE,
            moved,
            |site| everything(site, rules::RELATIVE),
        ),
        Scenario {
            judge: Some(followed),
            ..odd(
                "delegated",
                "Three directories on two servers that lead to each other in a circle; the same name of a cost type means different things in them",
                rules::DISCOVERY,
                delegated,
                delegated_tasks,
            )
        },
        odd(
            "default-map",
            "The default network map is not the first one, and filters are listed before maps",
            rules::DEFAULT_MAP,
            default_map,
            default_map_tasks,
        ),
        odd(
            "bare",
            "Entries without `accepts` and `capabilities`, and entries where they are empty",
            rules::NO_ACCEPTS,
            bare,
            bare_tasks,
        ),
        odd("shared-uri", "A map and several services at one URI", rules::SHARED_URI, shared, |site| {
            everything(site, rules::SHARED_URI)
        }),
    ]
}

/// Moves resources, and writes their URIs in the root directory anew.
fn place_at(site: &mut Site, prefix: &str, places: &[(&str, &str, &str)]) {
    for (id, path, uri) in places {
        for resource in site.resources.iter_mut().filter(|resource| resource.id == *id) {
            resource.path = format!("{prefix}{path}");
        }
        for entry in site.directories.iter_mut().flat_map(|directory| &mut directory.entries) {
            if entry.0 == *id {
                (*uri).clone_into(&mut entry.1);
            }
        }
    }
}

fn relative(place: &Place) -> Site {
    let mut site = fixture(place);
    let prefix = &place.prefix;
    let network_path = format!("//{}{prefix}/network/path", place.authority());
    let absolute = format!("{}{prefix}/absolute", place.origin);
    let rooted = format!("{prefix}/rooted/ranks");
    place_at(
        &mut site,
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
    site.directories[0].path = format!("{prefix}/a/b/directory");
    site.directories[1].path = format!("{prefix}/a/b/c/directory");
    if let Some(entry) = site.directories[0].entries.iter_mut().find(|(id, _)| id == "sub") {
        entry.1 = "c/directory".into();
    }
    site
}

fn relative_tasks(site: &Site) -> Vec<Task> {
    let mut tasks = everything(site, rules::RELATIVE);
    tasks.push(costs_between(site, rules::RELATIVE, &CostType::ordinal(), super::FROM, super::TO));
    tasks.push(map_b(site, rules::RELATIVE));
    tasks.push(costs_of_b(site, rules::RELATIVE));
    tasks
}

fn map_b(site: &Site, rule: Requirement) -> Task {
    let right = answers::network_map(&site.network, "nm-b");
    Task { ask: Ask::NetworkMap { map: Some("nm-b".into()) }, rule, expected: Expected::Answer(right), weak: false }
}

fn costs_of_b(site: &Site, rule: Requirement) -> Task {
    let right = answers::cost_map(&site.network, "nm-b", &CostType::numerical());
    let ask = Ask::CostMap { map: Some("nm-b".into()), cost_type: CostType::numerical() };
    Task { ask, rule, expected: Expected::Answer(right), weak: false }
}

/// Everything is where the redirect leads; resolved against the URI first asked for, nothing is found.
fn moved(place: &Place) -> Site {
    let mut site = Site::fixture(&format!("{}/elsewhere/deep", place.prefix));
    let old = format!("{}/directory", place.prefix);
    site.hooks.before = Some(Arc::new(move |_, request| {
        let asked = request.resource == old && matches!(request.method.as_str(), "GET" | "HEAD");
        asked.then(|| Answer::plain(302, "elsewhere").with("Location", "elsewhere/deep/directory"))
    }));
    site
}

fn delegated(place: &Place) -> Site {
    let mut site = fixture(place);
    let prefix = &place.prefix;
    let entry = |id: &str, uri: &str| (id.to_owned(), uri.to_owned());
    let (one, two) = (format!("{prefix}/one/directory"), format!("{prefix}/two/directory"));
    let (numerical, ordinal) = (CostType::numerical(), CostType::ordinal());
    site.directories = vec![
        Directory {
            id: "root".into(),
            path: format!("{prefix}/directory"),
            default_map: Some("nm-a".into()),
            cost_types: vec![("costs".into(), numerical.clone()), ("ranks".into(), ordinal.clone())],
            entries: vec![
                entry("nm-a", "maps/a"),
                entry("nm-b", "maps/b"),
                entry("fnm-a", "maps/a/filtered"),
                entry("one", &format!("{}{one}", place.other)),
            ],
        },
        // Here the names are the other way round.
        Directory {
            id: "one".into(),
            path: one.clone(),
            default_map: None,
            cost_types: vec![("costs".into(), ordinal), ("ranks".into(), numerical.clone())],
            entries: vec![
                entry("cm-a-num", "costs/a"),
                entry("cm-a-ord", "costs/a/ranks"),
                entry("fcm-a", "costs/a/filtered"),
                entry("ecs", "endpoints/costs"),
                entry("two", &format!("{}{two}", place.origin)),
                entry("root", &format!("{}{prefix}/directory", place.origin)),
            ],
        },
        Directory {
            id: "two".into(),
            path: two,
            default_map: None,
            cost_types: vec![("b".into(), numerical)],
            entries: vec![
                entry("cm-b-num", "costs/b"),
                entry("eps", "endpoints/properties"),
                entry("one", &format!("{}{one}", place.other)),
            ],
        },
    ];
    site.resources.retain(|resource| !matches!(resource.id.as_str(), "fcm-a-nc" | "ecs-nc"));
    for resource in &mut site.resources {
        let below = match resource.id.as_str() {
            "cm-a-num" | "cm-a-ord" | "fcm-a" | "ecs" => "one",
            "cm-b-num" | "eps" => "two",
            _ => continue,
        };
        let rest = resource.path[prefix.len()..].trim_start_matches("/more").to_owned();
        resource.path = format!("{prefix}/{below}{rest}");
    }
    // Each server has only what is its own.
    let (first, below_one) = (port_of(&place.origin), format!("{prefix}/one/"));
    site.hooks.before = Some(Arc::new(move |_, request| {
        let elsewhere = request.resource.starts_with(&below_one) == (Some(request.server.port()) == first);
        elsewhere.then(|| Answer::plain(404, "this is on the other server"))
    }));
    site
}

fn port_of(origin: &str) -> Option<u16> {
    origin.rsplit(':').next()?.parse().ok()
}

fn delegated_tasks(site: &Site) -> Vec<Task> {
    vec![
        directory_task(site, rules::DISCOVERY),
        cost_map_task(site, rules::LOCAL_NAMES),
        costs_task(site, rules::LOCAL_NAMES),
        costs_between(site, rules::LOCAL_NAMES, &CostType::ordinal(), super::FROM, super::TO),
        pid_task(site, rules::DELEGATION),
        costs_of_b(site, rules::DELEGATION),
    ]
}

/// Whether all directories were read, none of them endlessly.
fn followed(scene: &Scene<'_>, sheet: &mut Sheet) {
    let mut read = BTreeSet::new();
    for run in scene.runs() {
        for id in ["root", "one", "two"] {
            let times = run.iter().filter(|capture| capture.subject == Subject::Directory(id.into())).count();
            if let Some(last) = run.iter().rfind(|capture| capture.id() == Some(id)) {
                read.insert(id);
                let entry = sheet.on(rules::DISCOVERY);
                entry.saw(&last.exchange(), 1, "directory");
                if times > OFTEN && run[0].run > 0 {
                    let expected = format!("each directory asked for at most {OFTEN} times in a run");
                    entry.fail(Finding::new(expected, format!("{id}: {times} times")).from(&last.exchange()));
                }
            }
        }
    }
    let attempted = scene.done().any(|(task, _)| matches!(task.ask, Ask::Directory | Ask::CostMap { .. }));
    if attempted && read.len() < 3 {
        let seen = read.into_iter().collect::<Vec<_>>().join(", ");
        sheet.on(rules::DISCOVERY).fail(Finding::new("the directories root, one and two are read", seen));
    }
}

fn default_map(place: &Place) -> Site {
    let mut site = fixture(place);
    site.directories[0].default_map = Some("nm-b".into());
    site
}

fn default_map_tasks(site: &Site) -> Vec<Task> {
    let list = addresses(&["ipv4:192.0.2.1", "ipv4:10.0.0.1"]);
    let right = answers::pids(&site.network, "nm-b", &list);
    let map = answers::network_map(&site.network, "nm-b");
    let costs = answers::cost_map(&site.network, "nm-b", &CostType::numerical());
    let task = |ask, right| Task { ask, rule: rules::DEFAULT_MAP, expected: Expected::Answer(right), weak: false };
    vec![
        task(Ask::NetworkMap { map: None }, map),
        task(Ask::Pid { map: None, addresses: list }, right),
        task(Ask::CostMap { map: None, cost_type: CostType::numerical() }, costs),
    ]
}

fn bare(place: &Place) -> Site {
    rewritten(place, |found, _, message| {
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
        if let (Some(entry), Found::Directory(_)) = (resources.get_mut("nm-b"), found) {
            entry["uses"] = json!([]);
        }
    })
}

fn bare_tasks(site: &Site) -> Vec<Task> {
    vec![
        directory_task(site, rules::NO_CAPABILITIES),
        map_task(site, rules::NO_CAPABILITIES),
        map_b(site, rules::NO_ACCEPTS),
        cost_map_task(site, rules::NO_ACCEPTS),
        costs_of_b(site, rules::NO_ACCEPTS),
        property_task(site, rules::NO_CAPABILITIES, super::ADDRESSES),
    ]
}

fn shared(place: &Place) -> Site {
    let mut site = fixture(place);
    let all = ["nm-a", "fnm-a", "fcm-a", "eps", "ecs"].map(|id| (id, "/everything", "everything"));
    place_at(&mut site, &place.prefix, &all);
    site
}
