//! RFC 9274, the registry of cost modes: requirements; their checks are part of those of RFC 7285.

pub(crate) mod requirements;

use crate::standard::Standard;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc9274",
    title: "RFC 9274 A Cost Mode Registry for ALTO",
    chapters: &[("3", "Updates to Cost Modes"), ("4", "Backward Compatibility")],
    ledger: include_str!("../../ledger/rfc9274.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: &[],
};
