//! Checks of control URIs: what they name, and that nothing else does (RFC 8895 §7.1, §10.3).

use std::collections::BTreeSet;

use serde_json::json;

use super::requirements::{
    s7_1::{BY_URI, NOT_REUSED, ONLY_BY_URI, RANDOM},
    s10_3::ECHOED,
};
use super::{services, small, succeeded};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Request};
use crate::sheet::Sheet;
use crate::updates::STREAM_PARAMS;
use crate::updates::stream::{Stream, control};
use crate::updates::target::Service;
use crate::verdict::Finding;
use std::sync::Arc;
use std::time::Duration;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "controls one of two streams from another client, with a cookie that names the other stream",
        &[BY_URI, ONLY_BY_URI, ECHOED],
        two_streams,
    ),
    Check::new("opens and closes streams, compares their control URIs and uses old ones", &[NOT_REUSED, RANDOM], many),
];

/// Number of streams whose URIs are compared.
const STREAMS: usize = 8;
/// Least number of characters that differ from URI to URI.
const LEAST_VARYING: usize = 16;
/// Time for events that must not come.
const GRACE: Duration = Duration::from_millis(150);
/// Reason to skip checks.
const NO_CONTROL: &str = "the streams have no control";

fn two_streams(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let (Some((mut one, _)), Some((mut other, _))) =
            (small(context, &service, "n")?, small(context, &service, "n")?)
        else {
            continue;
        };
        let (Some(uri), Some(of_other)) = (one.control_uri(), other.control_uri()) else {
            sheet.skip_all(NO_CONTROL);
            continue;
        };
        let shown = one.exchange();
        let entry = sheet.on(BY_URI);
        entry.saw(&shown, 2, "control URI");
        if uri == of_other {
            let finding = Finding::new("different control URIs of two streams", uri).from(&shown);
            entry.fail(finding.from(&other.exchange()));
            continue;
        }
        // Everything but the URI points to the other stream.
        let handle = of_other.rsplit('/').next().unwrap_or_default();
        let request = Request::post(&uri, STREAM_PARAMS, json!({ "remove": ["n"] }).to_string())
            .with("Accept", "application/alto-error+json")
            .with("Cookie", &format!("stream={handle}; session={handle}"))
            .with("Referer", &of_other)
            .with("User-Agent", "another client");
        let exchange = context.send(request)?;
        let reacts = succeeded(&exchange) && one.until_stopped("n");
        for requirement in [BY_URI, ECHOED] {
            let entry = sheet.on(requirement);
            entry.saw(&exchange, 1, "removal by another client");
            if !reacts {
                let finding = Finding::new("n in `stopped` on the stream of the control URI", outcome(&exchange, &one));
                entry.fail(finding.from(&exchange).from(&one.exchange()));
            }
        }
        let before = other.events.len();
        other.until(GRACE, |stream| stream.events.len() > before);
        let touched = other.ended || other.substreams.get("n").is_some_and(|substream| substream.stopped.is_some());
        let entry = sheet.on(ONLY_BY_URI);
        entry.saw(&exchange, 1, "removal with the cookie of another stream");
        if touched || !reacts {
            let seen = if touched { "the stream of the cookie reacts" } else { "no stream reacts" };
            entry.fail(Finding::new("the stream of the URI reacts, and no other", seen).from(&exchange));
        }
    }
    Ok(())
}

fn outcome(exchange: &Exchange, stream: &Stream<'_>) -> String {
    let end = if stream.ended { ", and the stream ends" } else { "" };
    format!("{}, and no such event{end}", exchange.outline())
}

fn many(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let (uris, last) = closed(context, &service)?;
        let Some(last) = last else {
            sheet.skip_all(NO_CONTROL);
            continue;
        };
        let distinct: BTreeSet<_> = uris.iter().collect();
        let entry = sheet.on(NOT_REUSED);
        entry.saw(&last, uris.len(), "control URI");
        if distinct.len() < uris.len() {
            entry.fail(Finding::new("a new control URI for each stream", "the same one twice").from(&last));
        }
        if let Some(old) = uris.first() {
            let _open = small(context, &service, "n")?;
            let exchange = control(context.client, old, &json!({ "remove": ["n"] }))?;
            if exchange.answer.status != 404 {
                let finding = Finding::new("404 for the control URI of a closed stream", exchange.outline());
                sheet.on(NOT_REUSED).fail(finding.from(&exchange));
            }
        }
        let entry = sheet.on(RANDOM);
        entry.saw(&last, uris.len(), "control URI");
        if let Some(seen) = guessable(&uris) {
            let expected = format!("at least {LEAST_VARYING} characters that differ and do not count");
            entry.fail(Finding::new(expected, seen).from(&last));
        }
    }
    Ok(())
}

/// Opens and closes streams one after the other; returns their control URIs and the last exchange.
fn closed(context: &Context<'_>, service: &Service<'_>) -> Result<(Vec<String>, Option<Arc<Exchange>>), NoAnswer> {
    let (mut uris, mut last) = (Vec::new(), None);
    for _ in 0..STREAMS {
        let Some((mut stream, _)) = small(context, service, "n")? else { break };
        let Some(uri) = stream.control_uri() else { break };
        last = stream.control(&json!({ "remove": [] }))?;
        stream.until_ended();
        uris.push(uri);
    }
    Ok((uris, last))
}

/// Describes URIs that are easy to guess: they have little that differs, or they count.
fn guessable(uris: &[String]) -> Option<String> {
    let (first, second) = (uris.first()?, uris.get(1)?);
    let common = |one: &str, other: &str| one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let prefix = uris.iter().map(|uri| common(first, uri)).min()?;
    let varying = first.len().saturating_sub(prefix);
    if varying < LEAST_VARYING {
        return Some(format!("{varying} characters differ: {first} and {second}"));
    }
    // Close neighbours that share most of what varies.
    let near = uris.windows(2).all(|pair| common(&pair[0], &pair[1]) > prefix + varying / 2);
    near.then(|| format!("neighbours share most characters: {first} and {second}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_guessable_and_random_bits_are_not() {
        let uris = |all: &[&str]| all.iter().map(|end| format!("http://a/c/{end}")).collect::<Vec<_>>();
        assert!(guessable(&uris(&["1", "2", "3"])).is_some());
        assert!(guessable(&uris(&["0000000000000000000000000000007", "0000000000000000000000000000008"])).is_some());
        assert!(guessable(&uris(&["7f3c9a1e5b2d84f06c7e1a9d3b5f2c48", "a19e4c7d2f8b3a605d1c9e7f4b2a8d36"])).is_none());
    }
}
