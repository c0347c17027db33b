//! Checks of the framing of bodies, and of connections after an error (RFC 9112 §6 to §9).

use std::time::{Duration, Instant};

use super::requirements::{
    s6_1::BOTH_LENGTHS,
    s6_3::{EXTRA, OVERFLOW},
    s7_1::BAD_CHUNKS,
    s8::INCOMPLETE,
    s9_3::AFTER_ERROR,
};
use crate::assertion::promised;
use crate::check::Check;
use crate::context::Context;
use crate::framing::{grade_alive, grade_rejected, head, posted, says_close};
use crate::http::{NoAnswer, Request};
use crate::sheet::Sheet;
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new("sends a body with both kinds of length", &[BOTH_LENGTHS], both_lengths),
    Check::new("sends lengths beyond 64 bits, and more bytes than the length says", &[OVERFLOW, EXTRA], lengths),
    Check::new("sends chunks with invalid sizes and ends", &[BAD_CHUNKS], chunks),
    Check::new("sends a part of a body and closes the connection", &[INCOMPLETE], incomplete),
    Check::new(
        "sends a request that is rejected before its body is read, and another one on the same connection",
        &[AFTER_ERROR],
        after_error,
    ),
];

const NOTHING: &str = "no resource that takes requests is listed";
/// Time limit for a server to close a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

fn both_lengths(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(BOTH_LENGTHS);
    entry.skip(NOTHING);
    let Some((resource, body)) = posted(context)? else { return Ok(()) };
    let request = Request::post(&resource.uri, "", body.clone());
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    let fields = format!(
        "Content-Type: {accepts}\r\nContent-Length: {}\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len(),
        body.len()
    );
    let bytes = head(context, &request, &fields).into_bytes();
    let started = Instant::now();
    let mut closed = false;
    let sent = context.client.connect(&resource.uri).and_then(|mut wire| {
        wire.send(&bytes)?;
        let answer = wire.answer(false)?;
        closed = wire.is_closed_within(CLOSE_TIMEOUT);
        Ok(answer)
    });
    match context.client.record_raw(&resource.uri, &bytes, sent, started.elapsed()) {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "request with both lengths");
            if exchange.answer.status >= 500 && exchange.answer.status != 501 {
                entry.fail(
                    Finding::new("status 400, or the answer to the chunked body", exchange.outline()).from(&exchange),
                );
            }
            if !closed {
                // Whoever keeps the connection may take the rest of an ambiguous message for another request.
                entry.fail(Finding::new("the end of the connection after the answer", "an open one").from(&exchange));
            }
        }
        Err(trouble) if matches!(trouble.failure, crate::http::Failure::Closed(_)) => {
            let mut finding = Finding::new("status 400", trouble.failure.to_string());
            finding.records.push(trouble.record);
            entry.note(Grade::Warn, finding);
        }
        Err(trouble) => entry.unanswered(&trouble, "status 400, or the answer to the chunked body"),
    }
    grade_alive(context, entry, "a request with both lengths");
    Ok(())
}

fn lengths(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all(NOTHING);
    let Some((resource, body)) = posted(context)? else { return Ok(()) };
    let request = Request::post(&resource.uri, "", body.clone());
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    let entry = sheet.on(OVERFLOW);
    let (signed, hexadecimal) = (format!("+{}", body.len()), format!("0x{:x}", body.len()));
    for length in ["18446744073709551616", "99999999999999999999999999", &signed, "5, 6", &hexadecimal, ""] {
        let answer = context.client.send_raw(&resource.uri, || {
            let fields =
                format!("Content-Type: {accepts}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            head(context, &request, &fields).into_bytes()
        });
        grade_rejected(entry, answer, "length", &format!("Content-Length: {length}"));
    }
    grade_alive(context, entry, "impossible lengths");
    let entry = sheet.on(EXTRA);
    // What follows the body is the beginning of another message, here an invalid one.
    let answer = context.client.send_raw(&resource.uri, || {
        let fields =
            format!("Content-Type: {accepts}\r\nContent-Length: {}\r\n\r\n{body}]]}}garbage\r\n\r\n", body.len());
        head(context, &request, &fields).into_bytes()
    });
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "body with bytes after it");
            if exchange.answer.status != 303
                && let Err(finding) = promised(resource, &exchange)
            {
                entry.fail(finding);
            }
        }
        Err(trouble) => entry.unanswered(&trouble, "the answer to the body"),
    }
    grade_alive(context, entry, "bytes after a body");
    Ok(())
}

fn chunks(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(BAD_CHUNKS);
    entry.skip(NOTHING);
    let Some((resource, body)) = posted(context)? else { return Ok(()) };
    let request = Request::post(&resource.uri, "", body.clone());
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    let size = body.len();
    for (what, chunked) in [
        ("a chunk size that is no number", format!("x\r\n{body}\r\n0\r\n\r\n")),
        ("a negative chunk size", format!("-{size:x}\r\n{body}\r\n0\r\n\r\n")),
        ("a chunk size beyond 64 bits", format!("fffffffffffffffff\r\n{body}\r\n0\r\n\r\n")),
        ("a chunk that is longer than its size", format!("1\r\n{body}\r\n0\r\n\r\n")),
        ("an empty chunk size", format!("\r\n{body}\r\n0\r\n\r\n")),
    ] {
        let answer = context.client.send_raw(&resource.uri, || {
            let fields =
                format!("Content-Type: {accepts}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n{chunked}");
            head(context, &request, &fields).into_bytes()
        });
        grade_rejected(entry, answer, "malformed body", what);
    }
    grade_alive(context, entry, "invalid chunks");
    Ok(())
}

fn incomplete(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(INCOMPLETE);
    entry.skip(NOTHING);
    let Some((resource, body)) = posted(context)? else { return Ok(()) };
    let request = Request::post(&resource.uri, "", body.clone());
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    for (length, part) in [(body.len(), body.len() / 2), (body.len() + 1000, body.len()), (body.len(), 0)] {
        let fields =
            format!("Content-Type: {accepts}\r\nContent-Length: {length}\r\n\r\n{}", body.get(..part).unwrap_or(""));
        if let Ok(mut wire) = context.client.connect(&resource.uri) {
            let _broken_pipe = wire.send(head(context, &request, &fields).as_bytes());
            wire.leave();
        }
    }
    match context.post_bytes(resource, body) {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "request after broken-off ones");
            if let Err(finding) = promised(resource, &exchange) {
                entry.fail(finding);
            }
        }
        Err(trouble) => entry.unanswered(&trouble, "an answer after clients that left"),
    }
    Ok(())
}

fn after_error(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(AFTER_ERROR);
    entry.skip(NOTHING);
    let Some((resource, body)) = posted(context)? else { return Ok(()) };
    let root = &context.subject.first;
    let accepts = resource.accepts.as_deref().unwrap_or_default();
    let nowhere = crate::http::resolve("/no-such-path-with-a-body", &root.request.uri).unwrap_or_default();
    let body = format!("{body}{}", " ".repeat(2000));
    let faults = [
        ("a path that does not exist", Request::post(&nowhere, "", body.clone()), accepts, ""),
        ("another media type", Request::post(&resource.uri, "", body.clone()), "text/plain", ""),
        ("Accept: text/html", Request::post(&resource.uri, "", body.clone()), accepts, "Accept: text/html\r\n"),
        ("a POST to the directory", Request::post(&root.request.uri, "", body.clone()), accepts, ""),
    ];
    for (what, request, media_type, accept) in faults {
        let fields = format!("Content-Type: {media_type}\r\n{accept}Content-Length: {}\r\n\r\n{body}", body.len());
        let first = head(context, &request, &fields);
        let second = Request::get(&root.request.uri);
        let second = format!("{}Accept: */*\r\nConnection: close\r\n\r\n", head(context, &second, ""));
        let bytes = first.into_bytes();
        let started = Instant::now();
        let mut next = None;
        let sent = context.client.connect(&request.uri).and_then(|mut wire| {
            wire.send(&bytes)?;
            let answer = wire.answer(false)?;
            if !says_close(&answer) {
                next = Some(wire.send(second.as_bytes()).and_then(|()| wire.answer(false)));
            }
            Ok(answer)
        });
        match context.client.record_raw(&request.uri, &bytes, sent, started.elapsed()) {
            Ok(exchange) => {
                entry.saw(&exchange, 1, "request with a body");
                let expected = format!("status {} for the next request, or `Connection: close`", root.answer.status);
                let seen = match next {
                    None => continue,
                    Some(Ok(answer)) if answer.status == root.answer.status => continue,
                    // Each request of a connection may need credentials of its own, or exceed a limit.
                    Some(Ok(answer)) if matches!(answer.status, 401 | 429 | 503) => continue,
                    Some(Ok(answer)) => format!("status {} after {what}", answer.status),
                    Some(Err(failure)) => format!("{failure}, after {what}"),
                };
                entry.fail(Finding::new(expected, seen).from(&exchange));
            }
            Err(trouble) => entry.unanswered(&trouble, &format!("an answer to {what}")),
        }
    }
    Ok(())
}
