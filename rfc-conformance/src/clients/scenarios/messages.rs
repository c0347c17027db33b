//! Scenarios with unusual but valid messages.

use std::net::Ipv6Addr;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::json_style::JsonStyle;
use super::super::requirements;
use super::super::scenario::POISON;
use super::super::scenario::{Deployment, FollowUp, Scenario};
use super::super::task::Task;
use super::{
    cost_map_task, costs_between, costs_task, directory_task, everything, fixture, map_task, pid_task, scenario,
    with_rewritten_messages,
};
use crate::mock_server::cost_type::ServedCostType;
use crate::mock_server::resource::{RequestTarget, ResourceKind, ServedResource};
use crate::mock_server::service::Service;

pub(super) fn scenarios() -> Vec<Scenario> {
    [serializations(), contents()].into_iter().flatten().collect()
}

/// Returns the scenarios with unusual members or JSON.
fn serializations() -> Vec<Scenario> {
    vec![
        scenario(
            "plain",
            "Nothing is unusual; a task that fails here is skipped in all other scenarios",
            requirements::PLAIN,
            fixture,
            plain,
        )
        .follow_up(FollowUp::ReadsDirectory),
        scenario(
            "members",
            "Unknown members of every type in directories, entries, capabilities, tags and cost types",
            requirements::UNKNOWN_MEMBERS,
            members,
            |service| everything(service, requirements::UNKNOWN_MEMBERS),
        )
        .follow_up(FollowUp::ReadsDirectory),
        scenario("meta", "Unknown members of every type in `meta`", requirements::META, meta, |service| {
            everything(service, requirements::META)
        })
        .follow_up(FollowUp::ReadsDirectory),
        scenario(
            "order",
            "Members in descending order, `resources` before `meta`, and white space everywhere",
            requirements::ORDER,
            order,
            |service| everything(service, requirements::ORDER),
        )
        .follow_up(FollowUp::ReadsDirectory),
        scenario("escapes", "All names and strings written as `\\uXXXX`", requirements::ESCAPES, escapes, |service| {
            everything(service, requirements::ESCAPES)
        })
        .follow_up(FollowUp::ReadsDirectory),
        scenario(
            "numbers",
            "Costs written as `5.000`, `5E0`, `50E-01`, `-0`",
            requirements::NUMBER_FORMS,
            numbers,
            |service| {
                vec![
                    cost_map_task(service, requirements::NUMBER_FORMS),
                    costs_task(service, requirements::NUMBER_FORMS),
                ]
            },
        ),
        scenario(
            "case",
            "Additional members whose names differ only in case, with other values",
            requirements::CASE,
            case,
            |service| everything(service, requirements::CASE),
        )
        .follow_up(FollowUp::ReadsDirectory),
    ]
}

/// Returns the scenarios with unusual addresses, costs or cost types.
fn contents() -> Vec<Scenario> {
    vec![
        scenario(
            "address-types",
            "Groups of unknown address types, and a PID that has no other",
            requirements::ADDRESS_TYPES,
            address_types,
            address_types_tasks,
        ),
        scenario(
            "ipv6-forms",
            "IPv6 prefixes in upper case, uncompressed or with an IPv4 suffix; addresses in answers spelt differently than in requests",
            requirements::IPV6_FORMS,
            ipv6_forms,
            ipv6_tasks,
        ),
        scenario(
            "holes",
            "Missing costs, also from PIDs to themselves, and a source without any costs",
            requirements::HOLES,
            holes,
            |service| {
                vec![
                    cost_map_task(service, requirements::HOLES),
                    costs_task(service, requirements::HOLES),
                    costs_between(
                        service,
                        requirements::HOLES,
                        &ServedCostType::numerical(),
                        "ipv4:192.0.2.7",
                        super::TO,
                    ),
                ]
            },
        ),
        scenario("ranks", "Ranks with ties and gaps that start at 0", requirements::RANKS, ranks, |service| {
            vec![costs_between(service, requirements::RANKS, &ServedCostType::ordinal(), super::FROM, super::TO)]
        }),
        scenario(
            "modes",
            "Cost types with unknown modes and metrics, listed before the known ones",
            requirements::MODES,
            modes,
            modes_tasks,
        )
        .follow_up(FollowUp::ReadsDirectory),
        scenario(
            "kinds",
            "Entries with media types that RFC 7285 does not define",
            requirements::KINDS,
            kinds,
            |service| everything(service, requirements::KINDS),
        )
        .follow_up(FollowUp::ReadsDirectory),
    ]
}

fn plain(service: &Service) -> Vec<Task> {
    let mut tasks = everything(service, requirements::PLAIN);
    tasks.push(pid_task(service, requirements::LONGEST_PREFIX));
    tasks.push(costs_between(service, requirements::PLAIN, &ServedCostType::ordinal(), super::FROM, super::TO));
    tasks
}

/// Visits all objects whose members the RFC defines, as opposed to maps keyed by PIDs, addresses or names.
fn objects(message: &mut Value, visit: &mut dyn FnMut(&mut Map<String, Value>)) {
    let mut go = |value: Option<&mut Value>| {
        if let Some(Value::Object(members)) = value {
            visit(members);
        }
    };
    for entry in members_of(message.get_mut("resources")) {
        go(entry.get_mut("capabilities"));
        go(Some(entry));
    }
    if let Some(meta) = message.get_mut("meta") {
        go(meta.get_mut("vtag"));
        go(meta.get_mut("cost-type"));
        members_of(meta.get_mut("cost-types")).for_each(|cost_type| go(Some(cost_type)));
        let tags = meta.get_mut("dependent-vtags").and_then(Value::as_array_mut);
        tags.into_iter().flatten().for_each(|tag| go(Some(tag)));
    }
    go(Some(message));
}

pub(super) fn members_of(value: Option<&mut Value>) -> impl Iterator<Item = &mut Value> {
    value.and_then(Value::as_object_mut).into_iter().flat_map(|members| members.values_mut())
}

fn unknown() -> Map<String, Value> {
    let unknown = json!({
        "x-null": null, "x-true": true, "x-number": -1.5e300, "x-text": POISON, "x-list": [1, [POISON], {}],
        "a-first": { "uri": POISON, "media-type": POISON, "cost-map": { POISON: { POISON: 666 } } }, "": 0
    });
    unknown.as_object().cloned().unwrap_or_default()
}

fn members(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |_, _, message| objects(message, &mut |members| members.extend(unknown())))
}

fn meta(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |_, _, message| {
        if let Some(Value::Object(meta)) = message.get_mut("meta") {
            meta.extend(unknown());
        }
    })
}

fn styled(deployment: &Deployment, style: JsonStyle) -> Service {
    let mut service = fixture(deployment);
    service.hooks.render = Some(Arc::new(move |message| style.write(message)));
    service
}

fn order(deployment: &Deployment) -> Service {
    styled(deployment, JsonStyle { reversed: true, spaced: true, ..JsonStyle::default() })
}

fn escapes(deployment: &Deployment) -> Service {
    styled(deployment, JsonStyle { escaped: true, ..JsonStyle::default() })
}

fn numbers(deployment: &Deployment) -> Service {
    styled(deployment, JsonStyle { numbers: true, ..JsonStyle::default() })
}

/// Adds members whose names differ from defined ones only in case.
fn case(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |_, _, message| {
        objects(message, &mut |members| {
            for name in members.keys().cloned().collect::<Vec<_>>() {
                let decoy = match name.as_str() {
                    "resources" => {
                        json!({ POISON: { "uri": POISON, "media-type": "application/alto-networkmap+json" } })
                    }
                    "network-map" => json!({ POISON: { "ipv4": ["0.0.0.0/0"], "ipv6": ["::/0"] } }),
                    "cost-map" => {
                        json!({ "pidA": { "pidA": 666, "pidB": 666, "pidC": 666, "pidD": 666, "pidZ": 666 } })
                    }
                    "endpoint-cost-map" | "endpoint-properties" | "meta" | "vtag" | "cost-type" | "capabilities" => {
                        json!({})
                    }
                    "dependent-vtags" | "uses" | "cost-type-names" | "prop-types" => json!([POISON]),
                    _ => json!(POISON),
                };
                let capital = name[..1].to_uppercase() + &name[1..];
                members.insert(capital, decoy.clone());
                members.insert(name.to_uppercase(), decoy);
            }
        });
        if let Some(meta) = message.get_mut("meta") {
            meta["Default-Alto-Network-Map"] = json!(POISON);
            meta["DEFAULT-ALTO-NETWORK-MAP"] = json!(POISON);
            meta["Cost-Types"] = json!({});
            meta["VTAG"] = json!({ "resource-id": POISON, "tag": POISON });
        }
    })
}

/// Adds a PID with addresses of unknown types only, and with costs.
fn address_types(deployment: &Deployment) -> Service {
    let mut service = with_rewritten_messages(deployment, |_, _, message| {
        for (pid, group) in message.get_mut("network-map").and_then(Value::as_object_mut).into_iter().flatten() {
            group["mac48"] = json!([format!("00-00-5E-00-53-{:02X}", pid.len())]);
            group["eui64"] = json!([]);
            group["IPV4"] = json!(["198.51.100.0/24"]);
            group["ipv6x"] = json!(["not an address", "::/0"]);
        }
    });
    let map = &mut service.network.maps[0];
    map.pids.insert("pidM".into(), Vec::new());
    for pid in ["pidA", "pidB", "pidC", "pidD", "pidZ"] {
        map.costs.insert(("pidM".into(), pid.into()), 3.0);
        map.costs.insert((pid.into(), "pidM".into()), 4.0);
    }
    service
}

fn address_types_tasks(service: &Service) -> Vec<Task> {
    vec![
        pid_task(service, requirements::ADDRESS_TYPES),
        map_task(service, requirements::PID_WITHOUT_ADDRESSES),
        cost_map_task(service, requirements::PID_WITHOUT_ADDRESSES),
        costs_task(service, requirements::ADDRESS_TYPES),
    ]
}

fn ipv6_forms(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |_, _, message| {
        for group in members_of(message.get_mut("network-map")) {
            for prefix in group.get_mut("ipv6").and_then(Value::as_array_mut).into_iter().flatten() {
                let scenario = match prefix.as_str().and_then(|text| text.split_once('/')) {
                    Some(("::", "0")) => "0:0:0:0:0:0:0.0.0.0/0".to_owned(),
                    Some((address, length)) => format!("{}/{length}", uncompressed(address)),
                    None => continue,
                };
                *prefix = scenario.into();
            }
        }
        for name in ["endpoint-cost-map", "endpoint-properties"] {
            let Some(Value::Object(map)) = message.get_mut(name) else { continue };
            *map = respelt(map);
            map.values_mut().filter_map(Value::as_object_mut).for_each(|row| *row = respelt(row));
        }
    })
}

fn uncompressed(address: &str) -> String {
    let Ok(address) = address.parse::<Ipv6Addr>() else { return address.to_owned() };
    address.segments().map(|segment| format!("{segment:04X}")).join(":")
}

fn respelt(map: &Map<String, Value>) -> Map<String, Value> {
    let spell = |key: &String| match key.strip_prefix("ipv6:") {
        Some(address) => format!("ipv6:{}", uncompressed(address)),
        None => key.clone(),
    };
    map.iter().map(|(key, value)| (spell(key), value.clone())).collect()
}

fn ipv6_tasks(service: &Service) -> Vec<Task> {
    let between =
        |from, to: &[&str]| costs_between(service, requirements::BY_VALUE, &ServedCostType::numerical(), from, to);
    vec![
        map_task(service, requirements::IPV6_FORMS),
        pid_task(service, requirements::IPV6_FORMS),
        costs_task(service, requirements::BY_VALUE),
        between("ipv6:2001:db8:a:b::1", &["ipv6:2001:db8:a::1", "ipv4:198.51.100.200"]),
    ]
}

fn holes(deployment: &Deployment) -> Service {
    let mut service = fixture(deployment);
    let pair = |source: &str, destination: &str| (source.to_owned(), destination.to_owned());
    let costs = &mut service.network.maps[0].costs;
    costs.retain(|(source, _), _| source != "pidC");
    costs.remove(&pair("pidA", "pidA"));
    costs.remove(&pair("pidA", "pidC"));
    service
}

/// Uses ranks that are equal, start at 0 and have gaps: 0, 0, 0, 7, 20 from the only source.
fn ranks(deployment: &Deployment) -> Service {
    let mut service = with_rewritten_messages(deployment, |_, _, message| {
        if message.pointer("/meta/cost-type/cost-mode").is_none_or(|mode| mode != "ordinal") {
            return;
        }
        for name in ["cost-map", "endpoint-cost-map"] {
            for cost in members_of(message.get_mut(name)).flat_map(|row| members_of(Some(row))) {
                *cost = match cost.as_u64() {
                    Some(1) => json!(0),
                    Some(2) => json!(7),
                    Some(rank) => json!(rank + 17),
                    None => continue,
                };
            }
        }
    });
    let costs = [("pidA", 1.0), ("pidB", 1.0), ("pidC", 1.0), ("pidD", 2.0), ("pidZ", 3.0)];
    service.network.maps[0].costs = costs.map(|(pid, cost)| (("pidA".to_owned(), pid.to_owned()), cost)).into();
    service
}

fn modes(deployment: &Deployment) -> Service {
    let mut service = with_rewritten_messages(deployment, |found, _, message| {
        let RequestTarget::Directory(directory) = found else { return };
        if directory.id != "root" {
            return;
        }
        for id in ["ecs", "fcm-a"] {
            let names = message.pointer_mut(&format!("/resources/{id}/capabilities/cost-type-names"));
            if let Some(names) = names.and_then(Value::as_array_mut) {
                names.splice(0..0, ["a-private", "a-path", "a-throughput"].map(Value::from));
            }
        }
    });
    let private = ServedCostType::new("routingcost", "priv:x-mode");
    let root = &mut service.directories[0];
    root.cost_types.insert(0, ("a-private".into(), private.clone()));
    root.cost_types.insert(1, ("a-path".into(), ServedCostType::new("ane-path", "array")));
    root.cost_types.insert(2, ("a-throughput".into(), ServedCostType::new("tput", "numerical")));
    root.entries.push(("cm-a-a".into(), format!("costs/{POISON}")));
    let path = format!("{}/costs/{POISON}", deployment.prefix);
    service
        .resources
        .insert(0, ServedResource { id: "cm-a-a".into(), path, kind: ResourceKind::CostMap("nm-a".into(), private) });
    service
}

fn modes_tasks(service: &Service) -> Vec<Task> {
    vec![
        directory_task(service, requirements::OPEN_MODES),
        cost_map_task(service, requirements::MODES),
        costs_task(service, requirements::MODES),
    ]
}

fn kinds(deployment: &Deployment) -> Service {
    with_rewritten_messages(deployment, |found, _, message| {
        let Some(Value::Object(resources)) = message.get_mut("resources").filter(|_| found.id() == "root") else {
            return;
        };
        let updates = json!({ "uri": format!("{POISON}/updates"), "media-type": "text/event-stream",
            "accepts": "application/alto-updatestreamparams+json", "uses": ["nm-a"],
            "capabilities": { "incremental-change-media-types": { "nm-a": "application/merge-patch+json" } } });
        let map = json!({ "uri": format!("{POISON}/map"), "media-type": "application/alto-propmap+json",
            "capabilities": { "mappings": { "ipv4": ["nm-a.pid"] } } });
        let future = json!({ "uri": format!("{POISON}/future"), "media-type": "application/alto-networkmap-v2+json" });
        for (id, entry) in [("a-updates", updates), ("a-map", map), ("a-future", future)] {
            resources.insert(id.into(), entry);
        }
    })
}
