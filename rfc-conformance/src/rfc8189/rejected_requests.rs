//! Checks of multi-cost requests that must be rejected (RFC 8189 §4.1.2). The RFC names no error codes, so other codes
//! than those of RFC 7285 §8.5.2 are warnings.

use std::sync::Arc;

use serde_json::json;

use super::constraints::NO_CONSTRAINTS;
use super::cost_service::{self, CostService, list};
use super::multi_cost_query::{MultiCostQuery, ask, grade};
use super::requirements::{
    s4_1_2::{BOTH, NEITHER, NONE, TEST_TYPES, TOO_MANY, TYPES, UNSUPPORTED},
    s4_2_2::ENDPOINT_REQUESTS,
};
use super::{NOT_ANNOUNCED, note};
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

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "sends queries with no, too many, unknown and both kinds of cost types",
        &[NEITHER, BOTH, UNSUPPORTED, TOO_MANY, NONE, ENDPOINT_REQUESTS],
        requests,
    ),
    Check::new("sends multi-cost members of wrong types", &[TYPES, TEST_TYPES, NONE, ENDPOINT_REQUESTS], malformed),
];

/// Expectation of an error for a request.
pub(super) struct ExpectedError {
    noun: &'static str,
    /// Expected codes; others are warnings.
    codes: &'static [&'static str],
    /// Fields that the error may name.
    fields: Vec<&'static str>,
    /// The prohibition binds clients only, so an answer is a warning.
    lenient: bool,
}

impl ExpectedError {
    /// Creates an expectation of `E_INVALID_FIELD_VALUE`.
    pub(super) fn new(noun: &'static str) -> Self {
        Self { noun, codes: &["E_INVALID_FIELD_VALUE"], fields: Vec::new(), lenient: false }
    }

    pub(super) fn field(mut self, field: &'static str) -> Self {
        self.fields.push(field);
        self
    }

    pub(super) fn leniently(mut self) -> Self {
        self.lenient = true;
        self
    }

    fn codes(mut self, codes: &'static [&'static str]) -> Self {
        self.codes = codes;
        self
    }
}

/// Grades the rejection of a request.
pub(super) fn grade_rejection(
    sheet: &mut Sheet,
    resource: &Resource,
    requirement: Requirement,
    answer: &Result<Arc<Exchange>, NoAnswer>,
    refused: &ExpectedError,
) {
    note(sheet, resource, requirement, |entry| grade_error(entry, answer, refused));
}

fn grade_error(entry: &mut Entry, answer: &Result<Arc<Exchange>, NoAnswer>, refused: &ExpectedError) {
    if let Ok(exchange) = answer
        && refused.lenient
        && exchange.answer.status == 200
    {
        let finding = Finding::new("an error", exchange.outline()).from(exchange);
        entry.saw(exchange, 1, refused.noun).warn(finding);
        return;
    }
    let refusal = Refusal { codes: ERROR_CODES, fields: &refused.fields, element: true, value: None };
    entry.refused(answer, refused.noun, &refusal);
    if let Ok(exchange) = answer
        && let Some(code) = exchange.error_code()
        && ERROR_CODES.contains(&code)
        && !refused.codes.contains(&code)
    {
        entry.note(Grade::Warn, Finding::new(refused.codes.join(" or "), code).at("/meta/code").from(exchange));
    }
}

fn requests(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOT_ANNOUNCED);
    for service in cost_service::announced(context)? {
        let resource = service.resource;
        let one = &service.types[..1];
        let foreign = CostType { metric: "priv:no-such-metric".to_owned(), mode: "numerical".to_owned() };
        let beside: Vec<_> = one.iter().filter(|_| service.most >= 2).cloned().chain([foreign]).collect();
        let neither = ExpectedError::new("request").codes(&["E_MISSING_FIELD"]);
        let neither = neither.field("cost-type").field("multi-cost-types");
        let requests = [
            (NEITHER, service.scope.clone(), neither),
            (BOTH, with(&service.many(one), "cost-type", one[0].to_json()), ExpectedError::new("request").leniently()),
            (UNSUPPORTED, service.many(&beside), ExpectedError::new("request")),
            (
                NONE,
                service.many(&[]),
                ExpectedError::new("request").codes(&["E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"]),
            ),
        ];
        for (requirement, body, refused) in requests {
            let answer = context.post(resource, &body);
            grade_rejection(sheet, resource, requirement, &answer, &refused);
        }
        empty_beside(context, &service, sheet)?;
        too_many(context, &service, sheet);
    }
    Ok(())
}

/// Makes a multi-cost request with an empty `cost-type`, which may count as absent but then must not change the answer.
fn empty_beside(context: &Context<'_>, service: &CostService<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let body = with(&service.many(service.together()), "cost-type", json!({}));
    let exchange = context.post(service.resource, &body)?;
    if exchange.answer.status != 200 {
        return Ok(());
    }
    let steady = service.steady(context, &service.scope, |known| {
        let plain = MultiCostQuery::new(known, service.many(service.together()), &[BOTH], |_| true);
        ask(context, service, vec![plain.with_body(body.clone())])
    })?;
    for (exchange, query) in steady.iter().flat_map(|(_, answers)| answers) {
        grade(service, exchange, query, sheet);
    }
    Ok(())
}

/// Requests one cost type more than permitted, repeating some if there are not enough.
fn too_many(context: &Context<'_>, service: &CostService<'_>, sheet: &mut Sheet) {
    const MOST: usize = 100;
    if service.most >= MOST {
        sheet.on(TOO_MANY).skip(format!("{MOST} or more cost types may be requested at once"));
        return;
    }
    let all = context.subject.cost_types_of(service.resource);
    let crowd: Vec<_> = all.iter().cycle().take(service.most + 1).cloned().collect();
    let answer = context.post(service.resource, &service.many(&crowd));
    if let Ok(exchange) = &answer
        && exchange.answer.status == 200
        && all.len() <= service.most
    {
        // The RFC leaves open whether a repeated cost type counts twice.
        let finding = Finding::new("an error, as a cost type is requested twice", exchange.outline());
        sheet.on(TOO_MANY).saw(exchange, 1, "request").info(finding.from(exchange));
        return;
    }
    grade_rejection(sheet, service.resource, TOO_MANY, &answer, &ExpectedError::new("request"));
}

/// Makes every malformed request that can be derived from a valid multi-cost request.
fn malformed(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let services = cost_service::announced(context)?;
    if services.is_empty() {
        sheet.skip_all(NOT_ANNOUNCED);
    }
    sheet.on(TEST_TYPES).skip(NO_CONSTRAINTS);
    for service in services {
        let resource = service.resource;
        let accepts = resource.accepts.as_deref().unwrap_or_default();
        let together = &service.types[..1];
        let several = service.many(together);
        let mut samples = vec![several.clone()];
        if let Some(cost_type) = service.testable.first() {
            let tested = with(&several, "testable-cost-types", list(std::slice::from_ref(cost_type)));
            samples.push(with(&tested, "constraints", json!(["[0] ge 0"])));
            samples.push(with(&tested, "or-constraints", json!([["[0] ge 0"]])));
        }
        for sample in &samples {
            for case in malformed::cases(accepts, sample) {
                let member = case.path.split('/').next().unwrap_or_default();
                let requirement = match (member, case.fault) {
                    ("multi-cost-types", Fault::TooFew) => NONE,
                    // The rest is a request without cost types, which is graded elsewhere.
                    ("multi-cost-types", Fault::Missing) if member == case.path => continue,
                    ("multi-cost-types" | "testable-cost-types", _) => TYPES,
                    // Empty arrays have a requirement of their own.
                    ("or-constraints", Fault::TooFew) => continue,
                    ("constraints" | "or-constraints", _) => TEST_TYPES,
                    _ => continue,
                };
                let Some(codes) = expected_codes(case.fault, &case.path) else { continue };
                let answer = context.post_bytes(resource, case.body);
                grade_rejection(
                    sheet,
                    resource,
                    requirement,
                    &answer,
                    &ExpectedError::new("malformed request").codes(codes),
                );
            }
        }
    }
    Ok(())
}

/// Returns the codes of RFC 7285 §8.5.2 for a fault; `None` for requests that may be answered.
fn expected_codes(fault: Fault, path: &str) -> Option<&'static [&'static str]> {
    // A fault within an array element makes the element invalid as well.
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
