//! Requirements on single requests, independent of the scenario.

mod bodies;
mod following;
mod names;

use std::collections::HashSet;

use super::recording::{Capture, RequestSubject};
use super::requirements;
use super::scenario::PlayedScenario;
use crate::http::MediaType;
use crate::json;
use crate::mock_server::admits;
use crate::mock_server::media_type;
use crate::mock_server::resource::ResourceKind;
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Grades all requests of a scenario.
pub(super) fn grade(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for capture in &played.captures {
        message(capture, sheet);
        accepts(capture, played, sheet);
        method(capture, sheet);
        following::grade(capture, sheet);
        let service = capture.resource().filter(|resource| resource.kind.accepts().is_some());
        if let Some(resource) = service.filter(|_| capture.request.method == "POST") {
            body_of(capture, &resource.kind, played, sheet);
        }
    }
    entry_point(played, sheet);
    conditions(played, sheet);
    prefers_get(played, sheet);
    if played.scenario.name == "plain" {
        from_maps(played, sheet);
    }
}

fn message(capture: &Capture, sheet: &mut Sheet) {
    let exchange = capture.exchange();
    sheet.on(requirements::FRAMING).saw(&exchange, 1, "request");
    let bare = capture.request.path.starts_with('/') || capture.request.method == "OPTIONS";
    if !bare {
        let finding = Finding::new("a target that begins with a slash", capture.request.target.clone());
        sheet.on(requirements::FRAMING).fail(finding.from(&exchange));
    }
}

/// Grades the Accept field: it must admit the media type that the directory lists, or the server may answer 406.
fn accepts(capture: &Capture, played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    let wanted = match &capture.subject {
        RequestSubject::Directory(_) => media_type::DIRECTORY,
        RequestSubject::Resource(resource) => resource.kind.media_type(),
        RequestSubject::Prop | RequestSubject::Stray => return,
    };
    let Some(accept) = capture.request.field("accept") else { return };
    let exchange = capture.exchange();
    let entry = sheet.on(requirements::ACCEPT);
    entry.saw(&exchange, 1, "Accept field");
    if !admits(Some(&accept), wanted) {
        entry.fail(Finding::new(wanted, accept.clone()).from(&exchange));
    } else if !admits(Some(&accept), media_type::ERROR) {
        entry.info(Finding::new(format!("{} beside {wanted}", media_type::ERROR), accept.clone()).from(&exchange));
    }
    if wanted != media_type::DIRECTORY && played.scenario.name == "plain" {
        let entry = sheet.on(requirements::READY_FOR_DIRECTORY);
        entry.saw(&exchange, 1, "Accept field");
        let named = accept.split(',').any(|range| MediaType::read(range).is(media_type::DIRECTORY));
        if named {
            entry.info(Finding::new("readiness for a directory is optional", "it is said").from(&exchange));
        }
    }
}

fn method(capture: &Capture, sheet: &mut Sheet) {
    let method = capture.request.method.as_str();
    let exchange = capture.exchange();
    if method == "OPTIONS" {
        let finding = Finding::new("OPTIONS, or documented defaults", "the client asks by OPTIONS");
        sheet.on(requirements::UNLISTED).saw(&exchange, 1, "request").info(finding.from(&exchange));
        return;
    }
    let (by_post, filters) = match &capture.subject {
        RequestSubject::Directory(_) => (false, false),
        RequestSubject::Resource(resource) => {
            let filter =
                matches!(resource.kind, ResourceKind::FilteredNetworkMap(_) | ResourceKind::FilteredCostMap(..));
            (resource.kind.accepts().is_some(), filter)
        }
        RequestSubject::Prop | RequestSubject::Stray => return,
    };
    let right = if by_post { method == "POST" } else { matches!(method, "GET" | "HEAD") };
    let what = if by_post { "service request" } else { "GET request" };
    let wrong = || Finding::new(if by_post { "POST" } else { "GET" }, method).from(&exchange);
    let mut grade = |requirement| {
        let entry = sheet.on(requirement);
        entry.saw(&exchange, 1, what);
        if !right {
            entry.fail(wrong());
        }
    };
    grade(requirements::METHOD);
    if by_post {
        if filters {
            grade(requirements::FILTERS_APART);
        }
    } else {
        grade(requirements::NO_POST_TO_GET);
        grade(requirements::FILTERS_APART);
    }
    if by_post {
        let entry = sheet.on(requirements::BODY);
        entry.saw(&exchange, 1, what);
        if capture.request.body.is_empty() {
            entry.fail(Finding::new("parameters in the body of a POST", "no body").from(&exchange));
        }
    }
}

fn body_of(capture: &Capture, kind: &ResourceKind, played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    let exchange = capture.exchange();
    let accepts = kind.accepts().unwrap_or_default();
    let sent = capture.request.field("content-type");
    let sent = sent.as_deref().map(MediaType::read);
    let entry = sheet.on(requirements::BODY_TYPE);
    entry.saw(&exchange, 1, "POST");
    if !sent.as_ref().is_some_and(|sent| sent.is(accepts)) {
        let seen = sent.as_ref().map_or("no Content-Type", |sent| &sent.essence);
        entry.fail(Finding::new(accepts, seen).from(&exchange));
    }
    let entry = sheet.on(requirements::TYPE_SPECIFIC);
    entry.saw(&exchange, 1, "POST");
    if sent.as_ref().is_some_and(|sent| sent.essence == "application/json") {
        entry.fail(Finding::new(accepts, "application/json").from(&exchange));
    }
    let entry = sheet.on(requirements::TYPE_PLAIN);
    entry.saw(&exchange, 1, "POST");
    if let Some(parameters) = sent.as_ref().and_then(|sent| sent.parameters.as_deref()) {
        entry.warn(Finding::new("no parameters", parameters).from(&exchange));
    }
    for requirement in [requirements::UTF8, requirements::ENCODING] {
        let entry = sheet.on(requirement);
        entry.saw(&exchange, 1, "body");
        if str::from_utf8(&capture.request.body).is_err() {
            entry.fail(Finding::new("UTF-8", "other bytes").from(&exchange));
        } else if capture.request.body.starts_with(b"\xef\xbb\xbf") {
            entry.fail(Finding::new("no byte order mark", "one").from(&exchange));
        }
    }
    match json::parse(&capture.request.body) {
        Ok(document) => {
            let entry = sheet.on(requirements::NO_DUPLICATES);
            entry.saw(&exchange, 1, "body");
            for pointer in &document.duplicates {
                entry.fail(Finding::new("one member of this name", format!("two at {pointer}")).from(&exchange));
            }
            bodies::grade(&document.value, capture, kind, played, sheet);
        }
        Err(wrong) => {
            let finding = Finding::new("a JSON object", wrong.to_string()).from(&exchange);
            sheet.on(requirements::ENCODING).fail(finding);
        }
    }
}

/// Grades the first request of each run, which must be for the configured directory.
fn entry_point(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for run in played.runs() {
        let exchange = run[0].exchange();
        let entry = sheet.on(requirements::ENTRY_POINT);
        entry.saw(&exchange, 1, "first request");
        let root = format!("/{}{}", played.scenario.name, played.scenario.root);
        if run[0].request.path != root && run[0].run > 0 {
            let seen = format!("{} {}", run[0].request.method, run[0].request.path);
            entry.fail(Finding::new(format!("GET {root}"), seen).from(&exchange));
        }
    }
}

/// Grades conditional requests, which must use entity tags that were sent for the same URI.
fn conditions(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    let mut given = HashSet::new();
    for capture in &played.captures {
        let path = capture.request.path.as_str();
        if let Some(field) = capture.request.field("if-none-match") {
            let exchange = capture.exchange();
            let entry = sheet.on(requirements::FRESHNESS);
            entry.saw(&exchange, 1, "conditional request");
            let known = field.split(',').any(|tag| given.contains(&(path, plain_tag(tag))));
            if !known {
                let expected = "an entity tag that was given for this URI";
                entry.fail(Finding::new(expected, field.clone()).from(&exchange));
            }
        }
        if let Some(tag) = capture.answer.field("etag") {
            given.insert((path, plain_tag(tag)));
        }
    }
}

fn plain_tag(tag: &str) -> &str {
    tag.trim().trim_start_matches("W/")
}

/// Grades requests by POST for whole maps that are available by GET.
fn prefers_get(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    for capture in &played.captures {
        let Some(resource) = capture.resource() else { continue };
        let exchange = capture.exchange();
        let entry = sheet.on(requirements::PREFERS_GET);
        match &resource.kind {
            ResourceKind::NetworkMap(_) | ResourceKind::CostMap(..) => {
                entry.saw(&exchange, 1, "whole map");
            }
            ResourceKind::FilteredNetworkMap(_) | ResourceKind::FilteredCostMap(..)
                if bodies::asks_for_all(&capture.request.body) =>
            {
                entry.saw(&exchange, 1, "whole map");
                let finding = Finding::new("GET of the map", "a filter that lets everything through");
                entry.warn(finding.from(&exchange));
            }
            _ => {}
        }
    }
}

/// Notes whether the client sends addresses to find costs and PIDs, or uses maps only.
fn from_maps(played: &PlayedScenario<'_>, sheet: &mut Sheet) {
    let by = |kinds: fn(&ResourceKind) -> bool| {
        played.captures.iter().find(|capture| capture.resource().is_some_and(|resource| kinds(&resource.kind)))
    };
    let entry = sheet.on(requirements::FROM_MAPS);
    if let Some(capture) = by(|kind| matches!(kind, ResourceKind::EndpointProperty(_) | ResourceKind::EndpointCost(_)))
    {
        let exchange = capture.exchange();
        let finding = Finding::new("the client may keep addresses to itself", "it sends addresses");
        entry.saw(&exchange, 1, "request").info(finding.from(&exchange));
    } else if let Some(capture) = by(|kind| matches!(kind, ResourceKind::NetworkMap(_) | ResourceKind::CostMap(..))) {
        entry.saw(&capture.exchange(), 1, "map");
    }
}
