//! RFC 6902, JSON patches: requirements; their checks are part of those of RFC 8895, whose streams send them.

pub(crate) mod requirements;

use crate::standard::Standard;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc6902",
    title: "RFC 6902 JavaScript Object Notation (JSON) Patch",
    chapters: &[("3", "Document Structure"), ("4", "Operations"), ("5", "Error Handling")],
    ledger: include_str!("../../ledger/rfc6902.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: &[],
};
