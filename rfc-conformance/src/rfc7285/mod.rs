//! RFC 7285, the ALTO protocol: requirements and checks, including those of RFC 9274, which updates it.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod cost_query;
mod data_types;
pub(crate) mod requirements;

// Slowest first.
checks! {
    mod errors;
    mod filtered_cost_map;
    pub(crate) mod cost_map;
    mod endpoint_cost;
    pub(crate) mod filtered_network_map;
    pub(crate) mod endpoint_property;
    mod notation;
    mod http_semantics;
    mod http_messages;
    mod network_map;
    mod directory;
    mod directory_entries;
    mod required_resources;
    mod security;
    pub(crate) mod every_answer;
}

use crate::check::checks;
use crate::standard::Standard;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc7285",
    title: "RFC 7285 Application-Layer Traffic Optimization (ALTO) Protocol",
    chapters: &[
        ("3", "Architecture"),
        ("6.1", "Cost Types"),
        ("6.2", "Cost Map Structure"),
        ("6.3", "Network Map and Cost Map Dependency"),
        ("6.4", "Cost Map Update"),
        ("7", "Endpoint Properties"),
        ("8.2", "Notation"),
        ("8.3", "Basic Operations"),
        ("8.4", "Server Response Encoding"),
        ("8.5", "Protocol Errors"),
        ("9.1", "Information Resource Attributes"),
        ("9.2", "Information Resource Directory"),
        ("10.1", "PID Name"),
        ("10.2", "Resource ID"),
        ("10.3", "Version Tag"),
        ("10.4", "Endpoints"),
        ("10.5", "Cost Mode"),
        ("10.6", "Cost Metric"),
        ("10.7", "Cost Type"),
        ("10.8", "Endpoint Property"),
        ("11.1", "Meta Information"),
        ("11.2.1", "Network Map"),
        ("11.2.2", "Mapping IP Addresses to PIDs"),
        ("11.2.3", "Cost Map"),
        ("11.3.1", "Filtered Network Map"),
        ("11.3.2", "Filtered Cost Map"),
        ("11.4", "Endpoint Property Service"),
        ("11.5", "Endpoint Cost Service"),
        ("13", "Discussions"),
        ("14", "IANA Considerations"),
        ("15", "Security Considerations"),
        ("16", "Manageability Considerations"),
    ],
    ledger: include_str!("../../ledger/rfc7285.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};
