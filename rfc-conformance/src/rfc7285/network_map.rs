//! Checks of network maps: content, completeness, overlaps and version tags (RFC 7285 §11.2.1, §11.2.2, §6.3).

use std::collections::BTreeMap;

use ipnet::IpNet;
use serde_json::Value;

use super::requirements::{
    s6_3::{CHANGES, SAME},
    s10_3::{COLLISIONS, KNOWN_ID},
    s11_2_1_1::MEDIA_TYPE,
    s11_2_1_6::{ALL_PIDS, OWN_ID, SHAPE, VTAG},
    s11_2_2::{COMPLETE, OVERLAP, SHORTEST},
};
use crate::address;
use crate::assertion::promised;
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, pointer};
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::Finding;
use crate::view::{CostMap, NetworkMap, Vtag};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "reads every network map and examines media type, version tag and shape",
        &[MEDIA_TYPE, VTAG, OWN_ID, SHAPE],
        message,
    ),
    Check::new(
        "joins all prefixes of a network map by address type and looks for gaps",
        &[COMPLETE, SHORTEST],
        complete,
    ),
    Check::new("compares all prefixes of a network map by value", &[OVERLAP], overlap),
    Check::new(
        "looks every PID and every version tag of other answers up in the network maps",
        &[ALL_PIDS, KNOWN_ID],
        mentions,
    ),
    Check::last(
        "compares all readings of a network map during the run with their tags",
        &[CHANGES, SAME, COLLISIONS],
        history,
    ),
];

fn message(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no network map is listed");
    for map in context.of(Kind::NetworkMap) {
        let exchange = context.latest(map)?;
        if sheet.on(MEDIA_TYPE).promised(map, &exchange, "network map").is_none() {
            sheet.skip_all(&format!("{} does not answer with a network map", map.id));
            continue;
        }
        let Some(message) = exchange.value() else {
            continue;
        };
        let vtag = message.pointer("/meta/vtag");
        let entry = sheet.on(VTAG);
        entry.saw(&exchange, 1, "network map");
        if vtag.and_then(Vtag::read).is_none() {
            let seen = vtag.map_or_else(|| "none".to_owned(), brief);
            let finding = Finding::new("an object with strings `resource-id` and `tag`", seen);
            entry.fail(finding.at("/meta/vtag").from(&exchange));
        }
        if let Some(vtag) = vtag {
            let entry = sheet.on(OWN_ID);
            entry.saw(&exchange, 1, "network map");
            if vtag.get("resource-id").and_then(Value::as_str) != Some(&map.id) {
                let seen = vtag.get("resource-id").map_or_else(|| "none".to_owned(), brief);
                let finding = Finding::new(format!("{:?}", map.id), seen);
                entry.fail(finding.at("/meta/vtag/resource-id").from(&exchange));
            }
        }
        shape(&exchange, message, sheet);
    }
    Ok(())
}

fn shape(exchange: &Exchange, message: &Value, sheet: &mut Sheet) {
    let entry = sheet.on(SHAPE);
    entry.saw(exchange, 1, "network map");
    for (pid, group) in message.get("network-map").and_then(Value::as_object).into_iter().flatten() {
        entry.saw(exchange, 1, "PID");
        let arrays = group.as_object().is_some_and(|group| group.values().all(Value::is_array));
        if !arrays {
            let finding = Finding::new("arrays of prefixes by address type", brief(group));
            entry.fail(finding.at(pointer("/network-map", pid)).from(exchange));
        }
    }
}

/// Groups the prefixes of a map by address type.
fn by_type(map: &NetworkMap) -> BTreeMap<&'static str, Vec<&IpNet>> {
    let mut types: BTreeMap<&str, Vec<&IpNet>> = BTreeMap::new();
    for (prefix, _) in &map.prefixes {
        types.entry(if prefix.addr().is_ipv4() { "ipv4" } else { "ipv6" }).or_default().push(prefix);
    }
    types
}

fn complete(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no network map with prefixes is listed");
    for map in context.of(Kind::NetworkMap) {
        let Some(map) = context.network_map(map)? else {
            continue;
        };
        let types = by_type(&map);
        for (name, prefixes) in &types {
            let entry = sheet.on(COMPLETE);
            entry.saw(&map.exchange, prefixes.len(), &format!("{name} prefix"));
            if let Some(gap) = address::first_gap(prefixes.iter().copied()) {
                let finding = Finding::new(format!("every {name} address in some PID"), format!("{gap} in none"));
                entry.fail(finding.at("/network-map").from(&map.exchange));
                continue;
            }
            let entry = sheet.on(SHORTEST);
            entry.saw(&map.exchange, 1, "address type");
            if !prefixes.iter().any(|prefix| prefix.prefix_len() == 0) {
                let zero = if *name == "ipv4" { "0.0.0.0/0" } else { "::/0" };
                let finding = Finding::new(zero, format!("complete by {} prefixes", prefixes.len()));
                entry.info(finding.at("/network-map").from(&map.exchange));
            }
        }
        // It is disputed whether an address type with empty arrays only counts as present.
        for name in ["ipv4", "ipv6"] {
            if map.address_types().contains(name) && !types.contains_key(name) {
                let finding = Finding::new(format!("{name} prefixes or no `{name}` member"), "only empty arrays");
                sheet.on(COMPLETE).warn(finding.at("/network-map").from(&map.exchange));
            }
        }
    }
    Ok(())
}

fn overlap(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(OVERLAP);
    entry.skip("no network map with prefixes is listed");
    for map in context.of(Kind::NetworkMap) {
        let Some(map) = context.network_map(map)? else {
            continue;
        };
        entry.saw(&map.exchange, map.prefixes.len(), "prefix");
        let mut owners: BTreeMap<&IpNet, &str> = BTreeMap::new();
        for (prefix, pid) in &map.prefixes {
            if let Some(other) = owners.insert(prefix, pid).filter(|other| other != pid) {
                let finding = Finding::new(format!("{prefix} in one PID"), format!("in {other} and {pid}"));
                entry.fail(finding.at(pointer("/network-map", pid)).from(&map.exchange));
            }
        }
    }
    Ok(())
}

/// Checks that PIDs and resource IDs in other answers are known.
fn mentions(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(ALL_PIDS).skip("no cost map or `pid` property mentions PIDs");
    sheet.on(KNOWN_ID).skip("no answer has a version tag");
    for map in context.of(Kind::NetworkMap) {
        // Answers are graded at once and dropped, as all cost maps together may be very large.
        let found = context.steady(map, |before| {
            let mut noted = Sheet::new(&[ALL_PIDS]);
            let full = NetworkMap::read(before);
            let tag = full.as_ref().and_then(|map| map.vtag.clone());
            for costs in context.of(Kind::CostMap).filter(|costs| costs.uses().contains(&map.id.as_str())) {
                let exchange = context.get(costs)?;
                let Some(read) = CostMap::read(&exchange).filter(|read| read.vtags.first() == tag.as_ref()) else {
                    continue;
                };
                let pids = read.costs.0.keys().flat_map(|(src, dst)| [("", src), (&**src, dst)]);
                let place = |src: &str, pid: &str| match src {
                    "" => pointer("/cost-map", pid),
                    src => pointer(&pointer("/cost-map", src), pid),
                };
                let pids: BTreeMap<&str, &str> = pids.map(|(src, pid)| (&**pid, src)).collect();
                let entry = noted.on(ALL_PIDS);
                for (pid, src) in pids {
                    entry.saw(&exchange, 1, "mention of a PID");
                    if full.as_ref().is_some_and(|full| !full.groups.contains_key(pid)) {
                        let finding = Finding::new(format!("{pid:?} in the network map {}", map.id), "none");
                        entry.fail(finding.at(place(src, pid)).from(before).from(&exchange));
                    }
                }
            }
            Ok(noted)
        })?;
        let Some(steady) = found else {
            sheet.on(ALL_PIDS).skip("the network map changed during every comparison");
            continue;
        };
        if NetworkMap::read(&steady.full).is_some() {
            sheet.absorb(steady.found);
        }
    }
    let tagged = context.resources().filter(|resource| matches!(resource.kind, Kind::NetworkMap | Kind::CostMap));
    for resource in tagged {
        let exchange = context.latest(resource)?;
        tags_are_known(context, resource, &exchange, sheet);
    }
    Ok(())
}

fn tags_are_known(context: &Context<'_>, resource: &Resource, exchange: &Exchange, sheet: &mut Sheet) {
    let Ok(_) = promised(resource, exchange) else {
        return;
    };
    let message = exchange.value().unwrap_or(&Value::Null);
    let own = message.pointer("/meta/vtag").filter(|_| resource.kind == Kind::NetworkMap);
    let own = own.and_then(Vtag::read).map(|vtag| ("/meta/vtag".to_owned(), vtag));
    let others = Vtag::dependent(message).into_iter().enumerate();
    let others = others.map(|(index, vtag)| (format!("/meta/dependent-vtags/{index}"), vtag));
    let entry = sheet.on(KNOWN_ID);
    for (place, vtag) in own.into_iter().chain(others) {
        entry.saw(exchange, 1, "version tag");
        let kind = context.subject.named(&vtag.resource_id).map(|resource| resource.kind);
        if kind != Some(Kind::NetworkMap) {
            let seen = match kind {
                None => format!("{:?}, which is not listed", vtag.resource_id),
                Some(kind) => format!("{:?}, which is a {}", vtag.resource_id, kind.noun()),
            };
            let finding = Finding::new("the ID of a network map", seen).at(place + "/resource-id");
            entry.fail(finding.from(exchange));
        }
    }
}

/// Compares all readings of each network map during the run with their tags.
fn history(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no network map changed during the run");
    for map in context.of(Kind::NetworkMap) {
        // A comparison needs two readings.
        context.latest(map)?;
        context.get(map)?;
        let seen = context.history(map);
        let readings: Vec<_> =
            seen.iter().filter_map(|reading| Some((reading, NetworkMap::read(&reading.exchange)?))).collect();
        let mut by_tag: BTreeMap<Option<&Vtag>, &NetworkMap> = BTreeMap::new();
        for (reading, map) in &readings {
            let entry = sheet.on(SAME);
            entry.saw(&map.exchange, reading.times, "reading");
            let Some(other) = by_tag.insert(map.vtag.as_ref(), map) else {
                continue;
            };
            if other.groups != map.groups {
                let tag = map.vtag.as_ref().map_or_else(|| "no tag".to_owned(), ToString::to_string);
                let finding =
                    Finding::new("different tags for different contents", format!("{tag} for two different maps"));
                let finding = finding.at("/meta/vtag/tag").from(&other.exchange).from(&map.exchange);
                for requirement in [SAME, CHANGES, COLLISIONS] {
                    sheet.on(requirement).fail(finding.clone());
                }
            }
        }
        for pair in readings.windows(2) {
            if pair[0].1.groups == pair[1].1.groups && pair[0].1.vtag != pair[1].1.vtag {
                let text =
                    |map: &NetworkMap| map.vtag.as_ref().map_or_else(|| "no tag".to_owned(), ToString::to_string);
                let expected = format!("{}, as the content is the same", text(&pair[0].1));
                let finding = Finding::new(expected, text(&pair[1].1)).at("/meta/vtag/tag");
                sheet.on(SAME).warn(finding.from(&pair[0].1.exchange).from(&pair[1].1.exchange));
            }
            if pair[0].1.groups != pair[1].1.groups {
                sheet.on(CHANGES).saw(&pair[1].1.exchange, 1, "change");
                sheet.on(COLLISIONS).saw(&pair[1].1.exchange, 1, "change");
            }
        }
    }
    Ok(())
}
