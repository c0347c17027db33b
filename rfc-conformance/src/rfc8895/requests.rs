//! Checks of unusual but valid requests for streams (RFC 8895 §6.2, §6.5, §13), and of what a service may refuse.

use serde_json::{Value, json};

use super::requirements::{
    s5_2::SUBSTREAM_ID,
    s6_2::POST,
    s6_5::{IGNORED_REMOVE, STALE_TAG},
    s6_7_1::TAG_OF_INPUT,
    s10_1::REFUSAL,
    s13::NO_RESTART,
};
use super::{no_error, services};
use crate::check::Check;
use crate::context::Context;
use crate::http::{NoAnswer, Opened, Request};
use crate::requirement::Requirement;
use crate::sheet::Sheet;
use crate::subject::Kind;
use crate::updates::agreement::tag;
use crate::updates::stream::{Answered, Form, Stream, is_stream, request};
use crate::updates::target::{Service, Target, adding};
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "opens streams with an invented tag, with `remove`, with Last-Event-ID, and with the tag of another answer",
        &[STALE_TAG, IGNORED_REMOVE, NO_RESTART, TAG_OF_INPUT],
        valid,
    ),
    Check::new("requests a stream by GET", &[POST], by_get),
    Check::new("opens streams with malformed substream-ids", &[SUBSTREAM_ID], substream_ids),
    Check::new("asks for a stream with a thousand substreams", &[REFUSAL], many),
];

/// Number of substreams that a server need not serve.
const MANY: usize = 1000;

fn valid(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let Some(target) = service.plain() else { continue };
        let add = |value: Value| vec![("n".to_owned(), target.clone(), value)];
        let stale = target.add_with("tag", "no-such-tag");
        let opened = Stream::open(context, service.resource, add(stale))?;
        begins_whole(opened, STALE_TAG, "a full replacement, as the tag is not the current one", sheet);

        let mut body = adding([("n".to_owned(), target.add())]);
        body["remove"] = json!(["zz"]);
        let opened = Stream::open_with(context, &request(service.resource, &body), add(target.add()))?;
        begins_whole(opened, IGNORED_REMOVE, "a stream, without regard to `remove`", sheet);

        let body = adding([("n".to_owned(), target.add())]);
        let again = request(service.resource, &body).with("Last-Event-ID", "7");
        let opened = Stream::open_with(context, &again, add(target.add()))?;
        if let Answered::Stream(stream) = &opened
            && stream.control_member().is_none()
            && !stream.events.is_empty()
        {
            let finding = Finding::new("a stream from its beginning", "no control event first");
            sheet.on(NO_RESTART).fail(finding.from(&stream.exchange()));
        }
        begins_whole(opened, NO_RESTART, "a stream from its beginning", sheet);
        tag_of_other_input(context, &service, sheet)?;
    }
    Ok(())
}

/// Grades whether a stream begins with its control event and the whole resource.
fn begins_whole(opened: Answered<'_>, requirement: Requirement, expected: &str, sheet: &mut Sheet) {
    let entry = sheet.on(requirement);
    match opened {
        Answered::Refused(exchange) => {
            let finding = Finding::new(expected, exchange.outline());
            entry.saw(&exchange, 1, "request").fail(finding.from(&exchange));
        }
        Answered::Stream(mut stream) => {
            stream.until_full();
            let first = stream.substreams.values().next().and_then(|substream| substream.updates.first());
            let exchange = stream.exchange();
            entry.saw(&exchange, 1, "stream");
            let seen = match first {
                Some(update) if update.form == Form::Full && stream.control_member().is_some() => return,
                Some(update) if update.form == Form::Full => "no control event first",
                Some(update) => update.media_type.as_str(),
                None => "no update",
            };
            entry.fail(Finding::new(expected, seen).from(&exchange));
        }
    }
}

/// Sends the tag of the answer to one request with another one: it says nothing about the latter.
fn tag_of_other_input(context: &Context<'_>, service: &Service<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(TAG_OF_INPUT);
    entry.skip("no answer to a request of two PIDs has a tag of its own");
    let Some(target) = service.of(Kind::FilteredNetworkMap) else { return Ok(()) };
    let Some(Value::Array(pids)) = target.input.as_ref().and_then(|input| input.get("pids").cloned()) else {
        return Ok(());
    };
    let exchange = target.fetch(context)?;
    let (Some(tag), true) = (exchange.value().and_then(tag), pids.len() > 1) else { return Ok(()) };
    let other = Target { input: Some(json!({ "pids": pids[..1] })), ..target.clone() };
    let add = other.add_with("tag", tag);
    let opened = Stream::open(context, service.resource, vec![("f".to_owned(), other, add)])?;
    begins_whole(opened, TAG_OF_INPUT, "a full replacement, as the tag is that of another answer", sheet);
    Ok(())
}

fn by_get(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let request = Request::get(&service.resource.uri).with("Accept", "text/event-stream");
        let entry = sheet.on(POST);
        match context.client.open(&request)? {
            Opened::Answer(exchange, _) => {
                entry.saw(&exchange, 1, "request");
                if !(400..500).contains(&exchange.answer.status) {
                    entry.fail(Finding::new("a status of 4xx", exchange.outline()).from(&exchange));
                }
            }
            Opened::Stream(live) => {
                let exchange = live.exchange();
                entry.saw(&exchange, 1, "request");
                let seen = if is_stream(live.head().header("content-type")) { "a stream" } else { "status 200" };
                entry.fail(Finding::new("a status of 4xx", seen).from(&exchange));
            }
        }
    }
    Ok(())
}

fn substream_ids(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let Some(target) = service.plain() else { continue };
        for id in ["a".repeat(65), "a b".to_owned(), "a/b".to_owned()] {
            let opened = Stream::open(context, service.resource, vec![(id.clone(), target.clone(), target.add())])?;
            let entry = sheet.on(SUBSTREAM_ID);
            match opened {
                Answered::Refused(exchange) => {
                    entry.saw(&exchange, 1, "malformed substream-id");
                    if let Some(finding) = no_error(&exchange) {
                        entry.warn(finding);
                    }
                }
                Answered::Stream(stream) => {
                    let exchange = stream.exchange();
                    let finding = Finding::new(format!("an error for the substream-id {id:?}"), "a stream");
                    entry.saw(&exchange, 1, "malformed substream-id").warn(finding.from(&exchange));
                }
            }
        }
    }
    Ok(())
}

fn many(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let Some(target) = service.plain() else { continue };
        let body = adding((0..MANY).map(|number| (format!("s{number}"), target.add())));
        let request = context.client.prepared(&request(service.resource, &body));
        let entry = sheet.on(REFUSAL);
        match context.client.open_once(&request)? {
            Opened::Stream(_) => {
                entry.skip(format!("a stream of {MANY} substreams is served"));
            }
            Opened::Answer(exchange, _) => {
                entry.saw(&exchange, 1, "request for too much");
                if exchange.answer.status != 503 {
                    entry.fail(Finding::new("status 503", exchange.outline()).from(&exchange));
                }
            }
        }
    }
    Ok(())
}
