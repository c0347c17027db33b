//! Several costs at once (RFC 8189): only for servers that announce them, and that others do not pretend to.
//!
//! What an answer with several costs must say is what answers with one cost each say: those are fetched before and
//! after, and what moved in between is not judged. [`scene`] does that; [`rows`] holds answers against it.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

mod answers;
mod capabilities;
mod predicates;
mod refusals;
pub(crate) mod requirements;
mod rows;
pub(crate) mod scene;
mod untestable;

use crate::requirement::Requirement;
use crate::sheet::{Entry, Sheet};
use crate::standard::Standard;
use crate::subject::{Kind, Resource};
use requirements::{
    s4_2_1::OF_ENDPOINTS,
    s4_2_2::{ARRAYS_OF_ENDPOINTS, ASKED_OF_ENDPOINTS},
    s4_2_3::{NULL_OF_ENDPOINTS, OMITTED_OF_ENDPOINTS, SAID_OF_ENDPOINTS},
};

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc8189",
    title: "RFC 8189 Multi-Cost ALTO",
    chapters: &[("3", "Overview of Approach"), ("4", "Protocol Extensions for Multi-Cost ALTO")],
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: &[predicates::CHECKS, answers::CHECKS, refusals::CHECKS, untestable::CHECKS, capabilities::CHECKS],
};

const NOBODY: &str = "no resource announces `max-cost-types`";

/// What a requirement on filtered cost maps is called where endpoint costs are concerned (RFC 8189 §4.2).
fn of_endpoints(requirement: Requirement) -> Option<Requirement> {
    match requirement.id {
        "rfc8189/4.1.2/6" => Some(ARRAYS_OF_ENDPOINTS),
        "rfc8189/4.1.3/5" => Some(NULL_OF_ENDPOINTS),
        "rfc8189/4.1.3/6" => Some(OMITTED_OF_ENDPOINTS),
        id if id.starts_with("rfc8189/4.1.1/") => Some(OF_ENDPOINTS),
        id if id.starts_with("rfc8189/4.1.2/") => Some(ASKED_OF_ENDPOINTS),
        "rfc8189/4.1.3/1" | "rfc8189/4.1.3/2" | "rfc8189/4.1.3/3" | "rfc8189/4.1.3/4" => Some(SAID_OF_ENDPOINTS),
        _ => None,
    }
}

/// Notes something on a requirement; of an endpoint cost service, also on what RFC 8189 §4.2 makes of it.
fn note(sheet: &mut Sheet, resource: &Resource, requirement: Requirement, note: impl Fn(&mut Entry)) {
    note(sheet.on(requirement));
    if resource.kind == Kind::EndpointCost
        && let Some(twin) = of_endpoints(requirement)
    {
        note(sheet.on(twin));
    }
}
