//! Requests over raw sockets: what HTTP libraries cannot send, and answers byte by byte, which they hide.

use std::sync::Arc;
use std::time::Instant;

use crate::context::Context;
use crate::http::{Answer, Exchange, Failure, MOST_RETRIES, NoAnswer, Request, host_and_port, request_target};
use crate::sheet::Entry;
use crate::subject::Resource;
use crate::verdict::{Finding, Grade};

/// An answer over a connection of its own, with everything that followed it.
pub(crate) struct Raw {
    pub(crate) exchange: Arc<Exchange>,
    /// Bytes after the answer, as delimited by its header fields.
    pub(crate) rest: Vec<u8>,
}

/// Returns the head of a request, except the empty line: with Host, credentials and the given fields.
pub(crate) fn head(context: &Context<'_>, request: &Request, fields: &str) -> String {
    let (target, host) = (request_target(&request.uri).unwrap_or_default(), host_and_port(&request.uri));
    let credentials = context.client.authorization_line(request);
    format!("{} {target} HTTP/1.1\r\nHost: {host}\r\n{credentials}{fields}", request.method)
}

/// Sends a request without a body, with the given fields, and reads everything until the connection ends.
pub(crate) fn bodiless(context: &Context<'_>, method: &str, uri: &str, fields: &str) -> Result<Raw, NoAnswer> {
    let request = Request::new(method, uri);
    let bytes = || format!("{}Connection: close\r\n\r\n", head(context, &request, fields)).into_bytes();
    let mut raw = send(context, uri, &bytes())?;
    for _ in 0..MOST_RETRIES {
        let answer = &raw.exchange.answer;
        let challenged = answer.status == 401 && context.client.is_challenged(uri, answer);
        if !challenged && !context.client.has_waited(answer) {
            break;
        }
        raw = send(context, uri, &bytes())?;
    }
    Ok(raw)
}

/// Sends bytes on a connection of its own and reads everything until it ends.
pub(crate) fn send(context: &Context<'_>, uri: &str, bytes: &[u8]) -> Result<Raw, NoAnswer> {
    let started = Instant::now();
    let mut rest = Vec::new();
    let is_head = bytes.starts_with(b"HEAD ");
    let sent = context.client.connect(uri).and_then(|mut wire| {
        // A server may answer before it has read everything; its answer counts.
        let _broken_pipe = wire.send(bytes);
        let answer = wire.answer(is_head)?;
        rest = wire.rest(context.client);
        Ok(answer)
    });
    let exchange = context.client.record_raw(uri, bytes, sent, started.elapsed())?;
    Ok(Raw { exchange, rest })
}

/// Returns a resource that takes requests, with a valid body: one is enough, as HTTP is common to all.
pub(crate) fn posted<'a>(context: &'a Context<'_>) -> Result<Option<(&'a Resource, String)>, NoAnswer> {
    Ok(context.valid_requests()?.into_iter().next().map(|(resource, body)| (resource, body.to_string())))
}

/// Tests whether an answer announces the end of its connection.
pub(crate) fn says_close(answer: &Answer) -> bool {
    let mut options = answer.headers("connection").flat_map(|value| value.split(','));
    options.any(|option| option.trim().eq_ignore_ascii_case("close"))
}

/// Grades an answer to unusual but readable HTTP: anything but a failure of the server is right.
pub(crate) fn grade_steadfast(entry: &mut Entry, answer: Result<Arc<Exchange>, NoAnswer>, noun: &str, what: &str) {
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, noun);
            if exchange.answer.status >= 500 && !matches!(exchange.answer.status, 501 | 503 | 505) {
                let finding = Finding::new(format!("an answer or status 4xx for {what}"), exchange.outline());
                // A failure is never a permission or a recommendation that was not followed.
                entry.note(Grade::Fail, finding.from(&exchange));
            }
        }
        Err(trouble) => entry.unanswered(&trouble, &format!("an answer or status 4xx for {what}")),
    }
}

/// Grades an answer to invalid HTTP: a status of 4xx, 501 or 505; the end of the connection without one warns.
pub(crate) fn grade_rejected(entry: &mut Entry, answer: Result<Arc<Exchange>, NoAnswer>, noun: &str, what: &str) {
    let expected = format!("status 400 for {what}");
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, noun);
            if !matches!(exchange.answer.status, 400..=499 | 501 | 505) {
                entry.note(Grade::Fail, Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) if matches!(trouble.failure, Failure::Closed(_)) => {
            let mut finding = Finding::new(expected, trouble.failure.to_string());
            finding.records.push(trouble.record);
            entry.note(Grade::Warn, finding);
        }
        Err(trouble) => entry.unanswered(&trouble, &expected),
    }
}

/// Grades whether the root URI still gives the same status as at first.
pub(crate) fn grade_alive(context: &Context<'_>, entry: &mut Entry, what: &str) {
    let root = &context.subject.first;
    match context.client.send(Request::get(&root.request.uri).with("Accept", "*/*")) {
        Ok(exchange) if exchange.answer.status == root.answer.status => {
            entry.saw(&exchange, 1, "answer after it");
        }
        Ok(exchange) => {
            let expected = format!("status {} after {what}", root.answer.status);
            entry.note(Grade::Fail, Finding::new(expected, exchange.outline()).from(&exchange));
        }
        Err(trouble) => entry.unanswered(&trouble, &format!("an answer after {what}")),
    }
}
