//! Checks of streams as they begin (RFC 8895 §5, §6.6, §6.7.1).

use std::time::Duration;

use super::grades::{OF_EVENTS, events};
use super::replay::compare;
use super::requirements::{
    s5_2::FULL,
    s5_3::NULL_URI,
    s6_1::MEDIA_TYPE,
    s6_3::HAS_CONTROL,
    s6_4::{ALL_FULL, USES},
    s6_6::OPENS,
    s7::NOT_LISTED,
    s7_1::HTTPS,
};
use super::services;
use crate::check::Check;
use crate::context::Context;
use crate::http::NoAnswer;
use crate::sheet::Sheet;
use crate::updates::EVENT_STREAM;
use crate::updates::stream::{Answered, Form, Stream, Substream, is_stream};
use crate::updates::target::Service;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("opens a stream of resources of different kinds and reads it event by event", OF_EVENTS, openings),
    Check::new(
        "compares the first documents of a stream with what the resources give",
        &[MEDIA_TYPE, OPENS, FULL, NULL_URI, HAS_CONTROL, NOT_LISTED, HTTPS],
        first_documents,
    ),
    Check::new("opens a stream of all resources in `uses`, without patches", &[USES, ALL_FULL], all_resources),
];

/// Number of bytes after which the rest of many resources is read over another stream. Documents take much more memory.
const MOST_TOGETHER: usize = 8 << 20;
/// Maximum number of resources of a stream that is compared.
const MOST: usize = 8;
/// Reason why nothing is said of a stream whose documents are longer than what is read.
const TOO_LONG: &str = "the documents are longer than what is read of a stream";
/// Time for updates without a change to arrive.
const GRACE: Duration = Duration::from_millis(150);

/// Opens a stream in which the names of substreams have the reverse of the order in which they have to come.
fn opened<'a>(context: &Context<'a>, service: &Service<'a>) -> Result<Answered<'a>, NoAnswer> {
    let chosen = service.some(MOST);
    let count = chosen.len();
    let add = chosen.into_iter().enumerate();
    let add = add.map(|(place, target)| (format!("s{}", count - place), target.clone(), target.add()));
    Stream::open(context, service.resource, add.collect())
}

fn openings(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        if let Answered::Stream(mut stream) = opened(context, &service)? {
            stream.until_full();
            stream.until(GRACE, |stream| stream.faults.len() > stream.events.len());
            events(&stream, sheet);
        }
    }
    Ok(())
}

fn first_documents(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let mut stream = match opened(context, &service)? {
            Answered::Stream(stream) => stream,
            Answered::Refused(exchange) => {
                let finding = Finding::new(format!("status 200 with {EVENT_STREAM}"), exchange.outline());
                sheet.on(OPENS).saw(&exchange, 1, "request").fail(finding.from(&exchange));
                continue;
            }
        };
        let complete = stream.until_full();
        let exchange = stream.exchange();
        let entry = sheet.on(OPENS);
        entry.saw(&exchange, 1, "request");
        let has_documents = stream.substreams.values().any(|substream| substream.document.is_some());
        if stream.is_cut_off() && has_documents {
            entry.skip(TOO_LONG);
            continue;
        }
        if !complete {
            let lacking = stream.substreams.iter().filter(|(_, substream)| substream.document.is_none());
            let lacking: Vec<_> = lacking.map(|(id, _)| id.as_str()).collect();
            let seen = format!("nothing for {}", lacking.join(", "));
            entry.fail(Finding::new("a control event, and an update of every substream", seen).from(&exchange));
        }
        let entry = sheet.on(MEDIA_TYPE);
        entry.saw(&exchange, 1, "stream");
        if !is_stream(stream.content_type()) {
            entry.fail(Finding::new(EVENT_STREAM, stream.content_type().unwrap_or("none")).from(&exchange));
        }
        control(context, &service, &stream, sheet)?;
        let ids: Vec<_> = stream.substreams.keys().cloned().collect();
        for id in ids {
            let first = stream.substreams.get(&id).and_then(|substream| substream.updates.first());
            if first.is_some_and(|update| update.form == Form::Full) {
                compare(context, &mut stream, &id, &[FULL], sheet)?;
            }
        }
        let wrong = stream.faults.iter().find(|fault| fault.wrong == crate::updates::stream::Wrong::MediaType);
        if let Some(fault) = wrong {
            let finding = Finding::new("the media type of the resource", &fault.seen);
            sheet.on(FULL).fail(finding.from(&exchange));
        }
    }
    Ok(())
}

/// Grades what the first event and the directory say about the control of a stream.
fn control(
    context: &Context<'_>,
    service: &Service<'_>,
    stream: &Stream<'_>,
    sheet: &mut Sheet,
) -> Result<(), NoAnswer> {
    let exchange = stream.exchange();
    let offered = service.resource.entry.pointer("/capabilities/support-stream-control");
    let offered = offered.and_then(serde_json::Value::as_bool);
    let Some(member) = stream.control_member() else { return Ok(()) };
    let (seen, member) = (member.to_string(), member.as_str());
    let entry = sheet.on(HAS_CONTROL);
    if let Some(offered) = offered {
        entry.saw(&exchange, 1, "stream");
        if offered != member.is_some() {
            let expected = format!("`support-stream-control` is {offered}, and the `control-uri` in accordance");
            entry.fail(Finding::new(expected, &seen).from(&exchange));
        }
    }
    let entry = sheet.on(NULL_URI);
    entry.saw(&exchange, 1, "stream");
    if member.is_none() && offered == Some(true) {
        entry.fail(Finding::new("a URI, as control is offered", seen).from(&exchange));
    } else if member.is_some() {
        let Some(uri) = stream.control_uri() else {
            entry.fail(Finding::new("a URI reference", seen).from(&exchange));
            return Ok(());
        };
        let listed = context.subject.at(&uri).next().map(|resource| resource.id.as_str());
        let entry = sheet.on(NOT_LISTED);
        entry.saw(&exchange, 1, "control URI");
        if let Some(id) = listed {
            entry.fail(Finding::new("a URI that no directory lists", format!("{uri}, listed as {id}")).from(&exchange));
        }
        let entry = sheet.on(HTTPS);
        if service.resource.uri.starts_with("https") {
            entry.saw(&exchange, 1, "control URI");
            if !uri.starts_with("https") {
                entry.fail(Finding::new("https, as for the stream", uri).from(&exchange));
            }
        } else {
            entry.skip("the streams are not served over https");
        }
        // No substream has this ID, so that nothing happens but an answer of the control resource.
        let answer = stream.control(&serde_json::json!({ "remove": ["none"] }));
        let (entry, expected) = (sheet.on(NULL_URI), "a control resource at the control URI");
        match answer {
            Ok(Some(answer)) if matches!(answer.answer.status, 404 | 405 | 500..) => {
                entry.fail(Finding::new(expected, answer.outline()).from(&exchange).from(&answer));
            }
            Ok(_) => {}
            Err(trouble) => entry.unanswered(&trouble, expected),
        }
    }
    Ok(())
}

/// Opens a stream of everything that a service lists; of what is too long for one stream, several.
fn all_resources(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    for service in services(context, sheet)? {
        let mut left: Vec<_> = service.targets.iter().enumerate().collect();
        while !left.is_empty() {
            let add = left.iter().map(|(place, target)| {
                (format!("s{place}"), (*target).clone(), target.add_with("incremental-changes", false))
            });
            let mut stream = match Stream::open(context, service.resource, add.collect())? {
                Answered::Stream(stream) => stream,
                // The number of resources may be too large for one stream.
                Answered::Refused(exchange) if exchange.answer.status == 503 => {
                    sheet.on(USES).skip("the service refuses to follow all resources in one stream");
                    sheet.on(ALL_FULL).skip("the service refuses to follow all resources in one stream");
                    break;
                }
                Answered::Refused(exchange) => {
                    let finding = Finding::new("a stream of all resources in `uses`", exchange.outline());
                    sheet.on(USES).saw(&exchange, 1, "request").fail(finding.from(&exchange));
                    break;
                }
            };
            stream.until(context.client.patience(), |stream| stream.is_full() || stream.bytes() > MOST_TOGETHER);
            let is_cut_off = !stream.is_full() && stream.bytes() > MOST_TOGETHER;
            let came =
                |place: &usize| stream.substreams.get(&format!("s{place}")).is_some_and(|one| !one.updates.is_empty());
            let (there, lacking): (Vec<_>, Vec<_>) = left.into_iter().partition(|(place, _)| came(place));
            left = Vec::new();
            match (is_cut_off, there.is_empty()) {
                (false, _) => whole(&stream, |_| true, sheet),
                (true, true) => {
                    sheet.on(USES).skip(TOO_LONG);
                    sheet.on(ALL_FULL).skip(TOO_LONG);
                }
                (true, false) => {
                    whole(&stream, |substream| !substream.updates.is_empty(), sheet);
                    left = lacking;
                }
            }
        }
    }
    Ok(())
}

/// Grades the first updates of substreams, which are to be whole documents.
fn whole(stream: &Stream<'_>, which: impl Fn(&Substream<'_>) -> bool, sheet: &mut Sheet) {
    let exchange = stream.exchange();
    for substream in stream.substreams.values().filter(|substream| which(substream)) {
        let id = &substream.target.resource.id;
        let first = substream.updates.first();
        let entry = sheet.on(USES);
        entry.saw(&exchange, 1, "resource");
        if first.is_none() {
            entry.fail(Finding::new(format!("updates of {id}"), "none").from(&exchange));
        }
        let entry = sheet.on(ALL_FULL);
        entry.saw(&exchange, 1, "resource");
        if first.is_none_or(|update| update.form != Form::Full) {
            let seen = first.map_or("nothing", |update| update.media_type.as_str());
            entry.fail(Finding::new(format!("the whole of {id}"), seen).from(&exchange));
        }
    }
}
