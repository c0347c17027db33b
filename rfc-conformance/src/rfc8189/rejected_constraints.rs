//! Checks of constraints that must be rejected (RFC 8189 §4.1.2): on cost types that are not testable, with invalid
//! indices, or malformed.

use serde_json::{Value, json};

use super::constraints::NO_CONSTRAINTS;
use super::cost_service::{self, CostService, list};
use super::note;
use super::rejected_requests::{ExpectedError, grade_rejection};
use super::requirements::{
    s4_1_1::ONLY_TESTABLE,
    s4_1_2::{EITHER, MALFORMED, NOT_EMPTY, NOWHERE_ELSE, ONLY_ONE, RANGE, SUBSET, TESTABLE},
    s4_2_1::ENDPOINT_CAPABILITIES,
    s4_2_2::ENDPOINT_REQUESTS,
};
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::rfc7285::cost_query::with;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "applies constraints to cost types that accept none",
        &[SUBSET, TESTABLE, ONLY_TESTABLE, ENDPOINT_REQUESTS, ENDPOINT_CAPABILITIES],
        untestable,
    ),
    Check::new(
        "sends constraints with invalid indices, operators and empty lists",
        &[EITHER, ONLY_ONE, RANGE, MALFORMED, NOT_EMPTY, ENDPOINT_REQUESTS],
        invalid,
    ),
    Check::new(
        "sends constraints to multi-cost resources that accept none",
        &[NOWHERE_ELSE, ENDPOINT_REQUESTS],
        without_constraints,
    ),
];

/// Malformed constraints that servers must reject.
const MALFORMED_CONSTRAINTS: &[&str] = &[
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

/// Makes requests with constraints on cost types that are not testable.
fn untestable(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("every cost type of every multi-cost resource with constraints is testable");
    for service in cost_service::announced(context)?.iter().filter(|service| !service.testable.is_empty()) {
        let (Some(not), Some(testable)) = (service.untestable(), service.testable.first()) else { continue };
        let named = with(&service.one(testable), "testable-cost-types", list(std::slice::from_ref(not)));
        let mut requests = vec![
            (SUBSET, constrained(&named, "[0] ge 0")),
            (ONLY_TESTABLE, constrained(&service.one(not), "ge 0")),
            (TESTABLE, constrained(&service.one(not), "[0] ge 0")),
        ];
        if service.most >= 2 {
            let several = service.many(&[testable.clone(), not.clone()]);
            requests.push((TESTABLE, constrained(&several, "[1] ge 0")));
            let exchange = context.post(service.resource, &constrained(&several, "[0] ge 0"))?;
            note(sheet, service.resource, TESTABLE, |entry| {
                entry.promised(service.resource, &exchange, "constraint on a testable cost type");
            });
        }
        for (requirement, body) in requests {
            let answer = context.post(service.resource, &body);
            grade_rejection(sheet, service.resource, requirement, &answer, &ExpectedError::new("constraint"));
        }
    }
    Ok(())
}

fn invalid(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NO_CONSTRAINTS);
    for service in cost_service::announced(context)?.iter().filter(|service| !service.testable.is_empty()) {
        let Some(cost_type) = service.testable.first() else { continue };
        let body = service.one(cost_type);
        let one = std::slice::from_ref(cost_type);
        let alternatives = |lists: Value| with(&body, "or-constraints", lists);
        let mut requests = vec![
            (ONLY_ONE, constrained(&body, "[1] ge 0"), ExpectedError::new("index").field("constraints")),
            (RANGE, constrained(&body, "[7] ge 0"), ExpectedError::new("index").field("constraints")),
            (RANGE, alternatives(json!([["[7] ge 0"]])), ExpectedError::new("index").field("or-constraints")),
            (RANGE, constrained(&service.many(one), "[1] ge 0"), ExpectedError::new("index").field("constraints")),
            (
                RANGE,
                constrained(&with(&service.many(one), "testable-cost-types", list(one)), "[1] ge 0"),
                ExpectedError::new("index").field("constraints"),
            ),
        ];
        let both = with(&constrained(&body, "ge 0"), "or-constraints", json!([["ge 0"]]));
        requests.push((EITHER, both, ExpectedError::new("request").leniently()));
        for lists in [json!([]), json!([[]]), json!([["[0] ge 0"], []])] {
            requests.push((NOT_EMPTY, alternatives(lists), ExpectedError::new("empty array").leniently()));
        }
        for text in MALFORMED_CONSTRAINTS {
            requests.push((MALFORMED, constrained(&body, text), ExpectedError::new("malformed constraint")));
        }
        requests.push((
            MALFORMED,
            alternatives(json!([["ge 0"], ["no constraint"]])),
            ExpectedError::new("malformed constraint"),
        ));
        for (requirement, body, refused) in requests {
            let answer = context.post(service.resource, &body);
            grade_rejection(sheet, service.resource, requirement, &answer, &refused);
        }
        ambiguous(context, service, sheet)?;
    }
    Ok(())
}

/// Reports answers to constraints on which the RFC is ambiguous.
fn ambiguous(context: &Context<'_>, service: &CostService<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let Some(cost_type) = service.testable.first() else { return Ok(()) };
    let body = service.one(cost_type);
    let empty = with(&with(&body, "constraints", json!([])), "or-constraints", json!([["ge 0"]]));
    for (requirement, body) in [(MALFORMED, constrained(&body, "[0]ge 0")), (EITHER, empty)] {
        let exchange = context.post(service.resource, &body)?;
        if exchange.answer.status == 200 {
            let finding = Finding::new("an error", exchange.outline()).from(&exchange);
            sheet.on(requirement).info(finding);
        }
    }
    Ok(())
}

fn without_constraints(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("every multi-cost resource announces constraints");
    for service in cost_service::announced(context)?.iter().filter(|service| service.testable.is_empty()) {
        let Some(cost_type) = service.types.first() else { continue };
        let body = with(&service.one(cost_type), "or-constraints", json!([["ge 0"]]));
        let answer = context.post(service.resource, &body);
        grade_rejection(sheet, service.resource, NOWHERE_ELSE, &answer, &ExpectedError::new("request").leniently());
    }
    Ok(())
}
