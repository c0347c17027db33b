//! Checks of errors in requests for views (RFC 9569 §6.2).

use std::sync::Arc;

use serde_json::{Value, json};

use super::requirements::{
    s5_3::USES,
    s6_2::{ERRORS, INPUT, INVALID, MISSING, VALUE_FIELD},
};
use super::services;
use crate::assertion::ERROR;
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Request};
use crate::sheet::Sheet;
use crate::updates::target::{Service, bad_inputs};
use crate::updates::view::request;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "requests views without a resource, of unknown resources and with invalid inputs, and sends no JSON",
    &[ERRORS, VALUE_FIELD, MISSING, INVALID, INPUT, USES],
    errors,
)];

const UNKNOWN: &str = "no-such-resource";

fn errors(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        for body in [json!({}), json!({ "tag": "x" })] {
            let exchange = ask(context, &service, body.to_string(), sheet)?;
            let (code, field, value) = parts(&exchange);
            let entry = sheet.on(MISSING);
            entry.saw(&exchange, 1, "request without resource-id");
            let right = code == Some("E_MISSING_FIELD") && field.is_none_or(|field| field == "resource-id");
            if !right || value.is_some() {
                let seen = format!("{code:?} at {field:?}");
                entry.fail(Finding::new("E_MISSING_FIELD at resource-id", seen).at("/meta").from(&exchange));
            }
        }
        for body in ["{", "[]"] {
            ask(context, &service, body.to_owned(), sheet)?;
        }
        unknown(context, &service, sheet)?;
        inputs(context, &service, sheet)?;
    }
    Ok(())
}

/// Sends a request that has to be refused, and grades the form of the error.
fn ask(
    context: &Context<'_>,
    service: &Service<'_>,
    body: String,
    sheet: &mut Sheet,
) -> Result<Arc<Exchange>, NoAnswer> {
    let shaped = request(service.resource, &Value::Null);
    let exchange = context.send(Request { body: Some(body.into_bytes()), ..shaped })?;
    let entry = sheet.on(ERRORS);
    entry.saw(&exchange, 1, "invalid request");
    let is_error = exchange.answer.media_type().is_some_and(|its| its.is(ERROR));
    if exchange.answer.status != 400 || !is_error || exchange.error_code().is_none() {
        entry.fail(Finding::new(format!("status 400 with {ERROR}"), exchange.outline()).from(&exchange));
    }
    let (_, field, value) = parts(&exchange);
    let entry = sheet.on(VALUE_FIELD);
    entry.saw(&exchange, 1, "error");
    if value.is_some() && field.is_none() {
        entry.fail(Finding::new("`field` beside `value`", "`value` alone").at("/meta").from(&exchange));
    }
    Ok(exchange)
}

/// Returns code, field and value of an error.
fn parts(exchange: &Exchange) -> (Option<&str>, Option<&str>, Option<&Value>) {
    let meta = exchange.value().and_then(|value| value.get("meta"));
    let field = meta.and_then(|meta| meta.get("field")?.as_str());
    (exchange.error_code(), field, meta.and_then(|meta| meta.get("value")))
}

fn unknown(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let uses = service.resource.uses();
    let unlisted = context.subject.resources.iter().map(|resource| resource.id.as_str());
    let unlisted: Vec<_> = unlisted.filter(|id| !uses.contains(id)).take(3).collect();
    for id in [UNKNOWN].into_iter().chain(unlisted) {
        let exchange = ask(context, service, json!({ "resource-id": id }).to_string(), sheet)?;
        let (code, field, value) = parts(&exchange);
        let requirements: &[_] = if id == UNKNOWN { &[INVALID] } else { &[INVALID, USES] };
        for requirement in requirements {
            let entry = sheet.on(*requirement);
            entry.saw(&exchange, 1, "foreign resource");
            let right = code == Some("E_INVALID_FIELD_VALUE")
                && field.is_none_or(|field| field == "resource-id")
                && value.is_none_or(|value| value == id);
            if !right {
                let seen = format!("{code:?} at {field:?} with {value:?}");
                let finding = Finding::new(format!("E_INVALID_FIELD_VALUE at resource-id with {id:?}"), seen);
                entry.fail(finding.at("/meta").from(&exchange));
            }
        }
    }
    Ok(())
}

fn inputs(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for target in service.some(8).into_iter().filter(|target| target.input.is_some()) {
        for input in bad_inputs(target) {
            let direct = target.post(context, &input.clone().unwrap_or_else(|| json!({})))?;
            let Some(code) = direct.error_code().filter(|_| direct.answer.status == 400) else { continue };
            let mut body = json!({ "resource-id": target.resource.id });
            if let Some(input) = &input {
                body["input"] = input.clone();
            }
            let exchange = ask(context, service, body.to_string(), sheet)?;
            let seen = exchange.error_code().unwrap_or("no error");
            let entry = sheet.on(INPUT);
            entry.saw(&exchange, 1, "invalid input");
            // A missing input may be reported as such.
            let missing = input.is_none() && seen == "E_MISSING_FIELD";
            if seen != code && !missing {
                let finding = Finding::new(format!("{code}, as {} gives", target.resource.id), seen);
                entry.fail(finding.at("/meta/code").from(&direct).from(&exchange));
            }
        }
    }
    Ok(())
}
