//! Requirements on requests for update streams (RFC 8895) and views (RFC 9569).

use serde_json::Value;

use super::super::recording::Capture;
use super::super::requirements;
use crate::assertion::ERROR;
use crate::http::MediaType;
use crate::mock_server::admits;
use crate::mock_server::resource::{Followed, ResourceKind};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::updates::{JSON_PATCH, MERGE_PATCH, STREAM_PARAMS, TIPS_PARAMS};
use crate::verdict::Finding;

/// Grades a request, if it is for an update stream, a view or an edge.
pub(super) fn grade(capture: &Capture, sheet: &mut Sheet) {
    let kind = capture.resource().map(|resource| &resource.kind);
    match kind {
        Some(ResourceKind::UpdateStream(followed)) if capture.request.method == "POST" => {
            let body = parameters(capture, requirements::STREAM_PARAMETERS, STREAM_PARAMS, sheet);
            stream(capture, &body, followed, sheet);
        }
        Some(ResourceKind::Tips(followed)) if capture.request.method == "POST" => {
            let body = parameters(capture, requirements::VIEW_PARAMETERS, TIPS_PARAMS, sheet);
            in_uses(capture, requirements::VIEW_IN_USES, body.get("resource-id"), followed, sheet);
        }
        None if capture.request.path.contains("/ug/") => edge(capture, sheet),
        _ => {}
    }
}

/// Grades the media type of parameters and returns them.
fn parameters(capture: &Capture, requirement: Requirement, media_type: &str, sheet: &mut Sheet) -> Value {
    let exchange = capture.exchange();
    let entry = sheet.on(requirement);
    entry.saw(&exchange, 1, "request");
    let sent = capture.request.field("content-type").unwrap_or_default();
    if !MediaType::read(&sent).is(media_type) {
        entry.fail(Finding::new(media_type, sent).from(&exchange));
    }
    serde_json::from_slice(&capture.request.body).unwrap_or_default()
}

fn in_uses(capture: &Capture, requirement: Requirement, id: Option<&Value>, followed: &[Followed], sheet: &mut Sheet) {
    let exchange = capture.exchange();
    let entry = sheet.on(requirement);
    entry.saw(&exchange, 1, "resource");
    let id = id.and_then(Value::as_str).unwrap_or_default();
    if !followed.iter().any(|followed| followed.id == id) {
        let ids: Vec<_> = followed.iter().map(|followed| followed.id.as_str()).collect();
        entry.fail(Finding::new(format!("one of {}", ids.join(", ")), id).from(&exchange));
    }
}

fn stream(capture: &Capture, body: &Value, followed: &[Followed], sheet: &mut Sheet) {
    let exchange = capture.exchange();
    for (id, add) in body.get("add").and_then(Value::as_object).into_iter().flatten() {
        in_uses(capture, requirements::STREAM_IN_USES, add.get("resource-id"), followed, sheet);
        let legal = |character: char| character.is_ascii_alphanumeric() || "-:@_".contains(character);
        let entry = sheet.on(requirements::SUBSTREAM_IDS);
        entry.saw(&exchange, 1, "substream-id");
        if id.is_empty() || id.len() > 64 || !id.chars().all(legal) {
            entry.fail(Finding::new("1 to 64 characters of 0-9A-Za-z-:@_", id).from(&exchange));
        }
    }
    let entry = sheet.on(requirements::NO_EVENT_ID);
    entry.saw(&exchange, 1, "request");
    if let Some(id) = capture.request.field("last-event-id") {
        entry.fail(Finding::new("no Last-Event-ID", id).from(&exchange));
    }
}

/// Grades a request for an edge: its method, and what it accepts.
fn edge(capture: &Capture, sheet: &mut Sheet) {
    let exchange = capture.exchange();
    let entry = sheet.on(requirements::EDGE_BY_GET);
    entry.saw(&exchange, 1, "request for an edge");
    if capture.request.method != "GET" {
        entry.fail(Finding::new("GET", &capture.request.method).from(&exchange));
    }
    let accept = capture.request.field("accept").unwrap_or_default();
    let entry = sheet.on(requirements::EDGE_ERRORS);
    entry.saw(&exchange, 1, "request for an edge");
    if !admits(Some(&accept), ERROR) {
        entry.fail(Finding::new(format!("{ERROR} in Accept"), &accept).from(&exchange));
    }
    let from_zero = capture.request.path.contains("/ug/0/");
    if !from_zero {
        let entry = sheet.on(requirements::EDGE_TYPES);
        entry.saw(&exchange, 1, "request for a patch");
        let wanted = [MERGE_PATCH, JSON_PATCH];
        // The view announces one type of patches; the resource itself may come as well.
        let whole = accept.split(',').any(|range| {
            let media_type = MediaType::read(range).essence;
            media_type == "*/*" || media_type.starts_with("application/alto-") && media_type != ERROR
        });
        if !whole || !wanted.iter().any(|media_type| admits(Some(&accept), media_type)) {
            let finding = Finding::new("the types of patches and of the resource in Accept", &accept);
            entry.fail(finding.from(&exchange));
        }
    }
}
