//! Checks of errors for malformed requests (RFC 7285 §8.5), from one pass over all malformed requests.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cost_query::with;
use super::requirements::{
    s8_2::{BOUNDS, NULL},
    s8_3::MEDIA_TYPE,
    s8_5::{BODY, STATUS},
    s8_5_2::{
        AS_TEXT, ELEMENT, ELEMENT_TYPE, FIELD_AND_VALUE, MISSING, ONE, SUBFIELD, SYNTAX, TYPE, TYPE_FIELD, VALUE,
    },
    s11_3_1_3::NETWORK_FILTER,
    s11_3_2_3::COST_FILTER,
    s11_4_1_3::PROPERTY_REQUEST,
    s11_5_1_3::COST_REQUEST,
    s15_5_2::SURVIVES,
};
use crate::assertion::{Refusal, promised};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::malformed::{self, ContentType, Fault, Outcome};
use crate::requirement::Requirement;
use crate::rfc9240::requirements::s8_6::NEEDS_ENTITIES;
use crate::sheet::Sheet;
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "sends every malformed variant of a valid request to each resource, and a valid request after each",
        &[
            BOUNDS,
            NULL,
            MEDIA_TYPE,
            BODY,
            STATUS,
            SYNTAX,
            MISSING,
            TYPE,
            TYPE_FIELD,
            VALUE,
            FIELD_AND_VALUE,
            AS_TEXT,
            ELEMENT,
            ELEMENT_TYPE,
            NETWORK_FILTER,
            COST_FILTER,
            PROPERTY_REQUEST,
            COST_REQUEST,
            NEEDS_ENTITIES,
            SURVIVES,
        ],
        malformed_requests,
    ),
    Check::new("sends cost types with one invalid member", &[SUBFIELD, VALUE, FIELD_AND_VALUE], subfields),
    Check::new("sends requests with several faults and expects one consistent error", &[ONE], several_faults),
];

fn malformed_requests(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource that takes requests is listed");
    for outcome in malformed::outcomes(context)?.iter() {
        let resource = &context.subject.resources[outcome.resource];
        grade(outcome, resource, sheet);
        grade_survival(outcome, resource, sheet);
    }
    Ok(())
}

/// Adds the request and the resource to a finding.
fn named(finding: Finding, outcome: &Outcome, resource: &Resource) -> Finding {
    let seen = format!("{} ({}: {})", finding.seen, resource.id, outcome.case.what);
    Finding { seen, ..finding }
}

/// Notes a failure for a request that got no answer, unless the run had to end before.
fn silence(
    sheet: &mut Sheet,
    requirement: Requirement,
    expected: &str,
    trouble: &NoAnswer,
    outcome: &Outcome,
    resource: &Resource,
) {
    if trouble.failure.is_given_up() {
        sheet.on(requirement).interrupt(trouble);
        return;
    }
    let mut finding = Finding::new(expected, trouble.failure.to_string());
    finding.records.push(Arc::clone(&trouble.record));
    sheet.on(requirement).fail(named(finding, outcome, resource));
}

fn grade(outcome: &Outcome, resource: &Resource, sheet: &mut Sheet) {
    let case = &outcome.case;
    let path = [case.path.as_str()];
    let codes: &[&str] = match case.fault {
        Fault::Syntax => &["E_SYNTAX"],
        // RFC 7285 leaves open which of the three applies.
        Fault::NotObject => &["E_SYNTAX", "E_INVALID_FIELD_TYPE", "E_MISSING_FIELD"],
        Fault::Missing => &["E_MISSING_FIELD"],
        Fault::Type | Fault::Null => &["E_INVALID_FIELD_TYPE"],
        Fault::ElementType => &["E_INVALID_FIELD_VALUE"],
        // Malformed identifiers are syntax errors by Table 1, but invalid values by the text.
        Fault::ElementValue => &["E_INVALID_FIELD_VALUE", "E_SYNTAX"],
        Fault::TooFew => &["E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"],
        Fault::Duplicate | Fault::Deep | Fault::MediaType => return grade_tolerant(outcome, resource, sheet),
    };
    let is_element = matches!(case.fault, Fault::ElementType | Fault::ElementValue);
    let refusal = Refusal {
        codes,
        fields: if case.path.is_empty() { &[] } else { &path },
        element: is_element,
        value: case.value.as_deref().filter(|_| is_element),
    };
    let noun = "malformed request";
    let exchange = match &outcome.answer {
        Ok(exchange) => exchange,
        Err(trouble) => {
            silence(sheet, STATUS, "an error", trouble, outcome, resource);
            return;
        }
    };
    let one_list = case.fault == Fault::Missing && case.path.starts_with("pids/");
    if one_list && exchange.answer.status == 200 {
        // Whether one array may be absent is a requirement of its own.
        return;
    }
    sheet.on(STATUS).saw(exchange, 1, noun);
    let notes = refusal.deviations(exchange);
    for (grade, finding) in notes {
        let finding = named(finding, outcome, resource);
        let status = exchange.answer.status;
        let is_status = finding.pointer.is_none();
        for requirement in about(case.fault, resource, finding.pointer.as_deref()) {
            // The absence of an ALTO error is noted once, below, and not for every member.
            if grade != Grade::Warn || !is_status {
                sheet.on(requirement).note(grade, finding.clone());
            }
        }
        if is_status && grade == Grade::Warn {
            sheet.on(BODY).fail(finding.clone());
        }
        if is_status && !(400..500).contains(&status) {
            sheet.on(STATUS).fail(finding);
        }
    }
    let has_body = exchange.error_code().is_some();
    sheet.on(BODY).saw(exchange, 1, noun);
    if has_body {
        for requirement in about(case.fault, resource, None) {
            sheet.on(requirement).saw(exchange, 1, noun);
        }
        note_members(exchange, outcome, sheet);
    } else {
        for requirement in about(case.fault, resource, None) {
            sheet.on(requirement).skip("errors have no ALTO error message with a code");
        }
    }
    if case.fault == Fault::TooFew && exchange.error_code() == Some("E_MISSING_FIELD") {
        let finding = Finding::new("E_INVALID_FIELD_VALUE", "E_MISSING_FIELD").at("/meta/code").from(exchange);
        sheet.on(BOUNDS).warn(named(finding, outcome, resource));
    }
}

/// Returns the requirements that a fault grades; those on `field` and `value` if the finding is about these members.
fn about(fault: Fault, resource: &Resource, pointer: Option<&str>) -> Vec<Requirement> {
    let needs = match resource.kind {
        Kind::FilteredNetworkMap => NETWORK_FILTER,
        Kind::FilteredCostMap => COST_FILTER,
        Kind::EndpointProperty => PROPERTY_REQUEST,
        Kind::FilteredPropertyMap => NEEDS_ENTITIES,
        _ => COST_REQUEST,
    };
    match (fault, pointer) {
        (Fault::Syntax | Fault::NotObject, _) => vec![SYNTAX],
        (Fault::Missing, _) => vec![MISSING, needs],
        (Fault::Type | Fault::Null, Some("/meta/field")) => vec![TYPE, TYPE_FIELD],
        (Fault::Type, _) => vec![TYPE],
        (Fault::Null, _) => vec![NULL, TYPE],
        (Fault::ElementType, Some("/meta/field")) | (Fault::ElementValue, Some("/meta/field" | "/meta/value")) => {
            vec![ELEMENT, FIELD_AND_VALUE]
        }
        (Fault::ElementType, Some("/meta/value")) => vec![AS_TEXT, ELEMENT, FIELD_AND_VALUE],
        (Fault::ElementType, _) => vec![ELEMENT_TYPE],
        (Fault::ElementValue, _) => vec![VALUE],
        (Fault::TooFew, Some("/meta/field")) => vec![FIELD_AND_VALUE],
        (Fault::TooFew, _) if resource.kind == Kind::EndpointProperty => vec![BOUNDS, needs],
        (Fault::TooFew, _) => vec![BOUNDS],
        (Fault::Duplicate | Fault::Deep | Fault::MediaType, _) => Vec::new(),
    }
}

/// Notes that `field` and `value` of an error were examined.
fn note_members(exchange: &Exchange, outcome: &Outcome, sheet: &mut Sheet) {
    let member = |name: &str| exchange.value().and_then(|value| value.pointer("/meta")?.get(name));
    let noun = "error";
    match outcome.case.fault {
        Fault::Type | Fault::Null => {
            sheet.on(TYPE_FIELD).skip("no error names a field").saw(
                exchange,
                usize::from(member("field").is_some()),
                noun,
            );
        }
        Fault::ElementType | Fault::ElementValue => {
            let named = usize::from(member("field").is_some());
            sheet.on(FIELD_AND_VALUE).skip("no error names a field").saw(exchange, named, noun);
            sheet.on(ELEMENT).skip("no error names a field").saw(exchange, named, noun);
            if outcome.case.fault == Fault::ElementType {
                let valued = usize::from(member("value").is_some());
                sheet.on(AS_TEXT).skip("no error has a value").saw(exchange, valued, noun);
            }
        }
        _ => {}
    }
}

/// Grades answers to requests that the server may answer or reject, but which must not make it fail.
fn grade_tolerant(outcome: &Outcome, resource: &Resource, sheet: &mut Sheet) {
    let requirement = if outcome.case.fault == Fault::MediaType { MEDIA_TYPE } else { STATUS };
    let exchange = match &outcome.answer {
        Ok(exchange) => exchange,
        Err(trouble) => {
            silence(sheet, requirement, "an answer or an error", trouble, outcome, resource);
            return;
        }
    };
    let entry = sheet.on(requirement);
    entry.saw(exchange, 1, "request");
    let status = exchange.answer.status;
    let note = |expected: &str| named(Finding::new(expected, exchange.outline()).from(exchange), outcome, resource);
    match outcome.case.fault {
        Fault::MediaType => match (outcome.case.content_type, status) {
            (_, 415) | (ContentType::Absent, 400) => {}
            (ContentType::Absent, 200..=299) => drop(entry.warn(note("status 415 or 400"))),
            (_, 400..=499) => drop(entry.warn(note("status 415"))),
            _ => drop(entry.fail(note("status 415"))),
        },
        // RFC 7159 leaves duplicate names undefined, and servers may limit depth as they limit size.
        Fault::Duplicate if status < 500 => {}
        Fault::Deep if status < 500 || status == 503 => {}
        _ => drop(entry.fail(note("an answer or status 4xx"))),
    }
}

/// Grades the answer to the valid request that followed.
fn grade_survival(outcome: &Outcome, resource: &Resource, sheet: &mut Sheet) {
    match &outcome.after {
        Ok(exchange) => {
            let entry = sheet.on(SURVIVES);
            entry.saw(exchange, 1, "valid request after a malformed one");
            if let Err(finding) = promised(resource, exchange) {
                entry.fail(named(finding, outcome, resource));
            }
        }
        Err(trouble) => silence(sheet, SURVIVES, "an answer to a valid request", trouble, outcome, resource),
    }
}

fn subfields(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("neither a filtered cost map nor an endpoint cost service is listed");
    for (resource, body) in context.valid_requests()? {
        if !matches!(resource.kind, Kind::FilteredCostMap | Kind::EndpointCost) {
            continue;
        }
        for (name, wrong) in [("cost-mode", "foo"), ("cost-metric", "priv:no-such-metric")] {
            let mut cost_type = body["cost-type"].clone();
            cost_type[name] = json!(wrong);
            let answer = context.post(resource, &with(&body, "cost-type", cost_type))?;
            let path = format!("cost-type/{name}");
            let refusal = Refusal { codes: &["E_INVALID_FIELD_VALUE"], ..Refusal::default() };
            let entry = sheet.on(VALUE);
            entry.saw(&answer, 1, "invalid value");
            for (grade, finding) in refusal.deviations(&answer) {
                entry.note(grade, finding);
            }
            let member = |name: &str| answer.value()?.pointer("/meta")?.get(name)?.as_str();
            let entry = sheet.on(SUBFIELD);
            let Some(field) = member("field") else {
                entry.skip("no error names a field");
                continue;
            };
            sheet.on(FIELD_AND_VALUE).saw(&answer, 1, "error");
            let entry = sheet.on(SUBFIELD);
            entry.saw(&answer, 1, "error");
            // The cost type as a whole does not match either, so it may be named as well.
            let reversed = format!("{name}/cost-type");
            if field == reversed || field == name {
                entry.warn(Finding::new(&path, field).at("/meta/field").from(&answer));
            } else if field != path && field != "cost-type" {
                entry.fail(Finding::new(&path, field).at("/meta/field").from(&answer));
            }
            if let Some(value) = member("value").filter(|value| field != "cost-type" && *value != wrong) {
                entry.fail(Finding::new(wrong, value).at("/meta/value").from(&answer));
            }
        }
    }
    Ok(())
}

fn several_faults(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(ONE);
    entry.skip("no resource that takes requests is listed");
    for (resource, _) in context.valid_requests()? {
        let body = match resource.kind {
            Kind::FilteredNetworkMap => json!({"pids": [1, 2], "address-types": {}}),
            Kind::FilteredCostMap => json!({"cost-type": 7, "pids": {"srcs": [1]}}),
            Kind::EndpointProperty => json!({"properties": [1], "endpoints": "x"}),
            Kind::FilteredPropertyMap => json!({"entities": [1], "properties": "x"}),
            _ => json!({"cost-type": 7, "endpoints": {"srcs": [null], "dsts": 5}}),
        };
        let answer = context.post(resource, &body);
        let codes = ["E_INVALID_FIELD_TYPE", "E_INVALID_FIELD_VALUE", "E_MISSING_FIELD"];
        entry.refused(&answer, "request with several faults", &Refusal { codes: &codes, ..Refusal::default() });
        if let Ok(exchange) = &answer
            && let Some(meta) = exchange.value().and_then(|value| value.get("meta"))
        {
            grade_consistency(entry, exchange, meta, &body);
        }
    }
    Ok(())
}

/// Grades whether the code of an error matches the fault of the field it names.
fn grade_consistency(entry: &mut crate::sheet::Entry, exchange: &Exchange, meta: &Value, body: &Value) {
    let (Some(code), Some(field)) =
        (meta.get("code").and_then(Value::as_str), meta.get("field").and_then(Value::as_str))
    else {
        return;
    };
    let place = field
        .split('/')
        .filter(|step| !step.is_empty())
        .fold(String::new(), |base, step| crate::json::pointer(&base, step));
    let fits = match (body.pointer(&place), code) {
        (None, code) => code == "E_MISSING_FIELD",
        (Some(Value::Array(_)), code) => code == "E_INVALID_FIELD_VALUE",
        (Some(_), code) => code == "E_INVALID_FIELD_TYPE",
    };
    // A bare leaf name cannot be looked up; the form of `field` is graded elsewhere.
    if !fits && (field.contains('/') || body.get(field).is_some()) {
        let seen = format!("{code} for {field:?}");
        entry.fail(Finding::new("a code that matches the fault of the field", seen).at("/meta/code").from(exchange));
    }
}
