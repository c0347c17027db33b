//! Checks of errors in requests for streams (RFC 8895 §6.5, §6.6).

use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s6_4::USES,
    s6_5::NO_STREAM,
    s6_6::{
        CLOSED_AFTER, ERRORS, INPUT, NEEDS_ADD, NEEDS_ADD_FIELD, NO_EVENT, ONE_INPUT, ONE_OF_MANY, RESOURCE,
        RESOURCE_FIELD, VALUE_FIELD,
    },
};
use super::{Refusal, no_error, services, wrong_code};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Opened};
use crate::sheet::Sheet;
use crate::updates::stream::request;
use crate::updates::target::{Service, Target, bad_inputs};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "requests streams without `add`, of unknown resources, and with invalid inputs",
    &[
        NO_STREAM,
        ERRORS,
        VALUE_FIELD,
        NEEDS_ADD,
        NEEDS_ADD_FIELD,
        NO_EVENT,
        RESOURCE,
        RESOURCE_FIELD,
        ONE_OF_MANY,
        CLOSED_AFTER,
        INPUT,
        ONE_INPUT,
        USES,
    ],
    errors,
)];

/// ID that no resource has.
pub(super) const UNKNOWN: &str = "no-such-resource";

/// A request that has to be refused, with its answer.
struct Asked {
    /// Answer; `None` if it is a stream.
    exchange: Option<Arc<Exchange>>,
    shown: Arc<Exchange>,
    /// Whether the server closed the connection, if that was looked at.
    closed: Option<bool>,
}

fn ask(
    context: &Context<'_>,
    service: &Service<'_>,
    body: &Value,
    waits: bool,
    sheet: &mut Sheet,
) -> Result<Asked, NoAnswer> {
    let asked = match context.client.open(&request(service.resource, body))? {
        Opened::Answer(exchange, mut wire) => {
            let closed = waits.then(|| wire.is_closed_within(context.client.patience_for_end()));
            // Where the run was over first, nothing was seen.
            let closed = closed.filter(|closed| *closed || !context.client.is_over());
            Asked { shown: Arc::clone(&exchange), exchange: Some(exchange), closed }
        }
        Opened::Stream(live) => Asked { exchange: None, shown: Arc::new(live.exchange()), closed: None },
    };
    for requirement in [ERRORS, NO_STREAM] {
        sheet.on(requirement).saw(&asked.shown, 1, "invalid request");
    }
    match &asked.exchange {
        None => {
            let finding = Finding::new("an error instead of a stream", asked.shown.outline()).from(&asked.shown);
            sheet.on(NO_STREAM).fail(finding);
        }
        Some(exchange) => {
            if let Some(finding) = no_error(exchange) {
                sheet.on(ERRORS).fail(finding);
            }
            value_field(exchange, sheet);
        }
    }
    Ok(asked)
}

/// Grades whether an error has `value` only together with `field`.
pub(super) fn value_field(exchange: &Exchange, sheet: &mut Sheet) {
    let refusal = Refusal::of(exchange);
    let entry = sheet.on(VALUE_FIELD);
    entry.saw(exchange, 1, "error");
    if refusal.value.is_some() && refusal.field.is_none() {
        entry.fail(Finding::new("`field` beside `value`", "`value` alone").at("/meta").from(exchange));
    }
}

fn errors(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        without_add(context, &service, sheet)?;
        unknown_resources(context, &service, sheet)?;
        inputs(context, &service, sheet)?;
    }
    Ok(())
}

fn without_add(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for body in [json!({}), json!({ "add": {} }), json!({ "remove": [] })] {
        let asked = ask(context, service, &body, false, sheet)?;
        let entry = sheet.on(NO_EVENT);
        entry.saw(&asked.shown, 1, "request without `add`");
        let Some(exchange) = asked.exchange else {
            entry.fail(Finding::new("no stream", "a stream").from(&asked.shown));
            continue;
        };
        if exchange.answer.body.starts_with(b"event:") || exchange.answer.body.starts_with(b"data:") {
            entry.fail(Finding::new("no event", "an event").from(&exchange));
        }
        let entry = sheet.on(NEEDS_ADD);
        entry.saw(&exchange, 1, "request without `add`");
        if let Some(finding) = wrong_code(&exchange, "E_MISSING_FIELD") {
            entry.fail(finding);
            continue;
        }
        let field = Refusal::of(&exchange).field;
        let entry = sheet.on(NEEDS_ADD_FIELD);
        entry.saw(&exchange, 1, "request without `add`");
        if field != Some("add") {
            entry.fail(Finding::new("add", field.unwrap_or("none")).at("/meta/field").from(&exchange));
        }
    }
    Ok(())
}

fn unknown_resources(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let add = |id: &str| json!({ "resource-id": id });
    let uses = service.resource.uses();
    let unlisted = context.subject.resources.iter().map(|resource| resource.id.as_str());
    let unlisted: Vec<_> = unlisted.filter(|id| !uses.contains(id)).take(3).collect();
    for id in [UNKNOWN].into_iter().chain(unlisted) {
        let asked = ask(context, service, &json!({ "add": { "x": add(id) } }), id == UNKNOWN, sheet)?;
        let requirements: &[_] = if id == UNKNOWN { &[RESOURCE] } else { &[RESOURCE, USES] };
        for requirement in requirements {
            let entry = sheet.on(*requirement);
            entry.saw(&asked.shown, 1, "foreign resource");
            let wrong = match &asked.exchange {
                None => Some(Finding::new(format!("an error for {id}"), "a stream").from(&asked.shown)),
                Some(exchange) => wrong_code(exchange, "E_INVALID_FIELD_VALUE"),
            };
            if let Some(finding) = wrong {
                entry.fail(finding);
            }
        }
        let Some(exchange) = asked.exchange else { continue };
        let refusal = Refusal::of(&exchange);
        if refusal.code == Some("E_INVALID_FIELD_VALUE") {
            let entry = sheet.on(RESOURCE_FIELD);
            entry.saw(&exchange, 1, "foreign resource");
            if refusal.field != Some("add/x/resource-id") || !refusal.names(id) {
                let seen = format!("{:?} with {:?}", refusal.field, refusal.value);
                let finding = Finding::new(format!("add/x/resource-id with {id:?}"), seen);
                entry.fail(finding.at("/meta").from(&exchange));
            }
        }
        if let Some(closed) = asked.closed {
            let entry = sheet.on(CLOSED_AFTER);
            entry.saw(&exchange, 1, "connection");
            if !closed {
                entry.fail(Finding::new("the connection is closed", "it stays open").from(&exchange));
            }
        }
    }
    let body = json!({ "add": { "x": add("no-such-a"), "y": add("no-such-b") } });
    let asked = ask(context, service, &body, false, sheet)?;
    let entry = sheet.on(ONE_OF_MANY);
    entry.saw(&asked.shown, 1, "request with two foreign resources");
    if let Some(exchange) = asked.exchange {
        let refusal = Refusal::of(&exchange);
        if !refusal.names("no-such-a") && !refusal.names("no-such-b") {
            let seen = refusal.value.map_or_else(|| "none".to_owned(), crate::json::brief);
            entry.fail(Finding::new("one of both IDs as `value`", seen).at("/meta/value").from(&exchange));
        }
    }
    if let Some(target) = service.plain() {
        let body = json!({ "add": { "a": target.add(), "b": add(UNKNOWN) } });
        ask(context, service, &body, false, sheet)?;
    }
    Ok(())
}

/// Returns the `add` member of a target with another input.
pub(super) fn with_input(target: &Target<'_>, input: Option<&Value>) -> Value {
    let mut add = json!({ "resource-id": target.resource.id });
    if let Some(input) = input {
        add["input"] = input.clone();
    }
    add
}

fn inputs(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let posted: Vec<_> = service.some(8).into_iter().filter(|target| target.input.is_some()).collect();
    for target in &posted {
        for input in bad_inputs(target) {
            // A missing input is compared with a request without members.
            let direct = target.post(context, &input.clone().unwrap_or_else(|| json!({})))?;
            let Some(code) = direct.error_code().filter(|_| direct.answer.status == 400) else { continue };
            let body = json!({ "add": { "x": with_input(target, input.as_ref()) } });
            let asked = ask(context, service, &body, false, sheet)?;
            let entry = sheet.on(INPUT);
            entry.saw(&asked.shown, 1, "invalid input");
            let seen =
                asked.exchange.as_ref().map_or("a stream", |exchange| exchange.error_code().unwrap_or("no error"));
            // A missing input may be reported as such.
            let missing = input.is_none() && seen == "E_MISSING_FIELD";
            if seen != code && !missing {
                let expected = format!("{code}, as {} gives", target.resource.id);
                entry.fail(Finding::new(expected, seen).from(&direct).from(&asked.shown));
            }
        }
    }
    if let Some(target) = posted.first() {
        let bad = with_input(target, Some(&json!({})));
        let asked = ask(context, service, &json!({ "add": { "x": bad, "y": bad } }), false, sheet)?;
        let entry = sheet.on(ONE_INPUT);
        entry.saw(&asked.shown, 1, "request with two invalid inputs");
        let one = |exchange: &Arc<Exchange>| {
            let refusal = Refusal::of(exchange);
            let several = |value: &Value| value.as_array().is_some_and(|all| all.len() > 1);
            refusal.code.is_some() && !refusal.value.is_some_and(several)
        };
        if !asked.exchange.as_ref().is_some_and(one) {
            entry.fail(Finding::new("one error", asked.shown.outline()).from(&asked.shown));
        }
    }
    Ok(())
}
