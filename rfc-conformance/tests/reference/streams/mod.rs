//! Mutants with faults in update streams (RFC 8895) and in the patches that they send (RFC 6902).

mod changes;
mod control;
mod errors;
mod forms;
mod openings;

use rfc_conformance::mock_server::http::{ReceivedRequest, Response};
use rfc_conformance::mock_server::service::Service;
use rfc_conformance::mock_server::updates::{SentEvent, StreamView};
use serde_json::{Value, json};

use super::mutant::Mutant;
use super::server::{Reference, Variant};
use super::updates::{JSON, MERGE};

pub(crate) fn mutants() -> Vec<Mutant> {
    let all = [
        forms::entries(),
        forms::forms(),
        openings::openings(),
        openings::first_events(),
        errors::errors(),
        control::controls(),
        control::removals(),
        control::control_errors(),
        changes::changes(),
        changes::patches(),
    ];
    let over_http = all.into_iter().flatten().map(|mutant| mutant.with(Variant::Updates));
    over_http.chain(changes::secure()).collect()
}

const CONTROL: &str = "application/alto-updatestreamcontrol+json";

fn is_control(event: &SentEvent) -> bool {
    event.name == CONTROL
}

fn is_patch(event: &SentEvent) -> bool {
    event.name.starts_with(MERGE) || event.name.starts_with(JSON)
}

fn id_of(event: &SentEvent) -> &str {
    event.name.rsplit(',').next().unwrap_or_default()
}

fn of_resource(view: &StreamView<'_>, event: &SentEvent, resource: &str) -> bool {
    view.resources.get(id_of(event)).is_some_and(|id| id == resource)
}

/// Changes the body of requests for streams before they are processed.
fn open_with(r: &mut Reference, change: impl Fn(&Service, &mut Value) + Send + Sync + 'static) {
    posted(r, false, move |service, request, mut body| {
        change(service, &mut body);
        Some(service.route(&ReceivedRequest { body: body.to_string().into_bytes(), ..request.clone() }))
    });
}

/// Changes the body of control requests before they are processed.
fn control_with(r: &mut Reference, change: fn(&mut Value)) {
    posted(r, true, move |service, request, mut body| {
        change(&mut body);
        Some(service.route(&ReceivedRequest { body: body.to_string().into_bytes(), ..request.clone() }))
    });
}

/// Answers requests for streams, or control requests, by a function.
fn posted(
    r: &mut Reference,
    control: bool,
    answer: impl Fn(&Service, &ReceivedRequest, Value) -> Option<Response> + Send + Sync + 'static,
) {
    r.instead(move |service, request| {
        let is_control = request.path.contains("updates/control/");
        let right = is_control == control && (is_control || request.path.ends_with("updates"));
        let body = serde_json::from_slice(&request.body).ok().filter(|_| right && request.method == "POST")?;
        answer(service, request, body)
    });
}

fn done() -> Response {
    Response { status: 204, ..Response::default() }
}

fn alto_error(code: &str) -> Response {
    Response::new(400, "application/alto-error+json", json!({ "meta": { "code": code } }).to_string())
}

/// Changes answers with errors to requests for streams, or to control requests, if the request fits.
fn refusals(r: &mut Reference, control: bool, fits: fn(&Value) -> bool, change: fn(&mut Response, &mut Value)) {
    r.after(move |_, request, answer| {
        let is_control = request.path.contains("updates/control/");
        let right = is_control == control && (is_control || request.path.ends_with("updates"));
        let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
        if right && answer.status == 400 && fits(&body) {
            let mut message = serde_json::from_slice(&answer.body).unwrap_or_default();
            change(answer, &mut message);
            answer.body = message.to_string().into_bytes();
        }
    });
}

fn any(_: &Value) -> bool {
    true
}

fn lacks_add(body: &Value) -> bool {
    body.get("add").is_none_or(|add| add.as_object().is_some_and(serde_json::Map::is_empty))
}

fn first_add(body: &Value) -> Option<&Value> {
    body.get("add")?.as_object()?.values().next()
}

fn is_unknown(body: &Value) -> bool {
    first_add(body).is_some_and(|add| add["resource-id"] == "no-such-resource")
}

fn has_input(body: &Value) -> bool {
    first_add(body).is_some_and(|add| add.get("input").is_some())
}
