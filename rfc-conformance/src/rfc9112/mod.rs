//! RFC 9112, HTTP/1.1, which RFC 7285 §8.3 builds upon by its predecessor RFC 7230: framing and connections.
//!
//! Everything here goes over raw sockets, and after each kind of invalid message the server has to answer as before.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

checks! {
    mod answers;
    mod message;
    mod body;
}

use crate::check::checks;
use crate::standard::Standard;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc9112",
    title: "RFC 9112 HTTP/1.1",
    chapters: &[
        ("2", "Message"),
        ("3", "Request Line"),
        ("4", "Status Line"),
        ("5", "Field Syntax"),
        ("6", "Message Body"),
        ("7", "Transfer Codings"),
        ("8", "Handling Incomplete Messages"),
        ("9", "Connection Management"),
    ],
    ledger: include_str!("../../ledger/rfc9112.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};
