//! Several costs at once (RFC 8189): only for servers that announce them, and that others do not pretend to.
//!
//! What an answer with several costs must say is what answers with one cost each say: those are fetched before and
//! after, and what moved in between is not judged. [`scene`] does that; [`rows`] holds answers against it.

mod answers;
mod capabilities;
mod predicates;
mod refusals;
mod rows;
pub(super) mod scene;
mod untestable;

use crate::check::{Check, Requirement};
use crate::target::{Kind, Resource};
use crate::verdict::{Entry, Sheet};

/// All checks of this folder, by file.
pub(super) const CHECKS: [&[Check]; 5] =
    [predicates::CHECKS, answers::CHECKS, refusals::CHECKS, untestable::CHECKS, capabilities::CHECKS];

const NOBODY: &str = "no resource announces `max-cost-types`";

const OF_ENDPOINTS: Requirement =
    Requirement::def("rfc8189/4.2.1/1", "An endpoint cost service announces several costs as a filtered cost map does");
const ASKED_OF_ENDPOINTS: Requirement = Requirement::must(
    "rfc8189/4.2.2/1",
    "An endpoint cost service takes and refuses the same requests for several costs as a filtered cost map",
);
const ARRAYS_OF_ENDPOINTS: Requirement = Requirement::must(
    "rfc8189/4.2.2/2",
    "For `multi-cost-types` every endpoint cost is an array of as many values, in order",
);
const SAID_OF_ENDPOINTS: Requirement =
    Requirement::def("rfc8189/4.2.3/1", "Endpoint costs are answered in the shape of the request, one cost or several");
const NULL_OF_ENDPOINTS: Requirement =
    Requirement::must("rfc8189/4.2.3/2", "An endpoint cost that is not known is null in its place");
const OMITTED_OF_ENDPOINTS: Requirement =
    Requirement::may("rfc8189/4.2.3/3", "A pair of endpoints of which no cost is known may be absent");

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
