//! The second set of mutants that were written from the ledgers alone, for RFC 7285 and its extensions.

mod endpoints;
mod maps;
mod messages;
mod metrics;
mod multi_cost;
mod properties;

use rfc_conformance::mock_server::error::AltoError;
use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use rfc_conformance::mock_server::media_type;
use rfc_conformance::mock_server::network::Network;
use rfc_conformance::mock_server::service::Service;
use serde_json::{Value, json};

use super::super::mutant::Mutant;
use super::super::server::Reference;

pub(super) fn mutants() -> Vec<Mutant> {
    [
        messages::mutants(),
        maps::mutants(),
        endpoints::mutants(),
        multi_cost::mutants(),
        properties::mutants(),
        metrics::mutants(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Changes requests to a resource before they are processed, if the function returns true.
fn bodies(r: &mut Reference, id: &'static str, change: fn(&mut Value) -> bool) {
    r.rewrite_requests(move |found, mut body| (found == id && change(&mut body)).then_some(body));
}

/// Rejects requests to a resource for which the function returns an error.
fn reject(r: &mut Reference, id: &'static str, error: fn(&Value) -> Option<AltoError>) {
    r.instead(move |service, request| {
        let found = service.find(request).filter(|found| found.id() == id && request.method == "POST")?;
        let right = request.media_type().as_deref() == found.accepts();
        let error = error(&serde_json::from_slice(&request.body).ok().filter(|_| right)?)?;
        Some(Response::new(400, media_type::ERROR, error.to_json().to_string()))
    });
}

/// Rejects POST requests with `E_SYNTAX` if the function returns true for them.
fn reject_syntax(r: &mut Reference, wrong: fn(&ReceivedRequest) -> bool) {
    r.instead(move |service, request| {
        let found = service.find(request)?;
        let right = request.method == "POST" && request.media_type().as_deref() == found.accepts();
        let error = AltoError::Syntax("the body cannot be parsed".into()).to_json();
        (right && wrong(request)).then(|| Response::new(400, media_type::ERROR, error.to_string()))
    });
}

/// Returns the answer to a request with another body, with its message, if it succeeds.
fn ask(service: &Service, request: &ReceivedRequest, body: &Value) -> Option<(Response, Value)> {
    let changed = ReceivedRequest { body: body.to_string().into_bytes(), ..request.clone() };
    let answer = service.serve(service.find(&changed)?, &changed);
    let message = serde_json::from_slice(&answer.body).ok()?;
    (answer.status == 200).then_some((answer, message))
}

/// Answers requests to a resource from changed data, but with the `meta` of the unchanged data.
fn from_other_data(r: &mut Reference, id: &'static str, change: fn(&mut Network)) {
    let mut other = r.service.clone();
    change(&mut other.network);
    r.instead(move |service, request| {
        let right = service.find(request).filter(|found| found.id() == id && request.method == "POST")?.accepts();
        let body = serde_json::from_slice(&request.body).ok().filter(|_| request.media_type().as_deref() == right)?;
        let (mut answer, message) = ask(service, request, &body)?;
        let (_, mut wrong) = ask(&other, request, &body)?;
        wrong["meta"] = message["meta"].clone();
        answer.body = wrong.to_string().into_bytes();
        Some(answer)
    });
}

/// Returns whether the list at a JSON pointer is absent or empty.
fn is_empty(body: &Value, pointer: &str) -> bool {
    body.pointer(pointer).and_then(Value::as_array).is_none_or(Vec::is_empty)
}

/// Returns the strings of the list at a JSON pointer.
fn strings<'b>(body: &'b Value, pointer: &str) -> Vec<&'b str> {
    let list = body.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Creates an error for an invalid value of a member.
fn invalid(field: &str, value: &str) -> AltoError {
    AltoError::value(field, &json!(value))
}
