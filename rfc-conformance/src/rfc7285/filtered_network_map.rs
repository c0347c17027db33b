//! Filtered network maps: each is the full map restricted to what was asked for (RFC 7285 §11.3.1).

use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s11_3_1::PROVIDED,
    s11_3_1_1::FORMAT,
    s11_3_1_2::BY_POST,
    s11_3_1_3::{ALL_PIDS, ALL_TYPES, REPEATED_PIDS, REPEATED_TYPES},
    s11_3_1_6::{EVERYTHING, FULL_TAG, ONLY_PIDS, ONLY_TYPES, UNKNOWN_PIDS, UNKNOWN_TYPES},
};
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND};
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade};
use crate::view::{Group, Groups, NetworkMap, spread};

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[PROVIDED], provided),
    Check::new(
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
];

/// A question, what it must bring, and what it says something about.
struct Question {
    body: Value,
    expected: Groups,
    grades: Vec<Requirement>,
    /// The list has nothing but unknown names: whether that means nothing or everything is disputed.
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
    for resource in context.subject.of(Kind::FilteredNetworkMap).take(MOST_OF_A_KIND) {
        let Some(map) = context.subject.network_map_of(resource) else {
            continue;
        };
        let asked = context.steady(map, |before| {
            let questions = NetworkMap::read(before).map_or_else(Vec::new, |full| questions(&full));
            let answers: Result<Vec<_>, NoAnswer> =
                questions.into_iter().map(|question| Ok((context.post(resource, &question.body)?, question))).collect();
            answers
        })?;
        let Some(steady) = asked else {
            sheet.skip_all("the network map changed during every comparison");
            continue;
        };
        let Some(full) = NetworkMap::read(&steady.full) else {
            continue;
        };
        for (exchange, question) in steady.found {
            judge(resource, &full, &exchange, &question, sheet);
        }
    }
    Ok(())
}

/// A name that no PID has.
pub(crate) fn unknown_name(known: &[&str]) -> String {
    let mut name = "no-such-pid".to_owned();
    while known.contains(&name.as_str()) {
        name.push('-');
    }
    name
}

fn questions(full: &NetworkMap) -> Vec<Question> {
    let pids = full.pids();
    let types: Vec<&str> = full.address_types().into_iter().collect();
    let few = spread(&pids, 3);
    let none = unknown_name(&pids);
    let all = |chosen: &[&str]| full.restricted(chosen, &types);
    let question = |body: Value, expected: Groups, grades: &[Requirement]| Question {
        body,
        expected,
        grades: grades.to_vec(),
        only_unknown: false,
    };
    let mut questions = vec![
        question(json!({"pids": []}), all(&pids), &[ALL_PIDS, ALL_TYPES]),
        question(json!({"pids": [], "address-types": []}), all(&pids), &[ALL_PIDS, ALL_TYPES]),
        Question { only_unknown: true, ..question(json!({"pids": [none]}), Groups::new(), &[UNKNOWN_PIDS]) },
    ];
    for pid in &few {
        questions.push(question(json!({"pids": [pid]}), all(&[*pid]), &[ONLY_PIDS, EVERYTHING]));
        questions.push(question(json!({"pids": [pid, none]}), all(&[*pid]), &[UNKNOWN_PIDS]));
    }
    if !few.is_empty() {
        let doubled: Vec<_> = few.iter().chain(&few).chain(&few).collect();
        questions.push(question(json!({"pids": few}), all(&few), &[ONLY_PIDS, EVERYTHING]));
        questions.push(question(json!({"pids": doubled}), all(&few), &[REPEATED_PIDS]));
        let with_types = json!({"pids": few, "address-types": types});
        questions.push(question(with_types, all(&few), &[ALL_TYPES]));
        let unknown = json!({"pids": few, "address-types": ["mac48"]});
        let expected = full.restricted(&few, &[]);
        questions.push(Question { only_unknown: true, ..question(unknown, expected, &[UNKNOWN_TYPES]) });
    }
    for kind in &types {
        let expected = full.restricted(&few, &[*kind]);
        let grades = [ONLY_TYPES, EVERYTHING];
        questions.push(question(json!({"pids": few, "address-types": [kind]}), expected.clone(), &grades));
        let doubled = json!({"pids": few, "address-types": [kind, kind]});
        questions.push(question(doubled, expected.clone(), &[REPEATED_TYPES]));
        let unknown = json!({"pids": few, "address-types": [kind, "mac48"]});
        questions.push(question(unknown, expected, &[UNKNOWN_TYPES]));
    }
    questions
}

fn judge(resource: &Resource, full: &NetworkMap, exchange: &Arc<Exchange>, question: &Question, sheet: &mut Sheet) {
    let what = "filtered map";
    for requirement in [FORMAT, BY_POST].iter().chain(&question.grades) {
        sheet.on(*requirement).promised(resource, exchange, what);
    }
    let Some(seen) = NetworkMap::read(exchange) else {
        return;
    };
    let entry = sheet.on(FULL_TAG);
    entry.saw(exchange, 1, what);
    if seen.vtag != full.vtag {
        let text = |map: &NetworkMap| map.vtag.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
        let finding = Finding::new(format!("{}, as the full map has", text(full)), text(&seen));
        entry.fail(finding.at("/meta/vtag").from(&full.exchange).from(exchange));
    }
    let mut finding = difference(&question.expected, &seen.groups).or_else(|| doubled(full, &seen));
    if question.only_unknown && finding.is_some() {
        // RFC 7285 §11.3.1.6 drops unknown names; whether what is then an empty list means everything is left open.
        let everything = full.restricted(&full.pids(), &full.address_types().into_iter().collect::<Vec<_>>());
        let is_full =
            seen.groups == everything || seen.groups.iter().all(|(pid, group)| full.groups.get(pid) == Some(group));
        finding = finding.map(|(grade, finding)| (if is_full { Grade::Info } else { grade }, finding));
    }
    if let Some((grade, finding)) = finding {
        let finding = finding.from(&full.exchange).from(exchange);
        for requirement in &question.grades {
            sheet.on(*requirement).note(grade, finding.clone());
        }
    }
}

/// The first thing that is not as expected. A PID without addresses may have an empty list or none.
fn difference(expected: &Groups, seen: &Groups) -> Option<(Grade, Finding)> {
    let place = |pid: &str| pointer("/network-map", pid);
    for pid in seen.keys() {
        if !expected.contains_key(pid) {
            return Some((Grade::Fail, Finding::new("no PID but those asked for", format!("{pid:?}")).at(place(pid))));
        }
    }
    for (pid, group) in expected {
        let wanted = filled(group);
        let Some(seen) = seen.get(pid) else {
            let grade = if wanted.is_empty() { Grade::Warn } else { Grade::Fail };
            let finding = Finding::new(format!("{pid:?}, which was asked for"), "not there").at("/network-map");
            return Some((grade, finding));
        };
        let seen = filled(seen);
        if seen != wanted {
            return Some((Grade::Fail, Finding::new(text(&wanted), text(&seen)).at(place(pid))));
        }
    }
    None
}

/// A group without its empty lists.
fn filled(group: &Group) -> Group {
    group.iter().filter(|(_, prefixes)| !prefixes.is_empty()).map(|(kind, list)| (kind.clone(), list.clone())).collect()
}

fn text(group: &Group) -> String {
    crate::json::shorten(&serde_json::to_string(group).unwrap_or_default(), 300)
}

/// A prefix list that is longer than that of the full map.
fn doubled(full: &NetworkMap, seen: &NetworkMap) -> Option<(Grade, Finding)> {
    let longer = |((pid, kind), count): (&(String, String), &usize)| {
        let expected = full.written.get(&(pid.clone(), kind.clone())).copied().unwrap_or(0);
        (*count > expected).then(|| {
            let place = pointer(&pointer("/network-map", pid), kind);
            Finding::new(format!("{expected} prefixes"), format!("{count}, some repeated")).at(place)
        })
    };
    seen.written.iter().find_map(longer).map(|finding| (Grade::Fail, finding))
}
