//! RFC 9110, HTTP semantics, which RFC 7285 §8.3 builds upon by its predecessors RFC 7231 to 7233: conditional requests,
//! content coding, negotiation and methods.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

checks! {
    mod negotiation;
    mod conditional;
    mod coding;
    mod methods;
}

use crate::check::checks;
use crate::context::Context;
use crate::standard::Standard;
use crate::subject::{Kind, Resource};

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc9110",
    title: "RFC 9110 HTTP Semantics",
    chapters: &[
        ("5", "Fields"),
        ("6", "Message Abstraction"),
        ("8", "Representation Data and Metadata"),
        ("9", "Methods"),
        ("12", "Content Negotiation"),
        ("13", "Conditional Requests"),
        ("14", "Range Requests"),
        ("15", "Status Codes"),
    ],
    ledger: include_str!("../../ledger/rfc9110.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};

/// Collects URIs that are read by GET, with their media types: the root directory and one resource of each kind.
pub(crate) fn readable(context: &Context<'_>) -> Vec<(String, String)> {
    let root = &context.subject.first;
    let own = root.answer.header("content-type").unwrap_or("*/*").to_owned();
    let first = (root.answer.status == 200).then(|| (root.request.uri.clone(), own));
    let kinds = [Kind::NetworkMap, Kind::CostMap, Kind::PropertyMap];
    let resources = kinds.into_iter().filter_map(|kind| context.of(kind).next());
    let named = |resource: &Resource| (resource.uri.clone(), resource.media_type.clone());
    first.into_iter().chain(resources.map(named)).collect()
}
