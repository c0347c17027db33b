//! Checks of edges: what is there, what is held and what is refused (RFC 9569 §3.2, §4.2, §7.1, §7.2, §8.1, A).

use std::sync::Arc;
use std::time::Duration;

use super::requirements::{
    s3_2::{CONTINUITY, FEASIBILITY},
    s4_2::READ_ONLY,
    s7_1::EDGE_TYPE,
    s7_2::{ERROR_BODY, FORMAT, GONE, INDEPENDENT, NO_EDGE, POLL, PROCESSING, TOO_EARLY, UNACCEPTABLE},
    s8_1::ANY_CONNECTION,
    sa::ONE_HOST,
};
use super::small;
use crate::assertion::ERROR;
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Request, origin_of};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::updates::view::View;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "reads every edge between the first and the last version, and the snapshot of the first",
        &[CONTINUITY, FEASIBILITY, EDGE_TYPE, FORMAT, PROCESSING, ANY_CONNECTION, ONE_HOST],
        inside,
    ),
    Check::new("waits for an edge that does not exist yet, and reads others meanwhile", &[POLL, INDEPENDENT], held),
    Check::new(
        "requests edges that do not exist, from views that do not exist, and with Accept that excludes them",
        &[NO_EDGE, GONE, UNACCEPTABLE, TOO_EARLY, ERROR_BODY, PROCESSING],
        refused,
    ),
    Check::new("sends PUT, POST, PATCH and DELETE to an edge", &[READ_ONLY], read_only),
];

/// Maximum number of edges that are read.
const MOST_EDGES: usize = 20;
/// Time for which an edge that does not exist has to be held at least.
const SOON: Duration = Duration::from_millis(600);

fn inside(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for (_, view) in small(context, sheet)? {
        let summary = view.summary;
        let snapshot = view.edge(context, 0, summary.start)?;
        item(&view, &snapshot, true, sheet);
        let entry = sheet.on(FEASIBILITY);
        entry.saw(&snapshot, 1, "snapshot");
        let whole = view.apply(None, &snapshot);
        if snapshot.answer.status != 200 || whole.is_err() {
            let finding = Finding::new(format!("the whole version {}", summary.start), snapshot.outline());
            entry.fail(finding.from(&view.opened).from(&snapshot));
        }
        if summary.start == summary.end {
            sheet.on(CONTINUITY).skip("the graph has one version: give --change");
        }
        for from in (summary.start..summary.end).take(MOST_EDGES) {
            let edge = view.edge(context, from, from + 1)?;
            continuity(&view, from, &edge, sheet);
        }
        // Each request above may have had a connection of its own or not; these have.
        for _ in 0..4 {
            let mut pending = view.poll(context, 0, summary.start)?;
            let Some(edge) = pending.answer(context.client, context.client.patience())? else { continue };
            let entry = sheet.on(ANY_CONNECTION);
            entry.saw(&edge, 1, "connection");
            if edge.answer.status != snapshot.answer.status {
                let finding = Finding::new(snapshot.outline(), edge.outline());
                entry.fail(finding.from(&snapshot).from(&edge));
            }
        }
    }
    Ok(())
}

/// Grades an edge between two neighbouring versions.
pub(super) fn continuity(view: &View<'_>, from: u64, edge: &Arc<Exchange>, sheet: &mut Sheet) {
    item(view, edge, false, sheet);
    let entry = sheet.on(CONTINUITY);
    entry.saw(edge, 1, "edge");
    if edge.answer.status != 200 {
        let finding = Finding::new(format!("the edge from {from} to {}", from + 1), edge.outline());
        entry.fail(finding.from(&view.opened).from(edge));
    }
}

/// Grades the form of an edge that exists.
pub(super) fn item(view: &View<'_>, edge: &Arc<Exchange>, is_snapshot: bool, sheet: &mut Sheet) {
    if edge.answer.status == 200 {
        let media_type = edge.answer.media_type().map(|its| its.essence).unwrap_or_default();
        let whole = media_type == view.target.resource.media_type;
        let right = whole || (!is_snapshot && view.target.patches.contains(&media_type));
        let entry = sheet.on(EDGE_TYPE);
        entry.saw(edge, 1, "edge");
        if !right {
            let patches = if is_snapshot { String::new() } else { format!(", or one of {:?}", view.target.patches) };
            let expected = format!("{}{patches}", view.target.resource.media_type);
            entry.fail(Finding::new(expected, media_type).from(edge));
        }
        let entry = sheet.on(FORMAT);
        entry.saw(edge, 1, "edge");
        if let Err(error) = edge.document() {
            entry.fail(Finding::new("JSON in the format of its media type", error.to_string()).from(edge));
        }
        sheet.on(PROCESSING).saw(edge, 1, "edge");
    }
    let entry = sheet.on(ONE_HOST);
    entry.saw(edge, 1, "edge");
    if origin_of(&edge.request.uri) != origin_of(&view.uri) {
        let finding = Finding::new(format!("an answer by the host of {}", view.uri), &edge.request.uri);
        entry.fail(finding.from(edge));
    }
}

fn held(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for (_, view) in small(context, sheet)? {
        let end = view.summary.end;
        let mut pending = view.poll(context, end, end + 1)?;
        let begun = std::time::Instant::now();
        for _ in 0..3 {
            let edge = view.edge(context, 0, view.summary.start)?;
            let entry = sheet.on(INDEPENDENT);
            entry.saw(&edge, 1, "request beside a held one");
            if edge.answer.status != 200 {
                let finding = Finding::new("an answer while another request is held", edge.outline());
                entry.fail(finding.from(&edge));
            }
        }
        let rest = SOON.saturating_sub(begun.elapsed()).max(Duration::from_millis(1));
        let answer = pending.answer(context.client, rest)?;
        let entry = sheet.on(POLL);
        match answer {
            // The version may have come in the meantime.
            Some(exchange) if exchange.answer.status != 200 => {
                let finding = Finding::new("a request that is held until there is a version", exchange.outline());
                entry.saw(&exchange, 1, "request for the next edge").fail(finding.from(&exchange));
            }
            Some(exchange) => {
                let document = exchange.document().is_ok();
                entry.saw(&exchange, 1, "request for the next edge");
                if !document {
                    entry.fail(Finding::new("an update", exchange.outline()).from(&exchange));
                }
            }
            None => {
                entry.saw(&view.opened, 1, "request for the next edge");
            }
        }
    }
    Ok(())
}

fn refused(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for (_, view) in small(context, sheet)? {
        let summary = view.summary;
        let other = View { uri: format!("{}0", view.uri), ..view.clone() };
        let missing = [
            (view.edge(context, summary.end, summary.end)?, "an edge to itself"),
            (view.edge(context, summary.end, 0)?, "an edge back to 0"),
            (other.edge(context, 0, summary.start)?, "an edge of an unknown view"),
        ];
        for (exchange, what) in &missing {
            expect(NO_EDGE, 404, exchange, what, sheet);
        }
        let far = view.edge(context, summary.end + 1000, summary.end + 1001)?;
        expect(TOO_EARLY, 425, &far, "an edge far in the future", sheet);
        gone(context, &view, sheet)?;
        let request = Request::get(&format!("{}/ug/0/{}", view.uri, summary.start));
        let exchange = context.send(request.with("Accept", &format!("{ERROR}, text/plain")))?;
        let entry = sheet.on(UNACCEPTABLE);
        entry.saw(&exchange, 1, "edge of another media type");
        if exchange.answer.status != 415 {
            entry.fail(Finding::new("status 415", exchange.outline()).from(&exchange));
        }
        error_body(&exchange, sheet);
    }
    Ok(())
}

/// Requests versions before the first one, if there were any.
pub(super) fn gone(context: &Context<'_>, view: &View<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let start = view.summary.start;
    if start < 2 {
        sheet.on(GONE).skip("no version has been dropped yet");
        return Ok(());
    }
    for (from, to) in [(0, start - 1), (start - 1, start)] {
        let exchange = view.edge(context, from, to)?;
        expect(GONE, 410, &exchange, "an edge of a version that is no longer kept", sheet);
    }
    Ok(())
}

/// Grades the status and the body of an answer to a request for what is not there.
fn expect(requirement: Requirement, status: u16, exchange: &Arc<Exchange>, what: &str, sheet: &mut Sheet) {
    let entry = sheet.on(requirement);
    entry.saw(exchange, 1, "request for what is not there");
    if exchange.answer.status != status {
        entry.fail(Finding::new(format!("status {status} for {what}"), exchange.outline()).from(exchange));
    }
    let entry = sheet.on(PROCESSING);
    entry.saw(exchange, 1, "request for what is not there");
    if !(400..500).contains(&exchange.answer.status) {
        entry.fail(Finding::new(format!("an error for {what}"), exchange.outline()).from(exchange));
    }
    error_body(exchange, sheet);
}

fn error_body(exchange: &Arc<Exchange>, sheet: &mut Sheet) {
    let entry = sheet.on(ERROR_BODY);
    entry.saw(exchange, 1, "error");
    let is_error = exchange.answer.media_type().is_some_and(|its| its.is(ERROR));
    if !is_error || exchange.value().is_none_or(|value| value.get("meta").is_none()) {
        entry.fail(Finding::new(format!("{ERROR} with `meta`"), exchange.outline()).from(exchange));
    }
}

fn read_only(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for (_, view) in small(context, sheet)? {
        let uri = format!("{}/ug/0/{}", view.uri, view.summary.start);
        for method in ["PUT", "POST", "PATCH", "DELETE"] {
            let request = Request::new(method, &uri).with("Content-Type", "application/json").body("{}");
            let exchange = context.send(request)?;
            let entry = sheet.on(READ_ONLY);
            entry.saw(&exchange, 1, "method");
            if !(400..500).contains(&exchange.answer.status) {
                entry.fail(Finding::new(format!("4xx for {method}"), exchange.outline()).from(&exchange));
            }
        }
        let edge = view.edge(context, 0, view.summary.start)?;
        if edge.answer.status != 200 {
            let finding = Finding::new("the edge, after requests that must not change it", edge.outline());
            sheet.on(READ_ONLY).fail(finding.from(&edge));
        }
    }
    Ok(())
}
