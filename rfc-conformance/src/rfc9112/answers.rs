//! Checks of answers byte by byte: status line, fields, framing and the end of the connection (RFC 9112 §4 to §9).

use std::sync::Arc;
use std::time::Instant;

use super::requirements::{
    s2_2::EMPTY_LINE, s4::STATUS_LINE, s5::FIELD_LINES, s6_1::NO_CHUNKS, s6_2::ONE_LENGTH, s6_3::EXACT, s9_6::CLOSES,
};
use crate::check::Check;
use crate::context::Context;
use crate::framing::{head, posted};
use crate::http::{Answer, Exchange, MOST_RETRIES, NoAnswer, Request, host_and_port, request_target};
use crate::rfc9110::requirements::{s5_3::SINGLE_FIELDS, s8_6::NO_LENGTH};
use crate::sheet::Sheet;
use crate::verdict::Finding;

/// Checks of this module.
pub(super) const CHECKS: &[Check] = &[
    Check::new(
        "reads answers to GET, HEAD, OPTIONS and POST byte by byte, over HTTP/1.1 and HTTP/1.0",
        &[STATUS_LINE, FIELD_LINES, NO_CHUNKS, ONE_LENGTH, EXACT, CLOSES, SINGLE_FIELDS, NO_LENGTH],
        answers,
    ),
    Check::new("sends an empty line before a request", &[EMPTY_LINE], empty_line),
];

/// Fields that have one value (RFC 9110, RFC 9111).
const SINGLE: [&str; 11] = [
    "age",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "date",
    "etag",
    "expires",
    "last-modified",
    "location",
    "retry-after",
];

/// A final answer as it came over the wire.
struct Message {
    /// True if something preceded the status line.
    preceded: bool,
    status_line: Vec<u8>,
    /// Field lines, as delimited by CR LF.
    lines: Vec<Vec<u8>>,
    body: Vec<u8>,
}

impl Message {
    /// Divides what was received into the parts of the last answer; interim answers (1xx) are skipped.
    fn parse(mut bytes: &[u8]) -> Option<Self> {
        loop {
            let start = bytes.iter().position(|byte| !b"\r\n".contains(byte))?;
            let end = bytes.windows(4).skip(start).position(|window| window == b"\r\n\r\n")? + start;
            let (head, body) = (bytes.get(start..end)?, bytes.get(end + 4..)?);
            let mut lines = split_lines(head);
            let status_line = if lines.is_empty() { Vec::new() } else { lines.remove(0) };
            let interim = status_line.split(|byte| *byte == b' ').nth(1).is_some_and(|code| code.starts_with(b"1"));
            if !interim {
                return Some(Self { preceded: start > 0, status_line, lines, body: body.to_vec() });
            }
            bytes = body;
        }
    }

    fn status(&self) -> u16 {
        let code = self.status_line.split(|byte| *byte == b' ').nth(1);
        code.and_then(|code| std::str::from_utf8(code).ok()).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// Returns names, in lower case, and values of the fields, however they are written.
    fn fields(&self) -> Vec<(String, String)> {
        let field = |line: &Vec<u8>| {
            let text = String::from_utf8_lossy(line).into_owned();
            let (name, value) = text.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        self.lines.iter().filter_map(field).collect()
    }

    fn answer(&self) -> Answer {
        Answer { status: self.status(), headers: self.fields(), body: self.body.clone() }
    }
}

fn split_lines(head: &[u8]) -> Vec<Vec<u8>> {
    let (mut lines, mut rest) = (Vec::new(), head);
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        lines.push(rest[..end].to_vec());
        rest = &rest[end + 2..];
    }
    lines.push(rest.to_vec());
    lines
}

/// What a server sent on a connection.
struct Received {
    message: Message,
    exchange: Arc<Exchange>,
    closed: bool,
}

/// Sends a request and reads what follows until the connection ends; `None` if that is no HTTP at all.
fn received(context: &Context<'_>, uri: &str, bytes: &[u8]) -> Result<Option<Received>, NoAnswer> {
    let (started, mut closed) = (Instant::now(), false);
    let sent = context.client.connect(uri).and_then(|mut wire| {
        // A server may answer before it has read everything; its answer counts.
        let _broken_pipe = wire.send(bytes);
        let (all, ended) = wire.everything(context.client)?;
        closed = ended;
        Ok(all)
    });
    let took = started.elapsed();
    let message = match sent {
        Ok(all) => Message::parse(&all),
        Err(failure) => return context.client.record_raw(uri, bytes, Err(failure), took).map(|_| None),
    };
    let Some(message) = message else { return Ok(None) };
    let exchange = context.client.record_raw(uri, bytes, Ok(message.answer()), took)?;
    Ok(Some(Received { message, exchange, closed }))
}

/// A request whose answer is read byte by byte.
struct Asked {
    uri: String,
    request: Request,
    version: &'static str,
    fields: String,
    body: String,
}

fn asked(context: &Context<'_>) -> Result<Vec<Asked>, NoAnswer> {
    let mut all = Vec::new();
    for (uri, media_type) in crate::rfc9110::readable(context) {
        for (method, version) in [("GET", "1.1"), ("HEAD", "1.1"), ("OPTIONS", "1.1"), ("GET", "1.0")] {
            let fields = format!("Accept: {media_type}\r\nConnection: close\r\n");
            let request = Request::new(method, &uri);
            all.push(Asked { uri: uri.clone(), request, version, fields, body: String::new() });
        }
    }
    if let Some((resource, body)) = posted(context)? {
        let accepts = resource.accepts.as_deref().unwrap_or_default();
        for body in [body, "{".to_owned()] {
            let length = body.len();
            let fields = format!("Content-Type: {accepts}\r\nContent-Length: {length}\r\nConnection: close\r\n");
            let request = Request::post(&resource.uri, accepts, body.clone());
            all.push(Asked { uri: resource.uri.clone(), request, version: "1.1", fields, body });
        }
    }
    Ok(all)
}

fn answers(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    sheet.on(NO_LENGTH).skip("no answer has status 204");
    sheet.skip_all("nothing can be read");
    for asked in asked(context)? {
        let bytes = || {
            let head = head(context, &asked.request, &asked.fields);
            format!("{}\r\n{}", head.replacen("HTTP/1.1", &format!("HTTP/{}", asked.version), 1), asked.body)
        };
        let mut seen = received(context, &asked.uri, bytes().as_bytes())?;
        for _ in 0..MOST_RETRIES {
            let Some(answer) = seen.as_ref().map(|seen| &seen.exchange.answer) else { break };
            let challenged = answer.status == 401 && context.client.is_challenged(&asked.uri, answer);
            if !challenged && !context.client.has_waited(answer) {
                break;
            }
            seen = received(context, &asked.uri, bytes().as_bytes())?;
        }
        let Some(seen) = seen else { continue };
        grade_head(sheet, &seen);
        grade_framing(sheet, &seen, &asked);
    }
    Ok(())
}

fn grade_head(sheet: &mut Sheet, seen: &Received) {
    let (message, exchange) = (&seen.message, &seen.exchange);
    let entry = sheet.on(STATUS_LINE);
    entry.saw(exchange, 1, "answer");
    let line = String::from_utf8_lossy(&message.status_line).into_owned();
    if message.preceded {
        entry.fail(Finding::new("a status line", "an empty line before it").from(exchange));
    } else if !is_status_line(&message.status_line) {
        entry.fail(Finding::new("HTTP/1.1 CODE REASON, with single spaces", format!("{line:?}")).from(exchange));
    }
    let entry = sheet.on(FIELD_LINES);
    entry.saw(exchange, message.lines.len(), "field");
    for line in message.lines.iter().filter(|line| !is_field_line(line)) {
        let seen = crate::json::shorten(&format!("{:?}", String::from_utf8_lossy(line)), 80);
        entry.fail(Finding::new("NAME: VALUE in one line", seen).from(exchange));
    }
    let entry = sheet.on(SINGLE_FIELDS);
    entry.saw(exchange, 1, "answer");
    for name in SINGLE {
        let values: Vec<_> = exchange.answer.headers(name).collect();
        if values.len() > 1 {
            entry.fail(Finding::new(format!("one `{name}`"), values.join(" and ")).from(exchange));
        }
    }
}

fn grade_framing(sheet: &mut Sheet, seen: &Received, asked: &Asked) {
    let (message, exchange) = (&seen.message, &seen.exchange);
    let answer = &exchange.answer;
    let (length, coding) = (answer.header("content-length"), answer.header("transfer-encoding"));
    if let Some(coding) = coding.filter(|_| asked.version == "1.0") {
        sheet.on(NO_CHUNKS).fail(Finding::new("no Transfer-Encoding", coding).from(exchange));
    }
    if asked.version == "1.0" {
        sheet.on(NO_CHUNKS).saw(exchange, 1, "answer to HTTP/1.0");
    }
    let entry = sheet.on(ONE_LENGTH);
    entry.saw(exchange, 1, "answer");
    if let (Some(length), Some(coding)) = (length, coding) {
        let seen = format!("Content-Length: {length} and Transfer-Encoding: {coding}");
        entry.fail(Finding::new("one of Content-Length and Transfer-Encoding", seen).from(exchange));
    }
    if answer.status == 204 {
        let entry = sheet.on(NO_LENGTH);
        entry.saw(exchange, 1, "answer with status 204");
        if let Some(length) = length {
            entry.fail(Finding::new("no Content-Length", length).from(exchange));
        }
    }
    // Content after HEAD, 204 and 304 has requirements of its own.
    if asked.request.method != "HEAD" && !matches!(answer.status, 204 | 304) {
        let after = match (coding, length.and_then(|length| length.parse::<usize>().ok())) {
            (Some(_), _) => after_chunks(&message.body),
            (None, Some(length)) => message.body.get(length..),
            (None, None) => Some(&[][..]),
        };
        let entry = sheet.on(EXACT);
        entry.saw(exchange, 1, "answer");
        match after {
            Some([]) => {}
            Some(more) => {
                entry.fail(
                    Finding::new("the end of the connection", format!("{} more bytes", more.len())).from(exchange),
                );
            }
            None => drop(entry.fail(Finding::new("a whole body", "a part of one").from(exchange))),
        }
    }
    let entry = sheet.on(CLOSES);
    entry.saw(exchange, 1, "answer");
    if !seen.closed {
        entry.fail(Finding::new("the end of the connection after the answer", "an open one").from(exchange));
    }
}

/// Returns what follows a chunked body; `None` if it does not end.
fn after_chunks(mut rest: &[u8]) -> Option<&[u8]> {
    let line = |rest: &mut &[u8]| -> Option<String> {
        let end = rest.windows(2).position(|pair| pair == b"\r\n")?;
        let text = String::from_utf8_lossy(&rest[..end]).into_owned();
        *rest = &rest[end + 2..];
        Some(text)
    };
    loop {
        let size = line(&mut rest)?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16).ok()?;
        if size == 0 {
            while !line(&mut rest)?.is_empty() {}
            return Some(rest);
        }
        rest = rest.get(size.checked_add(2)?..)?;
    }
}

/// Tests whether a line is a status line (RFC 9112 §4).
fn is_status_line(line: &[u8]) -> bool {
    let Some(rest) = [b"HTTP/1.1 ", b"HTTP/1.0 "].iter().find_map(|start| line.strip_prefix(*start)) else {
        return false;
    };
    let (Some(code), Some(reason)) = (rest.get(..3), rest.get(3..)) else { return false };
    code.iter().all(u8::is_ascii_digit) && reason.first() == Some(&b' ') && reason.iter().all(|byte| is_text(*byte))
}

/// Tests whether a line is a field line without folding (RFC 9112 §5).
fn is_field_line(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    colon > 0 && line[..colon].iter().all(token) && line[colon + 1..].iter().all(|byte| is_text(*byte))
}

/// Tests whether a byte may occur in a field value or reason: no control character but the tab.
fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}

fn empty_line(context: &Context<'_>, sheet: &mut Sheet) -> Result<(), NoAnswer> {
    let root = &context.subject.first;
    let uri = &root.request.uri;
    let (target, host) = (request_target(uri).unwrap_or_default(), host_and_port(uri));
    let entry = sheet.on(EMPTY_LINE);
    let answer = context.client.send_raw(uri, || {
        let credentials = context.client.authorization_line(&Request::get(uri));
        let fields = format!("Host: {host}\r\nAccept: */*\r\n{credentials}Connection: close\r\n\r\n");
        format!("\r\nGET {target} HTTP/1.1\r\n{fields}").into_bytes()
    });
    match answer {
        Ok(exchange) => {
            entry.saw(&exchange, 1, "request after an empty line");
            if exchange.answer.status != root.answer.status {
                let expected = format!("status {}, as without the empty line", root.answer.status);
                entry.fail(Finding::new(expected, exchange.outline()).from(&exchange));
            }
        }
        Err(trouble) => entry.unanswered(&trouble, "the answer that comes without the empty line"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_judged_by_the_grammar() {
        for (line, valid) in [
            ("HTTP/1.1 200 OK", true),
            ("HTTP/1.1 200 ", true),
            ("HTTP/1.0 404 Not Found", true),
            ("HTTP/1.1 200", false),
            ("http/1.1 200 OK", false),
            ("HTTP/1.1  200 OK", false),
            ("HTTP/1.1 20 OK", false),
        ] {
            assert_eq!(is_status_line(line.as_bytes()), valid, "{line}");
        }
        for (line, valid) in [
            ("A: b", true),
            ("A:", true),
            ("A : b", false),
            (" folded", false),
            (" folded: like a field", false),
            ("no colon", false),
            ("A: \u{1}", false),
            ("A: \n b", false),
        ] {
            assert_eq!(is_field_line(line.as_bytes()), valid, "{line}");
        }
    }

    #[test]
    fn interim_answers_are_skipped_and_the_end_of_chunks_is_found() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nA: b\r\n\r\n2;x\r\nab\r\n0\r\nT: 1\r\n\r\nmore";
        let message = Message::parse(text).unwrap();
        assert_eq!((message.status(), message.preceded, message.lines.len()), (200, false, 1));
        assert_eq!(after_chunks(&message.body), Some(&b"more"[..]));
        assert_eq!(after_chunks(b"2\r\nab\r\n"), None);
        assert!(Message::parse(b"\r\nHTTP/1.1 200 OK\r\n\r\n").unwrap().preceded);
        assert!(Message::parse(b"HTTP/1.1 200 OK\r\nA: b\r\n").is_none());
    }
}
