//! Checks of HTTP semantics: methods, content negotiation, redirects and caching (RFC 7285 §8.3, RFC 7231).

use std::collections::BTreeSet;

use serde_json::Value;

use super::requirements::{
    s8_3::{ALLOW, BREW, HEAD, NEGOTIATION, NOT_FOUND, TYPE_TEXT},
    s8_3_3::{CACHING, SEE_OTHER, THREE_WAYS},
    s8_3_4_2::LISTS_DIRECTORY,
};
use crate::assertion::{ERROR, promised};
use crate::check::Check;
use crate::context::{Context, MOST_OF_A_KIND, accept, post_request};
use crate::http::{Exchange, MediaType, NoAnswer, Request};
use crate::name::ERROR_CODES;
use crate::sheet::{Entry, Sheet};
use crate::subject::{Kind, Resource};
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("compares the status and media type of HEAD and GET", &[HEAD], head),
    Check::new("sends PUT, DELETE, PATCH and an invented method to every resource", &[ALLOW, BREW], methods),
    Check::new("spells the media type of a body in upper case and with parameters", &[TYPE_TEXT], type_text),
    Check::new(
        "requests every resource with many forms of Accept and with a compressed answer",
        &[NEGOTIATION, THREE_WAYS, LISTS_DIRECTORY],
        negotiation,
    ),
    Check::new("requests a random path by GET and POST", &[NOT_FOUND], not_found),
    Check::new("repeats requests with the validators of their answers", &[CACHING], caching),
    Check::new("follows answers with status 303 to POST", &[SEE_OTHER], see_other),
];

const DIRECTORY: &str = "application/alto-directory+json";

/// Collects up to two resources of each kind that is read by GET.
fn readable<'a>(context: &'a Context<'_>) -> Vec<&'a Resource> {
    let kinds = [Kind::Directory, Kind::NetworkMap, Kind::CostMap, Kind::PropertyMap];
    kinds.into_iter().flat_map(|kind| context.of(kind).take(2)).collect()
}

fn head(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(HEAD);
    entry.skip("no resource that is read by GET is listed");
    let first = &context.subject.first;
    head_of(context, entry, first)?;
    for resource in readable(context) {
        let exchange = context.get(resource)?;
        if exchange.redirects.is_empty() {
            head_of(context, entry, &exchange)?;
        }
    }
    Ok(())
}

fn head_of(context: &Context<'_>, entry: &mut Entry, got: &Exchange) -> Result<(), NoAnswer> {
    let accepts = got.request.header("accept").unwrap_or("*/*");
    let exchange = context.client.send(Request::new("HEAD", &got.request.uri).with("Accept", accepts))?;
    entry.saw(&exchange, 1, "resource");
    if matches!(exchange.answer.status, 405 | 501) {
        entry.warn(Finding::new("the header fields of GET", exchange.outline()).from(&exchange));
        return Ok(());
    }
    let seen = (exchange.answer.status, exchange.answer.header("content-type"));
    if seen != (got.answer.status, got.answer.header("content-type")) {
        let finding = Finding::new(format!("{}, as by GET", got.outline()), exchange.outline());
        entry.fail(finding.from(got).from(&exchange));
    }
    Ok(())
}

fn methods(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource is listed");
    let mut asked = BTreeSet::new();
    for resource in context.resources().filter(|resource| resource.kind != Kind::Other) {
        if asked.len() == 2 * MOST_OF_A_KIND || !asked.insert(&resource.uri) {
            continue;
        }
        let send = |method: &str| {
            let mut request = Request::new(method, &resource.uri);
            if !matches!(method, "GET" | "DELETE") {
                request = request.with("Content-Type", "application/json").body("{}");
            }
            context.client.send(request)
        };
        for method in ["PUT", "DELETE", "PATCH"] {
            let exchange = send(method)?;
            let entry = sheet.on(ALLOW);
            entry.saw(&exchange, 1, "method");
            let allow = allowed(&exchange);
            let other = if resource.is_posted() { "GET" } else { "POST" };
            if method == "PUT" && allow.contains(other) {
                let denied = send(other)?;
                if denied.answer.status == 405 {
                    let finding = Finding::new(format!("{other}, as `Allow` says"), denied.outline());
                    entry.warn(finding.from(&exchange).from(&denied));
                }
            }
            let needed = if resource.is_posted() { "POST" } else { "GET" };
            let expected = format!("405 with `Allow: {needed}`");
            match exchange.answer.status {
                405 if allow.contains(needed) => {}
                // Other error codes are common; only an apparent success is clearly wrong.
                405 => drop(entry.fail(Finding::new(expected, format!("Allow: {allow:?}")).from(&exchange))),
                400..=499 | 501 => drop(entry.warn(Finding::new(expected, exchange.outline()).from(&exchange))),
                _ => drop(entry.fail(Finding::new(expected, exchange.outline()).from(&exchange))),
            }
        }
        let exchange = context.client.send(Request::new("BREW", &resource.uri))?;
        let entry = sheet.on(BREW);
        entry.saw(&exchange, 1, "resource");
        match exchange.answer.status {
            501 | 405 => {}
            400..=499 => drop(entry.warn(Finding::new("501 or 405", exchange.outline()).from(&exchange))),
            _ => drop(entry.fail(Finding::new("501 or 405", exchange.outline()).from(&exchange))),
        }
    }
    Ok(())
}

/// Returns the methods in `Allow`.
fn allowed(exchange: &Exchange) -> BTreeSet<String> {
    let values = exchange.answer.headers("allow").flat_map(|value| value.split(','));
    values.map(|method| method.trim().to_owned()).collect()
}

fn type_text(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TYPE_TEXT);
    entry.skip("no resource that takes requests is listed");
    for (resource, body) in context.valid_requests()? {
        let accepts = resource.accepts.as_deref().unwrap_or_default();
        let texts = [
            accepts.to_uppercase(),
            format!("{accepts};charset=utf-8"),
            format!("{accepts} ; charset=utf-8; x=\"a;b\""),
        ];
        for text in texts {
            let request = Request::post(&resource.uri, &text, body.to_string()).with("Accept", &accept(resource));
            let exchange = context.send(request)?;
            entry.promised(resource, &exchange, "spelling of a media type");
        }
    }
    Ok(())
}

/// Lists sets of Accept fields that admit a media type.
fn accept_fields(media_type: &str) -> Vec<Vec<String>> {
    vec![
        vec![],
        vec!["*/*".to_owned()],
        vec!["application/*".to_owned()],
        vec![media_type.to_owned()],
        vec![media_type.to_uppercase()],
        vec![format!("{ERROR},{media_type}")],
        vec![format!("text/html, {media_type} ; q=0.5, */*;q=0.1")],
        vec!["text/html".to_owned(), media_type.to_owned()],
        vec![media_type.to_owned(), "text/html".to_owned()],
        vec![format!("{media_type};q=1.000,{ERROR};q=0.9")],
    ]
}

fn negotiation(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource is listed");
    let mut requests: Vec<(&Resource, Request)> = Vec::new();
    for resource in readable(context) {
        requests.push((resource, Request::get(&resource.uri)));
    }
    for (resource, body) in context.valid_requests()? {
        requests.push((resource, post_request(resource, body.to_string())));
    }
    for (resource, mut request) in requests {
        request.headers.retain(|(name, _)| name != "Accept");
        for form in accept_fields(&resource.media_type) {
            let request = form.iter().fold(request.clone(), |request, value| request.with("Accept", value));
            let exchange = context.send(request)?;
            sheet.on(NEGOTIATION).promised(resource, &exchange, "form of Accept");
        }
        let also = format!("{DIRECTORY};q=0.1,{}", resource.media_type);
        let exchange = context.send(request.clone().with("Accept", &also))?;
        let entry = sheet.on(LISTS_DIRECTORY);
        entry.saw(&exchange, 1, "resource");
        if let Err(finding) = promised(resource, &exchange) {
            entry.note(Grade::Fail, finding);
        }
        let exchange = context.send(request.clone().with("Accept", "text/html"))?;
        one_of_three(resource, &exchange, sheet);
        compressed(context, resource, &request, sheet.on(NEGOTIATION))?;
    }
    Ok(())
}

/// Grades the answer to a request for another media type: the server may reject it or answer nevertheless.
fn one_of_three(resource: &Resource, exchange: &Exchange, sheet: &mut Sheet) {
    let media_type = exchange.answer.media_type();
    let is = |other: &str| media_type.as_ref().is_some_and(|media_type| media_type.is(other));
    let entry = sheet.on(THREE_WAYS);
    entry.saw(exchange, 1, "answer");
    if exchange.answer.status == 200 && !is(&resource.media_type) && !is(DIRECTORY) {
        let expected = format!("status 406 or {}", resource.media_type);
        entry.fail(Finding::new(expected, exchange.outline()).from(exchange));
    } else if exchange.answer.status >= 500 {
        entry.fail(Finding::new("status 406", exchange.outline()).from(exchange));
    }
}

/// Grades an answer that may be compressed.
fn compressed(
    context: &Context<'_>,
    resource: &Resource,
    request: &Request,
    entry: &mut Entry,
) -> Result<(), NoAnswer> {
    let packed = request.clone().with("Accept", &accept(resource)).with("Accept-Encoding", "gzip");
    let exchange = context.send(packed)?;
    entry.promised(resource, &exchange, "form of Accept-Encoding");
    Ok(())
}

fn not_found(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(NOT_FOUND);
    let root = &context.subject.first.request.uri;
    let number: u64 = rand::random();
    let Some(nowhere) = crate::http::resolve(&format!("/no-such-path-{number:016x}"), root) else {
        return Ok(());
    };
    for request in [Request::get(&nowhere), Request::post(&nowhere, "application/alto-networkmapfilter+json", "{}")] {
        let exchange = context.send(request.with("Accept", "*/*"))?;
        entry.saw(&exchange, 1, "path");
        // Rejecting the method first is not wrong.
        let rejected_otherwise = exchange.request.method == "POST" && matches!(exchange.answer.status, 405 | 415);
        if exchange.answer.status != 404 && !rejected_otherwise {
            entry.fail(Finding::new("status 404", exchange.outline()).from(&exchange));
        }
        let is_error = exchange.answer.media_type().is_some_and(|media_type| media_type.is(ERROR));
        if is_error && !exchange.error_code().is_some_and(|code| ERROR_CODES.contains(&code)) {
            let seen = exchange.error_code().unwrap_or("none");
            let finding = Finding::new("a code of RFC 7285, as an ALTO error has", seen);
            entry.fail(finding.at("/meta/code").from(&exchange));
        }
    }
    Ok(())
}

fn caching(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(CACHING);
    entry.skip("no answer has `ETag` or `Last-Modified`");
    for resource in readable(context) {
        let exchange = context.get(resource)?;
        let validators = [("etag", "If-None-Match"), ("last-modified", "If-Modified-Since")];
        for (given, condition) in validators {
            let Some(validator) = exchange.answer.header(given) else {
                continue;
            };
            let request = Request::get(&exchange.request.uri).with("Accept", &accept(resource));
            let again = context.send(request.with(condition, validator))?;
            entry.saw(&again, 1, "validator");
            let changed = again.answer.header(given) != Some(validator);
            let wrong = match again.answer.status {
                304 => None,
                // The resource may have changed meanwhile, and dates are coarse.
                200 if changed || given == "last-modified" => None,
                _ => Some(again.outline()),
            };
            if let Some(seen) = wrong {
                let finding = Finding::new(format!("status 304 for {condition}: {validator}"), seen);
                entry.note(Grade::Fail, finding.from(&exchange).from(&again));
            }
        }
    }
    Ok(())
}

fn see_other(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(SEE_OTHER);
    entry.skip("no POST is answered with 303");
    for (resource, body) in context.valid_requests()? {
        let exchange = context.client.send(post_request(resource, body.to_string()))?;
        if exchange.answer.status != 303 {
            continue;
        }
        entry.saw(&exchange, 1, "answer with 303");
        let location = exchange.answer.header("location");
        let Some(uri) = location.and_then(|location| crate::http::resolve(location, &resource.uri)) else {
            entry.note(Grade::Fail, Finding::new("a `Location` field", format!("{location:?}")).from(&exchange));
            continue;
        };
        let there = context.send(Request::get(&uri).with("Accept", &accept(resource)))?;
        if there.answer.header("content-type").map(MediaType::read) != Some(MediaType::read(&resource.media_type)) {
            let finding = Finding::new(resource.media_type.as_str(), there.outline());
            entry.note(Grade::Fail, finding.from(&exchange).from(&there));
        }
        let own_address = body.pointer("/endpoints/srcs").and_then(Value::as_array).is_some_and(Vec::is_empty);
        let control = there.answer.header("cache-control").unwrap_or_default();
        if own_address && !control.contains("private") && !control.contains("no-store") {
            let finding =
                Finding::new("`Cache-Control: private` or `no-store`, as the answer depends on the client", control);
            entry.note(Grade::Fail, finding.from(&there));
        }
    }
    Ok(())
}
