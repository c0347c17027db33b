//! Checks of requests for views (RFC 9569 §4, §6, §8).

use serde_json::Value;

use super::graph::at_end;
use super::requirements::{
    s3_1::TAGS,
    s4_1::OPENS,
    s4_2::LOCATION,
    s5_3::USES,
    s6_2::{ABSOLUTE, ASCII, DISTINCT, HTTPS, LATEST, NUMBERS, SHARED, VIEW, WITH_TAG},
    s8_3::REOPENED,
};
use super::{MOST, services};
use crate::check::Check;
use crate::context::Context;
use crate::http::{NoAnswer, origin_of};
use crate::sheet::Sheet;
use crate::subject::Kind;
use crate::updates::TIPS;
use crate::updates::agreement::{difference, tag};
use crate::updates::target::{Service, Target};
use crate::updates::view::View;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "opens views of different resources, reads the recommended edges and walks to the newest version",
    &[TAGS, OPENS, LOCATION, USES, ABSOLUTE, ASCII, DISTINCT, HTTPS, LATEST, NUMBERS, SHARED, VIEW, WITH_TAG, REOPENED],
    views,
)];

fn views(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let mut opened: Vec<View<'_>> = Vec::new();
        for target in &service.targets {
            let answer = View::open(context, service.resource, target, None)?;
            let exchange = answer.as_ref().map_or_else(|exchange| exchange, |view| &view.opened);
            let entry = sheet.on(USES);
            entry.saw(exchange, 1, "resource in `uses`");
            if exchange.answer.status != 200 {
                let finding = Finding::new(format!("a view of {}", target.resource.id), exchange.outline());
                entry.fail(finding.from(exchange));
            }
            let entry = sheet.on(VIEW);
            entry.saw(exchange, 1, "request for a view");
            let is_tips = exchange.answer.media_type().is_some_and(|its| its.is(TIPS));
            let message = exchange.value().cloned().unwrap_or_default();
            let wrong = crate::schema::violations(TIPS, &message).unwrap_or_default();
            if !is_tips {
                entry.fail(Finding::new(format!("status 200 with {TIPS}"), exchange.outline()).from(exchange));
            }
            if let Some(violation) = wrong.first() {
                let finding = Finding::new("members as the RFC defines them", &violation.message);
                entry.fail(finding.at(&violation.pointer).from(exchange));
            }
            let entry = sheet.on(OPENS);
            entry.saw(exchange, 1, "request for a view");
            match answer {
                Ok(view) => opened.push(view),
                Err(exchange) => {
                    let finding = Finding::new("the URI of the view and its summary", exchange.outline());
                    entry.fail(finding.from(&exchange));
                }
            }
        }
        for view in &opened {
            uri(&service, view, sheet);
            numbers(view, sheet);
        }
        let chosen: Vec<_> = service.some(MOST).iter().map(|target| target.resource.id.clone()).collect();
        for view in opened.iter().filter(|view| chosen.contains(&view.target.resource.id)) {
            let read = first_edge(context, view, sheet).and_then(|()| again(context, &service, view, sheet));
            if let Err(trouble) = read {
                // A view that cannot be reached says nothing about the form of its URI.
                sheet.on(LOCATION).unanswered(&trouble, "the recommended edge at the URI of the view");
                return Ok(());
            }
        }
        distinct(context, &service, &opened, sheet)?;
    }
    Ok(())
}

fn uri(service: &Service<'_>, view: &View<'_>, sheet: &mut Sheet) {
    let exchange = &view.opened;
    let place = "/tips-view-uri";
    let given = exchange.value().and_then(|value| value.get("tips-view-uri")?.as_str()).unwrap_or_default();
    let entry = sheet.on(ABSOLUTE);
    entry.saw(exchange, 1, "view URI");
    let after = given.split_once("://").map(|(_, rest)| rest).unwrap_or_default();
    let host = after.split('/').next().unwrap_or_default();
    let right = (given.starts_with("http://") || given.starts_with("https://"))
        && !host.is_empty()
        && after.contains('/')
        && !host.contains('@')
        && !given.contains(['?', '#'])
        && origin_of(&given.chars().filter(char::is_ascii).collect::<String>()).is_some();
    if !right {
        let finding = Finding::new("scheme, host, port and path of http or https", given).at(place);
        entry.fail(finding.from(exchange));
    }
    let entry = sheet.on(ASCII);
    entry.saw(exchange, 1, "view URI");
    if !given.is_ascii() {
        entry.fail(Finding::new("ASCII only", given).at(place).from(exchange));
    }
    let entry = sheet.on(HTTPS);
    if service.resource.uri.starts_with("https") {
        entry.saw(exchange, 1, "view URI");
        if !given.starts_with("https") {
            entry.fail(Finding::new("https, as for the service", given).at(place).from(exchange));
        }
    } else {
        entry.skip("the service is not served over https");
    }
}

fn numbers(view: &View<'_>, sheet: &mut Sheet) {
    let entry = sheet.on(NUMBERS);
    entry.saw(&view.opened, 1, "summary");
    if !view.summary.is_possible() {
        let expected = "1 <= start-seq <= end-seq, and seq-i < seq-j";
        let finding = Finding::new(expected, format!("{:?}", view.summary)).at("/tips-view-summary");
        entry.fail(finding.from(&view.opened));
    }
}

/// Grades the edge that is recommended to a client without a version.
fn first_edge(context: &Context<'_>, view: &View<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let summary = view.summary;
    if summary.from != 0 {
        let finding = Finding::new("an edge from 0 for a client without a version", format!("from {}", summary.from));
        sheet.on(LATEST).saw(&view.opened, 1, "summary").fail(finding.from(&view.opened));
        return Ok(());
    }
    let edge = view.edge(context, summary.from, summary.to)?;
    let entry = sheet.on(LOCATION);
    entry.saw(&edge, 1, "recommended edge");
    if edge.answer.status != 200 {
        entry.fail(Finding::new("the recommended edge", edge.outline()).from(&view.opened).from(&edge));
        return Ok(());
    }
    let entry = sheet.on(LATEST);
    entry.saw(&edge, 1, "recommended edge");
    let document = view.apply(None, &edge);
    if let Err(seen) = &document {
        let finding = Finding::new("an edge from 0 that gives the whole resource", seen);
        entry.fail(finding.from(&view.opened).from(&edge));
    }
    for later in (summary.to + 1..=summary.end).rev().take(8) {
        let other = view.edge(context, 0, later)?;
        if other.answer.status == 200 {
            let finding =
                Finding::new(format!("the snapshot of {later}, which exists"), format!("that of {}", summary.to));
            sheet.on(LATEST).fail(finding.from(&view.opened).from(&other));
        }
    }
    if let Some(tag) = document.as_ref().ok().and_then(|document| document.pointer("/meta/vtag/tag")) {
        let entry = sheet.on(TAGS);
        entry.saw(&edge, 1, "version");
        let legal =
            |text: &str| (1..=64).contains(&text.len()) && text.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !tag.as_str().is_some_and(legal) {
            let finding = Finding::new("a tag of 1 to 64 visible ASCII characters", tag.to_string());
            entry.fail(finding.at("/meta/vtag/tag").from(&edge));
        }
    }
    Ok(())
}

/// Opens a view once more, with the same body and with the tag of its newest version.
fn again(context: &Context<'_>, service: &Service<'_>, view: &View<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let second = View::open(context, service.resource, &view.target, None)?;
    let exchange = second.as_ref().map_or_else(|exchange| exchange, |view| &view.opened);
    let entry = sheet.on(SHARED);
    entry.saw(exchange, 1, "second request for a view");
    if second.as_ref().is_ok_and(|second| second.uri != view.uri) {
        let finding = Finding::new("the same URI for the same request", "another one").at("/tips-view-uri");
        entry.fail(finding.from(&view.opened).from(exchange));
    }
    let entry = sheet.on(REOPENED);
    entry.saw(exchange, 1, "second request for a view");
    let works = match &second {
        Ok(second) => view_works(context, second)?,
        Err(_) => false,
    };
    if !works {
        let finding = Finding::new("a view that works", exchange.outline());
        entry.fail(finding.from(exchange));
    }
    let Some(document) = at_end(context, view)? else { return Ok(()) };
    let Some(held) = tag(&document).filter(|_| view.target.input.is_none()) else { return Ok(()) };
    let Ok(with_tag) = View::open(context, service.resource, &view.target, Some(held))? else {
        let finding = Finding::new("a view for a client with a version", "none");
        sheet.on(WITH_TAG).fail(finding.from(&view.opened));
        return Ok(());
    };
    let (from, end) = (with_tag.summary.from, with_tag.summary.end);
    let entry = sheet.on(WITH_TAG);
    entry.saw(&with_tag.opened, 1, "request with a tag");
    // Another version may have come meanwhile.
    if from != 0 && from != end && from != view.summary.end {
        let finding =
            Finding::new(format!("an edge from {end}, the version of the tag, or from 0"), format!("from {from}"));
        entry.fail(finding.from(&with_tag.opened));
    }
    Ok(())
}

fn view_works(context: &Context<'_>, view: &View<'_>) -> Result<bool, NoAnswer> {
    Ok(view.edge(context, view.summary.from, view.summary.to)?.answer.status == 200)
}

/// Grades whether different requests have different views, with the content of each.
fn distinct(
    context: &Context<'_>,
    service: &Service<'_>,
    opened: &[View<'_>],
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    for (number, view) in opened.iter().enumerate() {
        let entry = sheet.on(DISTINCT);
        entry.saw(&view.opened, 1, "view");
        if let Some(other) = opened[..number].iter().find(|other| other.uri == view.uri) {
            let (one, two) = (&other.target.resource.id, &view.target.resource.id);
            let finding = Finding::new(format!("different URIs for {one} and {two}"), &view.uri);
            entry.fail(finding.from(&other.opened).from(&view.opened));
        }
    }
    // Two requests for one resource.
    let Some(target) = service.of(Kind::FilteredNetworkMap) else { return Ok(()) };
    let Some(Value::Array(pids)) = target.input.as_ref().and_then(|input| input.get("pids").cloned()) else {
        return Ok(());
    };
    for part in pids.chunks(1).take(2) {
        let one = Target { input: Some(serde_json::json!({ "pids": part })), ..target.clone() };
        let Ok(view) = View::open(context, service.resource, &one, None)? else { continue };
        let (document, fetched) = (at_end(context, &view)?, one.fetch(context)?);
        let entry = sheet.on(DISTINCT);
        entry.saw(&view.opened, 1, "view");
        if let (Some(document), Some(fetched_value)) = (document, fetched.value())
            && let Some(place) = difference(&document, fetched_value)
        {
            let finding = Finding::new("what the request for the view asks for", "something else").at(place);
            entry.fail(finding.from(&view.opened).from(&fetched));
        }
    }
    Ok(())
}
