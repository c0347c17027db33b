//! Checks of errors in control requests (RFC 8895 §7.5, §7.6).

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::errors::{UNKNOWN, value_field, with_input};
use super::requirements::{
    s6_6::VALUE_FIELD,
    s7_5::ATOMIC,
    s7_6::{ADD_AND_ALL, ADD_AND_ALL_FIELD, ADD_ERRORS, CONTROL_ERRORS, NEVER_ADDED, NEVER_ADDED_FIELD, SAME_REQUEST},
};
use super::{Refusal, no_error, services, small, succeeded, wrong_code};
use crate::check::Check;
use crate::context::Context;
use crate::http::{Exchange, NoAnswer, Opened};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::updates::stream::{Stream, request};
use crate::updates::target::{Service, Target, bad_inputs};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[Check::new(
    "sends control requests with errors, and then finds out whether a part of them has had an effect",
    &[
        VALUE_FIELD,
        ATOMIC,
        CONTROL_ERRORS,
        ADD_ERRORS,
        NEVER_ADDED,
        NEVER_ADDED_FIELD,
        SAME_REQUEST,
        ADD_AND_ALL,
        ADD_AND_ALL_FIELD,
    ],
    errors,
)];

/// Time for events that must not come.
const GRACE: Duration = Duration::from_millis(150);

fn errors(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let Some((mut stream, target)) = small(context, &service, "n")? else { continue };
        if stream.control_uri().is_none() {
            sheet.skip_all("the streams have no control");
            continue;
        }
        of_remove(&stream, &target, sheet)?;
        of_add(context, &service, &stream, sheet)?;
        effects(&mut stream, &target, sheet)?;
    }
    Ok(())
}

/// Sends a request that has to be refused.
fn refused(stream: &Stream<'_>, body: &Value, sheet: &mut Sheet) -> Result<Option<Arc<Exchange>>, NoAnswer> {
    let Some(exchange) = stream.control(body)? else { return Ok(None) };
    let entry = sheet.on(CONTROL_ERRORS);
    entry.saw(&exchange, 1, "invalid control request");
    if let Some(finding) = no_error(&exchange) {
        entry.fail(finding);
    }
    value_field(&exchange, sheet);
    Ok(Some(exchange))
}

fn of_remove(stream: &Stream<'_>, target: &Target<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let add = || json!({ "q": target.add() });
    let cases: [(Value, Requirement, Option<Requirement>, &str); 3] = [
        (json!({ "remove": ["zz"] }), NEVER_ADDED, Some(NEVER_ADDED_FIELD), "zz"),
        (json!({ "add": add(), "remove": ["q"] }), SAME_REQUEST, None, "q"),
        (json!({ "add": add(), "remove": [] }), ADD_AND_ALL, Some(ADD_AND_ALL_FIELD), ""),
    ];
    for (body, requirement, of_field, id) in cases {
        let Some(exchange) = refused(stream, &body, sheet)? else { return Ok(()) };
        let wrong = no_error(&exchange).or_else(|| wrong_code(&exchange, "E_INVALID_FIELD_VALUE"));
        let entry = sheet.on(requirement);
        entry.saw(&exchange, 1, "invalid control request");
        if let Some(finding) = wrong {
            entry.fail(finding);
            continue;
        }
        let refusal = Refusal::of(&exchange);
        let empty = matches!(refusal.value, Some(Value::String(text)) if text.is_empty() || text == "[]")
            || refusal.value.is_some_and(|value| value.as_array().is_some_and(Vec::is_empty));
        let named = if id.is_empty() { empty } else { refusal.names(id) };
        if requirement == SAME_REQUEST && refusal.field.is_some_and(|field| field != "remove") {
            let finding = Finding::new("remove", refusal.field.unwrap_or_default()).at("/meta/field");
            entry.warn(finding.from(&exchange));
        }
        let Some(of_field) = of_field else { continue };
        let entry = sheet.on(of_field);
        entry.saw(&exchange, 1, "invalid control request");
        if refusal.field != Some("remove") || !named {
            let seen = format!("{:?} with {:?}", refusal.field, refusal.value);
            entry.fail(Finding::new(format!("remove with {id:?}"), seen).at("/meta").from(&exchange));
        }
    }
    Ok(())
}

/// Sends what cannot be added, to the stream and to the service that opens streams: both have to give the same error.
fn of_add(
    context: &Context<'_>,
    service: &Service<'_>,
    stream: &Stream<'_>,
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let mut bad = vec![json!({ "resource-id": UNKNOWN })];
    let posted = service.some(8).into_iter().find(|target| target.input.is_some());
    bad.extend(posted.iter().flat_map(|target| {
        bad_inputs(target).into_iter().map(|input| with_input(target, input.as_ref())).collect::<Vec<_>>()
    }));
    for add in bad {
        let body = json!({ "add": { "x": add } });
        let Opened::Answer(opening, _) = context.client.open(&request(service.resource, &body))? else { continue };
        if opening.answer.status != 400 {
            continue;
        }
        let Some(exchange) = refused(stream, &body, sheet)? else { return Ok(()) };
        let (theirs, ours) = (Refusal::of(&opening), Refusal::of(&exchange));
        let entry = sheet.on(ADD_ERRORS);
        entry.saw(&exchange, 1, "invalid `add`");
        if (theirs.code, theirs.field) != (ours.code, ours.field) {
            let expected = format!("{:?} at {:?}, as for a new stream", theirs.code, theirs.field);
            let seen = format!("{:?} at {:?}", ours.code, ours.field);
            entry.fail(Finding::new(expected, seen).at("/meta").from(&opening).from(&exchange));
        }
    }
    Ok(())
}

/// Finds out whether a refused request has had an effect.
fn effects<'a>(stream: &mut Stream<'a>, target: &Target<'a>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let half = [
        json!({ "add": { "q": target.add() }, "remove": ["zz"] }),
        json!({ "add": { "q": { "resource-id": UNKNOWN } }, "remove": ["n"] }),
    ];
    stream.expect("q", target.clone());
    for body in &half {
        let Some(exchange) = refused(stream, body, sheet)? else { return Ok(()) };
        let before = stream.events.len();
        stream.until(GRACE, |stream| stream.ended || stream.controls.len() > before);
        let mentions = |member: &str| stream.listed(member).iter().any(|(_, ids)| !ids.is_empty());
        let updated = stream.substreams.get("q").is_some_and(|substream| !substream.updates.is_empty());
        let seen = [
            ("`started`", mentions("started")),
            ("`stopped`", mentions("stopped")),
            ("an update", updated),
            ("the end of the stream", stream.ended),
        ];
        let entry = sheet.on(ATOMIC);
        entry.saw(&exchange, 1, "half-valid control request");
        if let Some((what, _)) = seen.iter().find(|(_, seen)| *seen) {
            let finding = Finding::new("no effect of a refused request", format!("{what} on the stream"));
            entry.fail(finding.from(&exchange).from(&stream.exchange()));
            return Ok(());
        }
    }
    // What was not added can be added, and what was not removed can be removed.
    let Some(exchange) = stream.control(&json!({ "add": { "q": target.add() } }))? else { return Ok(()) };
    let added = succeeded(&exchange) && stream.until_full();
    let entry = sheet.on(ATOMIC);
    entry.saw(&exchange, 1, "control request after refused ones");
    if !added {
        let finding = Finding::new("q, which no request added, can be added", exchange.outline());
        entry.fail(finding.from(&exchange));
        return Ok(());
    }
    let Some(exchange) = stream.control(&json!({ "remove": ["n"] }))? else { return Ok(()) };
    let stopped = succeeded(&exchange) && stream.until_stopped("n");
    let entry = sheet.on(ATOMIC);
    entry.saw(&exchange, 1, "control request after refused ones");
    if !stopped {
        let finding = Finding::new("n, which no request removed, can be removed", "no `stopped` for it");
        entry.fail(finding.from(&exchange).from(&stream.exchange()));
    }
    Ok(())
}
