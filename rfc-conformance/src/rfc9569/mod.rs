//! RFC 9569, the Transport Information Publication Service: requirements and checks.
//!
//! Views are opened, their graphs are walked, and the documents that follow are compared with what a request for the resource
//! gives. Requests that the server holds are awaited in bounded time. Whatever takes a change of the data is judged if the
//! user of the suite says how to make one.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

// Slowest first.
checks! {
    mod changes;
    mod edges;
    mod views;
    mod recommendations;
    mod errors;
    mod entries;
}

mod graph;

use crate::check::checks;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::standard::Standard;
use crate::updates::TIPS;
use crate::updates::target::Service;
use crate::updates::view::View;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc9569",
    title: "RFC 9569 The ALTO Transport Information Publication Service (TIPS)",
    chapters: &[
        ("3", "TIPS Updates Graph"),
        ("4", "TIPS Workflow and Resource Location Schema"),
        ("5", "TIPS Information Resource Directory (IRD) Announcement"),
        ("6", "TIPS Management"),
        ("7", "TIPS Data Transfers"),
        ("8", "Operation and Processing Considerations"),
        ("9", "Security Considerations"),
        ("A", "A High-Level Deployment Model"),
        ("B", "Conformance with \"Building Protocols with HTTP\" (RFC 9205) Best Current Practices"),
    ],
    ledger: include_str!("../../ledger/rfc9569.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};

/// Reason to skip checks.
const NO_SERVICE: &str = "no TIPS is listed";
/// Maximum number of resources of a service whose views are examined.
const MOST: usize = 8;

/// Returns the services that can be used, and skips all requirements if there are none.
fn services<'a>(context: &'a Context<'_>, sheet: &mut Sheet) -> Result<Vec<Service<'a>>, NoAnswer> {
    let mut services = Service::all(context, TIPS)?;
    services.retain(|service| !service.targets.is_empty());
    if services.is_empty() {
        sheet.skip_all(NO_SERVICE);
    }
    Ok(services)
}

/// Opens a view of a small resource for each service; those that are refused are graded elsewhere.
fn small<'a>(context: &'a Context<'_>, sheet: &mut Sheet) -> Result<Vec<(Service<'a>, View<'a>)>, NoAnswer> {
    let mut views = Vec::new();
    for service in services(context, sheet)? {
        let Some(target) = service.plain() else { continue };
        if let Ok(view) = View::open(context, service.resource, target, None)? {
            views.push((service, view));
        }
    }
    Ok(views)
}
