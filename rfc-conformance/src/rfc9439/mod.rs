//! RFC 9439, performance cost metrics: requirements and checks.
//!
//! Metrics are checked only if a directory announces them: [`metric_strings`] their names, [`cost_context`] their sources,
//! [`values`] the units of costs, [`statistics`] the relations between statistics, [`freshness`] the dates of answers.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

// Slowest first.
checks! {
    mod values;
    mod statistics;
    mod cost_context;
    mod metric_strings;
    mod freshness;
}

use std::sync::Arc;

use serde_json::Value;

use crate::check::checks;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::metric::Metric;
use crate::rfc8189::cost_service;
use crate::sheet::Sheet;
use crate::standard::Standard;
use crate::subject::{CostType, Directory, Kind, Resource};

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc9439",
    title: "RFC 9439 ALTO Performance Cost Metrics",
    chapters: &[
        ("1", "Introduction"),
        ("3.1", "Performance Metric Context"),
        ("3.2", "Performance Metric Statistics"),
        ("4.1", "One-Way Delay"),
        ("4.2", "Round-Trip Delay"),
        ("4.3", "Delay Variation"),
        ("4.4", "Loss Rate"),
        ("4.5", "Hop Count"),
        ("5.1", "TCP Throughput"),
        ("5.2", "Residual Bandwidth"),
        ("5.3", "Available Bandwidth"),
        ("6", "Operational Considerations"),
        ("7", "Security Considerations"),
        ("8", "IANA Considerations"),
    ],
    ledger: include_str!("../../ledger/rfc9439.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};

/// Reason to skip checks of performance metrics.
const NO_METRIC: &str = "no metric of RFC 9439 is announced";
/// Maximum number of cost types examined for each resource.
const MOST_TYPES: usize = 24;

/// A cost type in a directory, with its place.
struct Announced<'a> {
    directory: &'a Directory,
    place: String,
    value: &'a Value,
    cost_type: CostType,
}

/// Collects the readable cost types of all directories.
fn announced<'a>(context: &'a Context<'_>) -> Vec<Announced<'a>> {
    let mut all = Vec::new();
    for directory in &context.subject.directories {
        let types = directory.document().pointer("/meta/cost-types").and_then(Value::as_object);
        for (name, value) in types.into_iter().flatten() {
            if let Some(cost_type) = CostType::read(value) {
                all.push(Announced { directory, place: pointer("/meta/cost-types", name), value, cost_type });
            }
        }
    }
    all
}

/// Tests whether a metric of RFC 9439 is announced, and skips all requirements if none is.
fn is_offered(context: &Context<'_>, sheet: &mut Sheet) -> bool {
    let is_offered = announced(context).iter().any(|its| its.metric().is_performance());
    if !is_offered {
        sheet.skip_all(NO_METRIC);
    }
    is_offered
}

impl Announced<'_> {
    fn metric(&self) -> Metric<'_> {
        Metric::read(&self.cost_type.metric)
    }

    fn context(&self) -> Option<&Value> {
        self.value.get("cost-context")
    }

    /// Returns `cost-source` of the context.
    fn source(&self) -> Option<&str> {
        self.context()?.get("cost-source")?.as_str()
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.context()?.get("parameters")?.get(name)
    }
}

/// Returns the cost types of a resource with metrics of RFC 9439.
fn performance_types(context: &Context<'_>, resource: &Resource) -> Vec<CostType> {
    let mut types = context.subject.cost_types_of(resource);
    types.retain(|cost_type| Metric::read(&cost_type.metric).is_performance());
    types.truncate(MOST_TYPES);
    types
}

/// An answer with costs of one cost type.
struct Answered<'a> {
    resource: &'a Resource,
    cost_type: CostType,
    exchange: Arc<Exchange>,
}

/// Fetches the costs of every announced metric of RFC 9439 from every resource, one after the other: all of them together may
/// be very large.
fn each_answer(
    context: &Context<'_>,
    mut grade: impl FnMut(Answered<'_>) -> Result<(), NoAnswer>,
) -> Result<(), NoAnswer> {
    for resource in context.of(Kind::CostMap) {
        for cost_type in performance_types(context, resource) {
            grade(Answered { resource, cost_type, exchange: context.latest(resource)? })?;
        }
    }
    for service in cost_service::all(context)? {
        for cost_type in performance_types(context, service.resource) {
            let exchange = context.post(service.resource, &service.one(&cost_type))?;
            grade(Answered { resource: service.resource, cost_type, exchange })?;
        }
    }
    Ok(())
}
