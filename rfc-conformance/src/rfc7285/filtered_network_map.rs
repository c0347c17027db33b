//! Checks of filtered network maps against full network maps (RFC 7285 §11.3.1).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s10_1::PID_CASE,
    s11_3_1::PROVIDED,
    s11_3_1_1::FORMAT,
    s11_3_1_2::BY_POST,
    s11_3_1_3::{ALL_PIDS, ALL_TYPES, REPEATED_PIDS, REPEATED_TYPES},
    s11_3_1_6::{EVERYTHING, FULL_TAG, ONLY_PIDS, ONLY_TYPES, UNKNOWN_PIDS, UNKNOWN_TYPES},
};
use crate::assertion::is_refusal;
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{Group, Groups, NetworkMap, spread};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("looks for filtered network maps in the directories", &[PROVIDED], provided),
    Check::new(
        "asks for parts of the map by PID and address type, with empty, repeated and unknown names, and compares them with the full map",
        &[
            FORMAT,
            BY_POST,
            ALL_PIDS,
            REPEATED_PIDS,
            ALL_TYPES,
            REPEATED_TYPES,
            ONLY_PIDS,
            UNKNOWN_PIDS,
            ONLY_TYPES,
            UNKNOWN_TYPES,
            FULL_TAG,
            EVERYTHING,
        ],
        restrictions,
    ),
    Check::new("asks for a PID by its name in other case", &[PID_CASE], other_case),
];

/// A request with its expected answer and the requirements that it grades.
struct MapQuery {
    body: Value,
    expected: Groups,
    grades: Vec<Requirement>,
    /// Request of unknown names only, for which it is disputed whether the answer is empty or complete.
    only_unknown: bool,
}

fn provided(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PROVIDED);
    entry.skip("no filtered network map is listed");
    for resource in context.subject.of(Kind::FilteredNetworkMap) {
        entry.saw(&context.subject.directory_of(resource).exchange, 1, "filtered network map");
    }
    Ok(())
}

fn restrictions(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered network map of a known network map is listed");
    for resource in context.of(Kind::FilteredNetworkMap).take(MOST_OF_A_KIND) {
        let Some(map) = context.network_map_of(resource) else {
            continue;
        };
        let asked = context.steady(map, |before| {
            let Some(full) = NetworkMap::read(before) else { return Ok(Vec::new()) };
            let ask = |query: MapQuery| Ok::<_, NoAnswer>((context.post(resource, &query.body)?, query));
            let whole = ask(whole_query(&full))?;
            // What the filter lacks altogether is reported once: its other answers are compared with its own whole answer.
            let own = NetworkMap::read(&whole.0).filter(|own| !own.groups.is_empty());
            let parts = queries(own.as_ref().unwrap_or(&full)).into_iter().map(ask);
            std::iter::once(Ok(whole)).chain(parts).collect::<Result<Vec<_>, NoAnswer>>()
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("the network map changed during every comparison");
            continue;
        };
        let Some(full) = NetworkMap::read(&steady.full) else {
            continue;
        };
        for (exchange, query) in steady.found {
            grade(resource, &full, &exchange, &query, sheet);
        }
    }
    Ok(())
}

/// Asks for a PID by its name in other case.
fn other_case(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PID_CASE);
    entry.skip("no PID has a name with letters that is unknown in other case");
    for resource in context.of(Kind::FilteredNetworkMap).take(MOST_OF_A_KIND) {
        let Some(full) = context.network_map_for(resource)? else { continue };
        let Some(name) = full.pids().into_iter().map(in_other_case).find(|name| !full.groups.contains_key(name)) else {
            continue;
        };
        let exchange = context.post(resource, &json!({"pids": [name]}))?;
        if entry.promised(resource, &exchange, "PID in other case").is_none() {
            continue;
        }
        // Whether a filter with unknown names only gets nothing or everything is graded elsewhere.
        let found = NetworkMap::read(&exchange).map_or_else(BTreeSet::new, |map| map.groups.into_keys().collect());
        if found.len() == 1 && full.groups.len() > 1 {
            let finding = Finding::new(format!("no PID, as {name:?} is unknown"), format!("{found:?}"));
            entry.fail(finding.at("/network-map").from(&full.exchange).from(&exchange));
        }
    }
    Ok(())
}

/// Returns a name with small letters for capitals, and capitals for small letters.
pub(crate) fn in_other_case(name: &str) -> String {
    let other = |c: char| if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
    name.chars().map(other).collect()
}

/// Returns a name that no known PID has.
pub(crate) fn unknown_name(known: &[&str]) -> String {
    let mut name = "no-such-pid".to_owned();
    while known.contains(&name.as_str()) {
        name.push('-');
    }
    name
}

/// Creates the query for the whole map.
fn whole_query(full: &NetworkMap) -> MapQuery {
    let types: Vec<&str> = full.address_types().into_iter().collect();
    let expected = full.restricted(&full.pids(), &types);
    MapQuery { body: json!({"pids": []}), expected, grades: vec![ALL_PIDS, ALL_TYPES, EVERYTHING], only_unknown: false }
}

/// Creates queries for parts of the map, and for the whole in other words.
fn queries(full: &NetworkMap) -> Vec<MapQuery> {
    let pids = full.pids();
    let types: Vec<&str> = full.address_types().into_iter().collect();
    let few = spread(&pids, 3);
    let none = unknown_name(&pids);
    let all = |chosen: &[&str]| full.restricted(chosen, &types);
    let query = |body: Value, expected: Groups, grades: &[Requirement]| MapQuery {
        body,
        expected,
        grades: grades.to_vec(),
        only_unknown: false,
    };
    let mut queries = vec![
        query(json!({"pids": [], "address-types": []}), all(&pids), &[ALL_PIDS, ALL_TYPES]),
        MapQuery { only_unknown: true, ..query(json!({"pids": [none]}), Groups::new(), &[UNKNOWN_PIDS]) },
    ];
    for kind in &types {
        let expected = full.restricted(&pids, &[*kind]);
        queries.push(query(json!({"pids": [], "address-types": [kind]}), expected, &[ONLY_TYPES]));
    }
    for pid in &few {
        queries.push(query(json!({"pids": [pid]}), all(&[*pid]), &[ONLY_PIDS, EVERYTHING]));
        queries.push(query(json!({"pids": [pid, none]}), all(&[*pid]), &[UNKNOWN_PIDS]));
    }
    if !few.is_empty() {
        let doubled: Vec<_> = few.iter().chain(&few).chain(&few).collect();
        queries.push(query(json!({"pids": few}), all(&few), &[ONLY_PIDS, EVERYTHING]));
        queries.push(query(json!({"pids": doubled}), all(&few), &[REPEATED_PIDS]));
        let with_types = json!({"pids": few, "address-types": types});
        queries.push(query(with_types, all(&few), &[ALL_TYPES]));
        let unknown = json!({"pids": few, "address-types": ["mac48"]});
        let expected = full.restricted(&few, &[]);
        queries.push(MapQuery { only_unknown: true, ..query(unknown, expected, &[UNKNOWN_TYPES]) });
    }
    for kind in &types {
        let expected = full.restricted(&few, &[*kind]);
        let grades = [ONLY_TYPES, EVERYTHING];
        queries.push(query(json!({"pids": few, "address-types": [kind]}), expected.clone(), &grades));
        let doubled = json!({"pids": few, "address-types": [kind, kind]});
        queries.push(query(doubled, expected.clone(), &[REPEATED_TYPES]));
        // Names of address types are case-sensitive.
        let other = json!({"pids": few, "address-types": [kind.to_uppercase()]});
        let nothing = full.restricted(&few, &[]);
        queries.push(MapQuery { only_unknown: true, ..query(other, nothing, &[UNKNOWN_TYPES]) });
        let unknown = json!({"pids": few, "address-types": [kind, "mac48"]});
        queries.push(query(unknown, expected, &[UNKNOWN_TYPES]));
    }
    queries
}

fn grade(resource: &Resource, full: &NetworkMap, exchange: &Arc<Exchange>, query: &MapQuery, sheet: &mut Sheet) {
    for requirement in &query.grades {
        sheet.on(*requirement).promised(resource, exchange, "filtered map");
    }
    // A filter that is refused says nothing about the form of answers.
    for requirement in [FORMAT, BY_POST].into_iter().filter(|_| !is_refusal(exchange)) {
        sheet.on(requirement).promised(resource, exchange, "filtered map");
    }
    let Some(seen) = NetworkMap::read(exchange) else {
        return;
    };
    let entry = sheet.on(FULL_TAG);
    entry.saw(exchange, 1, "filtered map");
    if seen.vtag != full.vtag {
        let text = |map: &NetworkMap| map.vtag.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let finding = Finding::new(format!("{}, as in the full map", text(full)), text(&seen));
        entry.fail(finding.at("/meta/vtag").from(&full.exchange).from(exchange));
    }
    let mut finding = difference(&query.expected, &seen.groups).or_else(|| repeated_prefixes(full, &seen));
    if query.only_unknown && finding.is_some() {
        // RFC 7285 §11.3.1.6 drops unknown names; it leaves open whether the empty array that remains means everything.
        let everything = full.restricted(&full.pids(), &full.address_types().into_iter().collect::<Vec<_>>());
        let is_full =
            seen.groups == everything || seen.groups.iter().all(|(pid, group)| full.groups.get(pid) == Some(group));
        finding = finding.map(|(grade, finding)| (if is_full { Grade::Info } else { grade }, finding));
    }
    if let Some((grade, finding)) = finding {
        let finding = finding.from(&full.exchange).from(exchange);
        for requirement in &query.grades {
            sheet.on(*requirement).note(grade, finding.clone());
        }
    }
}

/// Finds the first difference. A PID without addresses may have an empty array or none.
fn difference(expected: &Groups, seen: &Groups) -> Option<(Grade, Finding)> {
    let place = |pid: &str| pointer("/network-map", pid);
    for pid in seen.keys() {
        if !expected.contains_key(pid) {
            return Some((Grade::Fail, Finding::new("requested PIDs only", format!("{pid:?}")).at(place(pid))));
        }
    }
    for (pid, group) in expected {
        let wanted = without_empty(group);
        let Some(seen) = seen.get(pid) else {
            let grade = if wanted.is_empty() { Grade::Warn } else { Grade::Fail };
            let finding = Finding::new(format!("{pid:?}, which was requested"), "none").at("/network-map");
            return Some((grade, finding));
        };
        let seen = without_empty(seen);
        if seen != wanted {
            return Some((Grade::Fail, Finding::new(text(&wanted), text(&seen)).at(place(pid))));
        }
    }
    None
}

/// Returns a group without its empty arrays.
fn without_empty(group: &Group) -> Group {
    group.iter().filter(|(_, prefixes)| !prefixes.is_empty()).map(|(kind, list)| (kind.clone(), list.clone())).collect()
}

fn text(group: &Group) -> String {
    crate::json::shorten(&serde_json::to_string(group).unwrap_or_default(), 300)
}

/// Finds an array with more prefixes than in the full map.
fn repeated_prefixes(full: &NetworkMap, seen: &NetworkMap) -> Option<(Grade, Finding)> {
    let longer = |((pid, kind), count): (&(String, String), &usize)| {
        let expected = full.written.get(&(pid.clone(), kind.clone())).copied().unwrap_or(0);
        (*count > expected).then(|| {
            let place = pointer(&pointer("/network-map", pid), kind);
            Finding::new(format!("{expected} prefixes"), format!("{count}, some repeated")).at(place)
        })
    };
    seen.written.iter().find_map(longer).map(|finding| (Grade::Fail, finding))
}
