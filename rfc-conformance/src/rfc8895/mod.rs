//! RFC 8895, update streams: requirements and checks.
//!
//! Streams are read from a raw connection in bounded time, event by event, and replayed. What a client would have after the
//! updates is compared with what a request for the resource gives. Whatever takes a change of the data is judged if the user
//! of the suite says how to make one.
#![allow(clippy::unnecessary_wraps, reason = "all checks have one signature, whether they send requests or not")]

pub(crate) mod requirements;

// Slowest first.
checks! {
    mod idle;
    mod changes;
    mod uris;
    mod openings;
    mod requests;
    mod control;
    mod control_errors;
    mod errors;
    mod entries;
}

mod constraints;
mod grades;
mod replay;

use std::sync::Arc;

use serde_json::Value;

use crate::assertion::ERROR;
use crate::check::checks;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer};
use crate::sheet::Sheet;
use crate::standard::Standard;
use crate::updates::EVENT_STREAM;
use crate::updates::stream::{Answered, Stream};
use crate::updates::target::{Service, Target};
use crate::verdict::Finding;

/// The standard with its checks.
pub(crate) const STANDARD: Standard = Standard {
    name: "rfc8895",
    title: "RFC 8895 ALTO Incremental Updates Using Server-Sent Events (SSE)",
    chapters: &[
        ("5", "Update Messages: Data Update and Control Update Messages"),
        ("6", "Update Stream Service"),
        ("7", "Stream Control Service"),
        ("9", "Operation and Processing Considerations"),
        ("10", "Security Considerations"),
        ("11", "Requirements on Future ALTO Services to Use This Design"),
        ("13", "Appendix: Design Decision: Not Allowing Stream Restart"),
    ],
    ledger: include_str!("../../ledger/rfc8895.tsv"),
    requirements: requirements::ALL,
    not_observable: requirements::NOT_OBSERVABLE,
    checks: CHECKS,
};

/// Reason to skip checks.
const NO_SERVICE: &str = "no update stream is listed";
/// Reason to skip checks of services that cannot be used.
const NOTHING: &str = "no update stream lists a resource that the suite can request";

/// Returns the services that can be used, and skips all requirements if there are none.
fn services<'a>(context: &'a Context<'_>, sheet: &mut Sheet) -> Result<Vec<Service<'a>>, NoAnswer> {
    let mut services = Service::all(context, EVENT_STREAM)?;
    let reason = if services.is_empty() { NO_SERVICE } else { NOTHING };
    services.retain(|service| !service.targets.is_empty());
    if services.is_empty() {
        sheet.skip_all(reason);
    }
    Ok(services)
}

/// Opens a stream with one substream `n` of a small resource; `None` if the server refuses, which is graded elsewhere.
fn small<'a>(
    context: &Context<'a>,
    service: &Service<'a>,
    id: &str,
) -> Result<Option<(Box<Stream<'a>>, Target<'a>)>, NoAnswer> {
    let Some(target) = service.plain() else { return Ok(None) };
    Ok(match Stream::of(context, service.resource, &[(id, target)])? {
        Answered::Refused(_) => None,
        Answered::Stream(mut stream) => {
            stream.until_full();
            Some((stream, target.clone()))
        }
    })
}

/// Error in an answer, as far as it is an ALTO error.
struct Refusal<'e> {
    code: Option<&'e str>,
    field: Option<&'e str>,
    value: Option<&'e Value>,
}

impl<'e> Refusal<'e> {
    fn of(exchange: &'e Exchange) -> Self {
        let meta = exchange.value().and_then(|value| value.get("meta"));
        let text = |name: &str| meta.and_then(|meta| meta.get(name)).and_then(Value::as_str);
        let value = meta.and_then(|meta| meta.get("value"));
        Self { code: exchange.error_code(), field: text("field"), value }
    }

    /// Tests whether `value` names an ID, as a string or in an array: the texts of the RFCs differ.
    fn names(&self, id: &str) -> bool {
        match self.value {
            Some(Value::String(text)) => text == id || text == &format!("[\"{id}\"]"),
            Some(Value::Array(all)) => all.iter().any(|value| value == id),
            _ => false,
        }
    }
}

/// Returns what is wrong with an answer that has to be a 400 with an ALTO error.
fn no_error(exchange: &Exchange) -> Option<Finding> {
    let is_error = exchange.answer.media_type().is_some_and(|its| its.is(ERROR)) && exchange.error_code().is_some();
    let right = exchange.answer.status == 400 && is_error;
    (!right).then(|| Finding::new(format!("status 400 with {ERROR}"), exchange.outline()).from(exchange))
}

/// Returns what is wrong with the code of an error.
fn wrong_code(exchange: &Exchange, code: &str) -> Option<Finding> {
    let seen = exchange.error_code().map_or_else(|| exchange.outline(), str::to_owned);
    (seen != code).then(|| Finding::new(code, seen).from(exchange).at("/meta/code"))
}

/// Tests whether a control request succeeded.
fn succeeded(exchange: &Arc<Exchange>) -> bool {
    (200..300).contains(&exchange.answer.status)
}
