//! Inspection of every answer of a run, whatever the request (RFC 7285 §8.2 to §8.5, §14.1).

use serde_json::Value;

use super::data_types;
use super::requirements::{
    s8_2::{DUPLICATES, SCHEMA, UTF8},
    s8_3::SPECIFIC,
    s8_3_3::CONTENT_TYPE,
    s8_4::META,
    s8_4_2::DATA,
    s8_5::STATUS,
    s8_5_1::ERROR_TYPE,
    s8_5_2::{CODE, FIELD_TEXT, KNOWN_CODE, SYNTAX_TEXT, VALUE_FIELD, VALUE_TEXT},
    s8_5_3::RETRY_AFTER,
    s14_1::{ENCODING, PARAMETERS},
    s15_4_2::COOKIES,
};
use crate::assertion::ERROR;
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::{brief, kind};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::updates::{STREAM_PARAMS, TIPS};
use crate::verdict::Finding;

/// Requirements graded by this module; those on names and addresses are in [`data_types`].
const OWN: &[Requirement] = &[
    SCHEMA,
    DUPLICATES,
    UTF8,
    SPECIFIC,
    CONTENT_TYPE,
    META,
    DATA,
    STATUS,
    ERROR_TYPE,
    CODE,
    KNOWN_CODE,
    SYNTAX_TEXT,
    FIELD_TEXT,
    VALUE_FIELD,
    VALUE_TEXT,
    RETRY_AFTER,
    PARAMETERS,
    ENCODING,
    COOKIES,
];

/// Checks that report the result of the inspection, each for its own requirements.
pub(super) const CHECKS: &[Check] = &[
    Check::last("examines every answer of the run as it arrives, whatever the request", OWN, collect),
    Check::last("examines every name, tag and address in every answer of the run", data_types::GRADES, collect),
];

/// Copies the notes of the survey, after requests that make sure that there are answers of all kinds.
fn collect(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no answer had a member of this kind");
    // What was seen counts, even if the server does not answer once more.
    let answered = ask_of_all_kinds(context);
    context.survey.copy_into(sheet);
    answered
}

fn ask_of_all_kinds(context: &Context<'_>) -> Result<(), NoAnswer> {
    for resource in context.readable() {
        context.latest(resource)?;
    }
    for (resource, body) in context.valid_requests()? {
        context.post(resource, &body)?;
    }
    crate::malformed::outcomes(context)?;
    Ok(())
}

/// Inspects an answer.
pub(crate) fn inspect(exchange: &Exchange, sheet: &mut Sheet) {
    let answer = &exchange.answer;
    let entry = sheet.on(COOKIES);
    entry.saw(exchange, 1, "answer");
    if let Some(cookie) = answer.header("set-cookie") {
        entry.info(Finding::new("no cookies", format!("Set-Cookie: {cookie}")).from(exchange));
    }
    if let Some(value) = answer.header("retry-after") {
        let entry = sheet.on(RETRY_AFTER);
        entry.saw(exchange, 1, "answer");
        let seconds = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
        if !seconds && httpdate::parse_http_date(value).is_err() {
            entry.fail(Finding::new("seconds or an HTTP date", value).from(exchange));
        }
    }
    // An answer to OPTIONS describes the resource and is no ALTO message, whatever its media type.
    if answer.body.is_empty() || exchange.request.method == "OPTIONS" {
        return;
    }
    let entry = sheet.on(CONTENT_TYPE);
    entry.saw(exchange, 1, "answer");
    let Some(media_type) = answer.media_type() else {
        entry.fail(Finding::new("Content-Type", "none").from(exchange));
        return;
    };
    if !media_type.is_well_formed() {
        let seen = answer.header("content-type").unwrap_or_default();
        entry.fail(Finding::new("TYPE/SUBTYPE, each parameter with a value", seen).from(exchange));
    }
    let entry = sheet.on(SPECIFIC);
    let is_message = exchange.value().is_some_and(is_alto_message);
    entry.saw(exchange, usize::from(is_message), "ALTO message");
    if is_message && media_type.essence == "application/json" {
        entry.fail(Finding::new("an ALTO media type", "application/json").from(exchange));
    }
    let is_error = media_type.is(ERROR);
    if is_message && !is_error && exchange.error_code().is_some_and(|code| code.starts_with("E_")) {
        let finding = Finding::new(ERROR, media_type.essence.as_str()).at("/meta/code");
        sheet.on(ERROR_TYPE).saw(exchange, 1, "error").fail(finding.from(exchange));
    }
    if !media_type.essence.starts_with("application/alto-") || !media_type.essence.ends_with("+json") {
        return;
    }
    let entry = sheet.on(PARAMETERS);
    entry.saw(exchange, 1, "answer");
    if let Some(parameters) = media_type.parameters.as_ref().filter(|parameters| !parameters.is_empty()) {
        entry.warn(Finding::new("no parameters", parameters).from(exchange));
    }
    inspect_bytes(exchange, sheet);
    let Some(message) = exchange.value() else {
        return;
    };
    inspect_shape(exchange, &media_type.essence, message, sheet);
    if is_error {
        inspect_error(exchange, message, sheet);
    }
    data_types::inspect(exchange, &media_type.essence, message, sheet);
}

/// Tests whether a body is an ALTO message, whatever its Content-Type.
fn is_alto_message(value: &Value) -> bool {
    let data = ["resources", "network-map", "cost-map", "endpoint-properties", "endpoint-cost-map", "property-map"];
    value.get("meta").is_some_and(|meta| {
        data.iter().any(|member| value.get(member).is_some())
            || meta.get("code").and_then(Value::as_str).is_some_and(|code| code.starts_with("E_"))
    })
}

fn inspect_bytes(exchange: &Exchange, sheet: &mut Sheet) {
    let body = &exchange.answer.content();
    let entry = sheet.on(UTF8);
    entry.saw(exchange, 1, "answer");
    if body.starts_with(b"\xef\xbb\xbf") {
        entry.fail(Finding::new("no byte order mark", "a byte order mark").from(exchange));
    }
    if let Err(error) = std::str::from_utf8(body) {
        entry.fail(Finding::new("UTF-8", format!("invalid UTF-8 at byte {}", error.valid_up_to())).from(exchange));
    }
    let entry = sheet.on(ENCODING);
    entry.saw(exchange, 1, "answer");
    match exchange.document() {
        Err(error) => drop(entry.fail(Finding::new("JSON", error.to_string()).from(exchange))),
        Ok(document) => {
            let entry = sheet.on(DUPLICATES);
            entry.saw(exchange, 1, "answer");
            for pointer in &document.duplicates {
                entry.fail(Finding::new("a single member of this name", "several").at(pointer).from(exchange));
            }
        }
    }
}

fn inspect_shape(exchange: &Exchange, essence: &str, message: &Value, sheet: &mut Sheet) {
    let entry = sheet.on(META);
    // RFC 9569 §6.2 defines a message of its own, without `meta`.
    let has_meta = essence != TIPS;
    entry.saw(exchange, usize::from(has_meta), "answer");
    if has_meta && !message.get("meta").is_some_and(Value::is_object) {
        let seen = message.get("meta").map_or("none", kind);
        entry.fail(Finding::new("an object", seen).at("/meta").from(exchange));
    }
    if let Some(violations) = crate::schema::violations(essence, message) {
        let entry = sheet.on(SCHEMA);
        entry.saw(exchange, 1, "answer");
        // Names have requirements of their own, and so have costs, which are graded by their mode.
        let structural = violations.into_iter().filter(|violation| {
            let of_costs = violation.pointer.matches('/').count() == 3 && violation.pointer.contains("cost-map/");
            !matches!(&*violation.keyword, "pattern" | "propertyNames") && !of_costs
        });
        for violation in structural {
            let finding = Finding::new(format!("a message as defined for {essence}"), violation.message);
            entry.fail(finding.at(violation.pointer).from(exchange));
        }
    }
    let member = match essence {
        "application/alto-directory+json" => "resources",
        "application/alto-networkmap+json" => "network-map",
        "application/alto-costmap+json" => "cost-map",
        "application/alto-endpointprop+json" => "endpoint-properties",
        "application/alto-endpointcost+json" => "endpoint-cost-map",
        "application/alto-propmap+json" => "property-map",
        _ => return,
    };
    let entry = sheet.on(DATA);
    entry.saw(exchange, 1, "answer");
    if message.get(member).is_none() {
        let seen = if message.get("data").is_some() { "`data`" } else { "none" };
        entry.fail(Finding::new(format!("`{member}`"), seen).at(format!("/{member}")).from(exchange));
    }
}

fn inspect_error(exchange: &Exchange, message: &Value, sheet: &mut Sheet) {
    let meta = message.get("meta").unwrap_or(&Value::Null);
    let entry = sheet.on(STATUS);
    entry.saw(exchange, 1, "error");
    if exchange.answer.status < 400 {
        entry.fail(Finding::new("a status of 4xx or 5xx", format!("{}", exchange.answer.status)).from(exchange));
    }
    sheet.on(ERROR_TYPE).saw(exchange, 1, "error");
    let entry = sheet.on(CODE);
    entry.saw(exchange, 1, "error");
    let Some(code) = meta.get("code") else {
        entry.fail(Finding::new("`code`", "none").at("/meta/code").from(exchange));
        return;
    };
    let entry = sheet.on(KNOWN_CODE);
    entry.saw(exchange, 1, "error");
    match code.as_str() {
        Some(code) if crate::name::ERROR_CODES.contains(&code) => {}
        _ => {
            let expected = crate::name::ERROR_CODES.join(", ");
            entry.fail(Finding::new(expected, brief(code)).at("/meta/code").from(exchange));
        }
    }
    for (requirement, name) in [(SYNTAX_TEXT, "syntax-error"), (FIELD_TEXT, "field"), (VALUE_TEXT, "value")] {
        let Some(value) = meta.get(name) else {
            continue;
        };
        let entry = sheet.on(requirement);
        entry.saw(exchange, 1, "error");
        // RFC 8895 §7.6 recommends an array of several values.
        let is_list =
            name == "value" && value.is_array() && exchange.request.header("content-type") == Some(STREAM_PARAMS);
        if !value.is_string() && !is_list {
            let finding = Finding::new("a string", brief(value)).at(format!("/meta/{name}")).from(exchange);
            // The MAY concerns its presence; if present, it is defined as a string.
            entry.note(crate::verdict::Grade::Fail, finding);
        }
    }
    if meta.get("value").is_some() {
        let entry = sheet.on(VALUE_FIELD);
        entry.saw(exchange, 1, "error");
        if meta.get("field").is_none() {
            entry.fail(Finding::new("`field` together with `value`", "none").at("/meta/field").from(exchange));
        }
    }
}
