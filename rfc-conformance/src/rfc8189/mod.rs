//! RFC 8189, multi-cost ALTO: requirements and checks.
//!
//! A multi-cost answer must agree with single-cost answers, which [`cost_service`] fetches before and after it; if costs
//! changed meanwhile, the comparison is repeated. [`multi_cost_query`] grades the answers.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod cost_service;
mod multi_cost_query;
pub(crate) mod requirements;

// Slowest first.
checks! {
    mod constraints;
    mod answers;
    mod rejected_requests;
    mod rejected_constraints;
    mod capabilities;
}

use crate::check::checks;
use crate::requirement::Requirement;
use crate::sheet::{Entry, Sheet};
use crate::standard::Standard;
use crate::subject::{Kind, Resource};
use requirements::{
    s4_1_2::ARRAYS,
    s4_1_3::{EMPTY, LIST, NULL, OMITTED, SCALARS, VALUES},
    s4_2_1::ENDPOINT_CAPABILITIES,
    s4_2_2::{ENDPOINT_ARRAYS, ENDPOINT_REQUESTS},
    s4_2_3::{ENDPOINT_ANSWERS, ENDPOINT_NULL, ENDPOINT_OMITTED},
};

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc8189",
    title: "RFC 8189 Multi-Cost ALTO",
    chapters: &[("3", "Overview of Approach"), ("4", "Protocol Extensions for Multi-Cost ALTO")],
    ledger: include_str!("../../ledger/rfc8189.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};

/// Reason to skip checks of multi-cost resources.
const NOT_ANNOUNCED: &str = "no resource announces `max-cost-types`";

/// Returns the requirement on endpoint costs (RFC 8189 §4.2) that corresponds to one on filtered cost maps.
fn of_endpoints(requirement: Requirement) -> Option<Requirement> {
    match requirement.section() {
        _ if requirement == ARRAYS => Some(ENDPOINT_ARRAYS),
        _ if requirement == NULL => Some(ENDPOINT_NULL),
        _ if requirement == OMITTED => Some(ENDPOINT_OMITTED),
        "4.1.1" => Some(ENDPOINT_CAPABILITIES),
        "4.1.2" => Some(ENDPOINT_REQUESTS),
        _ if [SCALARS, EMPTY, LIST, VALUES].contains(&requirement) => Some(ENDPOINT_ANSWERS),
        _ => None,
    }
}

/// Notes on a requirement and, for an endpoint cost service, also on the corresponding one of RFC 8189 §4.2.
fn note(sheet: &mut Sheet, resource: &Resource, requirement: Requirement, note: impl Fn(&mut Entry)) {
    note(sheet.on(requirement));
    if resource.kind == Kind::EndpointCost
        && let Some(counterpart) = of_endpoints(requirement)
    {
        note(sheet.on(counterpart));
    }
}
