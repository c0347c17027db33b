//! Tests that must be refused (RFC 8189 §4.1.2): on costs that cannot be tested, at indices that point nowhere, of a
//! wrong form.

use serde_json::{Value, json};

use super::note;
use super::predicates::NO_TESTS;
use super::refusals::{Refused, refuse};
use super::requirements::{
    s4_1_1::ONLY_TESTABLE,
    s4_1_2::{EITHER, MALFORMED, NOT_EMPTY, NOWHERE_ELSE, ONLY_ONE, RANGE, SUBSET, TESTABLE},
    s4_2_1::OF_ENDPOINTS,
    s4_2_2::ASKED_OF_ENDPOINTS,
};
use super::scene::{self, Scene, list};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::rfc7285::cost_query::with;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// All checks of this file.
pub(super) const CHECKS: &[Check] = &[
    Check::new(&[SUBSET, TESTABLE, ONLY_TESTABLE, ASKED_OF_ENDPOINTS, OF_ENDPOINTS], untestable),
    Check::new(&[EITHER, ONLY_ONE, RANGE, MALFORMED, NOT_EMPTY, ASKED_OF_ENDPOINTS], of_no_use),
    Check::new(&[NOWHERE_ELSE, ASKED_OF_ENDPOINTS], without_constraints),
];

/// Texts that are no tests.
const BROKEN: &[&str] = &[
    "[0] ne 5",
    "[0] le",
    "[0] le x",
    "[0] le 5 6",
    "[-1] le 5",
    "[0.5] le 5",
    "[a] le 5",
    "[] le 5",
    "[0 le 5",
    "0 le 5",
    "[0]",
    "",
    "le \"5\"",
    "[0] LE 5",
];

fn constrained(body: &Value, text: &str) -> Value {
    with(body, "constraints", json!([text]))
}

/// Costs that are announced, but on which no tests are.
fn untestable(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("every cost type of every resource with several costs and constraints can be tested");
    for scene in scene::announced(context)?.iter().filter(|scene| !scene.testable.is_empty()) {
        let (Some(not), Some(testable)) = (scene.untestable(), scene.testable.first()) else { continue };
        let named = with(&scene.one(testable), "testable-cost-types", list(std::slice::from_ref(not)));
        let mut requests = vec![
            (SUBSET, constrained(&named, "[0] ge 0")),
            (ONLY_TESTABLE, constrained(&scene.one(not), "ge 0")),
            (TESTABLE, constrained(&scene.one(not), "[0] ge 0")),
        ];
        if scene.most >= 2 {
            let several = scene.many(&[testable.clone(), not.clone()]);
            requests.push((TESTABLE, constrained(&several, "[1] ge 0")));
            let exchange = context.post(scene.resource, &constrained(&several, "[0] ge 0"))?;
            note(sheet, scene.resource, TESTABLE, |entry| {
                entry.promised(scene.resource, &exchange, "test beside it");
            });
        }
        for (requirement, body) in requests {
            let answer = context.post(scene.resource, &body);
            refuse(sheet, scene.resource, requirement, &answer, &Refused::new("test"));
        }
    }
    Ok(())
}

fn of_no_use(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_TESTS);
    for scene in scene::announced(context)?.iter().filter(|scene| !scene.testable.is_empty()) {
        let Some(cost_type) = scene.testable.first() else { continue };
        let body = scene.one(cost_type);
        let one = std::slice::from_ref(cost_type);
        let alternatives = |lists: Value| with(&body, "or-constraints", lists);
        let mut requests = vec![
            (ONLY_ONE, constrained(&body, "[1] ge 0"), Refused::new("index").field("constraints")),
            (RANGE, constrained(&body, "[7] ge 0"), Refused::new("index").field("constraints")),
            (RANGE, alternatives(json!([["[7] ge 0"]])), Refused::new("index").field("or-constraints")),
            (RANGE, constrained(&scene.many(one), "[1] ge 0"), Refused::new("index").field("constraints")),
            (
                RANGE,
                constrained(&with(&scene.many(one), "testable-cost-types", list(one)), "[1] ge 0"),
                Refused::new("index").field("constraints"),
            ),
        ];
        let both = with(&constrained(&body, "ge 0"), "or-constraints", json!([["ge 0"]]));
        requests.push((EITHER, both, Refused::new("request").softly()));
        for lists in [json!([]), json!([[]]), json!([["[0] ge 0"], []])] {
            requests.push((NOT_EMPTY, alternatives(lists), Refused::new("empty list").softly()));
        }
        for text in BROKEN {
            requests.push((MALFORMED, constrained(&body, text), Refused::new("broken test")));
        }
        requests.push((MALFORMED, alternatives(json!([["ge 0"], ["no test"]])), Refused::new("broken test")));
        for (requirement, body, refused) in requests {
            let answer = context.post(scene.resource, &body);
            refuse(sheet, scene.resource, requirement, &answer, &refused);
        }
        unsettled(context, scene, sheet)?;
    }
    Ok(())
}

/// What the RFC does not settle is only reported.
fn unsettled(context: &Context<'_>, scene: &Scene<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let Some(cost_type) = scene.testable.first() else { return Ok(()) };
    let body = scene.one(cost_type);
    let empty = with(&with(&body, "constraints", json!([])), "or-constraints", json!([["ge 0"]]));
    for (requirement, body) in [(MALFORMED, constrained(&body, "[0]ge 0")), (EITHER, empty)] {
        let exchange = context.post(scene.resource, &body)?;
        if exchange.answer.status == 200 {
            let finding = Finding::new("an error", exchange.outline()).from(&exchange);
            sheet.on(requirement).info(finding);
        }
    }
    Ok(())
}

fn without_constraints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("every resource that announces several costs announces constraints, too");
    for scene in scene::announced(context)?.iter().filter(|scene| scene.testable.is_empty()) {
        let Some(cost_type) = scene.types.first() else { continue };
        let body = with(&scene.one(cost_type), "or-constraints", json!([["ge 0"]]));
        let answer = context.post(scene.resource, &body);
        refuse(sheet, scene.resource, NOWHERE_ELSE, &answer, &Refused::new("request").softly());
    }
    Ok(())
}
