//! Metrics with units (RFC 9439): only where a directory announces them.
//!
//! [`names`] reads metric strings, [`source`] what is said about where costs come from, [`values`] the costs themselves,
//! [`statistics`] what different statistics of one metric say about one another, [`freshness`] how old they are.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

mod freshness;
mod names;
pub(crate) mod requirements;
mod source;
mod statistics;
mod values;

use std::sync::Arc;

use serde_json::Value;

use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::json::pointer;
use crate::metric::Metric;
use crate::rfc8189::scene;
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
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: &[values::CHECKS, statistics::CHECKS, source::CHECKS, names::CHECKS, freshness::CHECKS],
};

const NO_METRIC: &str = "no metric of RFC 9439 is announced";
/// Cost types of one resource that are looked at.
const MOST_TYPES: usize = 24;

/// A cost type of a directory.
struct Announced<'a> {
    directory: &'a Directory,
    place: String,
    value: &'a Value,
    cost_type: CostType,
}

/// All cost types of all directories, as far as they can be read.
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

/// Whether a metric of RFC 9439 is announced; notes for all requirements alike if none is.
fn offered(context: &Context<'_>, sheet: &mut Sheet) -> bool {
    let offered = announced(context).iter().any(|its| its.metric().is_performance());
    if !offered {
        sheet.skip_all(NO_METRIC);
    }
    offered
}

impl Announced<'_> {
    fn metric(&self) -> Metric<'_> {
        Metric::read(&self.cost_type.metric)
    }

    fn context(&self) -> Option<&Value> {
        self.value.get("cost-context")
    }

    /// The part of the context that says what kind of source it is.
    fn source(&self) -> Option<&str> {
        self.context()?.get("cost-source")?.as_str()
    }

    fn parameter(&self, name: &str) -> Option<&Value> {
        self.context()?.get("parameters")?.get(name)
    }
}

/// Cost types of a resource that are metrics of RFC 9439.
fn performance_types(context: &Context<'_>, resource: &Resource) -> Vec<CostType> {
    let mut types = context.subject.cost_types_of(resource);
    types.retain(|cost_type| Metric::read(&cost_type.metric).is_performance());
    types.truncate(MOST_TYPES);
    types
}

/// An answer with costs of one type.
struct Answered<'a> {
    resource: &'a Resource,
    cost_type: CostType,
    exchange: Arc<Exchange>,
}

/// What every resource says of every metric of RFC 9439 that it announces.
fn answers<'a>(context: &'a Context<'_>) -> Result<Vec<Answered<'a>>, NoAnswer> {
    let mut all = Vec::new();
    for resource in context.subject.of(Kind::CostMap) {
        for cost_type in performance_types(context, resource) {
            all.push(Answered { resource, cost_type, exchange: context.known(resource)? });
        }
    }
    for scene in scene::all(context)? {
        for cost_type in performance_types(context, scene.resource) {
            let exchange = context.post(scene.resource, &scene.one(&cost_type))?;
            all.push(Answered { resource: scene.resource, cost_type, exchange });
        }
    }
    Ok(all)
}
