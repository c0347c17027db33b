//! RFC 8259, JSON, which all ALTO messages are written in: extreme but valid requests, which must not make a server fail.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

checks! {
    mod requests;
}

use crate::check::checks;
use crate::standard::Standard;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc8259",
    title: "RFC 8259 The JavaScript Object Notation (JSON) Data Interchange Format",
    chapters: &[("6", "Numbers"), ("7", "Strings"), ("8", "String and Character Issues")],
    ledger: include_str!("../../ledger/rfc8259.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};
