//! Checks of HTTP/1.1 message syntax and connections (RFC 7285 §8.3, RFC 7230), over raw sockets.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::requirements::s8_3::{ABSOLUTE, CHUNKED, EXPECT, FIELD_NAMES, HOST, LENGTH, PERSISTENT};
use crate::assertion::promised;
use crate::check::Check;
use crate::context::{Context, post_request};
use crate::framing::says_close;
use crate::http::{Answer, Exchange, Failure, NoAnswer, Request, host_and_port, request_target};
use crate::sheet::{Entry, Sheet};
use crate::subject::Resource;
use crate::verdict::{Finding, Grade};

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "sends requests with missing, repeated and invalid Host fields, and with an absolute target, over a raw socket",
        &[HOST, ABSOLUTE],
        request_line,
    ),
    Check::new("sends odd field names and invalid lengths over a raw socket", &[FIELD_NAMES, LENGTH], fields),
    Check::new("sends bodies in chunks of 1 and 26 bytes, with extensions and a trailer", &[CHUNKED], chunked),
    Check::new("sends three requests at once on one connection", &[PERSISTENT], persistent),
    Check::new("sends a head with `Expect: 100-continue` and holds the body back", &[EXPECT], expectation),
];

/// Time limit for a server to close a connection.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Returns the head of a request for the root directory, except the Host field and the empty line.
fn get_root(context: &Context<'_>, target: &str) -> String {
    let uri = &context.subject.first.request.uri;
    let credentials = context.client.authorization_line(&Request::get(uri));
    format!("GET {target} HTTP/1.1\r\nAccept: */*\r\n{credentials}")
}

/// Sends a request for the root directory with additional header fields.
fn send(context: &Context<'_>, target: &str, fields: &str) -> Result<Arc<Exchange>, NoAnswer> {
    context.client.send_raw(&context.subject.first.request.uri, || {
        format!("{}{fields}Connection: close\r\n\r\n", get_root(context, target)).into_bytes()
    })
}

/// Grades the rejection of malformed HTTP: by status, or with a warning by closing the connection.
fn grade_rejection(entry: &mut Entry, answer: Result<Arc<Exchange>, NoAnswer>, expected: &[u16], what: &str) {
    let texts: Vec<_> = expected.iter().map(ToString::to_string).collect();
    let expected_text = format!("{} for {what}", texts.join(" or "));
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "malformed request");
            let status = exchange.answer.status;
            if !expected.contains(&status) {
                let grade = if (400..500).contains(&status) || status == 501 { Grade::Warn } else { Grade::Fail };
                entry.note(grade, Finding::new(expected_text, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) if trouble.failure.is_given_up() => entry.interrupt(&trouble),
        Err(trouble) => {
            let mut finding = Finding::new(expected_text, trouble.failure.to_string());
            let is_cut = matches!(trouble.failure, Failure::Closed(_));
            finding.records.push(trouble.record);
            entry.note(if is_cut { Grade::Warn } else { Grade::Fail }, finding);
        }
    }
}

fn request_line(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let uri = &context.subject.first.request.uri;
    let (target, host) = (request_target(uri).unwrap_or_default(), host_and_port(uri));
    let entry = sheet.on(HOST);
    let whole = send(context, &target, &format!("Host: {host}\r\n"))?;
    for (fields, what) in [
        (String::new(), "no Host field"),
        (format!("Host: {host}\r\nHost: {host}\r\n"), "two Host fields"),
        (format!("Host: {host}\r\nHost: other.example\r\n"), "two different Host fields"),
        ("Host: a b/c?\r\n".to_owned(), "an invalid Host"),
    ] {
        grade_rejection(entry, send(context, &target, &fields), &[400], what);
    }
    let entry = sheet.on(ABSOLUTE);
    let exchange = match send(context, uri, &format!("Host: {host}\r\n")) {
        Ok(exchange) => exchange,
        Err(trouble) => {
            entry.unanswered(&trouble, &format!("{}, as in origin form", whole.outline()));
            return Ok(());
        }
    };
    entry.saw(&exchange, 1, "request");
    if (exchange.answer.status, &exchange.answer.body) != (whole.answer.status, &whole.answer.body) {
        let finding = Finding::new(format!("{}, as in origin form", whole.outline()), exchange.outline());
        entry.fail(finding.from(&whole).from(&exchange));
    }
    Ok(())
}

/// Returns the head of a POST, except the fields about the body and the empty line.
fn post(context: &Context<'_>, resource: &Resource, body: &str) -> String {
    let credentials = context.client.authorization_line(&post_request(resource, body));
    let (target, host) = (request_target(&resource.uri).unwrap_or_default(), host_and_port(&resource.uri));
    format!("POST {target} HTTP/1.1\r\nHost: {host}\r\nAccept: */*\r\nConnection: close\r\n{credentials}")
}

/// Returns a resource for requests with unusual messages, and a valid body: one is enough, as HTTP is common to all.
fn posted_resource<'a>(context: &'a Context<'_>) -> Result<Option<(&'a Resource, String)>, NoAnswer> {
    Ok(context.valid_requests()?.into_iter().next().map(|(resource, body)| (resource, body.to_string())))
}

fn fields(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.skip_all("no resource that takes requests is listed");
    let Some((resource, body)) = posted_resource(context)? else {
        return Ok(());
    };
    let media_type = resource.accepts.as_deref().unwrap_or_default();
    let send = |fields: String| {
        // Credentials are computed for each request, as a nonce may be valid only once.
        let bytes = || format!("{}{fields}\r\n{body}", post(context, resource, &body)).into_bytes();
        context.client.send_raw(&resource.uri, bytes)
    };
    let length = body.len();
    let exchange = send(format!("cOnTeNt-TyPe: {media_type}\r\ncontent-LENGTH:{length}\r\n"))?;
    let entry = sheet.on(FIELD_NAMES);
    // A redirect shows that the request was understood.
    if exchange.answer.status == 303 {
        entry.saw(&exchange, 1, "request");
    } else {
        entry.promised(resource, &exchange, "request");
    }
    let blank = send(format!("Content-Type : {media_type}\r\nContent-Length: {length}\r\n"));
    grade_rejection(entry, blank, &[400], "white space before a colon");
    let entry = sheet.on(LENGTH);
    for (fields, what) in [
        ("Content-Length: x\r\n".to_owned(), "a Content-Length that is not a number"),
        ("Content-Length: -1\r\n".to_owned(), "a negative Content-Length"),
        (
            format!("Content-Length: {length}\r\nContent-Length: {}\r\n", length + 1),
            "two different Content-Length fields",
        ),
    ] {
        grade_rejection(entry, send(format!("Content-Type: {media_type}\r\n{fields}")), &[400], what);
    }
    let unknown = send(format!("Content-Type: {media_type}\r\nTransfer-Encoding: x-unknown\r\n"));
    grade_rejection(entry, unknown, &[501, 400], "an unknown transfer coding");
    Ok(())
}

fn chunked(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(CHUNKED).skip("no resource that takes requests is listed");
    let mut kinds = Vec::new();
    for (resource, body) in context.valid_requests()? {
        if kinds.contains(&resource.kind) {
            continue;
        }
        // The kinds may have code of their own for bodies; of the forms, sizes are hexadecimal, which shows from ten on.
        let forms: &[_] = match kinds.len() {
            0 => &[(1, "", ""), (26, "", ""), (1, ";x=y", "X-Trailer: z\r\n")],
            _ => &[(26, "", "")],
        };
        kinds.push(resource.kind);
        in_chunks(context, sheet.on(CHUNKED), resource, &body.to_string(), forms)?;
    }
    Ok(())
}

/// Sends a body in chunks, each form with the size of chunks, an extension and a trailer, and compares the answers.
fn in_chunks(
    context: &Context<'_>,
    entry: &mut Entry,
    resource: &Resource,
    body: &str,
    forms: &[(usize, &str, &str)],
) -> Result<(), NoAnswer> {
    let media_type = resource.accepts.as_deref().unwrap_or_default();
    let bytes = |size: usize, extension: &str, trailer: &str| {
        let head = post(context, resource, body);
        let mut text = format!("{head}Content-Type: {media_type}\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes();
        for chunk in body.as_bytes().chunks(size) {
            text.extend(format!("{:x}{extension}\r\n", chunk.len()).as_bytes());
            text.extend(chunk);
            text.extend(b"\r\n");
        }
        text.extend(format!("0\r\n{trailer}\r\n").as_bytes());
        text
    };
    let whole = || {
        let head = post(context, resource, body);
        format!("{head}Content-Type: {media_type}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let whole = context.client.send_raw(&resource.uri, whole)?;
    for &(size, extension, trailer) in forms {
        let exchange = match context.client.send_raw(&resource.uri, || bytes(size, extension, trailer)) {
            Ok(exchange) => exchange,
            Err(trouble) => {
                entry.unanswered(&trouble, "the answer to the same body with Content-Length");
                continue;
            }
        };
        if exchange.answer.status == 411 {
            let finding =
                Finding::new("the answer to the same body with Content-Length", exchange.outline()).from(&exchange);
            entry.saw(&exchange, 1, "chunked body").warn(finding);
        } else if (300..400).contains(&whole.answer.status) && exchange.answer.status == whole.answer.status {
            // The same redirect as with Content-Length shows that the body was understood.
            entry.saw(&exchange, 1, "chunked body");
        } else if entry.promised(resource, &exchange, "chunked body").is_some()
            && exchange.value().and_then(|value| value.get("meta")) != whole.value().and_then(|value| value.get("meta"))
        {
            let finding = Finding::new("the answer to the same body with Content-Length", "a different answer")
                .from(&whole)
                .from(&exchange);
            entry.fail(finding);
        }
    }
    Ok(())
}

fn persistent(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(PERSISTENT);
    let uri = &context.subject.first.request.uri;
    let host = host_and_port(uri);
    let request = |target: &str, close: bool| {
        let close = if close { "Connection: close\r\n" } else { "" };
        format!("{}Host: {host}\r\n{close}\r\n", get_root(context, target))
    };
    let root = request_target(uri).unwrap_or_default();
    let nowhere = "/no-such-path-in-between";
    let text = request(&root, false) + &request(nowhere, false) + &request(&root, true);
    let started = Instant::now();
    let ask = || {
        context.client.connect(uri).and_then(|mut wire| {
            wire.send(text.as_bytes())?;
            let first = wire.answer(false)?;
            // A server may end any connection after an answer that says so (RFC 9112 §9.6).
            if says_close(&first) {
                return Ok((vec![first], wire.is_closed_within(CLOSE_TIMEOUT)));
            }
            let middle = wire.answer(false)?;
            if says_close(&middle) {
                return Ok((vec![first, middle], wire.is_closed_within(CLOSE_TIMEOUT)));
            }
            let last = wire.answer(false)?;
            Ok((vec![first, middle, last], wire.is_closed_within(CLOSE_TIMEOUT)))
        })
    };
    let mut answers = ask();
    // A server that is busy says nothing about its connections.
    if answers.as_ref().is_ok_and(|(answers, _)| answers.iter().any(|answer| context.client.has_waited(answer))) {
        answers = ask();
    }
    let took = started.elapsed();
    match answers {
        Ok((answers, closed)) if answers.len() < 3 => {
            let count = answers.len();
            let Some(first) = answers.into_iter().next() else { return Ok(()) };
            let exchange = context.client.record_raw(uri, text.as_bytes(), Ok(first), took)?;
            entry.saw(&exchange, count, "request on one connection");
            if !closed {
                entry.warn(Finding::new("the end of the connection that was announced", "an open one").from(&exchange));
            }
        }
        Ok((answers, closed)) => {
            let Ok([first, middle, last]) = <[Answer; 3]>::try_from(answers) else { return Ok(()) };
            let (statuses, bodies) = ([first.status, middle.status, last.status], first.body == last.body);
            let exchange = context.client.record_raw(uri, text.as_bytes(), Ok(first), took)?;
            entry.saw(&exchange, 3, "request on one connection");
            let expected = context.subject.first.answer.status;
            if statuses[0] != expected || statuses[2] != expected || statuses[1] == expected || !bodies {
                let finding = Finding::new(
                    format!("statuses {expected}, an error, and {expected} again"),
                    format!("{statuses:?}"),
                );
                entry.fail(finding.from(&exchange));
            }
            if !closed {
                let seen = "an open connection";
                entry.warn(Finding::new("a closed connection after `Connection: close`", seen).from(&exchange));
            }
        }
        Err(failure) => {
            if let Err(trouble) = context.client.record_raw(uri, text.as_bytes(), Err(failure), took) {
                entry.unanswered(&trouble, "three answers on one connection");
            }
        }
    }
    Ok(())
}

fn expectation(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let entry = sheet.on(EXPECT);
    entry.skip("no resource that takes requests is listed");
    let Some((resource, body)) = posted_resource(context)? else {
        return Ok(());
    };
    let mut asked = held_back(context, resource, &body);
    // A server that is busy says nothing about the field.
    if asked.1.as_ref().is_ok_and(|exchange| context.client.has_waited(&exchange.answer)) {
        asked = held_back(context, resource, &body);
    }
    let (interim, answer) = asked;
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "request with Expect");
            // A redirect shows that the request was understood.
            if interim == Some(100)
                && exchange.answer.status != 303
                && let Err(finding) = promised(resource, &exchange)
            {
                entry.fail(finding);
            }
        }
        Err(trouble) => entry.unanswered(&trouble, "status 100 or a final status before the body is sent"),
    }
    Ok(())
}

/// Sends a body only after the server's first answer to its head; returns the status of that one, and the final answer.
fn held_back(context: &Context<'_>, resource: &Resource, body: &str) -> (Option<u16>, Result<Arc<Exchange>, NoAnswer>) {
    let media_type = resource.accepts.as_deref().unwrap_or_default();
    let head = post(context, resource, body);
    let head =
        format!("{head}Content-Type: {media_type}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n", body.len());
    let started = Instant::now();
    let mut interim = None;
    let answer = context.client.connect(&resource.uri).and_then(|mut wire| {
        wire.send(head.as_bytes())?;
        let first = wire.any_answer(false)?;
        interim = Some(first.status);
        if first.status >= 200 {
            return Ok(first);
        }
        wire.send(body.as_bytes())?;
        wire.answer(false)
    });
    let text = format!("{head}{body}");
    (interim, context.client.record_raw(&resource.uri, text.as_bytes(), answer, started.elapsed()))
}
