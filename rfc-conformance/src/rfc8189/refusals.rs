//! Requests for several costs that must be refused (RFC 8189 §4.1.2). The RFC names no codes: those of RFC 7285 §8.5.2
//! are expected, and another one is a warning.

use std::sync::Arc;

use serde_json::json;

use super::predicates::NO_TESTS;
use super::requirements::{
    s4_1_2::{BOTH, NEITHER, NONE, TEST_TYPES, TOO_MANY, TYPES, UNSUPPORTED},
    s4_2_2::ASKED_OF_ENDPOINTS,
};
use super::rows::{Question, ask, judge};
use super::scene::{self, Scene, list};
use super::{NOBODY, note};
use crate::assertion::Refusal;
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::malformed::{self, Fault};
use crate::name::ERROR_CODES;
use crate::requirement::Requirement;
use crate::rfc7285::cost_query::with;
use crate::sheet::{Entry, Sheet};
use crate::subject::{CostType, Resource};
use crate::verdict::{Finding, Grade};

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[NEITHER, BOTH, UNSUPPORTED, TOO_MANY, NONE, ASKED_OF_ENDPOINTS], requests),
    Check::new(&[TYPES, TEST_TYPES, NONE, ASKED_OF_ENDPOINTS], malformed),
];

/// What a refusal should look like.
pub(super) struct Refused {
    what: &'static str,
    /// The codes that are expected. Another one is a warning.
    codes: &'static [&'static str],
    /// The field that may be named.
    fields: Vec<&'static str>,
    /// Whether only clients are told not to ask this: then an answer is a warning.
    soft: bool,
}

impl Refused {
    /// Of a wrong value.
    pub(super) fn new(what: &'static str) -> Self {
        Self { what, codes: &["E_INVALID_FIELD_VALUE"], fields: Vec::new(), soft: false }
    }

    pub(super) fn field(mut self, field: &'static str) -> Self {
        self.fields.push(field);
        self
    }

    pub(super) fn softly(mut self) -> Self {
        self.soft = true;
        self
    }

    fn codes(mut self, codes: &'static [&'static str]) -> Self {
        self.codes = codes;
        self
    }
}

/// Notes whether a request was refused.
pub(super) fn refuse(
    sheet: &mut Sheet,
    resource: &Resource,
    requirement: Requirement,
    answer: &Result<Arc<Exchange>, NoAnswer>,
    refused: &Refused,
) {
    note(sheet, resource, requirement, |entry| judge_refusal(entry, answer, refused));
}

fn judge_refusal(entry: &mut Entry, answer: &Result<Arc<Exchange>, NoAnswer>, refused: &Refused) {
    if let Ok(exchange) = answer
        && refused.soft
        && exchange.answer.status == 200
    {
        let finding = Finding::new("an error", exchange.outline()).from(exchange);
        entry.saw(exchange, 1, refused.what).warn(finding);
        return;
    }
    let refusal = Refusal { codes: ERROR_CODES, fields: &refused.fields, element: true, value: None };
    entry.refused(answer, refused.what, &refusal);
    if let Ok(exchange) = answer
        && let Some(code) = exchange.error_code()
        && ERROR_CODES.contains(&code)
        && !refused.codes.contains(&code)
    {
        entry.note(Grade::Warn, Finding::new(refused.codes.join(" or "), code).at("/meta/code").from(exchange));
    }
}

fn requests(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOBODY);
    for scene in scene::announced(context)? {
        let resource = scene.resource;
        let one = &scene.types[..1];
        let foreign = CostType { metric: "priv:no-such-metric".to_owned(), mode: "numerical".to_owned() };
        let beside: Vec<_> = one.iter().filter(|_| scene.most >= 2).cloned().chain([foreign]).collect();
        let neither = Refused::new("request").codes(&["E_MISSING_FIELD"]);
        let neither = neither.field("cost-type").field("multi-cost-types");
        let requests = [
            (NEITHER, scene.scope.clone(), neither),
            (BOTH, with(&scene.many(one), "cost-type", one[0].to_json()), Refused::new("request").softly()),
            (UNSUPPORTED, scene.many(&beside), Refused::new("request")),
            (NONE, scene.many(&[]), Refused::new("request").codes(&["E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"])),
        ];
        for (requirement, body, refused) in requests {
            let answer = context.post(resource, &body);
            refuse(sheet, resource, requirement, &answer, &refused);
        }
        empty_beside(context, &scene, sheet)?;
        too_many(context, &scene, sheet);
    }
    Ok(())
}

/// An empty `cost-type` beside several may count as absent. If so, it must not change the answer.
fn empty_beside(context: &Context<'_>, scene: &Scene<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let body = with(&scene.many(scene.together()), "cost-type", json!({}));
    let exchange = context.post(scene.resource, &body)?;
    if exchange.answer.status != 200 {
        return Ok(());
    }
    let steady = scene.steady(context, &scene.scope, |known| {
        let plain = Question::new(known, scene.many(scene.together()), &[BOTH], |_| true);
        ask(context, scene, vec![plain.worded(body.clone())])
    })?;
    for (exchange, question) in steady.iter().flat_map(|(_, answers)| answers) {
        judge(scene, exchange, question, sheet);
    }
    Ok(())
}

/// One more than may be asked for at once; what is announced last may be announced twice.
fn too_many(context: &Context<'_>, scene: &Scene<'_>, sheet: &mut Sheet) {
    const MOST: usize = 100;
    if scene.most >= MOST {
        sheet.on(TOO_MANY).skip(format!("{MOST} or more cost types may be asked for at once"));
        return;
    }
    let all = context.subject.cost_types_of(scene.resource);
    let crowd: Vec<_> = all.iter().cycle().take(scene.most + 1).cloned().collect();
    let answer = context.post(scene.resource, &scene.many(&crowd));
    if let Ok(exchange) = &answer
        && exchange.answer.status == 200
        && all.len() <= scene.most
    {
        // Whether one that is asked for twice counts twice is not said.
        let finding = Finding::new("an error, as one cost type is asked for twice", exchange.outline());
        sheet.on(TOO_MANY).saw(exchange, 1, "request").info(finding.from(exchange));
        return;
    }
    refuse(sheet, scene.resource, TOO_MANY, &answer, &Refused::new("request"));
}

/// Everything that a valid request for several costs can be turned into.
fn malformed(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let scenes = scene::announced(context)?;
    if scenes.is_empty() {
        sheet.skip_all(NOBODY);
    }
    sheet.on(TEST_TYPES).skip(NO_TESTS);
    for scene in scenes {
        let resource = scene.resource;
        let accepts = resource.accepts.as_deref().unwrap_or_default();
        let together = &scene.types[..1];
        let several = scene.many(together);
        let mut samples = vec![several.clone()];
        if let Some(cost_type) = scene.testable.first() {
            let tested = with(&several, "testable-cost-types", list(std::slice::from_ref(cost_type)));
            samples.push(with(&tested, "constraints", json!(["[0] ge 0"])));
            samples.push(with(&tested, "or-constraints", json!([["[0] ge 0"]])));
        }
        for sample in &samples {
            for case in malformed::cases(accepts, sample) {
                let member = case.path.split('/').next().unwrap_or_default();
                let requirement = match (member, case.fault) {
                    ("multi-cost-types", Fault::TooFew) => NONE,
                    // What is left is a request without any cost type, or with lists that mean nothing.
                    ("multi-cost-types", Fault::Missing) if member == case.path => continue,
                    ("multi-cost-types" | "testable-cost-types", _) => TYPES,
                    // That is a requirement of its own.
                    ("or-constraints", Fault::TooFew) => continue,
                    ("constraints" | "or-constraints", _) => TEST_TYPES,
                    _ => continue,
                };
                let Some(codes) = codes(case.fault, &case.path) else { continue };
                let answer = context.post_bytes(resource, case.body);
                refuse(sheet, resource, requirement, &answer, &Refused::new("malformed request").codes(codes));
            }
        }
    }
    Ok(())
}

/// The codes of RFC 7285 §8.5.2; nothing for what may be taken as it is.
fn codes(fault: Fault, path: &str) -> Option<&'static [&'static str]> {
    // Within the element of a list it may be the element that is wrong.
    let inside = path.contains('/');
    match fault {
        Fault::Missing if inside => Some(&["E_MISSING_FIELD", "E_INVALID_FIELD_VALUE"]),
        Fault::Missing => Some(&["E_MISSING_FIELD"]),
        Fault::Type | Fault::Null if inside => Some(&["E_INVALID_FIELD_TYPE", "E_INVALID_FIELD_VALUE"]),
        Fault::Type | Fault::Null => Some(&["E_INVALID_FIELD_TYPE"]),
        Fault::ElementType | Fault::TooFew => Some(&["E_INVALID_FIELD_VALUE"]),
        Fault::ElementValue => Some(&["E_INVALID_FIELD_VALUE", "E_SYNTAX"]),
        Fault::Syntax | Fault::NotObject | Fault::Duplicate | Fault::Deep | Fault::MediaType => None,
    }
}
