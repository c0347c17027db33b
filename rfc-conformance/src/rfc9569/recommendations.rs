//! Checks of requests for the next edge (RFC 9569 §7.4).

use serde_json::Value;

use super::requirements::s7_4_2::{FIRST_EDGE, RECOMMENDATION, SUMMARY, UNKNOWN, WITHOUT_TAG};
use super::small;
use crate::assertion::ERROR;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::updates::MERGE_PATCH;
use crate::updates::patch::merge;
use crate::updates::view::{Summary, View};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "asks for the next edge without a tag, and of an unknown view",
    &[FIRST_EDGE, RECOMMENDATION, SUMMARY, UNKNOWN, WITHOUT_TAG],
    recommendations,
)];

fn recommendations(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for (_, view) in small(context, sheet)? {
        let exchange = view.recommend(context, None)?;
        let entry = sheet.on(RECOMMENDATION);
        entry.saw(&exchange, 1, "recommendation");
        let is_patch = exchange.answer.media_type().is_some_and(|its| its.is(MERGE_PATCH));
        let patch = exchange.value().filter(|_| exchange.answer.status == 200 && is_patch);
        let Some(patch) = patch.filter(|patch| patch.is_object()) else {
            let finding = Finding::new(format!("status 200 with {MERGE_PATCH}"), exchange.outline());
            entry.fail(finding.from(&exchange));
            continue;
        };
        let mut message = view.opened.value().cloned().unwrap_or_default();
        merge(&mut message, patch);
        if message.get("tips-view-uri").is_none_or(|uri| !uri.is_string()) {
            let finding = Finding::new("a patch that leaves the view its URI", "a patch that removes it");
            entry.fail(finding.at("/tips-view-uri").from(&exchange));
        }
        let entry = sheet.on(SUMMARY);
        entry.saw(&exchange, 1, "recommendation");
        let place = "/tips-view-summary/updates-graph-summary";
        if !patch.pointer(place).is_some_and(Value::is_object) {
            entry.fail(Finding::new("`updates-graph-summary`", "none").at(place).from(&exchange));
        }
        let Some(summary) = Summary::read(&message) else { continue };
        let entry = sheet.on(WITHOUT_TAG);
        entry.saw(&exchange, 1, "recommendation");
        if summary.from != 0 {
            let finding = Finding::new("an edge from 0", format!("from {}", summary.from));
            entry.fail(finding.from(&exchange));
        }
        let edge = view.edge(context, summary.from, summary.to)?;
        let entry = sheet.on(FIRST_EDGE);
        entry.saw(&edge, 1, "recommended edge");
        if edge.answer.status != 200 {
            entry.fail(Finding::new("the recommended edge", edge.outline()).from(&exchange).from(&edge));
        }
        let unknown = View { uri: format!("{}0", view.uri), ..view.clone() };
        let exchange = unknown.recommend(context, None)?;
        let entry = sheet.on(UNKNOWN);
        entry.saw(&exchange, 1, "unknown view");
        let is_error = exchange.answer.media_type().is_some_and(|its| its.is(ERROR));
        if exchange.answer.status != 404 || !is_error {
            let finding = Finding::new(format!("status 404 with {ERROR}"), exchange.outline());
            entry.fail(finding.from(&exchange));
        }
    }
    Ok(())
}
