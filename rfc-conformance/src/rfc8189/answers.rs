//! Answers with several costs (RFC 8189 §4.1.1, §4.1.2, §4.1.3, §4.2.2, §4.2.3).

use serde_json::{Value, json};

use super::requirements::{
    s3_5::WHOLE,
    s4_1_1::MAX,
    s4_1_2::{ARRAYS, DESCRIPTION, ONE, PIDS},
    s4_1_3::{EMPTY, LIST, NULL, OMITTED, ONLY, SCALARS, TAGGED, VALUES},
    s4_2_1::OF_ENDPOINTS,
    s4_2_2::{ARRAYS_OF_ENDPOINTS, ASKED_OF_ENDPOINTS, ENDPOINTS},
    s4_2_3::{NULL_OF_ENDPOINTS, OMITTED_OF_ENDPOINTS, SAID_OF_ENDPOINTS},
};
use super::rows::{Question, ask, judge};
use super::scene::{self, Known, Scene, list};
use super::{NOBODY, note};
use crate::assertion::Refusal;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::json::brief;
use crate::requirement::Requirement;
use crate::rfc7285::cost_map::tag_of;
use crate::rfc7285::cost_query::with;
use crate::rfc7285::filtered_network_map::unknown_name;
use crate::sheet::Sheet;
use crate::subject::{CostType, Kind};
use crate::verdict::Finding;
use crate::view::NetworkMap;

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        &[
            MAX,
            ONE,
            DESCRIPTION,
            ARRAYS,
            SCALARS,
            EMPTY,
            LIST,
            VALUES,
            NULL,
            OMITTED,
            ONLY,
            OF_ENDPOINTS,
            ASKED_OF_ENDPOINTS,
            ARRAYS_OF_ENDPOINTS,
            SAID_OF_ENDPOINTS,
            NULL_OF_ENDPOINTS,
            OMITTED_OF_ENDPOINTS,
        ],
        combinations,
    ),
    Check::new(&[MAX, OF_ENDPOINTS], number),
    Check::new(&[WHOLE, PIDS, ONLY, VALUES], filters),
    Check::new(&[TAGGED], tagged),
    Check::new(&[ENDPOINTS], endpoints),
];

const MOVED: &str = "costs changed during every comparison";

fn number(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOBODY);
    for resource in &context.subject.resources {
        let place = "/capabilities/max-cost-types";
        let Some(value) = resource.entry.pointer(place) else { continue };
        let directory = &context.subject.directory_of(resource).exchange;
        note(sheet, resource, MAX, |entry| {
            entry.saw(directory, 1, "resource");
            if value.as_u64().is_none() {
                let finding = Finding::new("a whole number of 0 or more", brief(value));
                entry.fail(finding.at(resource.pointer() + place).from(directory));
            }
        });
    }
    Ok(())
}

fn combinations(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let scenes = scene::announced(context)?;
    if scenes.is_empty() {
        sheet.skip_all(NOBODY);
    }
    for scene in scenes {
        let steady = scene.steady(context, &scene.scope, |known| ask(context, &scene, questions(&scene, known)))?;
        let Some((_, answers)) = steady else {
            sheet.skip_all(MOVED);
            continue;
        };
        for (exchange, question) in &answers {
            judge(&scene, exchange, question, sheet);
        }
    }
    Ok(())
}

/// Every cost type alone and in a list of one, neighbours in both orders, and as many as may be asked for.
fn questions(scene: &Scene<'_>, known: &Known) -> Vec<Question> {
    let question = |body: Value, grades: &[Requirement]| Question::new(known, body, grades, |_| true);
    let mut questions = Vec::new();
    for cost_type in &scene.types {
        questions.push(question(scene.one(cost_type), &[SCALARS]));
        questions.push(question(scene.many(std::slice::from_ref(cost_type)), &[MAX, ONE, ARRAYS]));
    }
    if scene.most >= 2 {
        for pair in scene.types.windows(2) {
            questions.push(question(scene.many(pair), &[MAX, ARRAYS]));
            let swapped = [pair[1].clone(), pair[0].clone()];
            questions.push(question(scene.many(&swapped), &[MAX, ARRAYS, VALUES]));
        }
    }
    let together = scene.together();
    questions.push(question(scene.many(together), &[MAX, ARRAYS]));
    let mut described = list(together);
    for element in described.as_array_mut().into_iter().flatten() {
        element["description"] = json!("something else");
    }
    questions.push(question(with(&scene.scope, "multi-cost-types", described), &[DESCRIPTION]));
    questions
}

fn filters(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no filtered cost map announces `max-cost-types`");
    for scene in scene::announced(context)?.iter().filter(|scene| scene.resource.kind == Kind::FilteredCostMap) {
        let Some(map) = context.map_behind(scene.resource)? else { continue };
        let pids = map.pids();
        let types: Vec<CostType> = scene.together().iter().take(2).cloned().collect();
        let steady = scene
            .steady(context, &json!({}), |known| ask(context, scene, filter_questions(scene, known, &types, &pids)))?;
        let Some((_, answers)) = steady else {
            sheet.skip_all(MOVED);
            continue;
        };
        for (exchange, question) in &answers {
            judge(scene, exchange, question, sheet);
        }
    }
    Ok(())
}

fn filter_questions(scene: &Scene<'_>, known: &Known, types: &[CostType], pids: &[&str]) -> Vec<Question> {
    let all = json!({"multi-cost-types": list(scene.together())});
    let asked = json!({"multi-cost-types": list(types)});
    let body = |srcs: &[&str], dsts: &[&str]| with(&asked, "pids", json!({"srcs": srcs, "dsts": dsts}));
    let none = unknown_name(pids);
    let mut questions = vec![
        Question::new(known, all.clone(), &[WHOLE], |_| true),
        Question::new(known, with(&all, "pids", json!({"srcs": [], "dsts": []})), &[WHOLE, PIDS], |_| true),
    ];
    if let Some(pid) = pids.get(pids.len() / 2).copied() {
        let row = |pair: &(String, String)| pair.0 == pid;
        questions.push(Question::new(known, body(&[pid], &[]), &[PIDS], row));
        questions.push(Question::new(known, body(&[], &[pid]), &[PIDS], |pair| pair.1 == pid));
        questions.push(Question::new(known, body(&[pid, pid], &[]), &[PIDS], row));
        questions.push(Question::new(known, body(&[pid, &none], &[]), &[PIDS], row));
    }
    questions
}

fn tagged(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TAGGED);
    entry.skip("no filtered cost map announces `max-cost-types`");
    for scene in scene::announced(context)?.iter().filter(|scene| scene.resource.kind == Kind::FilteredCostMap) {
        let Some(map) = context.subject.network_map_of(scene.resource) else { continue };
        let body = scene.many(scene.together());
        let Some(steady) = context.steady(map, |_| context.post(scene.resource, &body))? else {
            entry.skip("the network map changed during every comparison");
            continue;
        };
        if let Some(full) = NetworkMap::read(&steady.full).filter(|_| steady.found.answer.status == 200) {
            tag_of(entry, &steady.found, &full, map);
        }
    }
    Ok(())
}

fn endpoints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no endpoint cost service announces `max-cost-types`");
    for scene in scene::announced(context)?.iter().filter(|scene| scene.resource.kind == Kind::EndpointCost) {
        let asked = json!({"multi-cost-types": list(scene.together())});
        let answer = context.post(scene.resource, &asked);
        let refusal = Refusal { codes: &["E_MISSING_FIELD"], fields: &["endpoints"], ..Refusal::default() };
        sheet.on(ENDPOINTS).refused(&answer, "request without endpoints", &refusal);
        let answer = context.post(scene.resource, &with(&asked, "endpoints", json!({"srcs": [], "dsts": []})));
        let codes = ["E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"];
        sheet.on(ENDPOINTS).refused(
            &answer,
            "request without endpoints",
            &Refusal { codes: &codes, ..Refusal::default() },
        );
        // Whom an empty list stands for does not depend on how many costs are asked for.
        let addresses = &scene.scope["endpoints"]["dsts"];
        for (given, other) in [("dsts", "srcs"), ("srcs", "dsts")] {
            let scope = json!({"endpoints": {given: addresses, other: []}});
            let steady = scene.steady(context, &scope, |known| {
                let body = with(&scope, "multi-cost-types", list(scene.together()));
                ask(context, scene, vec![Question::new(known, body, &[ENDPOINTS], |_| true)])
            })?;
            for (exchange, question) in steady.iter().flat_map(|(_, answers)| answers) {
                judge(scene, exchange, question, sheet);
            }
        }
    }
    Ok(())
}
